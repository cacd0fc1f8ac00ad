/*
 * test_patience.c - who waits shortly for the DNS, after whom
 */
#include "smtpfwd/receive/patience.h"
#include "tests/expect.h"

static struct ip
ip(const char *text)
{
	struct ip parsed;

	expect(ip_parse(str_of(text), &parsed));
	return parsed;
}

static struct instant
at_s(int s)
{
	return instant_after((struct instant){ span_s(1000).ns }, span_s(s));
}

int
main(void)
{
	const struct ip a = ip("192.0.2.1"), b = ip("192.0.2.2"), c = ip("2001:db8::1"), d = ip("2001:db8:0:7::1"), other = ip("2001:db8:1::1");
	struct patience patience = { .is_everybodys = false };

	test_case("at first everybody waits long");
	expect(!patience_is_short(&patience, &a, at_s(0)));
	test_case("after a wait in vain its client waits shortly, and nobody else");
	patience_lose(&patience, &a, at_s(-20), at_s(0));
	expect(patience_is_short(&patience, &a, at_s(29)));
	expect(!patience_is_short(&patience, &b, at_s(1)));
	test_case("for 30 seconds");
	expect(!patience_is_short(&patience, &a, at_s(30)));
	test_case("a client that loses again and again spoils it for nobody else");
	patience_lose(&patience, &a, at_s(11), at_s(31));
	patience_lose(&patience, &a, at_s(12), at_s(32));
	expect(!patience_is_short(&patience, &b, at_s(33)));
	test_case("a second client's wait in vain makes all waits short");
	patience_lose(&patience, &b, at_s(20), at_s(40));
	expect(patience_is_short(&patience, &a, at_s(41)));
	expect(patience_is_short(&patience, &c, at_s(69)));
	test_case("then it begins anew");
	expect(!patience_is_short(&patience, &c, at_s(70)));
	patience_lose(&patience, &c, at_s(51), at_s(71));
	expect(!patience_is_short(&patience, &a, at_s(72)));
	test_case("addresses of one site are one client");
	patience = (struct patience){ .is_everybodys = false };
	patience_lose(&patience, &c, at_s(-20), at_s(0));
	patience_lose(&patience, &d, at_s(-19), at_s(1));
	expect(patience_is_short(&patience, &d, at_s(2)));
	expect(!patience_is_short(&patience, &a, at_s(2)));
	expect(!patience_is_short(&patience, &other, at_s(2)));
	patience_lose(&patience, &other, at_s(-17), at_s(3));
	expect(patience_is_short(&patience, &a, at_s(4)));
	test_case("where somebody had an answer during the wait, only one domain's servers are dead");
	patience = (struct patience){ .is_everybodys = false };
	patience_hear(&patience, at_s(85));
	patience_lose(&patience, &a, at_s(80), at_s(100));
	patience_lose(&patience, &b, at_s(81), at_s(101));
	expect(!patience_is_short(&patience, &c, at_s(102)));
	expect(patience_is_short(&patience, &b, at_s(102)));
	test_case("until nobody has one any more");
	patience_lose(&patience, &a, at_s(86), at_s(106));
	expect(patience_is_short(&patience, &c, at_s(107)));
	return test_end();
}
