/*
 * test_sign_rules.c - which mail is signed by whom, and which is not
 */
#include "base/insist.h"
#include "policy/sign_rules.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"

enum { AUTHORS_MAX = 3 };

static const struct { const char *name, *domain; bool is_by_name, with_subdomains; } signed_for[] = {
	{ "example.com", "example.com", false, true },
	{ "news.example.com", "news.example.com", false, false },
	{ "example.net", "example.net", false, false },
	{ "xn--bcher-kva.example", "xn--bcher-kva.example", false, false },
	{ "lists", "example.com", true, false },
	{ "bounces", "send.example", true, false },
};
enum { N_SIGNERS = sizeof(signed_for) / sizeof(signed_for[0]) };

static const struct row {
	const char		*name;
	enum sign_source	 source;
	const char		*authors[AUTHORS_MAX];
	const char		*signer;	/* its name; NULL: not signed */
	const char		*reason;
} rows[] = {
	{ "a trusted source's mail of the domain", SIGN_SOURCE_TRUSTED, { "example.com" }, "example.com", "exact" },
	{ "of a class for which signing is on", SIGN_SOURCE_CLASS, { "example.com" }, "example.com", "exact" },
	{ "of a class for which signing is off", SIGN_SOURCE_CLASS_OFF, { "example.com" }, NULL, "class" },
	{ "our own reports", SIGN_SOURCE_OWN, { "example.com" }, "example.com", "exact" },
	{ "mail from outside that claims the domain is not", SIGN_SOURCE_OUTSIDE, { "example.com" }, NULL, "outside" },
	{ "nor is other mail from outside", SIGN_SOURCE_OUTSIDE, { "example.org" }, NULL, "outside" },
	{ "case is nothing", SIGN_SOURCE_TRUSTED, { "EXAMPLE.Com" }, "example.com", "exact" },
	{ "a last dot is nothing", SIGN_SOURCE_TRUSTED, { "example.com." }, "example.com", "exact" },
	{ "U-labels are A-labels", SIGN_SOURCE_TRUSTED, { "b\xc3\xbc" "cher.example" }, "xn--bcher-kva.example", "exact" },
	{ "a subdomain, where the rule is for them", SIGN_SOURCE_TRUSTED, { "mail.eu.example.com" }, "example.com", "parent" },
	{ "a subdomain, where it is not", SIGN_SOURCE_TRUSTED, { "mail.example.net" }, NULL, "no-rule" },
	{ "a rule of its own comes before the parent's", SIGN_SOURCE_TRUSTED, { "news.example.com" }, "news.example.com", "exact" },
	{ "below one that is not for subdomains the next parent's counts", SIGN_SOURCE_TRUSTED, { "a.news.example.com" }, "example.com", "parent" },
	{ "a domain that only ends so is another", SIGN_SOURCE_TRUSTED, { "badexample.com" }, NULL, "no-rule" },
	{ "a parent of ours is another", SIGN_SOURCE_TRUSTED, { "com" }, NULL, "no-rule" },
	{ "a trusted source's mail of another domain", SIGN_SOURCE_TRUSTED, { "example.org" }, NULL, "no-rule" },
	{ "a literal", SIGN_SOURCE_TRUSTED, { "[192.0.2.1]" }, NULL, "no-rule" },
	{ "what is no domain", SIGN_SOURCE_TRUSTED, { "..example.com" }, NULL, "no-rule" },
	{ "an empty domain", SIGN_SOURCE_TRUSTED, { "" }, NULL, "no-rule" },
	{ "no author", SIGN_SOURCE_TRUSTED, { NULL }, NULL, "no-author" },
	{ "two authors of one domain", SIGN_SOURCE_TRUSTED, { "example.com", "Example.COM" }, "example.com", "exact" },
	{ "two authors whom one signer serves", SIGN_SOURCE_TRUSTED, { "example.com", "mail.example.com" }, "example.com", "parent" },
	{ "two authors of two domains", SIGN_SOURCE_TRUSTED, { "example.com", "example.net" }, NULL, "authors-differ" },
	{ "a stranger among the authors", SIGN_SOURCE_TRUSTED, { "example.com", "example.com", "example.org" }, NULL, "authors-differ" },
	{ "strangers all", SIGN_SOURCE_TRUSTED, { "example.org", "example.edu" }, NULL, "no-rule" },
};

static const struct named_row {
	const char		*name;
	enum sign_source	 source;
	const char		*sign_as, *author;	/* NULL: no author */
	const char		*signer, *reason;
} named_rows[] = {
	{ "named: the rule, and not the author's", SIGN_SOURCE_TRUSTED, "lists", "example.com", "lists", "named" },
	{ "named: for another author too", SIGN_SOURCE_CLASS, "lists", "elsewhere.example", "lists", "named" },
	{ "named: one that is for its authors too", SIGN_SOURCE_TRUSTED, "example.net", "example.com", "example.net", "named" },
	{ "named: not for mail from outside", SIGN_SOURCE_OUTSIDE, "lists", "example.com", NULL, "outside" },
	{ "named: not where signing is off", SIGN_SOURCE_CLASS_OFF, "lists", "example.com", NULL, "class" },
	{ "named: not without an author", SIGN_SOURCE_TRUSTED, "lists", NULL, NULL, "no-author" },
	{ "named: a name that nothing has", SIGN_SOURCE_TRUSTED, "list", "example.com", NULL, "no-rule" },
	{ "a rule by name is for no author by itself", SIGN_SOURCE_TRUSTED, NULL, "send.example", NULL, "no-rule" },
};

static const struct { const char *domain; bool want; } had[] = {
	{ "example.com", true }, { "A.Example.com", true }, { "a.example.net", false }, { "SEND.example.", true }, { "x.send.example", false },
	{ "example.org", false }, { "lists", false }, { "com", false }, { "[192.0.2.1]", false }, { "", false },
};

static const char *
name_of(struct dkim_signer *const *signers, const struct dkim_signer *signer)
{
	for (int i = 0; i < N_SIGNERS; i++)
		if (signers[i] == signer)
			return signed_for[i].name;
	return NULL;
}

static void
test_named(const struct sign_rules *rules, struct dkim_signer *const *signers)
{
	for (size_t i = 0; i < sizeof(named_rows) / sizeof(named_rows[0]); i++) {
		const struct named_row *row = &named_rows[i];
		struct str author = str_of(row->author);
		struct sign_choice choice;

		test_case("%s", row->name);
		sign_rules_choose(rules, row->source, row->sign_as, &author, row->author != NULL, &choice);
		expect_text(name_of(signers, choice.signer), row->signer);
		expect_text(choice.reason, row->reason);
	}
	for (size_t i = 0; i < sizeof(had) / sizeof(had[0]); i++) {
		test_case("had: \"%s\"", had[i].domain);
		expect_int(sign_rules_have(rules, str_of(had[i].domain)), had[i].want);
	}
}

int
main(void)
{
	struct dkim_key *key = dkim_key_new(STR(RFC8463_ED25519_PEM), NULL);
	struct dkim_signer *signers[N_SIGNERS];
	struct sign_rule rules[N_SIGNERS];
	struct sign_rules *made, *none;
	struct sign_choice choice;
	struct str authors[AUTHORS_MAX];

	for (int i = 0; i < N_SIGNERS; i++) {
		struct dkim_signer_settings settings = { .domain = signed_for[i].domain, .selectors = { { "s", key } }, .n_selectors = 1 };

		signers[i] = dkim_signer_new(&settings, NULL);
		rules[i] = (struct sign_rule){ .name = signed_for[i].name, .domain = signed_for[i].domain, .signer = signers[i],
		    .is_by_name = signed_for[i].is_by_name, .with_subdomains = signed_for[i].with_subdomains };
	}
	made = sign_rules_new(rules, N_SIGNERS, (uint64_t[]){ 1, 2 });
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int n = 0;

		test_case("%s", rows[i].name);
		while (n < AUTHORS_MAX && rows[i].authors[n] != NULL) {
			authors[n] = str_of(rows[i].authors[n]);
			n++;
		}
		sign_rules_choose(made, rows[i].source, NULL, authors, n, &choice);
		expect_text(name_of(signers, choice.signer), rows[i].signer);
		expect_text(choice.reason, rows[i].reason);
	}
	test_named(made, signers);
	test_case("without rules nothing is signed");
	none = sign_rules_new(NULL, 0, (uint64_t[]){ 1, 2 });
	authors[0] = STR("example.com");
	sign_rules_choose(none, SIGN_SOURCE_TRUSTED, NULL, authors, 1, &choice);
	expect(choice.signer == NULL);
	expect_text(choice.reason, "no-rule");
	sign_rules_free(none);
	sign_rules_free(made);
	for (int i = 0; i < N_SIGNERS; i++)
		dkim_signer_free(signers[i]);
	dkim_key_free(key);
	return test_end();
}
