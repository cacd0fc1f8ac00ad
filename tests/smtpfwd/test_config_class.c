/*
 * test_config_class.c - the class sections: what they mean, and what is said of wrong ones
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/class_rates.h"
#include "smtpfwd/config/config.h"
#include "tests/expect.h"

#define GOOD	"hostname = \"mx.example.net\"\nrelay \"example.com\" { next-hop = { \"192.0.2.1\" } }\n"
#define DOORS	"listen \"mx\" { address = { \"127.0.0.1:2525\" } }\n" \
		"listen \"apps\" { address = { \"127.0.0.1:2526\" } client-ca = \"/ca.pem\" }\n"

static char path[] = "/tmp/smtpfwd-config.XXXXXX";

static struct config *
load(const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
	return config_load(path);
}

static const struct {
	const char *name, *text, *want;		/* want: part of the one error, or NULL: none */
} cases[] = {
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
	{ "a field of one's own", "class-header = \"X-Kind\"\n" GOOD, NULL },
	{ "or none", "class-header = none\n" GOOD, NULL },
	{ "a field's name has no blank", "class-header = \"Traffic Class\"\n" GOOD, ":1: class-header: \"Traffic Class\" is no field's name" },
	{ "nor a colon", "class-header = \"X-Class:\"\n" GOOD, ":1: class-header: \"X-Class:\" is no field's name" },
	{ "a field whose loss would hurt", "class-header = \"FROM\"\n" GOOD, ":1: class-header: FROM means something else already" },
	{ "the field that marks mail", "class-header = \"x-spam-flag\"\n" GOOD, ":1: class-header: x-spam-flag is the mark-field of verify already" },
	{ "a field that lists need", "class-header = \"List-Id\"\n" GOOD, ":1: class-header: List-Id means something else already" },
};

static void
test_errors(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *config = load(cases[i].text);
		int n = conf_n_errors(config->conf);

		test_case("%s", cases[i].name);
		expect_int(n, cases[i].want != NULL ? 1 : 0);
		if (n > 0 && cases[i].want != NULL && !expect(strstr(conf_error_text(config->conf, 0), cases[i].want) != NULL))
			printf("#   got  %s\n#   want %s\n", conf_error_text(config->conf, 0), cases[i].want);
		for (int k = cases[i].want != NULL; k < n; k++)
			printf("#   more %s\n", conf_error_text(config->conf, k));
		config_free(config);
	}
}

static void
test_values(void)
{
	struct config *config = load(GOOD DOORS "class \"b\" { networks = { \"10.0.0.40\" } sign = no }\n"
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
	test_case("the field is X-Traffic-Class, another one, or none");
	expect_text(classes->field_name, "X-Traffic-Class");
	config_free(config);
	config = load("class-header = \"X-Kind\"\n" GOOD);
	expect_text(config->policy.classes.field_name, "X-Kind");
	expect_int(config->policy.classes.n_sections, 0);
	config_free(config);
	config = load("class-header = none\n" GOOD);
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
	config = load(text);
	expect_int(conf_n_errors(config->conf), 0);
	config_free(config);
	snprintf(text + n, sizeof(text) - (size_t)n, "class \"more\" { min-recipients = 1 }\n");
	config = load(text);
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
	config = load(text);
	expect_int(conf_n_errors(config->conf), 0);
	config_free(config);
	while (strcmp(text + n - 3, "} }") != 0)	/* back into the last section's list */
		text[--n] = '\0';
	snprintf(text + n - 3, sizeof(text) - (size_t)n, ", \"2 messages/1h per login\" } }\n");
	config = load(text);
	if (expect_int(conf_n_errors(config->conf), 1))
		expect(strstr(conf_error_text(config->conf, 0), ":66: class \"c63\": rate: \"2 messages/1h per login\" is one too many: 64 limits of all "
		    "classes are the most") != NULL);
	config_free(config);
}

int
main(void)
{
	int file = mkstemp(path);

	if (file < 0)
		return 1;
	close(file);
	test_errors();
	test_values();
	test_most();
	test_most_rates();
	unlink(path);
	return test_end();
}
