/*
 * test_admit.c - connections counted in total and by address
 */
#include <stdio.h>

#include "smtpfwd/receive/admit.h"
#include "tests/expect.h"

static const uint64_t seed[2] = { 3, 4 };

static struct ip
ip_of(const char *text)
{
	struct ip ip;

	expect(ip_parse(str_of(text), &ip));
	return ip;
}

static void
test_total(void)
{
	struct admit a;

	test_case("connections are admitted up to the limit, and again when some went");
	admit_init(&a, 2, 0, seed);
	expect(admit_connection(&a));
	expect(admit_connection(&a));
	expect(!admit_connection(&a));
	admit_release_connection(&a);
	expect(admit_connection(&a));
	admit_release_connection(&a);
	admit_release_connection(&a);
	admit_fini(&a);
}

static void
test_addresses(void)
{
	const struct ip one = ip_of("192.0.2.1"), two = ip_of("192.0.2.2");
	struct admit a;

	test_case("each address has its own limit");
	admit_init(&a, 0, 1, seed);
	expect(admit_address(&a, &one));
	expect(!admit_address(&a, &one));
	expect(admit_address(&a, &two));
	admit_release_address(&a, &one);
	expect(admit_address(&a, &one));
	admit_release_address(&a, &one);
	admit_release_address(&a, &two);
	expect_int((int64_t)a.by_address.n, 0);
	admit_fini(&a);
}

static void
test_v6(void)
{
	const struct ip one = ip_of("2001:db8::1"), same = ip_of("2001:db8::ffff:1"), other = ip_of("2001:db8:0:1::1");
	struct admit a;

	test_case("an IPv6 /64 is one address");
	admit_init(&a, 0, 1, seed);
	expect(admit_address(&a, &one));
	expect(!admit_address(&a, &same));
	expect(admit_address(&a, &other));
	admit_release_address(&a, &same);
	admit_release_address(&a, &other);
	admit_fini(&a);
}

static void
test_site(void)
{
	struct ip ips[9];
	struct admit a;
	char text[40];

	test_case("an IPv6 /48 has the limit of four /64");
	admit_init(&a, 0, 2, seed);
	for (int i = 0; i < 9; i++) {
		snprintf(text, sizeof(text), "2001:db8:1:%x::1", i);
		ips[i] = ip_of(text);
		expect(admit_address(&a, &ips[i]) == (i < 8));
	}
	ips[8] = ip_of("2001:db8:2::1");
	expect(admit_address(&a, &ips[8]));
	for (int i = 0; i < 9; i++)
		admit_release_address(&a, &ips[i]);
	expect_int((int64_t)a.by_address.n, 0);
	admit_fini(&a);
}

static void
test_unlimited(void)
{
	const struct ip one = ip_of("192.0.2.1");
	struct admit a;

	test_case("a limit of 0 is none");
	admit_init(&a, 0, 0, seed);
	for (int i = 0; i < 1000; i++)
		expect(admit_connection(&a) && admit_address(&a, &one));
	for (int i = 0; i < 1000; i++) {
		admit_release_connection(&a);
		admit_release_address(&a, &one);
	}
	admit_fini(&a);
}

int
main(void)
{
	test_total();
	test_addresses();
	test_v6();
	test_site();
	test_unlimited();
	return test_end();
}
