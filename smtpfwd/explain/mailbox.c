/*
 * mailbox.c - who would be asked whether there is such a mailbox, what is known of it, and what a client hears in an outage
 *
 * The daemon's file is read; what it was told in the last seconds does not stand in it yet.  Nobody is asked.
 */
#include <errno.h>

#include "base/mem.h"
#include "mail/date.h"
#include "smtpfwd/explain/explain.h"
#include "smtpfwd/recipients/known_file.h"
#include "smtpfwd/recipients/outage.h"
#include "smtpfwd/recipients/split.h"
#include "smtpfwd/ctl/show.h"

struct loading {
	struct knowledge	*knowledge;
	struct timestamp	 now;
};

static void
load_one(void *context, const struct known_record *record)
{
	const struct loading *loading = context;

	knowledge_load(loading->knowledge, record, loading->now);
}

/* Once for all recipients.  A part that is damaged is not known to the daemon either. */
static void
load(struct explanation *e)
{
	static const uint64_t seed[2] = { 0, 0 };
	int error, n_names;
	const char **names = config_recipients_names(e->config, &n_names);
	struct known_file file;

	e->knowledge = knowledge_new(&e->config->knowledge, seed);
	knowledge_set_relays(e->knowledge, names, n_names);
	mem_free(names);
	known_file_init(&file, e->config->recipients_file, 0);
	error = known_file_read(&file, load_one, &(struct loading){ .knowledge = e->knowledge, .now = e->now });
	knowledge_loaded(e->knowledge);
	known_file_fini(&file);
	e->is_knowledge_hidden = error != 0 && error != -EBADMSG;
}

static const char *
known_word(enum known known)
{
	switch (known) {
	case KNOWN_GOOD: return "good";
	case KNOWN_BAD: return "bad";
	case KNOWN_NOT: break;
	}
	return "unknown";
}

/* When it was told so. */
static void
step_told(json_t *step, const struct split *split, const struct address *address, enum known known, struct timestamp now)
{
	struct known_record record;
	char room[DATE_TEXT_MAX];

	for (int i = 0; i < split->n; i++) {
		if (!knowledge_look_up(split->knowledge, split->names[i], address, now, &record) || record.known != known)
			continue;
		step_str(step, "told", date_iso_text(record.told, room));
		step_str(step, "until", date_iso_text(knowledge_until(split->knowledge, record.known, record.told), room));
		return;
	}
}

static void
step_known(struct explanation *e, json_t *step, const struct split *split, const struct address *address,
    const struct forwarding *forwarding)
{
	enum known known = split_ask(split, address, e->now);
	struct reply reply = outage_reply(known, forwarding->accepts_unknown ? OUTAGE_ACCEPT : OUTAGE_DEFER);

	step_text(step, "known", e->is_knowledge_hidden ? "hidden" : known_word(known));
	if (known != KNOWN_NOT)
		step_told(step, split, address, known, e->now);
	if (!forwarding->is_online && split_is_fresh(split, address, e->now))
		step_bool(step, "fresh", true);
	if (!e->is_knowledge_hidden)
		step_reply(step, "outage", &reply);
}

void
explain_mailbox(struct explanation *e, json_t *step, const struct address *address)
{
	const struct forwarding *forwarding = policy_forwarding_of(e->policy, address->domain);
	struct str names[FORWARDING_WAYS_MAX];
	struct split split = { .names = names };

	if (forwarding == NULL)
		return;
	step_text(step, "asked", forwarding->is_online ? "mail" : forwarding->verifies_recipients ? "question" : "no");
	if (!forwarding->is_online && !forwarding->verifies_recipients)
		return;
	if (e->knowledge == NULL)
		load(e);
	split.knowledge = e->knowledge;
	for (; split.n < forwarding->n_ways; split.n++)
		names[split.n] = forwarding_name(str_of(forwarding->ways[split.n]));
	if (!forwarding->is_by_recipient)
		names[split.n++] = str_of(policy_relay_of(e->policy, address->domain));
	step_known(e, step, &split, address, forwarding);
}

/* --- for people --- */

static bool
says(const json_t *step, const char *key, const char *text)
{
	return strcmp(show_text(step, key), text) == 0;
}

static void
show_known(const json_t *step)
{
	if (says(step, "known", "hidden")) {
		fputs("; what is known of the mailbox cannot be read here", stdout);
		return;
	}
	if (says(step, "known", "unknown")) {
		fputs("; the mailbox is not known", stdout);
	} else {
		show_member("; the mailbox is known to be ", step, "known");
		fputs(", told ", stdout);
		show_time(show_text(step, "told"));
		fputs(", until ", stdout);
		show_time(show_text(step, "until"));
	}
	printf("\n%-10s  ", "");
	show_member("if it cannot be asked: ", step, "outage");
}

void
explain_show_mailbox(const json_t *step)
{
	if (show_text(step, "asked")[0] == '\0')
		return;
	printf("\n%-10s  ", "");
	if (says(step, "asked", "mail"))
		fputs("the next hop is asked while the client waits, and its answer is the client's", stdout);
	else if (says(step, "asked", "no"))
		fputs("taken into the queue without asking the next hop", stdout);
	else if (json_is_true(json_object_get(step, "fresh")))
		fputs("taken into the queue, without asking the next hop again", stdout);
	else
		fputs("the next hop is asked whether there is the mailbox, then it is taken into the queue", stdout);
	if (!says(step, "asked", "no"))
		show_known(step);
}
