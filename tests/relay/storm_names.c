/*
 * storm_names.c - the DNS of a storm: what all names say, and answers that come late, wrong or never
 *
 * A mail's sender and author have a domain of its own, m12.home.example, so that each question tells whose check it is
 * for: the ledger knows of every mail whether its checks were ever disturbed.
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/relay/storm.h"

enum { USUAL_MS = 2, LATE_MAX_MS = 40 * 1000, TTL_S = 300, NAME_MAX_BYTES = 256 };

/* The number of the mail whose domain it is, or is below; -1: none. */
static int
mail_of(const struct storm_ledger *ledger, const char *name)
{
	static const char *const below[] = { "_dmarc.", "k._domainkey." };
	char rest[NAME_MAX_BYTES] = "";
	int number;

	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++)
		if (strncmp(name, below[i], strlen(below[i])) == 0)
			name += strlen(below[i]);
	if (sscanf(name, "m%d.%255s", &number, rest) != 2 || strcmp(rest, "home.example") != 0)
		return -1;
	return number >= 0 && number < ledger->n_mails ? number : -1;
}

static const char *
text_of(const struct storm_ledger *ledger, const char *name)
{
	int number = mail_of(ledger, name);

	if (strcmp(name, "client.example") == 0)
		return "v=spf1 a -all";
	if (strcmp(name, "a._domainkey.ours.example") == 0 || strcmp(name, "a._domainkey.old.example.com") == 0)
		return judged_key_record(ledger, STORM_KEY_A);
	if (strcmp(name, "b._domainkey.ours.example") == 0 || strcmp(name, "b._domainkey.old.example.com") == 0)
		return judged_key_record(ledger, STORM_KEY_B);
	if (number < 0)
		return NULL;
	if (name[0] == 'k')
		return judged_key_record(ledger, STORM_KEY_OF_OTHERS);
	if (name[0] == '_')
		return "v=DMARC1; p=reject";
	return ledger->mails[number].origin == ORIGIN_STRANGER ? "v=spf1 ip4:192.0.2.25 -all" : "v=spf1 -all";
}

void
names_answer(const struct storm_ledger *ledger, const struct dns_question *question, struct arena *arena, struct dns_answer *out)
{
	struct dns_record record = { .name = STR_EMPTY, .text = STR_EMPTY };
	char name[NAME_MAX_BYTES];

	snprintf(name, sizeof(name), "%.*s", STR_ARG(question->name));
	*out = (struct dns_answer){ .result = DNS_FOUND, .ttl_s = TTL_S, .n_records = 1 };
	if (question->type == DNS_PTR && strcmp(name, "25.2.0.192.in-addr.arpa") == 0)
		record.name = STR("client.example");
	else if (question->type == DNS_A && strcmp(name, "client.example") == 0)
		insist(ip_parse(STR("192.0.2.25"), &record.ip));
	else if (question->type == DNS_TXT && text_of(ledger, name) != NULL)
		record.text = str_of(text_of(ledger, name));
	else
		*out = (struct dns_answer){ .result = DNS_NO_NAME, .ttl_s = TTL_S };
	out->records = arena_array(arena, 1, sizeof(record));
	if (out->records != NULL)
		out->records[0] = record;
	else
		*out = (struct dns_answer){ .result = DNS_UNSETTLED, .why = "no room" };
}

static void
disturb(struct storm_ledger *ledger, const struct dns_question *questions, int n)
{
	for (int i = 0; i < n; i++) {
		char name[NAME_MAX_BYTES];
		int number;

		snprintf(name, sizeof(name), "%.*s", STR_ARG(questions[i].name));
		number = mail_of(ledger, name);
		if (number >= 0)
			ledger->mails[number].is_disturbed = true;
		ledger->is_helo_disturbed |= strstr(name, "client.example") != NULL || strstr(name, "in-addr.arpa") != NULL;
	}
	ledger->counts.n_disturbed++;
}

static void
unsettle(struct dns_answer *answers, int n, const char *why, bool is_bogus)
{
	for (int i = 0; i < n; i++) {
		answers[i] = (struct dns_answer){ .result = DNS_UNSETTLED, .is_bogus = is_bogus };
		snprintf(answers[i].why, sizeof(answers[i].why), "%s", why);
	}
}

static void
ask(struct resolver *resolver, const struct dns_question *questions, int n, struct instant deadline, struct arena *arena,
    struct dns_answer *answers_out)
{
	const struct storm_names *names = (const struct storm_names *)resolver;	/* its first member */
	struct storm *storm = names->storm;
	enum storm_names_trouble trouble = names->trouble;
	struct instant now = loop_now(storm->relay.loop), comes = instant_after(now, span_ms(USUAL_MS));

	if (trouble == NAMES_MIXED)
		trouble = (enum storm_names_trouble)sim_random(storm->relay.sim, NAMES_MIXED);
	for (int i = 0; i < n; i++)
		names_answer(storm->ledger, &questions[i], arena, &answers_out[i]);
	switch (trouble) {
	case NAMES_FINE:
	case NAMES_MIXED:
		break;
	case NAMES_LATE:
		comes = instant_after(now, span_ms((int64_t)sim_random(storm->relay.sim, LATE_MAX_MS)));
		break;
	case NAMES_NEVER:
		comes = INSTANT_NEVER;
		break;
	case NAMES_SERVFAIL:
	case NAMES_BOGUS:
		unsettle(answers_out, n, trouble == NAMES_BOGUS ? "bogus" : "SERVFAIL", trouble == NAMES_BOGUS);
		break;
	}
	if (instant_is_before(deadline, comes))
		unsettle(answers_out, n, "timed out", false);
	if (trouble != NAMES_FINE || instant_is_before(deadline, comes))
		disturb(storm->ledger, questions, n);
	if (fiber_self() != NULL && fiber_sleep(instant_min(deadline, comes)) == WAKE_CANCELLED) {
		unsettle(answers_out, n, "cancelled", false);
		disturb(storm->ledger, questions, n);
	}
}

void
names_init(struct storm_names *names, struct storm *storm)
{
	*names = (struct storm_names){ .resolver = { .ask = ask }, .storm = storm };
}
