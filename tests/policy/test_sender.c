/*
 * test_sender.c - who is verified, and by what
 */
#include "policy/sender.h"
#include "tests/expect.h"

static const struct row {
	const char *name, *reverse_domain;	/* NULL: null */
	bool is_trusted, has_spf, has_dkim;
	enum spf_value spf, spf_helo;
	struct { enum dkim_verdict verdict; const char *domain; } dkim[2];
	bool want;
	const char *reason;
} rows[] = {
	{ "SPF passes", "a.example", false, true, true, SPF_PASS, SPF_NONE, { { 0 } }, true, "spf" },
	{ "SPF of HELO is not the sender's", "a.example", false, true, true, SPF_NONE, SPF_PASS, { { 0 } }, false, "no-pass" },
	{ "SPF fails", "a.example", false, true, true, SPF_FAIL, SPF_NONE, { { 0 } }, false, "no-pass" },
	{ "softfail is no pass", "a.example", false, true, true, SPF_SOFTFAIL, SPF_NONE, { { 0 } }, false, "no-pass" },
	{ "neutral is no pass", "a.example", false, true, true, SPF_NEUTRAL, SPF_NONE, { { 0 } }, false, "no-pass" },
	{ "temperror is not verified", "a.example", false, true, true, SPF_TEMPERROR, SPF_NONE, { { 0 } }, false, "temperror" },
	{ "permerror neither", "a.example", false, true, true, SPF_PERMERROR, SPF_NONE, { { 0 } }, false, "no-pass" },
	{ "signed by the domain", "a.example", false, true, true, SPF_FAIL, SPF_NONE, { { DKIM_PASS, "a.example" } }, true, "dkim" },
	{ "in capitals", "A.example", false, true, true, SPF_FAIL, SPF_NONE, { { DKIM_PASS, "a.EXAMPLE" } }, true, "dkim" },
	{ "by a U-label's A-label", "b\xc3\xbc" "cher.example", false, true, true, SPF_FAIL, SPF_NONE,
	  { { DKIM_PASS, "xn--bcher-kva.example" } }, true, "dkim" },
	{ "by the domain above", "bounces.a.example", false, true, true, SPF_FAIL, SPF_NONE, { { DKIM_PASS, "a.example" } }, true, "dkim" },
	{ "not by one below: whoever has a name there", "a.example", false, true, true, SPF_FAIL, SPF_NONE,
	  { { DKIM_PASS, "mallory.a.example" } }, false, "no-pass" },
	{ "not by one beside", "b.a.example", false, true, true, SPF_FAIL, SPF_NONE, { { DKIM_PASS, "c.a.example" } }, false, "no-pass" },
	{ "not by a top level", "a.example", false, true, true, SPF_FAIL, SPF_NONE, { { DKIM_PASS, "example" } }, false, "no-pass" },
	{ "not by a name that ends alike", "xa.example", false, true, true, SPF_FAIL, SPF_NONE, { { DKIM_PASS, "a.example" } }, false, "no-pass" },
	{ "not by another's domain", "a.example", false, true, true, SPF_FAIL, SPF_NONE, { { DKIM_PASS, "mallory.example" } }, false, "no-pass" },
	{ "the second signature", "a.example", false, true, true, SPF_FAIL, SPF_NONE,
	  { { DKIM_PASS, "list.example" }, { DKIM_PASS, "a.example" } }, true, "dkim" },
	{ "a signature that is wrong", "a.example", false, true, true, SPF_NONE, SPF_NONE, { { DKIM_FAIL, "a.example" } }, false, "no-pass" },
	{ "one that is not accepted here", "a.example", false, true, true, SPF_NONE, SPF_NONE, { { DKIM_POLICY, "a.example" } }, false, "no-pass" },
	{ "one whose key the DNS did not tell", "a.example", false, true, true, SPF_FAIL, SPF_NONE,
	  { { DKIM_TEMPERROR, "a.example" } }, false, "temperror" },
	{ "another's, whose key the DNS did not tell", "a.example", false, true, true, SPF_FAIL, SPF_NONE,
	  { { DKIM_TEMPERROR, "b.example" } }, false, "no-pass" },
	{ "a pass behind a temperror", "a.example", false, true, true, SPF_TEMPERROR, SPF_NONE,
	  { { DKIM_TEMPERROR, "a.example" }, { DKIM_PASS, "a.example" } }, true, "dkim" },
	{ "only DKIM is looked at, and there is none", "a.example", false, false, true, SPF_NONE, SPF_NONE, { { 0 } }, false, "no-pass" },
	{ "only SPF is looked at", "a.example", false, true, false, SPF_PASS, SPF_NONE, { { 0 } }, true, "spf" },
	{ "nothing is looked at", "a.example", false, false, false, SPF_NONE, SPF_NONE, { { 0 } }, true, "unchecked" },
	{ "a trusted peer", "a.example", true, false, false, SPF_NONE, SPF_NONE, { { 0 } }, true, "trusted" },
	{ "a null reverse-path is as ever", NULL, false, true, true, SPF_FAIL, SPF_NONE, { { 0 } }, true, "null" },
	{ "a literal has no signer", "[192.0.2.1]", false, true, true, SPF_NONE, SPF_NONE, { { DKIM_PASS, "a.example" } }, false, "no-pass" },
};

/* Others are checked here: who is not proves nothing, and gets no report. */
static void
test_unchecked_by_class(void)
{
	const struct findings findings = { .why_unchecked = "class" };
	struct envelope envelope = { .reverse_path = { .local = STR("u"), .domain = STR("a.example") } };
	struct peer peer = { .is_trusted = false };

	test_case("sender: of a class that is not checked");
	expect(!sender_prove(&findings, &envelope, &peer).is_verified);
	expect_text(sender_prove(&findings, &envelope, &peer).reason, "class");
	test_case("sender: of one, with a null reverse-path");
	envelope.reverse_path = (struct address){ .local = STR_EMPTY };
	expect_text(sender_prove(&findings, &envelope, &peer).reason, "null");
	test_case("sender: of one, and a trusted peer");
	peer.is_trusted = true;
	expect_text(sender_prove(&findings, &envelope, &peer).reason, "trusted");
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct dkim_result dkim[2] = { { .verdict = row->dkim[0].verdict, .domain = str_of(row->dkim[0].domain) },
		    { .verdict = row->dkim[1].verdict, .domain = str_of(row->dkim[1].domain) } };
		struct findings findings = { .has_spf = row->has_spf, .has_dkim = row->has_dkim, .dkim = dkim,
		    .n_dkim = (row->dkim[0].domain != NULL) + (row->dkim[1].domain != NULL),
		    .spf_helo = { .value = row->spf_helo }, .spf_mail_from = { .value = row->spf } };
		struct envelope envelope = { .n_recipients = 0 };
		struct peer peer = { .is_trusted = row->is_trusted };
		struct sender_proof proof;

		test_case("sender: %s", row->name);
		if (row->reverse_domain != NULL)
			envelope.reverse_path = (struct address){ .local = STR("u"), .domain = str_of(row->reverse_domain) };
		proof = sender_prove(&findings, &envelope, &peer);
		expect_int(proof.is_verified, row->want);
		expect_text(proof.reason, row->reason);
	}
	test_unchecked_by_class();
	return test_end();
}
