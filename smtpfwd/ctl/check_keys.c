/*
 * check_keys.c - smtpfwdctl check-keys: does the DNS show the public half of each key that we sign or seal with?
 *
 * Needs no daemon; reads the private keys, so it runs as root or as the daemon's user.
 */
#include <stdio.h>
#include <string.h>

#include "base/insist.h"
#include "base/mem.h"
#include "mail/domain.h"
#include "policy/dkim/dkim_key_record.h"
#include "policy/dkim/dkim_public.h"
#include "smtpfwd/control/control.h"
#include "smtpfwd/ctl/inquiry.h"
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/config/sign_keys.h"

enum {
	ASK_WITHIN_S = 20,		/* for keys that are asked for together: all tries of the resolver */
	LOOKS_MAX = 32,			/* asked for together, lest dead servers of many domains take a wait each */
	ARENA_MAX_BYTES = LOOKS_MAX * 256 * 1024,	/* for those: answers of 64 KB at most, and the records read */
	RECORD_ROOM_BYTES = 16 * 1024,
	NAME_ROOM_BYTES = 3 * DOMAIN_MAX_BYTES,
};

/* One key of one section, sign or arc. */
struct look {
	const char		*domain, *selector, *path;
	const char		*identity;	/* i= of what it signs, or NULL */
	struct dkim_key		*key;		/* NULL: it cannot be read, fault says why */
	struct fault		 fault;
	char			 name_room[NAME_ROOM_BYTES];
	struct str		 name;		/* in the DNS; in the room */
	const char		*result;	/* a constant word for programs */
	char			 problem[300];	/* a clause for people, printable; "" if it is right */
	bool			 wants_record;	/* what is to be published is worth to be shown */
	bool			 is_testing;
};

struct check_keys {
	const struct ctl	*ctl;
	struct config		*config;
	struct str		 domain;	/* the only one; "" for all */
	struct resolver		*resolver;
	struct look		 looks[LOOKS_MAX];	/* gathered, to be asked for together */
	int			 n_looks;
	int			 n_looked, n_wrong, n_unsettled;
};

/* --- one answer --- */

static void
find(struct look *look, const char *result, const char *problem)
{
	look->result = result;
	snprintf(look->problem, sizeof(look->problem), "%s", problem);
}

/* Records of other kinds may stand at the same name; of several keys verifiers may take any or none (RFC 6376 3.6.2.2). */
static const struct str *
only_record(const struct dns_answer *answer, int *n_out)
{
	const struct str *found = NULL;

	*n_out = 0;
	for (int i = 0; i < answer->n_records; i++) {
		if (answer->n_records > 1 && !dkim_public_is_record(answer->records[i].text))
			continue;
		found = &answer->records[i].text;
		++*n_out;
	}
	return found;
}

/* i= at another domain than d=, which a key with t=s does not allow (RFC 6376 3.6.1). */
static bool
is_identity_below(const struct look *look)
{
	const char *at = look->identity != NULL ? strrchr(look->identity, '@') : NULL;

	return at != NULL && !str_eq_nocase(str_of(at + 1), str_of(look->domain));
}

static const char *
match_word(enum dkim_key_match match)
{
	switch (match) {
	case DKIM_KEY_FITS: return "right";
	case DKIM_KEY_OTHER: return "differs";
	case DKIM_KEY_OTHER_TYPE: return "other-type";
	case DKIM_KEY_REVOKED: return "revoked";
	case DKIM_KEY_NO_SHA256: return "no-sha256";
	case DKIM_KEY_NOT_FOR_MAIL: return "not-for-mail";
	case DKIM_KEY_MALFORMED: return "malformed";
	}
	return NULL;
}

/* Its text, and whether verifiers read it as we mean it. */
static void
compare(struct look *look, struct str record, struct arena *arena)
{
	struct dkim_key_comparison comparison;
	struct dkim_public public;
	const char *why = "";

	if (record.len > DKIM_RECORD_MAX_BYTES) {
		find(look, "too-long", "");
		snprintf(look->problem, sizeof(look->problem), "the record has %zu bytes, too many for verifiers", record.len);
		look->wants_record = true;
		return;
	}
	dkim_key_compare(look->key, record, &comparison);
	look->is_testing = comparison.is_testing;
	find(look, match_word(comparison.match), "");
	if (comparison.match != DKIM_KEY_FITS)
		snprintf(look->problem, sizeof(look->problem), "the record %s", dkim_key_match_text(comparison.match));
	else if (!dkim_public_read(record, arena, &public, &why))
		snprintf(look->problem, sizeof(look->problem), "verifiers cannot read the record: %s", why);
	else if (comparison.is_strict && is_identity_below(look))
		find(look, "not-for-identity", "the record (t=s) does not allow the domain in identity");
	else
		return;
	if (strcmp(look->result, "right") == 0)
		look->result = "malformed";
	look->wants_record = true;
}

static void
judge_answer(struct look *look, const struct dns_answer *answer, struct arena *arena)
{
	int n_records;
	const struct str *record = only_record(answer, &n_records);

	if (answer->result == DNS_UNSETTLED) {
		find(look, "unsettled", "");
		snprintf(look->problem, sizeof(look->problem), "the DNS does not tell: %s", answer->why);
	} else if (answer->result != DNS_FOUND || n_records == 0) {
		find(look, "no-record", answer->result == DNS_FOUND ? "there are only TXT records of other kinds" :
		    answer->result == DNS_NO_NAME ? "there is no such name in the DNS" : "there is no TXT record");
		look->wants_record = true;
	} else if (n_records > 1) {
		find(look, "several-records", "");
		snprintf(look->problem, sizeof(look->problem), "there are %d key records, and verifiers may take any or none", n_records);
		look->wants_record = true;
	} else {
		compare(look, *record, arena);
	}
}

/* --- the output --- */

static void
show_text_of(const struct look *look, struct str record)
{
	show_safe(look->domain, stdout);
	printf(", selector ");
	show_safe(look->selector, stdout);
	if (look->key != NULL && dkim_key_algorithm(look->key) == DKIM_RSA_SHA256)
		printf(" (RSA, %d bits)", dkim_key_bits(look->key));
	else if (look->key != NULL)
		printf(" (Ed25519)");
	printf(": ");
	show_safe(look->problem[0] != '\0' ? look->problem : "right", stdout);
	if (look->is_testing)
		printf("; it says that the key is for tests (t=y), so verifiers may treat the mail as unsigned");
	putchar('\n');
	if (look->wants_record)
		printf("this is to stand in the zone:\n%.*s", STR_ARG(record));
}

static void
show_json_of(const struct look *look, struct str record)
{
	json_t *object = json_pack("{s:o, s:o, s:o, s:o, s:s, s:b}", "domain", control_json_str(str_of(look->domain)),
	    "selector", control_json_str(str_of(look->selector)), "file", control_json_str(str_of(look->path)),
	    "name", control_json_str(look->name), "result", look->result, "testing", look->is_testing);

	if (look->problem[0] != '\0')
		json_object_set_new(object, "problem", control_json_str(str_of(look->problem)));
	if (look->key != NULL)
		json_object_set_new(object, "algorithm", json_string(dkim_key_algorithm_text(look->key)));
	if (look->key != NULL && dkim_key_algorithm(look->key) == DKIM_RSA_SHA256)
		json_object_set_new(object, "bits", json_integer(dkim_key_bits(look->key)));
	if (look->wants_record)
		json_object_set_new(object, "publish", control_json_str(record));
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void
show_look(const struct check_keys *c, const struct look *look)
{
	struct buf record;

	buf_init(&record, RECORD_ROOM_BYTES);
	if (look->wants_record)
		dkim_key_zone_lines(look->key, str_of(look->selector), str_of(look->domain), &record);
	if (c->ctl->is_json)
		show_json_of(look, buf_str(&record));
	else
		show_text_of(look, buf_str(&record));
	buf_fini(&record);
}

/* --- all keys --- */

static void
ask(struct look *looks, int n_looks, struct resolver *resolver, struct arena *arena)
{
	struct dns_question questions[LOOKS_MAX];
	struct dns_answer *answers = arena_array(arena, LOOKS_MAX, sizeof(*answers));

	insist(answers != NULL);	/* the first thing in its arena */
	for (int i = 0; i < n_looks; i++)
		questions[i] = (struct dns_question){ .name = looks[i].name, .type = DNS_TXT };
	dns_ask(resolver, questions, n_looks, instant_after(os_now(), span_s(ASK_WITHIN_S)), arena, answers);
	for (int i = 0; i < n_looks; i++) {
		if (looks[i].key == NULL)
			find(&looks[i], "no-key", looks[i].fault.text);
		else
			judge_answer(&looks[i], &answers[i], arena);
	}
}

/* Those that were gathered; then the array is empty again. */
static void
look_at_gathered(struct check_keys *c)
{
	struct arena arena;

	arena_init(&arena, ARENA_MAX_BYTES);
	ask(c->looks, c->n_looks, c->resolver, &arena);
	for (int i = 0; i < c->n_looks; i++) {
		struct look *look = &c->looks[i];
		bool is_unsettled = strcmp(look->result, "unsettled") == 0;

		show_look(c, look);
		c->n_looked++;
		c->n_unsettled += is_unsettled;
		c->n_wrong += !is_unsettled && strcmp(look->result, "right") != 0;
		dkim_key_free(look->key);
	}
	c->n_looks = 0;
	arena_fini(&arena);
	fflush(stdout);
}

static bool
is_wanted(const struct check_keys *c, const char *domain)
{
	return c->domain.len == 0 || str_eq(c->domain, str_of(domain));
}

static void
gather(struct check_keys *c, const struct look *wanted)
{
	struct look *look = &c->looks[c->n_looks++];
	int len;

	*look = *wanted;
	look->key = sign_key_read(look->path, &look->fault);
	len = snprintf(look->name_room, sizeof(look->name_room), "%s._domainkey.%s", look->selector, look->domain);
	insist(len > 0 && (size_t)len < sizeof(look->name_room));	/* the configuration refuses longer ones */
	look->name = str_of(look->name_room);
	if (c->n_looks == LOOKS_MAX)
		look_at_gathered(c);
}

static void
look_at_all(void *context, struct resolver *resolver)
{
	struct check_keys *c = context;
	const struct arc_section *arc = &c->config->arc;

	c->resolver = resolver;
	for (int i = 0; i < c->config->n_signs; i++) {
		const struct sign_section *sign = &c->config->signs[i];

		for (int k = 0; is_wanted(c, sign->settings.domain) && k < sign->settings.n_selectors; k++)
			gather(c, &(struct look){ .domain = sign->settings.domain, .identity = sign->settings.identity,
			    .selector = sign->settings.selectors[k].name, .path = sign->key_paths[k] });
	}
	if (arc->key_path != NULL && is_wanted(c, arc->settings.domain))
		gather(c, &(struct look){ .domain = arc->settings.domain, .selector = arc->settings.selector.name, .path = arc->key_path });
	if (c->n_looks > 0)
		look_at_gathered(c);
}

static int
run(struct ctl *ctl, const struct ctl_command *command)
{
	struct check_keys *c = mem_new(sizeof(*c));
	struct arena arena;
	int status = INQUIRY_IMPOSSIBLE;

	(void)command;
	c->ctl = ctl;
	c->domain = STR_EMPTY;
	arena_init(&arena, ARENA_MAX_BYTES);
	if (ctl->n_words > 0 && !domain_canonical(str_of(ctl->words[0]), &arena, &c->domain))
		ctl_wrong_use("no domain: ", ctl->words[0]);
	c->config = inquiry_config(ctl);
	if (c->config != NULL && inquiry_run(c->config, look_at_all, c) == 0) {
		if (c->n_looked == 0)
			fprintf(stderr, "smtpfwdctl: no section sign or arc is %s\n", c->domain.len > 0 ? "for this domain" : "there");
		else
			status = c->n_wrong > 0 ? INQUIRY_WRONG : c->n_unsettled > 0 ? INQUIRY_UNSETTLED : INQUIRY_WELL;
	}
	config_free(c->config);
	arena_fini(&arena);
	mem_free(c);
	return status;
}

const struct ctl_command ctl_check_keys_commands[] = {
	{ .words = "check-keys", .behind = "[DOMAIN]", .sentence = "whether the DNS shows the keys that we sign with",
	  .words_least = 0, .words_most = 1, .run = run },
	{ .words = NULL },
};
