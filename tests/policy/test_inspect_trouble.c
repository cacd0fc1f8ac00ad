/*
 * test_inspect_trouble.c - a mail through all checks where something is short: the DNS, memory, time, patience
 */
#include "base/insist.h"
#include "tests/expect.h"
#include "tests/policy/inspect_stage.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define ALICE		"From: Alice <alice@example.com>\r\n"
#define REST		"To: bob@relay.example\r\nSubject: hello\r\n\r\nHello.\r\n"

static struct inspect_stage stage;

/* --- the DNS --- */

static void
test_no_resolver(void)
{
	struct str mail = inspect_stage_sign(&stage, "example.com", "re", STR(ALICE REST));

	test_case("without a resolver nothing is settled, and nothing refused for good");
	inspect_stage_reset(&stage);
	stage.is_without_resolver = true;
	expect_str(inspect_stage_judge(&stage, mail), STR("iprev=pass spf-helo=temperror spf=temperror dkim=temperror:example.com:r,temperror:example.com:e"
	    " dmarc=temperror:example.com verdict=defer:dmarc-unsettled"));
}

static const struct trouble_row {
	const char *name, *troubled;
	enum dns_trouble trouble;
	const char *client;
	const char *want;
} troubles[] = {
	{ "all of the DNS fails", "", TROUBLE_SERVFAIL, "192.0.2.1",
	  "spf-helo=temperror spf=temperror dkim=temperror:example.com:r dmarc=temperror:example.com verdict=defer:dmarc-unsettled" },
	{ "all of it is bogus", "", TROUBLE_BOGUS, "192.0.2.1",
	  "spf-helo=temperror spf=temperror dkim=temperror:example.com:r dmarc=temperror:example.com verdict=defer:dmarc-unsettled" },
	{ "a bogus key, and nothing else to stand on", "_domainkey.example.com", TROUBLE_BOGUS, "203.0.113.9",
	  "spf-helo=fail spf=fail dkim=temperror:example.com:r dmarc=temperror:example.com verdict=defer:dmarc-unsettled" },
	{ "a bogus key, and SPF to stand on", "_domainkey.example.com", TROUBLE_BOGUS, "192.0.2.1",
	  "spf-helo=pass spf=pass dkim=temperror:example.com:r dmarc=pass:example.com verdict=accept" },
	{ "the policy is bogus", "_dmarc.example.com", TROUBLE_BOGUS, "192.0.2.1",
	  "spf-helo=pass spf=pass dkim=pass:example.com:r dmarc=temperror:example.com verdict=defer:dmarc-unsettled" },
};

static void
test_trouble(void)
{
	struct str mail = inspect_stage_sign(&stage, "example.com", "r", STR(ALICE REST));

	for (int i = 0; i < N_OF(troubles); i++) {
		const struct trouble_row *row = &troubles[i];

		test_case("%s", row->name);
		inspect_stage_reset(&stage);
		inspect_stage_set_client(&stage, row->client, "mail.example.com");
		stage.trouble = row->trouble;
		stage.troubled = row->troubled;
		expect_str(str_from(inspect_stage_judge(&stage, mail), strlen("iprev=pass ")), str_of(row->want));
	}
	test_case("dead servers of HELO's name take no time from what matters");
	inspect_stage_reset(&stage);
	inspect_stage_set_client(&stage, "192.0.2.1", "mx.dead.example");
	stage.trouble = TROUBLE_DEAD;
	stage.troubled = "dead.example";
	stage.deadline = (struct instant){ span_s(5).ns };
	expect_str(inspect_stage_judge(&stage, mail), STR("iprev=pass spf-helo=temperror spf=pass dkim=pass:example.com:r dmarc=pass:example.com verdict=accept"));
	expect(!instant_is_before(stage.clock, stage.deadline));
	test_case("at the deadline the mail is not judged for good");
	inspect_stage_reset(&stage);
	stage.trouble = TROUBLE_DEAD;
	stage.troubled = "_domainkey.example.com";
	stage.deadline = (struct instant){ span_s(5).ns };
	expect_str(inspect_stage_judge(&stage, mail), STR("iprev=pass spf-helo=temperror spf=temperror dkim=temperror:example.com:r"
	    " dmarc=temperror:example.com verdict=defer:dmarc-unsettled"));
	test_case("answers of 100 records of 60 KB everywhere settle nothing that harms");
	inspect_stage_reset(&stage);
	stage.trouble = TROUBLE_HUGE;
	stage.troubled = "";
	expect(str_find_str(inspect_stage_judge(&stage, mail), STR("fail")) < 0);
	expect(stage.arena.used_bytes <= INSPECT_ARENA_MAX_BYTES);
}

/* --- memory --- */

struct outcome {
	bool has_findings;
	enum spf_value helo, mail_from;
	int n_dkim;
	enum dkim_verdict dkim[4];
	enum dmarc_verdict dmarc;
};

static struct outcome
outcome_of(struct str mail)
{
	const struct findings *findings = inspect_stage_inspect(&stage, mail);
	struct outcome o = { .has_findings = findings != NULL };

	if (findings == NULL)
		return o;
	o.helo = findings->spf_helo.value;
	o.mail_from = findings->spf_mail_from.value;
	o.n_dkim = findings->n_dkim;
	for (int i = 0; i < findings->n_dkim && i < N_OF(o.dkim); i++)
		o.dkim[i] = findings->dkim[i].verdict;
	o.dmarc = findings->dmarc.verdict;
	return o;
}

/* With less memory each finding is what it is with enough, or a temperror.  False if there was one otherwise. */
static bool
is_as_good(const struct outcome *got, const struct outcome *full)
{
	bool is_good = (got->helo == full->helo || got->helo == SPF_TEMPERROR) &&
	    (got->mail_from == full->mail_from || got->mail_from == SPF_TEMPERROR) &&
	    (got->dmarc == full->dmarc || got->dmarc == DMARC_TEMPERROR);

	if (got->n_dkim != full->n_dkim)		/* all of them as one */
		return is_good && got->n_dkim == 1 && got->dkim[0] == DKIM_TEMPERROR;
	for (int i = 0; i < got->n_dkim; i++)
		is_good = is_good && (got->dkim[i] == full->dkim[i] || got->dkim[i] == DKIM_TEMPERROR);
	return is_good;
}

static void
test_memory(const char *name, const char *client, const char *reverse_path, struct str mail)
{
	enum { STEP_BYTES = 16 };	/* what an arena rounds to: every limit there is */
	struct outcome full, got;
	size_t need, n_none = 0, n_whole = 0;

	test_case("with too little memory nothing is worse than a temperror: %s", name);
	inspect_stage_reset(&stage);
	inspect_stage_set_client(&stage, client, "mail.EXAMPLE.com");
	inspect_stage_set_reverse_path(&stage, reverse_path);
	full = outcome_of(mail);
	need = stage.arena.used_bytes + 1024;
	for (size_t limit = 0; limit <= need; limit += STEP_BYTES) {
		stage.arena_max_bytes = limit;
		got = outcome_of(mail);
		n_none += !got.has_findings;
		n_whole += got.has_findings && memcmp(&got, &full, sizeof(got)) == 0;
		if (got.has_findings && !expect(is_as_good(&got, &full)))
			expect_int((int64_t)limit, -1);		/* says which */
	}
	expect(n_none > 0);
	expect(n_whole > 0);
}

static void
test_memories(void)
{
	struct str twice = inspect_stage_sign(&stage, "list.example", "r", inspect_stage_sign(&stage, "example.com", "e",
	    STR("From: A <alice@EXAMPLE.com>\r\n" REST)));

	test_memory("two signatures", "203.0.113.9", "bounce@List.Example", twice);
	test_memory("by SPF alone", "192.0.2.1", "alice@Example.COM", STR(ALICE REST));
	test_memory("for the null reverse-path", "192.0.2.1", "", STR(ALICE REST));
	test_memory("forged", "203.0.113.9", "x@evil.example", STR(ALICE "From: b@news.example\r\n" REST));
}

/* --- a mail that does not come to its end --- */

static void
test_drop(void)
{
	struct str mail = inspect_stage_sign(&stage, "example.com", "re", STR(ALICE REST));
	struct header_section header;
	struct inspect_inputs inputs = { .peer = &stage.peer, .envelope = &stage.envelope, .header = &header,
	    .resolver = &stage.resolver };
	struct inspection *inspection;
	struct fault fault;

	test_case("a mail that breaks off leaves nothing behind");
	inspect_stage_reset(&stage);
	inputs.policy = stage.policy;
	inputs.now = stage.now;
	insist(header_read(mail, &stage.mails, &header) == 0);
	arena_fini(&stage.arena);
	arena_init(&stage.arena, INSPECT_ARENA_MAX_BYTES);
	inspection = inspect_begin(&inputs, INSTANT_NEVER, &stage.arena, &fault);
	insist(inspection != NULL);
	expect(inspect_wants_body(inspection));
	inspect_body(inspection, STR("Hel"));
	inspect_drop(inspection);
	inspect_drop(NULL);
	stage.peer.is_trusted = true;
	inspection = inspect_begin(&inputs, INSTANT_NEVER, &stage.arena, &fault);
	insist(inspection != NULL);
	expect(!inspect_wants_body(inspection));
	inspect_drop(inspection);
}

/* Of a mail whose header section is large and signed, what stands in memory while its body comes. */
static size_t
bytes_in_mid_body(const char *how, bool is_broken)
{
	enum { N_FIELDS = 100, FIELD_BYTES = 1000 };
	struct str mail = how[0] != '\0' ? inspect_stage_sign(&stage, "example.com", how, STR(ALICE REST)) : STR(ALICE REST);
	struct header_section header;
	struct inspect_inputs inputs = { .policy = stage.policy, .peer = &stage.peer, .envelope = &stage.envelope,
	    .header = &header, .now = stage.now, .resolver = &stage.resolver };
	struct inspection *inspection;
	struct fault fault;
	size_t n_bytes;
	struct buf text;

	buf_init(&text, 2 * N_FIELDS * FIELD_BYTES);
	for (int i = 0; i < N_FIELDS; i++)
		insist(buf_printf(&text, "X-Filler: %0*d\r\n", FIELD_BYTES, i) == 0);
	insist(buf_append(&text, mail) == 0);
	insist(header_read(buf_str(&text), &stage.mails, &header) == 0);
	if (is_broken)
		header.fields[header_find(&header, STR("Subject"), 0)].whole = STR("Subject: other\r\n");
	arena_fini(&stage.arena);
	arena_init(&stage.arena, INSPECT_ARENA_MAX_BYTES);
	inspection = inspect_begin(&inputs, INSTANT_NEVER, &stage.arena, &fault);
	insist(inspection != NULL);
	expect(inspect_wants_body(inspection) == (how[0] != '\0' && !is_broken));
	n_bytes = inspect_memory_bytes(inspection);
	inspect_drop(inspection);
	buf_fini(&text);
	return n_bytes;
}

static void
test_memory_held(void)
{
	size_t n_bytes;

	inspect_stage_reset(&stage);
	test_case("while the body comes nothing of a large header section is kept");
	n_bytes = bytes_in_mid_body("r", false);
	expect(n_bytes > 1000 && n_bytes < 32 * 1000);
	test_case("and nothing at all where no signature waits for the body");
	expect_int((int64_t)bytes_in_mid_body("r", true), 0);
	expect_int((int64_t)bytes_in_mid_body("", false), 0);
	expect_int((int64_t)inspect_memory_bytes(NULL), 0);
}

/* --- signatures without end --- */

static void
test_many_signatures(void)
{
	struct str mail = inspect_stage_sign(&stage, "example.com", "e", STR(ALICE REST));
	const struct findings *findings;
	int n_questions;

	for (int i = 0; i < 40; i++) {
		const char domain[] = { 'd', (char)('a' + i / 26), (char)('a' + i % 26), '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e', '\0' };

		mail = inspect_stage_sign(&stage, domain, "e", mail);
	}
	test_case("of many signatures the author's own is looked at below all others, and the rest is told of");
	inspect_stage_reset(&stage);
	inspect_stage_set_client(&stage, "203.0.113.9", "mail.example.com");
	n_questions = stage.zone.n_questions;
	findings = inspect_stage_inspect(&stage, mail);
	insist(findings != NULL);
	expect_int(findings->n_dkim, 11);
	expect(findings->dkim[10].is_rest);
	expect_str(findings->dkim[9].domain, STR("example.com"));
	expect_text(dmarc_verdict_text(findings->dmarc.verdict), "pass");
	expect(stage.zone.n_questions - n_questions <= 10 + 2 * 3 + DMARC_WALK_MAX);
	test_case("a rule for more looks at more");
	stage.rules.dkim_settings.signatures_max = DKIM_SIGNATURES_MAX;
	inspect_stage_set_rules(&stage);
	findings = inspect_stage_inspect(&stage, mail);
	insist(findings != NULL);
	expect_int(findings->n_dkim, DKIM_SIGNATURES_MAX + 1);
	expect_text(dmarc_verdict_text(findings->dmarc.verdict), "pass");
}

/* --- how often the DNS is waited for --- */

static void
test_waits(void)
{
	struct str mail = inspect_stage_sign(&stage, "example.com", "re", STR(ALICE REST));
	int n_asks;

	test_case("a usual mail waits for the DNS five times: keys, SPF, SPF of HELO with its address, policy");
	inspect_stage_reset(&stage);
	n_asks = stage.zone.n_asks;
	inspect_stage_judge(&stage, mail);
	expect_int(stage.zone.n_asks - n_asks, 5);
	test_case("a report asks about HELO once");
	inspect_stage_set_reverse_path(&stage, "");
	n_asks = stage.zone.n_asks;
	inspect_stage_judge(&stage, STR(ALICE REST));
	expect_int(stage.zone.n_asks - n_asks, 4);	/* the record, its address, the policy, HELO's organization */
}

int
main(void)
{
	inspect_stage_init(&stage);
	test_no_resolver();
	test_trouble();
	test_memories();
	test_drop();
	test_memory_held();
	test_many_signatures();
	test_waits();
	inspect_stage_fini(&stage);
	return test_end();
}
