/*
 * test_resolver_dnssec.c - what validation says of a zone that ldns-signzone signed and nsd serves
 */
#include <stdlib.h>

#include "smtpfwd/runtime/resolver.h"
#include "tests/expect.h"
#include "tests/runtime/name_servers.h"

enum { ANSWERS_MAX_BYTES = 1 << 20 };

static const struct {
	const char	*name;
	const char	*question;
	bool		 is_dnssec, is_stranger;	/* a trust anchor that fits no key of the zone */
	enum dns_result	 result;
	bool		 is_secure, is_bogus;
} cases[] = {
	{ "a signed answer is secure", "good.signed.example", true, false, DNS_FOUND, true, false },
	{ "a changed answer is bogus and unsettled", "bad.signed.example", true, false, DNS_UNSETTLED, false, true },
	{ "a signed denial of a name is secure", "no.signed.example", true, false, DNS_NO_NAME, true, false },
	{ "an unsigned zone is found but not secure", "two.example.org", true, false, DNS_FOUND, false, false },
	{ "with a wrong trust anchor all is bogus", "good.signed.example", true, true, DNS_UNSETTLED, false, true },
	{ "without dnssec nothing is secure", "good.signed.example", false, false, DNS_FOUND, false, false },
	{ "without dnssec nothing is bogus", "bad.signed.example", false, false, DNS_FOUND, false, false },
};

struct asking {
	struct resolver		*resolver;
	struct dns_question	 question;
	struct dns_answer	 answer;
};

static void
ask_run(void *arg)
{
	struct asking *a = arg;
	struct arena arena;

	arena_init(&arena, ANSWERS_MAX_BYTES);
	dns_ask(a->resolver, &a->question, 1, instant_after(os_now(), span_s(20)), &arena, &a->answer);
	arena_fini(&arena);
}

static void
test_validation(struct loop *loop, const struct name_servers *servers)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct resolver_settings settings = {
			.servers = &servers->nsd, .n_servers = 1, .timeout = span_ms(2000), .tries = 3,
			.is_dnssec = cases[i].is_dnssec,
			.trust_anchor_path = cases[i].is_stranger ? servers->stranger : servers->anchor,
		};
		struct asking a = { .question = { .name = str_of(cases[i].question), .type = DNS_A } };
		struct fault fault = { .text = "" };

		test_case("%s", cases[i].name);
		a.resolver = resolver_new(loop, &settings, &fault);
		expect_text(fault.text, "");
		if (a.resolver == NULL)
			continue;
		fiber_start(loop, "ask", ask_run, &a);
		loop_run(loop);
		expect_int(a.answer.result, cases[i].result);
		expect_int(a.answer.is_secure, cases[i].is_secure);
		expect_int(a.answer.is_bogus, cases[i].is_bogus);
		expect_int(str_starts(str_of(a.answer.why), STR("bogus: ")), cases[i].is_bogus);
		expect(str_is_printable(str_of(a.answer.why)));
		resolver_free(a.resolver);
	}
}

static void
test_settings(struct loop *loop, const struct name_servers *servers)
{
	struct resolver_settings settings = {
		.servers = &servers->nsd, .n_servers = 1, .timeout = span_ms(2000), .tries = 3, .is_dnssec = true,
	};
	struct fault fault = { .text = "" };

	test_case("dnssec without a trust anchor is a fault");
	expect(resolver_new(loop, &settings, &fault) == NULL);
	expect_text(fault.text, "dnssec needs a trust-anchor");

	test_case("a trust anchor that is not there is a fault which names it");
	settings.trust_anchor_path = "/nowhere/root.key";
	expect(resolver_new(loop, &settings, &fault) == NULL);
	expect(strstr(fault.text, "/nowhere/root.key") != NULL);
	expect(strstr(fault.text, "No such file") != NULL);
	printf("# %s\n", fault.text);

	test_case("a trust anchor that is none is a fault");
	settings.trust_anchor_path = "/etc/passwd";
	expect(resolver_new(loop, &settings, &fault) == NULL);
	expect(strstr(fault.text, "/etc/passwd") != NULL);
	printf("# %s\n", fault.text);
}

int
main(void)
{
	struct name_servers servers;
	struct loop *loop;

	setvbuf(stdout, NULL, _IOLBF, 0);
	name_servers_start(&servers);
	loop = loop_new(10, NULL);
	test_validation(loop, &servers);
	test_settings(loop, &servers);
	loop_free(loop);
	name_servers_stop(&servers);
	return test_end();
}
