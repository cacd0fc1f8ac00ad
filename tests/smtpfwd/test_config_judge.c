/*
 * test_config_judge.c - the sections verify, sign and arc: what they mean, what is said of wrong ones, and the keys they name
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/insist.h"
#include "smtpfwd/config/sign_keys.h"
#include "tests/expect.h"
#include "tests/smtpfwd/config_text.h"
#include "tests/policy/dkim_vectors.h"

#define ARC	"domain = \"example.com\"\n selector = \"arc1\" key = \"/k.pem\"\n"
#define SIGN	"selector = { \"s\" }\n key = { \"/k.pem\" }\n"

/* --- what is wrong --- */

static const struct config_case cases[] = {
	{ "verify as it is by default", GOOD "verify { }\n", NULL },
	{ "nothing checked", GOOD "verify { spf = no dkim = no dmarc = off }\n", NULL },
	{ "DMARC by DKIM alone", GOOD "verify { spf = no }\n", NULL },
	{ "DMARC by SPF alone", GOOD "verify { dkim = no }\n", NULL },
	{ "DMARC of nothing", GOOD "verify { spf = no\n dkim = no\n dmarc = enforce }\n", ":5: verify: dmarc: needs spf or dkim" },
	{ "which is what is left by default", GOOD "verify {\n spf = no\n dkim = no }\n", ":3: verify: dmarc: needs spf or dkim" },
	{ "a mode nobody knows", GOOD "verify {\n dmarc = reject }\n", ":4: verify: dmarc: \"reject\" is not one of: off stamp enforce" },
	{ "Received-SPF without SPF", GOOD "verify { spf = no\n received-spf = yes }\n", ":4: verify: received-spf: is of use with spf only" },
	{ "an authserv-id that is a token", GOOD "verify { authserv-id = \"relay_1!\" }\n", NULL },
	{ "one with a blank", GOOD "verify {\n authserv-id = \"a b\" }\n", ":4: verify: authserv-id: \"a b\" is no name" },
	{ "one with what ends it", GOOD "verify { authserv-id = \"a;b\" }\n", "verify: authserv-id: \"a;b\" is no name" },
	{ "one that is a U-label", GOOD "verify { authserv-id = \"b\xc3\xbc" "cher.example\" }\n", "verify: authserv-id: " },
	{ "no signatures at all", GOOD "verify {\n max-signatures = 0 }\n", ":4: verify: max-signatures: 0 is out of bounds" },
	{ "more than are ever looked at", GOOD "verify { max-signatures = 33 }\n", "verify: max-signatures: 33 is out of bounds: 32 is the most" },
	{ "no time", GOOD "verify { timeout = 0s }\n", "verify: timeout: 0s is out of bounds" },
	{ "more time than a client has", GOOD "verify { timeout = 3m }\n", "verify: timeout: 3m is out of bounds: 2m is the most" },
	{ "a mark of one's own", GOOD "verify { mark-field = \"X-Quarantine:1\" }\n", NULL },
	{ "a mark without a colon", GOOD "verify {\n mark-field = \"X-Spam-Flag YES\" }\n", ":4: verify: mark-field: \"X-Spam-Flag YES\" is no \"Name: value\"" },
	{ "without a name", GOOD "verify { mark-field = \": YES\" }\n", "verify: mark-field: \": YES\" is no" },
	{ "without a value", GOOD "verify { mark-field = \"X-Spam-Flag: \" }\n", "verify: mark-field: \"X-Spam-Flag: \" is no" },
	{ "a blank in the name", GOOD "verify { mark-field = \"X Spam: YES\" }\n", "verify: mark-field: \"X Spam: YES\" is no" },
	{ "a blank before the colon", GOOD "verify { mark-field = \"X-Spam : YES\" }\n", "verify: mark-field: \"X-Spam : YES\" is no" },
	{ "a value beyond ASCII", GOOD "verify { mark-field = \"X-Spam: \xc3\xa4\" }\n", "verify: mark-field: has bytes that are not printable ASCII" },
	{ "a tab in the value", GOOD "verify { mark-field = \"X-Spam: a\tb\" }\n", "verify: mark-field: a word with a control character" },
	{ "a mark that changes the author", GOOD "verify { mark-field = \"fRoM: a@example.com\" }\n", "verify: mark-field: fRoM means something else already" },
	{ "a mark that is a hop", GOOD "verify { mark-field = \"Received: YES\" }\n", "verify: mark-field: Received means something else already" },
	{ "a mark that is a signature", GOOD "verify { mark-field = \"DKIM-Signature: YES\" }\n", "verify: mark-field: DKIM-Signature means" },
	{ "a mark that is a body's type", GOOD "verify { mark-field = \"Content-Type: YES\" }\n", "verify: mark-field: Content-Type means" },
	{ "verify has no title", GOOD "verify \"x\" { }\n", ":3: " },

	{ "a domain is signed", GOOD "sign \"example.com\" { " SIGN " }\n", NULL },
	{ "two keys", GOOD "sign \"example.com\" { selector = { \"a\", \"b.c\" } key = { \"/a\", \"/b\" } }\n", NULL },
	{ "one key for two domains", GOOD "sign \"example.com\" { " SIGN " }\nsign \"example.org\" { " SIGN " }\n", NULL },
	{ "a domain and one below", GOOD "sign \"example.com\" { " SIGN "subdomains = yes }\nsign \"a.example.com\" { " SIGN " }\n", NULL },
	{ "no key", GOOD "sign \"example.com\" { selector = { \"s\" } }\n", ":3: sign \"example.com\": key: is needed" },
	{ "no selector", GOOD "sign \"example.com\" { key = { \"/k\" } }\n", ":3: sign \"example.com\": selector: is needed" },
	{ "an empty list of keys", GOOD "sign \"example.com\" { selector = { \"s\" }\n key = { } }\n", ":4: sign \"example.com\": key: " },
	{ "more selectors than keys", GOOD "sign \"example.com\" {\n selector = { \"a\", \"b\" }\n key = { \"/k\" } }\n",
	  ":5: sign \"example.com\": key: there are 1 for 2 of selector" },
	{ "three of each", GOOD "sign \"example.com\" { selector = { \"a\", \"b\", \"c\" }\n key = { \"/a\", \"/b\" } }\n", ":3: sign \"example.com\": selector: " },
	{ "a path that is not absolute", GOOD "sign \"example.com\" { selector = { \"s\" }\n key = { \"k.pem\" } }\n",
	  ":4: sign \"example.com\": key: \"k.pem\" is no absolute path" },
	{ "a selector that is no name", GOOD "sign \"example.com\" {\n selector = { \"a b\" }\n key = { \"/k\" } }\n",
	  ":4: sign \"example.com\": selector: a selector is no name below the domain" },
	{ "a selector twice", GOOD "sign \"example.com\" {\n selector = { \"s\", \"S\" }\n key = { \"/a\", \"/b\" } }\n",
	  ":4: sign \"example.com\": selector: a selector is given twice" },
	{ "a title that is no domain", GOOD "sign \"two words\" { " SIGN " }\n", ":3: sign \"two words\": the title is no domain" },
	{ "with a leading dot", GOOD "sign \".example.com\" { " SIGN " }\n", ":3: sign \".example.com\": a domain without a leading dot is needed" },
	{ "a domain twice, in another case", GOOD "sign \"example.com\" { " SIGN " }\nsign \"Example.COM\" { " SIGN " }\n",
	  ":6: sign \"Example.COM\": is the domain of sign \"example.com\" already" },
	{ "a domain twice, as a U-label", GOOD "sign \"b\xc3\xbc" "cher.example\" { " SIGN " }\nsign \"xn--bcher-kva.example\" { " SIGN " }\n",
	  ":6: sign \"xn--bcher-kva.example\": is the domain of sign " },
	{ "a title twice", GOOD "sign \"example.com\" { " SIGN " }\nsign \"example.com\" { " SIGN " }\n", ":6: " },
	{ "an identity", GOOD "sign \"example.com\" { " SIGN "identity = \"joe@a.example.com\" }\n", NULL },
	{ "one outside", GOOD "sign \"example.com\" { " SIGN "identity = \"@example.org\" }\n", ":5: sign \"example.com\": identity: the identity is outside of the signing domain" },
	{ "one without @", GOOD "sign \"example.com\" { " SIGN "identity = \"joe\" }\n", ":5: sign \"example.com\": identity: the identity is neither" },
	{ "a field that changes on the way", GOOD "sign \"example.com\" { " SIGN "fields = { \"Subject\", \"received\" } }\n",
	  ":5: sign \"example.com\": fields: received must not be signed" },
	{ "one that is no name", GOOD "sign \"example.com\" { " SIGN "oversign = { \"a:b\" } }\n", ":5: sign \"example.com\": oversign: a field to be signed is no field's name" },
	{ "one twice", GOOD "sign \"example.com\" { " SIGN "fields = { \"To\", \"TO\" } }\n", ":5: sign \"example.com\": fields: the field TO is to be signed twice" },
	{ "a field that we put on top, oversigned: our own signature would break", GOOD "sign \"example.com\" { " SIGN "oversign = { \"Subject\", \"x-traffic-class\" } }\n",
	  ":5: sign \"example.com\": oversign: x-traffic-class comes on top of mail here" },
	{ "and the results of checks", GOOD "sign \"example.com\" { " SIGN "oversign = { \"authentication-results\" } }\n",
	  ":5: sign \"example.com\": oversign: authentication-results comes on top" },
	{ "and the mark", GOOD "verify { mark-field = \"X-Junk: 1\" }\nsign \"example.com\" { " SIGN "oversign = { \"X-Junk\" } }\n",
	  ":6: sign \"example.com\": oversign: X-Junk comes on top" },
	{ "and a seal, where there is one", GOOD "sign \"example.com\" { " SIGN "oversign = { \"ARC-Seal\" } }\narc { " ARC "}\n",
	  ":5: sign \"example.com\": oversign: ARC-Seal comes on top" },
	{ "else not", GOOD "sign \"example.com\" { " SIGN "oversign = { \"ARC-Seal\" } }\n", NULL },
	{ "such a field signed as it came", GOOD "sign \"example.com\" { " SIGN "fields = { \"X-Traffic-Class\", \"Authentication-Results\" } }\n", NULL },
	{ "one of another name", "class-header = none\n" GOOD "sign \"example.com\" { " SIGN "oversign = { \"X-Traffic-Class\" } }\n", NULL },
	{ "sealed, it would break the set", GOOD "arc { " ARC " fields = { \"from\", \"X-Traffic-Class\" } }\n", ":5: arc: fields: X-Traffic-Class comes on top" },
	{ "results of others in a set are for the sealer to name", GOOD "arc { " ARC " fields = { \"from\", \"ARC-Authentication-Results\" } }\n", NULL },
	{ "a canonical form nobody knows", GOOD "sign \"example.com\" { " SIGN "canonicalization = relaxed }\n", ":5: sign \"example.com\": canonicalization: " },
	{ "mail is sealed", GOOD "arc { " ARC "}\n", NULL },
	{ "by another's key", GOOD "sign \"example.com\" { " SIGN " }\narc { " ARC "}\n", NULL },
	{ "fields of one's own, a name twice", GOOD "arc { " ARC "fields = { \"from\", \"to\", \"to\", \"&&&\" } }\n", NULL },
	{ "sealed and checked", GOOD "verify { arc = yes }\narc { " ARC "}\n", NULL },
	{ "sealed and nothing else checked", GOOD "verify { spf = no dkim = no dmarc = off }\narc { " ARC "}\n", NULL },
	{ "sealed and not checked", GOOD "verify {\n arc = no }\narc { " ARC "}\n", ":4: verify: arc: is needed: there is a section arc" },
	{ "no domain of the sealer's", GOOD "arc { selector = \"s\" key = \"/k\" }\n", ":3: arc: needs domain" },
	{ "no selector of the sealer's", GOOD "arc { domain = \"example.com\" key = \"/k\" }\n", ":3: arc: needs selector" },
	{ "no key of the sealer's", GOOD "arc { domain = \"example.com\" selector = \"s\" }\n", ":3: arc: needs key" },
	{ "a sealer that is no domain", GOOD "arc {\n domain = \".example.com\" selector = \"s\" key = \"/k\" }\n", ":4: arc: domain: \".example.com\" is no domain" },
	{ "a sealer's selector that is no name", GOOD "arc { domain = \"example.com\"\n selector = \"a b\"\n key = \"/k\" }\n", ":4: arc: selector: a selector is no name" },
	{ "a sealer's key with no absolute path", GOOD "arc { domain = \"example.com\" selector = \"s\"\n key = \"k\" }\n", ":4: arc: key: " },
	{ "a field that ARC must not sign", GOOD "arc { " ARC " fields = { \"from\", \"ARC-Seal\" } }\n", ":5: arc: fields: ARC-Seal must not be sealed" },
	{ "an author that is not sealed", GOOD "arc { " ARC " fields = { \"to\", \"subject\" } }\n", ":5: arc: fields: From has to be among" },
	{ "mail that is doomed, told by DMARC", GOOD "forward-doomed = reject\n", NULL },
	{ "without DMARC, of which nothing is asked", GOOD "forward-doomed = reject\nverify { dmarc = off }\n", ":3: forward-doomed: needs dmarc" },
	{ "it goes on", GOOD "forward-doomed = send\nverify { dmarc = off }\n", NULL },
	{ "a lifetime of no second", GOOD "sign \"example.com\" { " SIGN "lifetime = 999ms }\n", ":5: sign \"example.com\": lifetime: is less than a second" },
};

/* --- what is meant --- */

static void
test_verify(void)
{
	struct config *config = config_of_text(GOOD);
	const struct verify_rules *rules = &config->policy.verify;

	test_case("without a section all is checked and told, and nothing refused");
	expect(rules->spf && rules->dkim && rules->dmarc == DMARC_STAMP);
	expect_text(rules->authserv_id, "mx.example.net");
	expect_int(rules->dkim_settings.signatures_max, 10);
	expect_int(rules->dkim_settings.drift_s, 300);
	expect(!rules->dkim_settings.accepts_partial_body && !rules->with_received_spf);
	expect_int(span_to_s(rules->timeout), 20);
	expect_text(rules->mark_field, "X-Spam-Flag: YES");
	expect_int(config->n_signs, 0);
	config_free(config);

	test_case("verify's values reach the policy's rules");
	config = config_of_text(GOOD "verify { spf = yes dkim = no dmarc = enforce authserv-id = \"auth.example.org\" max-signatures = 3"
	    " clock-drift = 1m partial-body = yes received-spf = yes timeout = 5s mark-field = \"X-Junk: 1\" }\n");
	rules = &config->policy.verify;
	expect_int(conf_n_errors(config->conf), 0);
	expect(rules->spf && !rules->dkim && rules->dmarc == DMARC_ENFORCE);
	expect_text(rules->authserv_id, "auth.example.org");
	expect_int(rules->dkim_settings.signatures_max, 3);
	expect_int(rules->dkim_settings.drift_s, 60);
	expect(rules->dkim_settings.accepts_partial_body && rules->with_received_spf);
	expect_int(span_to_s(rules->timeout), 5);
	expect_text(rules->mark_field, "X-Junk: 1");
	config_free(config);
}

static void
test_sign(void)
{
	struct config *config = config_of_text(GOOD "sign \"Example.COM\" { " SIGN "}\nsign \"b\xc3\xbc" "cher.example\" { selector = { \"r\", \"e\" }"
	    " key = { \"/r.pem\", \"/e.pem\" } subdomains = yes canonicalization = \"relaxed/simple\" identity = \"@b.xn--bcher-kva.example\""
	    " time = no lifetime = 7d }\n");
	const struct sign_section *first = &config->signs[0], *second = &config->signs[1];

	expect_int(conf_n_errors(config->conf), 0);
	expect_int(config->n_signs, 2);
	test_case("sign by default: relaxed, with t=, without x=, the domain alone, a good choice of fields");
	expect_text(first->settings.domain, "example.com");
	expect_int(first->settings.n_selectors, 1);
	expect_text(first->settings.selectors[0].name, "s");
	expect_text(first->key_paths[0], "/k.pem");
	expect(!first->with_subdomains && !first->settings.is_simple_header && !first->settings.is_simple_body);
	expect(!first->settings.without_time && first->settings.lifetime.ns == 0);
	expect(first->settings.identity == NULL && first->settings.fields == NULL);
	test_case("sign's values reach the signer's settings");
	expect_text(second->settings.domain, "xn--bcher-kva.example");
	expect_int(second->settings.n_selectors, 2);
	expect_text(second->settings.selectors[1].name, "e");
	expect_text(second->key_paths[1], "/e.pem");
	expect(second->with_subdomains && !second->settings.is_simple_header && second->settings.is_simple_body);
	expect(second->settings.without_time);
	expect_int(span_to_s(second->settings.lifetime), 7 * 86400);
	expect_text(second->settings.identity, "@b.xn--bcher-kva.example");
	test_case("the keys are among the files that are read whenever the configuration is");
	expect_int(config->n_files, 3);
	expect_text(config->files[2].path, "/e.pem");
	expect_text(config->files[2].setting, "key");
	config_free(config);
}

static void
test_arc(void)
{
	struct config *config = config_of_text(GOOD);

	test_case("ARC is neither checked nor sealed by default");
	expect(!config->policy.verify.arc && config->arc.key_path == NULL);
	config_free(config);
	test_case("checked without a section");
	config = config_of_text(GOOD "verify { arc = yes }\n");
	expect(conf_n_errors(config->conf) == 0 && config->policy.verify.arc && config->arc.key_path == NULL);
	config_free(config);
	test_case("a section arc switches the check on, and its key is among the files");
	config = config_of_text(GOOD "arc { domain = \"Example.COM\" selector = \"s\" key = \"/k.pem\" fields = { \"to\", \"FROM\" } }\n");
	expect_int(conf_n_errors(config->conf), 0);
	expect(config->policy.verify.arc);
	expect_text(config->arc.settings.domain, "example.com");
	expect_text(config->arc.settings.selector.name, "s");
	expect_int(config->arc.settings.n_names, 2);
	expect_text(config->arc.key_path, "/k.pem");
	expect_int(config->n_files, 1);
	expect_text(config->files[0].path, "/k.pem");
	config_free(config);
}

static void
test_forms(void)
{
	static const char *const forms[] = { "relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple" };

	test_case("the four canonical forms, header and body");
	for (int i = 0; i < 4; i++) {
		struct config *config;
		char text[400];

		snprintf(text, sizeof(text), GOOD "sign \"example.com\" { " SIGN "canonicalization = %s }\n", forms[i]);
		config = config_of_text(text);
		expect_int(conf_n_errors(config->conf), 0);
		expect_int(config->signs[0].settings.is_simple_header, i >= 2);
		expect_int(config->signs[0].settings.is_simple_body, i % 2);
		config_free(config);
	}
}

/* "Name" signed where it is, "Name+" once more if it is, "Name!" always once more. */
static const struct fields_row {
	const char *name, *settings, *want;
} fields_rows[] = {
	{ "fields of the built-in choice are oversigned as there, others not", "fields = { \"subject\", \"date\", \"In-Reply-To\", \"X-Own\" }",
	  "subject! date+ In-Reply-To X-Own" },
	{ "oversign alone says which, and signs more", "fields = { \"Subject\", \"Date\" } oversign = { \"date\", \"X-Own\" }",
	  "Subject Date! X-Own!" },
	{ "a name twice in oversign is one", "fields = { \"Date\" } oversign = { \"X-Own\", \"x-own\" }", "Date X-Own!" },
};

static void
test_fields(void)
{
	static const char marks[] = { '\0', '+', '!' };

	for (size_t i = 0; i < sizeof(fields_rows) / sizeof(fields_rows[0]); i++) {
		char text[1000], got[400] = "";
		struct config *config;
		size_t len = 0;

		test_case("%s", fields_rows[i].name);
		snprintf(text, sizeof(text), GOOD "sign \"example.com\" { " SIGN " %s }\n", fields_rows[i].settings);
		config = config_of_text(text);
		expect_int(conf_n_errors(config->conf), 0);
		for (int k = 0; k < config->signs[0].settings.n_fields; k++) {
			const struct dkim_signed_field *field = &config->signs[0].settings.fields[k];

			len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s%c", k > 0 ? " " : "", field->name, marks[field->oversign]);
			len -= marks[field->oversign] == '\0';
		}
		got[len] = '\0';
		expect_text(got, fields_rows[i].want);
		config_free(config);
	}
}

static void
test_oversign_alone(void)
{
	struct config *config = config_of_text(GOOD "sign \"example.com\" { " SIGN " oversign = { \"subject\", \"X-Own\" } }\n");
	const struct dkim_signer_settings *settings = &config->signs[0].settings;
	int n_oversigned = 0;

	test_case("oversign with the built-in fields: those, and no other is oversigned");
	expect_int(settings->n_fields, dkim_n_default_fields + 1);
	for (int k = 0; k < settings->n_fields; k++)
		n_oversigned += settings->fields[k].oversign != DKIM_SIGN_PRESENT;
	expect_int(n_oversigned, 2);
	expect_text(settings->fields[dkim_n_default_fields].name, "X-Own");
	config_free(config);
}

/* --- the keys --- */

#define EC_PEM \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpZ7cWZR9N2tjH1yF\n"

static void
write_key(const char *at, const char *text, mode_t mode)
{
	FILE *file = fopen(at, "w");

	insist(file != NULL);
	fputs(text, file);
	fclose(file);
	insist(chmod(at, mode) == 0);
}

static void
expect_key_error(const char *key_path, const char *want)
{
	struct config *config;
	struct policy_signing signing;
	char text[600];

	snprintf(text, sizeof(text), GOOD "sign \"example.com\" {\n selector = { \"s\" }\n key = { \"%s\" }\n}\n", key_path);
	config = config_of_text(text);
	expect_int(conf_n_errors(config->conf), 0);
	expect_int(sign_keys_read(config, &signing), -1);
	expect_int(conf_n_errors(config->conf), 1);
	snprintf(text, sizeof(text), "%s:5: sign \"example.com\": key: %s: %s", config_text_path(), key_path, want);
	expect_text(conf_error_text(config->conf, 0), text);
	config_free(config);
}

static void
test_keys(void)
{
	char rsa[] = "/tmp/smtpfwd-key.XXXXXX", ed25519[] = "/tmp/smtpfwd-key.XXXXXX", text[1000], want[200];
	struct config *config;
	struct policy_signing signing;

	close(mkstemp(rsa));
	close(mkstemp(ed25519));
	write_key(rsa, RFC8463_RSA_PEM, 0640);
	write_key(ed25519, "what people write above\n" RFC8463_ED25519_PEM, 0600);
	test_case("a file that three sections name is one key; each section has its signer, in their order");
	snprintf(text, sizeof(text), GOOD "sign \"a.example\" { selector = { \"s\" } key = { \"%s\" } }\n"
	    "sign \"b.example\" { selector = { \"r\", \"e\" } key = { \"%s\", \"%s\" } subdomains = yes }\n"
	    "sign \"c.example\" { selector = { \"t\" } key = { \"%s\" } }\n", rsa, rsa, ed25519, rsa);
	config = config_of_text(text);
	expect_int(sign_keys_read(config, &signing), 0);
	expect_int(conf_n_errors(config->conf), 0);
	expect_int(signing.n_keys, 2);
	expect_int(signing.n_rules, 3);
	expect_str(dkim_signer_text(signing.rules[0].signer), STR("a.example:s"));
	expect_str(dkim_signer_text(signing.rules[1].signer), STR("b.example:r,e"));
	expect(!signing.rules[0].with_subdomains && signing.rules[1].with_subdomains);
	sign_keys_free(&signing);
	test_case("of two keys, one of them wrong, nothing is left");
	write_key(ed25519, "no key", 0600);
	expect_int(sign_keys_read(config, &signing), -1);
	expect_int(conf_n_errors(config->conf), 1);
	config_free(config);

	test_case("a key that is not there");
	expect_key_error("/nonexistent/key.pem", "No such file or directory");
	test_case("what is no key");
	expect_key_error(ed25519, "no private key in PEM form");
	test_case("half a key");
	write_key(ed25519, EC_PEM, 0600);
	expect_key_error(ed25519, "no private key in PEM form");
	test_case("a key open to others, to read or to write");
	snprintf(want, sizeof(want), "is open to all users of this machine (chmod o= %s)", rsa);
	write_key(rsa, RFC8463_RSA_PEM, 0644);
	expect_key_error(rsa, want);
	write_key(rsa, RFC8463_RSA_PEM, 0602);
	expect_key_error(rsa, want);
	test_case("no sections, no keys");
	config = config_of_text(GOOD);
	expect_int(sign_keys_read(config, &signing), 0);
	expect_int(signing.n_keys + signing.n_rules, 0);
	sign_keys_free(&signing);
	config_free(config);
	unlink(rsa);
	unlink(ed25519);
}

int
main(void)
{
	config_text_begin();
	expect_config_cases(cases, sizeof(cases) / sizeof(cases[0]));
	test_verify();
	test_sign();
	test_arc();
	test_forms();
	test_fields();
	test_oversign_alone();
	test_keys();
	config_text_end();
	return test_end();
}
