/*
 * test_config_class.c - the class sections: what they mean, and what is said of wrong ones
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/class_rates.h"
#include "tests/expect.h"
#include "tests/smtpfwd/config_text.h"

#define DOORS	"listen \"mx\" { address = { \"127.0.0.1:2525\" } }\n" \
		"listen \"apps\" { address = { \"127.0.0.1:2526\" } client-ca = \"/ca.pem\" }\n"

#define OUT	"route \"out\" { next-hop = { \"192.0.2.9\" } }\n"
#define SIGN	"sign \"lists\" { domain = \"Example.com\"\n selector = { \"s\" } key = { \"/k\" } }\n"
#define FIELDS(setting, item)	"class \"x\" { min-recipients = 1\n " setting " = { \"" item "\" } }\n"

static const struct config_case cases[] = {
	{ "every criterion", GOOD DOORS "class \"list\" { listeners = { \"apps\" } networks = { \"10.0.0.40\", \"2001:db8::/32\" } logins = { \"app-*\" }"
	  " client-names = { \"a.example.com\", \".apps.example.com\" } senders = { \"*-bounces@lists.example.com\", \"<>\" } recipients = { \"@example.com\" }"
	  " headers = { \"List-Id\", \"Precedence: bulk\" } min-recipients = 100 sign = yes }\n", NULL },
	{ "one is enough", GOOD "class \"big\" { min-recipients = 2 }\n", NULL },
	{ "the listener by default is one", GOOD "class \"in\" { listeners = { \"mx\" } }\n", NULL },
	{ "a class by nothing", GOOD "class \"x\" { sign = no }\n", ":3: class \"x\": says of no mail that it is of this class" },
	{ "a listener that is none", GOOD DOORS "class \"x\" {\n listeners = { \"mx\", \"app\" } }\n", ":6: class \"x\": listeners: there is no listen \"app\"" },
	{ "a listener that comes later", GOOD "class \"x\" { listeners = { \"apps\" } }\n" DOORS, NULL },
	{ "a network that is none", GOOD "class \"x\" {\n networks = { \"10.0.0.0/33\" } }\n", ":4: class \"x\": networks: \"10.0.0.0/33\" is no network" },
	{ "a network with bits behind its prefix", GOOD "class \"x\" { networks = { \"10.0.0.1/8\" } }\n", "class \"x\": networks: \"10.0.0.1/8\" is no network" },
	{ "a certificate's name that is a pattern", GOOD DOORS "class \"x\" { client-names = { \"*.example.com\" } }\n", "class \"x\": client-names: \"*.example.com\" is no host's name" },
	{ "certificates that nobody asks for", GOOD "class \"x\" {\n client-names = { \"a.example.com\" } }\n", ":4: class \"x\": client-names: need a listener with a client-ca" },
	{ "a sender without a domain", GOOD "class \"x\" {\n senders = { \"*-bounces\" } }\n", ":4: class \"x\": senders: \"*-bounces\" has no @" },
	{ "a recipient with half a domain", GOOD "class \"x\" { recipients = { \"a@.\" } }\n", "class \"x\": recipients: \"a@.\" has no domain behind its @" },
	{ "the null reverse-path is no recipient", GOOD "class \"x\" { recipients = { \"<>\" } }\n", "class \"x\": recipients: \"<>\" is for senders" },
	{ "a field without a name", GOOD "class \"x\" {\n headers = { \"List-Id\", \": bulk\" } }\n", ":4: class \"x\": headers: \": bulk\" does not begin with the name of a field" },
	{ "a field with nothing behind its colon", GOOD "class \"x\" { headers = { \"Precedence:\" } }\n", "class \"x\": headers: \"Precedence:\" has nothing behind its colon" },
	{ "a negative number of recipients", GOOD "class \"x\" { min-recipients = -1 senders = { \"<>\" } }\n", "class \"x\": min-recipients: -1 is out of bounds" },
	{ "a name with a blank", GOOD "class \"a b\" { min-recipients = 1 }\n", ":3: class \"a b\": a title of at most 63 letters, digits, - and _ is needed" },
	{ "a name that would end the field's word", GOOD "class \"a;b\" { min-recipients = 1 }\n", ":3: class \"a;b\": a title of" },
	{ "the name of our own reports", GOOD "class \"report\" { min-recipients = 1 }\n", ":3: class \"report\": is the class of our own reports" },
	{ "a class twice", GOOD "class \"x\" { min-recipients = 1 }\nclass \"x\" { min-recipients = 2 }\n", ":4: class \"x\"" },
	{ "signing is yes, no or auto", GOOD "class \"x\" { min-recipients = 1 sign = on }\n", "class \"x\": sign: \"on\" is not one of: auto yes no" },
	{ "limits of rate", GOOD "class \"x\" { min-recipients = 1 rate = { \"100 messages/1h per login\", \"10M bytes / 1d per client\" } }\n", NULL },
	{ "one that is none", GOOD "class \"x\" {\n min-recipients = 1\n rate = { \"1 message/1h per login\", \"100 mails/1h per login\" } }\n",
	  ":5: class \"x\": rate: \"100 mails/1h per login\" counts neither messages nor recipients nor bytes" },
	{ "one that is another one in other words", GOOD "class \"x\" { min-recipients = 1 rate = { \"1K bytes/1h per login\", \"1024 bytes/60m per login\" } }\n",
	  ":3: class \"x\": rate: \"1024 bytes/60m per login\" stands twice" },
	{ "all that a class sets", GOOD OUT SIGN "srs { domain = \"fwd.example.com\" secret-file = \"/s\" }\nclass \"x\" { min-recipients = 1 route = \"out\""
	  " sign-as = \"lists\" srs = always verify = yes max-message = 1K max-recipients = 1 remove-fields = { \"X-A\", \"subject\" }"
	  " add-fields = { \"Subject: x\", \"X-A: y\" } hold = yes }\n", NULL },
	{ "a built-in class needs no criterion to set something", GOOD "class \"incoming\" { hold = yes }\n", NULL },
	{ "another one does", GOOD "class \"inbound\" { hold = yes }\n", ":3: class \"inbound\": says of no mail" },
	{ "a route that is none", GOOD OUT "class \"x\" { min-recipients = 1\n route = \"ou\" }\n", ":5: class \"x\": route: there is no route \"ou\"" },
	{ "a relay is no route", GOOD "class \"x\" { min-recipients = 1 route = \"example.com\" }\n", ":3: class \"x\": route: there is no route \"example.com\"" },
	{ "the route that needs no section, where outbound is another", GOOD OUT "outbound = \"out\"\nclass \"x\" { min-recipients = 1 route = \"internet\" }\n", NULL },
	{ "a sign section that is none", GOOD SIGN "class \"x\" { min-recipients = 1\n sign-as = \"list\" }\n", ":6: class \"x\": sign-as: there is no sign \"list\"" },
	{ "a key for mail that is not signed", GOOD SIGN "class \"x\" { min-recipients = 1 sign = no\n sign-as = \"lists\" }\n", ":6: class \"x\": sign-as: is of no use with sign = no" },
	{ "a named sign section without a domain", GOOD "sign \"a-\" { selector = { \"s\" } key = { \"/k\" } }\n", ":3: sign \"a-\": the title is no domain" },
	{ "one whose domain is none", GOOD "sign \"a\" { selector = { \"s\" } key = { \"/k\" }\n domain = \"x..y\" }\n", ":4: sign \"a\": domain: \"x..y\" is no domain" },
	{ "one whose name is none", GOOD "sign \"a b\" { selector = { \"s\" } key = { \"/k\" } domain = \"x.example\" }\n", ":3: sign \"a b\": with a domain, a title of at most 63" },
	{ "one that would be for those below", GOOD "sign \"a\" { domain = \"x.example\" selector = { \"s\" } key = { \"/k\" }\n subdomains = yes }\n", ":4: sign \"a\": subdomains: is of no use with domain" },
	{ "two of one domain, one of them for all its mail", GOOD SIGN "sign \"example.com\" { selector = { \"t\" } key = { \"/k\" } }\n", NULL },
	{ "SRS without a section srs", GOOD "class \"x\" { min-recipients = 1\n srs = always }\n", ":4: class \"x\": srs: needs a section srs" },
	{ "none of it without one is fine", GOOD "class \"x\" { min-recipients = 1 srs = never }\n", NULL },
	{ "srs is one of four words", GOOD "class \"x\" { min-recipients = 1 srs = yes }\n", "class \"x\": srs: \"yes\" is not one of: as-route auto always never" },
	{ "a bound of nothing", GOOD "class \"x\" { min-recipients = 1 max-recipients = 0 }\n", "class \"x\": max-recipients: 0 is out of bounds" },
	{ "a size of nothing", GOOD "class \"x\" { min-recipients = 1 max-message = 10 }\n", "class \"x\": max-message: 10 is out of bounds" },
	{ "a field to remove with a colon", GOOD FIELDS("remove-fields", "X-A:"), ":4: class \"x\": remove-fields: \"X-A:\" is no field's name" },
	{ "with a blank", GOOD FIELDS("remove-fields", "X A"), ":4: class \"x\": remove-fields: \"X A\" is no field's name" },
	{ "that each mail needs", GOOD FIELDS("remove-fields", "from"), ":4: class \"x\": remove-fields: from is what each mail has of its own" },
	{ "that says how it came", GOOD FIELDS("remove-fields", "Received"), "Received says how the mail came" },
	{ "that says how it is to be read", GOOD FIELDS("remove-fields", "content-TYPE"), "content-TYPE says how the body is to be read" },
	{ "that is a signature", GOOD FIELDS("remove-fields", "DKIM-Signature"), "DKIM-Signature is a signature" },
	{ "the class's own", GOOD FIELDS("remove-fields", "x-traffic-class"), "x-traffic-class is the class-header" },
	{ "the mark", GOOD FIELDS("remove-fields", "X-Spam-Flag"), "X-Spam-Flag is the mark-field of verify" },
	{ "another one's by its class-header", "class-header = \"X-Kind\"\n" GOOD FIELDS("remove-fields", "x-traffic-class"), NULL },
	{ "a field to add without a value", GOOD FIELDS("add-fields", "X-A: "), ":4: class \"x\": add-fields: item 1 is no \"Name: value\"" },
	{ "without a colon", GOOD FIELDS("add-fields", "X-A"), "add-fields: item 1 is no \"Name: value\"" },
	{ "with a name that is none", GOOD FIELDS("add-fields", "X A: b"), "add-fields: item 1 is no \"Name: value\"" },
	{ "with a control character", GOOD FIELDS("add-fields", "X-A: b\tc"), "add-fields: a word with a control character" },
	{ "beyond ASCII", GOOD FIELDS("add-fields", "X-A: b\303\274"), "add-fields: item 1 is no \"Name: value\"" },
	{ "results, which nobody knows before", GOOD FIELDS("add-fields", "authentication-results: x; dkim=pass"), "authentication-results tells what was found" },
	{ "a second subject", GOOD FIELDS("add-fields", "Subject: x"), "Subject may stand once in a mail: remove-fields has to have it too" },
	{ "a second author", GOOD FIELDS("add-fields", "From: x@example.com"), "From is what each mail has of its own" },
	{ "a field of one's own", "class-header = \"X-Kind\"\n" GOOD, NULL },
	{ "or none", "class-header = none\n" GOOD, NULL },
	{ "a field's name has no blank", "class-header = \"Traffic Class\"\n" GOOD, ":1: class-header: \"Traffic Class\" is no field's name" },
	{ "nor a colon", "class-header = \"X-Class:\"\n" GOOD, ":1: class-header: \"X-Class:\" is no field's name" },
	{ "a field whose loss would hurt", "class-header = \"FROM\"\n" GOOD, ":1: class-header: FROM means something else already" },
	{ "the field that marks mail", "class-header = \"x-spam-flag\"\n" GOOD, ":1: class-header: x-spam-flag is the mark-field of verify already" },
	{ "a field that lists need", "class-header = \"List-Id\"\n" GOOD, ":1: class-header: List-Id means something else already" },
};

static void
test_values(void)
{
	struct config *config = config_of_text(GOOD DOORS "class \"b\" { networks = { \"10.0.0.40\" } sign = no }\n"
	    "class \"a\" { client-names = { \".Apps.Example.com\" } senders = { \"a@b.example\", \"<>\" } headers = { \"Precedence: bulk\" } min-recipients = 7"
	    " rate = { \"100 messages/1h per login\", \"10M bytes/1d per client\" } }\n");
	const struct policy_classes *classes = &config->policy.classes;

	test_case("sections are in the order of the file, with what was written");
	expect_int(conf_n_errors(config->conf), 0);
	expect_int(classes->n_sections, 2);
	expect_text(classes->sections[0].name, "b");
	expect_int(classes->sections[0].n_networks, 1);
	expect_int(classes->sections[0].networks[0].prefix_bits, 32);
	expect_int(classes->sections[0].actions.signing, CLASS_SIGNING_OFF);
	expect_int(classes->sections[0].recipients_least, 0);
	expect_text(classes->sections[1].name, "a");
	expect_text(classes->sections[1].client_names[0], ".apps.example.com");
	expect_int(classes->sections[1].n_senders, 2);
	expect_text(classes->sections[1].senders[1], "<>");
	expect_text(classes->sections[1].fields[0], "Precedence: bulk");
	expect_int(classes->sections[1].recipients_least, 7);
	expect_int(classes->sections[1].actions.signing, CLASS_SIGNING_AUTO);
	expect_int(classes->sections[0].actions.n_rates, 0);
	expect_int(classes->sections[1].actions.n_rates, 2);
	expect_int(classes->sections[1].actions.rates[1].unit, RATE_OF_BYTES);
	expect_int(classes->sections[1].actions.rates[1].limit.most, 10485760);
	config_free(config);
	config = config_of_text(GOOD OUT SIGN "class \"x\" { min-recipients = 1 route = \"out\" sign-as = \"lists\" srs = never verify = no max-message = 2M"
	    " max-recipients = 7 remove-fields = { \"X-A\" } add-fields = { \"X-B :no\", \"X-C:  yes  \" } }\n"
	    "class \"y\" { min-recipients = 1 route = \"internet\" }\nclass \"z\" { min-recipients = 1 }\n");
	classes = &config->policy.classes;
	test_case("what is set is kept as it is obeyed");
	expect_int(conf_n_errors(config->conf), 1);		/* "X-B " is no name */
	expect_text(classes->sections[0].actions.route, "route:out");
	expect(!classes->sections[0].actions.is_route_by_domain);
	expect_text(classes->sections[0].actions.sign_as, "lists");
	expect_int(classes->sections[0].actions.srs, SRS_WISH_NEVER);
	expect_int(classes->sections[0].actions.verify, CLASS_VERIFY_OFF);
	expect_int(classes->sections[0].actions.message_max_bytes, 2 * 1024 * 1024);
	expect_int(classes->sections[0].actions.recipients_max, 7);
	expect_text(classes->sections[0].actions.removed[0], "X-A");
	expect_int(classes->sections[0].actions.n_added, 1);
	expect_str(classes->sections[0].actions.added[0].whole, STR("X-C: yes\r\n"));
	expect_str(classes->sections[0].actions.added[0].value, STR(" yes"));
	expect_text(classes->sections[1].actions.route, "route:internet");
	expect(classes->sections[1].actions.is_route_by_domain);
	expect(class_actions_is_none(&classes->sections[2].actions));
	config_free(config);
	config = config_of_text(GOOD);
	classes = &config->policy.classes;
	test_case("the field is X-Traffic-Class, another one, or none");
	expect_text(classes->field_name, "X-Traffic-Class");
	config_free(config);
	config = config_of_text("class-header = \"X-Kind\"\n" GOOD);
	expect_text(config->policy.classes.field_name, "X-Kind");
	expect_int(config->policy.classes.n_sections, 0);
	config_free(config);
	config = config_of_text("class-header = none\n" GOOD);
	expect_text(config->policy.classes.field_name, NULL);
	config_free(config);
}

static void
test_most(void)
{
	static char text[16384];
	struct config *config;
	int n = snprintf(text, sizeof(text), "%s", GOOD);

	test_case("as many classes as each mail may be compared with, and one more");
	for (int i = 0; i < CLASS_SECTIONS_MAX; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "class \"c%d\" { min-recipients = 1 }\n", i);
	config = config_of_text(text);
	expect_int(conf_n_errors(config->conf), 0);
	config_free(config);
	snprintf(text + n, sizeof(text) - (size_t)n, "class \"more\" { min-recipients = 1 }\n");
	config = config_of_text(text);
	if (expect_int(conf_n_errors(config->conf), 1))
		expect(strstr(conf_error_text(config->conf, 0), "class \"more\": is one too many: 64 are the most") != NULL);
	config_free(config);
}

static void
test_most_rates(void)
{
	static char text[16384];
	struct config *config;
	int n = snprintf(text, sizeof(text), "%s", GOOD);

	test_case("as many limits as there may be, and one more");
	for (int i = 0; i < CLASS_RATE_TABLES_MAX; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "class \"c%d\" { min-recipients = 1 rate = { \"1 message/1h per login\" } }\n", i);
	config = config_of_text(text);
	expect_int(conf_n_errors(config->conf), 0);
	config_free(config);
	while (strcmp(text + n - 3, "} }") != 0)	/* back into the last section's list */
		text[--n] = '\0';
	snprintf(text + n - 3, sizeof(text) - (size_t)n, ", \"2 messages/1h per login\" } }\n");
	config = config_of_text(text);
	if (expect_int(conf_n_errors(config->conf), 1))
		expect(strstr(conf_error_text(config->conf, 0), ":66: class \"c63\": rate: \"2 messages/1h per login\" is one too many: 64 limits of all "
		    "classes are the most") != NULL);
	config_free(config);
}

int
main(void)
{
	config_text_begin();
	expect_config_cases(cases, sizeof(cases) / sizeof(cases[0]));
	test_values();
	test_most();
	test_most_rates();
	config_text_end();
	return test_end();
}
