/*
 * test_survive.c - what of a mail's proofs holds behind us, and which mail DMARC dooms there
 *
 * Expectations by hand: SPF is for the address that the next hop sees (RFC 7960 3.2.1), DKIM for what is signed (RFC 6376 5.4.2),
 * and DMARC wants one of them aligned (RFC 9989 4.4).
 */
#include "policy/decide.h"
#include "policy/seal.h"
#include "policy/survive.h"
#include "tests/expect.h"

#define FROM	"From: <a@a.example>\r\n"
#define SIGNED	"from:to:subject"
#define NO_DKIM	{ { 0 } }
#define BY(d)	{ { .verdict = DKIM_PASS, d, SIGNED } }

enum { RESULTS_MAX = 3 };

struct given_dkim { enum dkim_verdict verdict; const char *domain, *h; bool is_rest; };

static const struct row {
	const char		*name;
	enum client_view	 view;
	bool			 is_rewritten;
	bool			 is_by_spf;
	const char		*aligned;
	struct given_dkim	 dkim[RESULTS_MAX];
	const char		*want;		/* "doomed REASON words", or "REASON words" */
	/* What is rare: */
	const char		*reverse_domain;	/* NULL: the author's; "" : a null reverse-path */
	const char		*header;	/* above From */
	const char		*signer, *srs_domain;
	enum dmarc_policy	 otherwise;	/* ... + 1; 0: reject */
	bool			 is_spf_strict, is_dkim_strict, is_dkim_unsettled, is_sealed;
	enum spf_value		 spf;		/* SPF_NONE: pass */
} rows[] = {
	{ .name = "only SPF, and the next hop sees us", VIEW_OF_US, false, true, "a.example", NO_DKIM, "doomed spf-only none" },
	{ .name = "and with an SRS address: SPF passes, but for another domain", VIEW_OF_US, true, true, "a.example", NO_DKIM, "doomed spf-only none" },
	{ .name = "the next hop sees the client", VIEW_OF_CLIENT, false, true, "a.example", NO_DKIM, "seen spf" },
	{ .name = "it does, but MAIL has an SRS address all the same", VIEW_OF_CLIENT, true, true, "a.example", NO_DKIM, "doomed spf-rewritten none" },
	{ .name = "nobody knows whom it sees", VIEW_UNKNOWN, false, true, "a.example", NO_DKIM, "seen spf?" },
	{ .name = "nor that, but it is rewritten", VIEW_UNKNOWN, true, true, "a.example", NO_DKIM, "doomed spf-only none" },
	{ .name = "a signature of the author's domain", VIEW_OF_US, true, false, "a.example", BY("a.example"), "dkim dkim:a.example" },
	{ .name = "in another spelling", VIEW_OF_US, true, false, "a.example", BY("A.Example"), "dkim dkim:A.Example" },
	{ .name = "of its organization", VIEW_OF_US, true, false, "example", BY("example"), "dkim dkim:example" },
	{ .name = "SPF and DKIM, seen: both", VIEW_OF_CLIENT, false, false, "a.example", BY("a.example"), "dkim dkim:a.example,spf" },
	{ .name = "a list's signature is not aligned", VIEW_OF_US, false, true, "a.example", BY("list.example"), "doomed spf-only dkim:list.example" },
	{ .name = "one that is wrong is nothing", VIEW_OF_US, false, true, "a.example", { { .verdict = DKIM_FAIL, "a.example", SIGNED } }, "doomed spf-only none" },
	{ .name = "nor is one without a key", VIEW_OF_US, false, true, "a.example", { { .verdict = DKIM_PERMERROR, "a.example", SIGNED } }, "doomed spf-only none" },
	{ .name = "one whose key the DNS did not tell may be right there", VIEW_OF_US, false, true, "a.example",
	  { { .verdict = DKIM_TEMPERROR, "a.example", SIGNED } }, "unsettled none", .is_dkim_unsettled = true },
	{ .name = "one that is not accepted here may be there", VIEW_OF_US, false, true, "a.example", { { .verdict = DKIM_POLICY, "a.example", SIGNED } }, "unclear none" },
	{ .name = "but not one of somebody else", VIEW_OF_US, false, true, "a.example", { { .verdict = DKIM_POLICY, "list.example", SIGNED } }, "doomed spf-only none" },
	{ .name = "signatures that were not looked at", VIEW_OF_US, false, true, "a.example",
	  { { .verdict = DKIM_PASS, "list.example", SIGNED }, { .verdict = DKIM_POLICY, "", "", true } }, "unclear dkim:list.example" },
	{ .name = "the second is aligned", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "list.example", SIGNED }, { .verdict = DKIM_PASS, "a.example", SIGNED } }, "dkim dkim:a.example" },
	{ .name = "a subdomain's signature may be aligned", VIEW_OF_US, false, true, "a.example", BY("m.a.example"), "unclear dkim:m.a.example" },
	{ .name = "in strict alignment it is not", VIEW_OF_US, false, true, "a.example", BY("m.a.example"), "doomed spf-only dkim:m.a.example", .is_dkim_strict = true },
	{ .name = "a name that ends alike", VIEW_OF_US, false, true, "a.example", BY("xa.example"), "doomed spf-only dkim:xa.example" },

	{ .name = "p=quarantine is not refused", VIEW_OF_US, false, true, "a.example", NO_DKIM, "policy none", .otherwise = DMARC_POLICY_QUARANTINE + 1 },
	{ .name = "p=none neither", VIEW_OF_US, false, true, "a.example", NO_DKIM, "policy none", .otherwise = DMARC_POLICY_NONE + 1 },
	{ .name = "a null reverse-path", VIEW_OF_US, false, true, "a.example", NO_DKIM, "null none", .reverse_domain = "" },
	{ .name = "a domain of ours may have us in its SPF", VIEW_OF_US, false, true, "ours.example", NO_DKIM, "ours spf?", .reverse_domain = "ours.example" },
	{ .name = "but not behind an SRS address", VIEW_OF_US, true, true, "ours.example", NO_DKIM, "doomed spf-only none", .reverse_domain = "ours.example" },
	{ .name = "the SRS domain is below the author's: SPF of it may be aligned", VIEW_OF_US, true, true, "a.example", NO_DKIM, "ours none", .srs_domain = "srs.a.example" },
	{ .name = "it is the author's", VIEW_OF_US, true, true, "a.example", NO_DKIM, "ours none", .srs_domain = "a.example", .is_spf_strict = true },
	{ .name = "in strict alignment one below is not", VIEW_OF_US, true, true, "a.example", NO_DKIM, "doomed spf-only none", .srs_domain = "srs.a.example", .is_spf_strict = true },
	{ .name = "the SRS domain is another", VIEW_OF_US, true, true, "a.example", NO_DKIM, "doomed spf-only none", .srs_domain = "srs.example.net" },
	{ .name = "it is the author's, but MAIL does not say it", VIEW_OF_US, false, true, "a.example", NO_DKIM, "doomed spf-only none", .srs_domain = "a.example" },
	{ .name = "we sign for the author", VIEW_OF_US, false, true, "a.example", NO_DKIM, "signed dkim:a.example", .signer = "a.example" },
	{ .name = "for the domain above", VIEW_OF_US, false, true, "a.example", NO_DKIM, "signed dkim:example", .signer = "example" },
	{ .name = "for somebody else", VIEW_OF_US, false, true, "a.example", NO_DKIM, "doomed spf-only dkim:b.example", .signer = "b.example" },

	{ .name = "a set of ARC tells who believes it", VIEW_OF_US, false, true, "a.example", NO_DKIM, "arc none", .is_sealed = true },

	{ .name = "results of others stay", VIEW_OF_US, false, false, "a.example", { { .verdict = DKIM_PASS, "a.example", "from:authentication-results" } },
	  "dkim dkim:a.example", .header = "Authentication-Results: b.example; none\r\n" },
	{ .name = "forged ones in our name go, and were signed", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "from:authentication-results" } }, "doomed signature-broken none",
	  .header = "Authentication-Results: mx.example; dmarc=pass\r\n" },
	{ .name = "with a client that is seen that is no matter", VIEW_OF_CLIENT, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "from:authentication-results" } }, "seen spf",
	  .header = "Authentication-Results: mx.example; dmarc=pass\r\n" },
	{ .name = "forged ones on top of what was signed", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "from:Authentication-Results" } }, "dkim dkim:a.example",
	  .header = "Authentication-Results: mx.example; dmarc=pass\r\nAuthentication-Results: b.example; none\r\n" },
	{ .name = "forged ones below", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "from:authentication-results" } }, "doomed signature-broken none",
	  .header = "Authentication-Results: b.example; none\r\nAuthentication-Results: mx.example; dmarc=pass\r\n" },
	{ .name = "h= has the name once more: ours on top breaks it", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "from: authentication-results" } }, "doomed signature-broken none" },
	{ .name = "h= has Received once more", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "Received:from:received" } }, "doomed signature-broken none", .header = "Received: from x by y; date\r\n" },
	{ .name = "h= has those that are there", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "Received:from:received" } }, "dkim dkim:a.example",
	  .header = "Received: from x by y; date\r\nReceived: from x by y; date\r\n" },
	{ .name = "one breaks, the other of the domain does not", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "received:from" }, { .verdict = DKIM_PASS, "a.example", SIGNED } }, "dkim dkim:a.example" },
	{ .name = "one breaks, another of the organization may be aligned", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "received:from" }, { .verdict = DKIM_PASS, "b.a.example", SIGNED } }, "unclear dkim:b.a.example" },
	{ .name = "one breaks, of the other the DNS did not tell the key", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "received:from" }, { .verdict = DKIM_TEMPERROR, "a.example", SIGNED } }, "unclear none" },
	{ .name = "one breaks, of a list's the DNS did not tell the key", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "received:from" }, { .verdict = DKIM_TEMPERROR, "list.example", SIGNED } }, "doomed signature-broken none" },
	{ .name = "a list's signature is as it is", VIEW_OF_US, false, false, "a.example",
	  { { .verdict = DKIM_PASS, "a.example", "received:from" }, { .verdict = DKIM_PASS, "list.example", SIGNED } }, "doomed signature-broken dkim:list.example" },
};

static struct policy *
make_policy(enum doomed_mode doomed)
{
	static const char *const domains[] = { "ours.example" };
	static const struct relay_rule relays[] = { { .name = "r", .domains = domains, .n_domains = 1 } };
	const struct policy_settings settings = { .hostname = "mx.example", .relays = relays, .n_relays = 1,
	    .verify = { .spf = true, .dmarc = DMARC_STAMP, .doomed = doomed } };

	return policy_new(&settings, (uint64_t[2]){ 1, 2 });
}

static struct field_changes
changes_of(const struct policy *policy, const char *above, bool is_signed, struct arena *arena)
{
	struct header_section section;
	struct field_changes changes;
	struct edits edits;
	struct str text;

	expect(arena_printf(arena, &text, "%s" FROM "\r\n", above != NULL ? above : "") && header_read(text, arena, &section) == 0);
	expect(seal_edits(policy, &section, arena, &edits));
	seal_changes(policy, &section, &edits, is_signed, &changes);
	return changes;
}

static struct findings
findings_of(const struct row *row, struct dkim_result *dkim)
{
	const char *domain = row->reverse_domain != NULL && row->reverse_domain[0] != '\0' ? row->reverse_domain : "a.example";
	struct findings findings = { .has_spf = true, .spf_mail_from = { .value = row->spf != SPF_NONE ? row->spf : SPF_PASS },
	    .has_dkim = true, .dkim = dkim, .has_dmarc = true };
	struct dmarc_author *author = &findings.dmarc.authors[0];

	while (findings.n_dkim < RESULTS_MAX && row->dkim[findings.n_dkim].domain != NULL) {
		const struct given_dkim *given = &row->dkim[findings.n_dkim];

		dkim[findings.n_dkim++] = (struct dkim_result){ .verdict = given->verdict, .domain = str_of(given->domain),
		    .signed_fields = str_of(given->h), .is_rest = given->is_rest };
	}
	findings.dmarc = (struct dmarc_result){ .verdict = DMARC_PASS, .n_authors = 1 };
	*author = (struct dmarc_author){ .domain = str_of(domain), .verdict = DMARC_PASS, .has_record = true, .organization = str_of(domain),
	    .aligned_domain = str_of(row->aligned), .is_aligned_by_spf = row->is_by_spf, .is_dkim_unsettled = row->is_dkim_unsettled,
	    .record.is_dkim_strict = row->is_dkim_strict, .record.is_spf_strict = row->is_spf_strict,
	    .otherwise = row->otherwise != 0 ? (enum dmarc_policy)(row->otherwise - 1) : DMARC_POLICY_REJECT };
	return findings;
}

static void
test_rows(const struct policy *policy)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct dkim_result dkim[RESULTS_MAX];
		struct findings findings = findings_of(row, dkim);
		struct envelope envelope = { .n_recipients = 0 };
		struct arena arena;
		struct field_changes changes;
		struct survival survival;
		struct buf words;

		test_case("survive: %s", row->name);
		arena_init(&arena, 64 * 1024);
		changes = changes_of(policy, row->header, row->signer != NULL, &arena);
		if (row->reverse_domain == NULL || row->reverse_domain[0] != '\0')
			envelope.reverse_path = (struct address){ .local = STR("u"),
			    .domain = str_of(row->reverse_domain != NULL ? row->reverse_domain : "a.example") };
		if (row->srs_domain != NULL)
			envelope.srs_path = (struct address){ .local = STR("SRS0=x"), .domain = str_of(row->srs_domain) };
		survive(&(struct survival_inputs){ .policy = policy, .findings = &findings, .envelope = &envelope, .changes = &changes,
		    .view = row->view, .is_rewritten = row->is_rewritten, .signer = str_of(row->signer != NULL ? row->signer : ""),
		    .is_sealed = row->is_sealed }, &survival);
		buf_init(&words, 1000);
		buf_printf(&words, "%s%s ", survival.is_doomed ? "doomed " : "", survival.reason);
		survive_words(&survival, &words);
		expect_str(buf_str(&words), str_of(row->want));
		buf_fini(&words);
		arena_fini(&arena);
	}
}

/* What DMARC said of the mail itself. */
static void
test_verdicts(const struct policy *policy)
{
	static const struct { enum dmarc_verdict verdict; const char *why_unchecked; bool is_off; const char *want; } cases[] = {
		{ DMARC_PASS, NULL, false, "spf-only" }, { DMARC_NONE, NULL, false, "no-dmarc" }, { DMARC_PERMERROR, NULL, false, "unclear" },
		{ DMARC_TEMPERROR, NULL, false, "unsettled" }, { DMARC_FAIL, NULL, false, "no-pass" },
		{ DMARC_PASS, "trusted", true, "unchecked" }, { DMARC_PASS, NULL, true, "no-dmarc" },
	};
	const struct field_changes nothing = { .n = 0 };
	const struct envelope envelope = { .reverse_path = { .local = STR("u"), .domain = STR("a.example") } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct findings findings = findings_of(&rows[0], NULL);
		struct survival survival;

		test_case("survive: %s", cases[i].want);
		findings.why_unchecked = cases[i].why_unchecked;
		findings.has_dmarc = !cases[i].is_off;
		findings.dmarc.verdict = cases[i].verdict;
		survive(&(struct survival_inputs){ .policy = policy, .findings = &findings, .envelope = &envelope, .changes = &nothing,
		    .view = VIEW_OF_US }, &survival);
		expect_text(survival.reason, cases[i].want);
		expect_int(survival.is_doomed, i == 0);
	}
	test_case("survive: one author of two is enough");
	{
		struct findings findings = findings_of(&rows[0], NULL);
		struct dkim_result signature = { .verdict = DKIM_PASS, .domain = STR("b.example"), .signed_fields = STR(SIGNED) };
		struct survival survival;

		findings.dkim = &signature;
		findings.n_dkim = 1;
		findings.dmarc.authors[1] = findings.dmarc.authors[0];
		findings.dmarc.authors[0] = (struct dmarc_author){ .domain = STR("b.example"), .verdict = DMARC_PASS,
		    .aligned_domain = STR("b.example"), .organization = STR("b.example"), .otherwise = DMARC_POLICY_REJECT };
		findings.dmarc.n_authors = 2;
		survive(&(struct survival_inputs){ .policy = policy, .findings = &findings, .envelope = &envelope, .changes = &nothing,
		    .view = VIEW_OF_US }, &survival);
		expect(survival.is_doomed);
		expect_text(survival.reason, "spf-only");
	}
}

/* What is answered: the code says which signature is missing (RFC 7372 3.1). */
static void
test_decision(void)
{
	static const struct { enum doomed_mode mode; const char *reason; const char *passed; enum action want; bool is_held; int detail; } cases[] = {
		{ DOOMED_SEND, "spf-only", NULL, ACTION_ACCEPT, false, 0 },
		{ DOOMED_REJECT, "spf-only", NULL, ACTION_REJECT, false, 20 },
		{ DOOMED_REJECT, "spf-only", "list.example", ACTION_REJECT, false, 22 },
		{ DOOMED_REJECT, "signature-broken", "a.example", ACTION_REJECT, false, 21 },
		{ DOOMED_HOLD, "spf-only", NULL, ACTION_ACCEPT, true, 0 },
		{ DOOMED_REJECT, NULL, NULL, ACTION_ACCEPT, false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dkim_result dkim = { .verdict = DKIM_PASS, .domain = str_of(cases[i].passed != NULL ? cases[i].passed : "") };
		struct findings findings = findings_of(&rows[0], NULL);
		struct survival survival = { .is_doomed = cases[i].reason != NULL, .reason = cases[i].reason != NULL ? cases[i].reason : "dkim" };
		struct policy *policy = make_policy(cases[i].mode);
		struct verdict verdict = { .action = ACTION_ACCEPT };
		struct arena arena;

		test_case("doomed: %d of %s", (int)cases[i].mode, survival.reason);
		arena_init(&arena, 4096);
		findings.dkim = &dkim;
		findings.n_dkim = cases[i].passed != NULL;
		findings.dmarc.deciding = &findings.dmarc.authors[0];
		decide_doomed(policy_verify_rules(policy), &findings, &survival, &arena, &verdict);
		expect_int(verdict.action, cases[i].want);
		expect_int(verdict.is_held, cases[i].is_held);
		expect_int(verdict.is_blameless, cases[i].want == ACTION_REJECT);
		expect_int(verdict.reply.status.detail, cases[i].detail);
		expect_int(verdict.reply.code, cases[i].want == ACTION_REJECT ? 550 : 0);
		if (verdict.action == ACTION_REJECT)
			expect_text(verdict.reason, "forward-doomed");
		arena_fini(&arena);
		policy_free(policy);
	}
}

int
main(void)
{
	struct policy *policy = make_policy(DOOMED_SEND);

	test_rows(policy);
	test_verdicts(policy);
	test_decision();
	policy_free(policy);
	return test_end();
}
