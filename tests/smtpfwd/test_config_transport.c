/*
 * test_config_transport.c - relays and routes in the words of transport(5), as Postfix's own documents have them
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/expect.h"
#include "tests/smtpfwd/config_text.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

static struct config *
load(const char *kind, const char *settings)
{
	char text[1024];

	snprintf(text, sizeof(text), "hostname = \"mx.example.net\"\n%s \"example.com\" {\n %s\n}\noutbound = none\n", kind, settings);
	return config_of_text(text);
}

static const struct {
	const char	*name, *kind, *settings, *want;		/* want NULL: it is an error */
} cases[] = {
	{ "a host", "relay", "next-hop = { \"mail.example.net:25\" }", "relay:[mail.example.net]:25" },
	{ "an address and a port", "relay", "next-hop = { \"192.0.2.1:2525\" }", "relay:[192.0.2.1]:2525" },
	{ "an IPv6 address", "relay", "next-hop = { \"[2001:db8::1]:25\" }", "relay:[ipv6:2001:db8::1]:25" },
	{ "several, one after the other", "relay", "next-hop = { \"a.example\", \"192.0.2.1\" }", "relay:[a.example]:25, [192.0.2.1]:25" },
	{ "the MX records of a domain", "relay", "next-hop = { \"mx:example.org\" }", "relay:example.org" },
	{ "at another port", "relay", "next-hop = { \"mx:example.org\" }\n mx-port = 26", "relay:example.org:26" },
	{ "those of each recipient's domain", "route", "next-hop = { mx }", "smtp:" },
	{ "a route", "route", "next-hop = { \"192.0.2.1\" }", "smtp:[192.0.2.1]:25" },
	{ "a transport of master.cf", "relay", "next-hop = { \"192.0.2.1\" }\n postfix-transport = \"secure\"", "secure:[192.0.2.1]:25" },
	{ "one with its next hop", "relay", "next-hop = { \"192.0.2.1\" }\n postfix-transport = \"smtp:[127.0.0.1]:10025\"", "smtp:[127.0.0.1]:10025" },
	{ "one for each domain", "route", "next-hop = { \"192.0.2.1\" }\n postfix-transport = \"list:\"", "list:" },
	{ "what goes by the recipient", "relay", "next-hop = { \"a.example\", \"b.example\" }\n next-hop-by-recipient = yes", "" },
	{ "unless it is told where to", "relay", "next-hop = { \"a.example\", \"b.example\" }\n next-hop-by-recipient = yes\n postfix-transport = \"smtp:[127.0.0.1]:10025\"",
	  "smtp:[127.0.0.1]:10025" },
	{ "a name with a blank", "relay", "next-hop = { \"192.0.2.1\" }\n postfix-transport = \"two words\"", NULL },
	{ "no name", "relay", "next-hop = { \"192.0.2.1\" }\n postfix-transport = \":[127.0.0.1]\"", NULL },
};

int
main(void)
{
	config_text_begin();
	for (int i = 0; i < N_OF(cases); i++) {
		struct config *config = load(cases[i].kind, cases[i].settings);

		test_case("%s", cases[i].name);
		expect_int(conf_n_errors(config->conf), cases[i].want == NULL);
		if (cases[i].want == NULL)
			expect(str_find_str(str_of(conf_error_text(config->conf, 0)), STR("postfix-transport: ")) > 0);
		else if (expect_int(config->policy.n_transports, 1))
			expect_text(config->policy.transports[0].text, cases[i].want);
		config_free(config);
	}
	config_text_end();
	return test_end();
}
