/*
 * test_endpoint.c - IP addresses, ports and networks
 */
#include "base/endpoint.h"
#include "tests/expect.h"

static void
test_ips(void)
{
	/* RFC 5952 4 for the forms of IPv6. */
	static const struct { const char *text, *want; } right[] = {
		{ "192.0.2.1", "192.0.2.1" }, { "0.0.0.0", "0.0.0.0" }, { "255.255.255.255", "255.255.255.255" },
		{ "2001:DB8::1", "2001:db8::1" }, { "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
		{ "2001:0db8::0001", "2001:db8::1" }, { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" }, { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "::", "::" }, { "::1", "::1" }, { "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::FFFF:c000:201", "192.0.2.1" },
	};
	static const char *const wrong[] = {
		"", "192.0.2", "192.0.2.256", "192.0.2.01", "192.0.2.1.", " 192.0.2.1", "192.0.2.1 ", "1", "0x7f.1",
		"[::1]", "fe80::1%eth0", ":::", "1::2::3", "2001:db8", "12345::", "g::", "localhost",
		"1:2:3:4:5:6:7:8:9", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};
	char room[IP_TEXT_MAX];
	struct ip ip, other;

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		test_case("the address %s is written %s", right[i].text, right[i].want);
		if (expect(ip_parse(str_of(right[i].text), &ip)))
			expect_str(ip_text(&ip, room), str_of(right[i].want));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		test_case("'%s' is no address", wrong[i]);
		expect(!ip_parse(str_of(wrong[i]), &ip));
	}
	test_case("a NUL does not end an address");
	expect(!ip_parse(STR("192.0.2.1\0x"), &ip));

	test_case("addresses are equal when they mean one host");
	expect(ip_parse(STR("::ffff:127.0.0.1"), &ip) && ip_parse(STR("127.0.0.1"), &other));
	expect(ip_eq(&ip, &other));
	expect(ip_is_loopback(&ip));
	expect(ip_parse(STR("127.255.0.1"), &ip) && ip_is_loopback(&ip));
	expect(ip_parse(STR("::1"), &ip) && ip_is_loopback(&ip));
	expect(ip_parse(STR("128.0.0.1"), &ip) && !ip_is_loopback(&ip));
	expect(ip_parse(STR("::2"), &ip) && !ip_is_loopback(&ip));
}

static void
test_endpoints(void)
{
	static const struct { const char *text, *want; } right[] = {
		{ "192.0.2.1:25", "192.0.2.1:25" }, { "[2001:DB8::1]:65535", "[2001:db8::1]:65535" },
		{ "[::ffff:192.0.2.1]:25", "192.0.2.1:25" },
	};
	static const char *const wrong[] = {
		"192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:25 ",
		"192.0.2.1:000025", "2001:db8::1:25", "[2001:db8::1]", "[2001:db8::1]25", "[192.0.2.1]:25", ":25", "[]:25",
		"[::1:25", "", "host:25", "*:25",
	};
	char room[ENDPOINT_TEXT_MAX];
	struct endpoint endpoint, other;

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		test_case("the endpoint %s is written %s", right[i].text, right[i].want);
		if (expect(endpoint_parse(str_of(right[i].text), &endpoint)))
			expect_str(endpoint_text(&endpoint, room), str_of(right[i].want));
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		test_case("'%s' is no endpoint", wrong[i]);
		expect(!endpoint_parse(str_of(wrong[i]), &endpoint));
	}
	test_case("endpoints differ by port and by address");
	expect(endpoint_parse(STR("192.0.2.1:25"), &endpoint) && endpoint_parse(STR("192.0.2.1:25"), &other));
	expect(endpoint_eq(&endpoint, &other));
	other.port = 26;
	expect(!endpoint_eq(&endpoint, &other));
}

static void
test_networks(void)
{
	static const struct { const char *network, *ip; bool has; } cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", true }, { "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false }, { "192.0.2.128/25", "192.0.2.128", true },
		{ "0.0.0.0/0", "203.0.113.9", true }, { "0.0.0.0/0", "::1", false }, { "::/0", "192.0.2.1", false },
		{ "::/0", "2001:db8::1", true }, { "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false }, { "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.6", false }, { "::1/128", "::1", true },
		{ "::ffff:192.0.2.0/120", "192.0.2.9", true }, { "192.0.2.0/24", "::ffff:192.0.2.9", true },
	};
	static const char *const wrong[] = {
		"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/024", "/24", "", "192.0.2/24", "2001:db8::1/32",
		"::/129", "192.0.2.0/-1", "192.0.2.0/24/24", "::ffff:192.0.2.0/24", "192.0.2.0/255.255.255.0",
	};
	struct network networks[2];
	struct ip ip;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%s is %sin %s", cases[i].ip, cases[i].has ? "" : "not ", cases[i].network);
		if (expect(network_parse(str_of(cases[i].network), &networks[0])) &&
		    expect(ip_parse(str_of(cases[i].ip), &ip)))
			expect_int(network_has(&networks[0], &ip), cases[i].has);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		test_case("'%s' is no network", wrong[i]);
		expect(!network_parse(str_of(wrong[i]), &networks[0]));
	}
	test_case("the first network that fits is found, and nobody is in an empty list");
	expect(network_parse(STR("10.0.0.0/8"), &networks[0]) && network_parse(STR("10.1.0.0/16"), &networks[1]));
	expect(ip_parse(STR("10.1.2.3"), &ip));
	expect_int(networks_find(networks, 2, &ip), 0);
	expect_int(networks_find(networks + 1, 1, &ip), 0);
	expect_int(networks_find(networks, 0, &ip), -1);
	expect_int(networks_find(networks, 2, &(struct ip){ .family = IP_NONE }), -1);
}

int
main(void)
{
	test_ips();
	test_endpoints();
	test_networks();
	return test_end();
}
