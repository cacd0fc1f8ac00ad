/*
 * test_iprev.c - from addresses to names and back (RFC 8601 3)
 */
#include "policy/spf/iprev.h"
#include "tests/expect.h"
#include "tests/policy/zone.h"

enum { ARENA_BYTES = 256 * 1024 };

static const char zone_text[] =
    "1.2.0.192.in-addr.arpa PTR one.example.com\n"
    "one.example.com A 192.0.2.1\n"
    "2.2.0.192.in-addr.arpa PTR Forged.example.com\n"
    "forged.example.com A 192.0.2.99\n"
    "4.2.0.192.in-addr.arpa PTR nobody.example.com\n"
    "5.2.0.192.in-addr.arpa timeout\n"
    "6.2.0.192.in-addr.arpa PTR slow.example.com\n"
    "slow.example.com timeout\n"
    "7.2.0.192.in-addr.arpa PTR slow.example.com\n"
    "7.2.0.192.in-addr.arpa PTR a\\032b.example.com\n"
    "7.2.0.192.in-addr.arpa PTR seven.example.com\n"
    "seven.example.com A 192.0.2.70\n"
    "seven.example.com A 192.0.2.7\n"
    "8.2.0.192.in-addr.arpa PTR a\\032b.example.com\n"
    "9.2.0.192.in-addr.arpa PTR n1.example.com\n9.2.0.192.in-addr.arpa PTR n2.example.com\n"
    "9.2.0.192.in-addr.arpa PTR n3.example.com\n9.2.0.192.in-addr.arpa PTR n4.example.com\n"
    "9.2.0.192.in-addr.arpa PTR n5.example.com\n9.2.0.192.in-addr.arpa PTR n6.example.com\n"
    "9.2.0.192.in-addr.arpa PTR n7.example.com\n9.2.0.192.in-addr.arpa PTR n8.example.com\n"
    "9.2.0.192.in-addr.arpa PTR n9.example.com\n9.2.0.192.in-addr.arpa PTR n10.example.com\n"
    "9.2.0.192.in-addr.arpa PTR n11.example.com\nn11.example.com A 192.0.2.9\n"
    "10.2.0.192.in-addr.arpa exists\n"
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR six.example.com\n"
    "six.example.com AAAA 2001:db8::1\nsix.example.com A 192.0.2.1\n";

static const struct {
	const char		*name, *ip;
	enum iprev_value	 want;
	const char		*want_name, *want_reverse, *want_problem;
	int			 n_asks;
} cases[] = {
	{ "a name that leads back", "192.0.2.1", IPREV_PASS, "one.example.com", "one.example.com", "", 2 },
	{ "an IPv6 address", "2001:db8::1", IPREV_PASS, "six.example.com", "six.example.com", "", 2 },
	{ "a name that leads elsewhere", "192.0.2.2", IPREV_FAIL, "", "Forged.example.com",
	    "no name of the address leads back to it", 2 },
	{ "no name", "192.0.2.3", IPREV_PERMERROR, "", "", "the address has no name", 1 },
	{ "a name of another kind", "192.0.2.10", IPREV_PERMERROR, "", "", "the address has no name", 1 },
	{ "a name without an address", "192.0.2.4", IPREV_PERMERROR, "", "nobody.example.com",
	    "the names of the address have no addresses", 2 },
	{ "the DNS does not say the name", "192.0.2.5", IPREV_TEMPERROR, "", "", "timed out", 1 },
	{ "the DNS does not say the name's address", "192.0.2.6", IPREV_TEMPERROR, "", "slow.example.com", "timed out", 2 },
	{ "one of many leads back, others are open or no host names", "192.0.2.7", IPREV_PASS, "seven.example.com",
	    "slow.example.com", "", 2 },
	{ "no host name", "192.0.2.8", IPREV_PERMERROR, "", "", "the address has no valid name", 1 },
	{ "the eleventh name is not asked for", "192.0.2.9", IPREV_PERMERROR, "", "n1.example.com",
	    "the names of the address have no addresses", 2 },
};

int
main(void)
{
	static const char *const words[] = { "pass", "fail", "temperror", "permerror" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct iprev_result result;
		struct arena arena;
		struct zone zone;
		struct ip ip;

		test_case("%s", cases[i].name);
		zone_init(&zone, str_of(zone_text));
		arena_init(&arena, ARENA_BYTES);
		expect(ip_parse(str_of(cases[i].ip), &ip));
		iprev_check(&ip, &zone.resolver, INSTANT_NEVER, &arena, &result);
		expect_text(iprev_value_word(result.value), words[cases[i].want]);
		expect_int(result.n_names, cases[i].want == IPREV_PASS ? 1 : 0);
		expect_str(result.n_names > 0 ? result.names[0] : STR_EMPTY, str_of(cases[i].want_name));
		expect_str(result.reverse_name, str_of(cases[i].want_reverse));
		expect_text(result.problem, cases[i].want_problem);
		expect_int(zone.n_asks, cases[i].n_asks);
		expect(zone.n_questions <= 1 + IPREV_NAMES_MAX);
		arena_fini(&arena);
	}
	test_case("without memory it is a temporary error");
	for (size_t room = 0; room < 6000; room += 100) {
		struct iprev_result result;
		struct arena arena;
		struct zone zone;
		struct ip ip;

		zone_init(&zone, str_of(zone_text));
		arena_init(&arena, room);
		expect(ip_parse(STR("192.0.2.1"), &ip));
		iprev_check(&ip, &zone.resolver, INSTANT_NEVER, &arena, &result);
		expect(result.value == IPREV_TEMPERROR || result.value == IPREV_PASS);
		arena_fini(&arena);
	}
	return test_end();
}
