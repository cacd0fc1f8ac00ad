/*
 * test_domain.c - domain names, their one form, and literals
 */
#include "mail/domain.h"
#include "tests/expect.h"

#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char	*name, *domain;
	bool		 is_ascii_valid, is_utf8_valid;
} names[] = {
	{ "two labels", "example.org", true, true },
	{ "one label", "localhost", true, true },
	{ "a digit first", "3com.example", true, true },
	{ "all digits", "1.2.3.4", true, true },
	{ "an underscore", "_dmarc.a_b.example", true, true },
	{ "empty", "", false, false },
	{ "a dot", ".", false, false },
	{ "a leading dot", ".example", false, false },
	{ "two dots", "a..example", false, false },
	{ "a last dot", "example.", false, false },
	{ "a leading hyphen", "-a.example", false, false },
	{ "a last hyphen", "a-.example", false, false },
	{ "a last hyphen of all", "example-", false, false },
	{ "a leading hyphen inside", "a.-b.example", false, false },
	{ "hyphens inside", "a-b--c.example", true, true },
	{ "upper case", "Example.ORG", true, true },
	{ "a blank", "a b.example", false, false },
	{ "a slash", "a/b", false, false },
	{ "a colon", "a:b", false, false },
	{ "a label of 63", LABEL63 ".example", true, true },
	{ "a label of 64", LABEL63 "a.example", false, false },
	{ "255 bytes", LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, true, true },
	{ "257 bytes", LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 ".a", false, false },
	{ "a U-label", "b\xc3\xbc" "cher.example", false, true },
	{ "malformed UTF-8", "b\xc3.example", false, false },
	{ "a literal", "[192.0.2.1]", false, false },
};

static const struct {
	const char	*name, *domain, *want;		/* want NULL: refused */
} canonicals[] = {
	{ "lower case already", "example.org", "example.org" },
	{ "upper case", "EXAMPLE.Org", "example.org" },
	{ "a last dot goes", "Example.org.", "example.org" },
	{ "two last dots", "example.org..", NULL },
	{ "only a dot", ".", NULL },
	{ "empty", "", NULL },
	{ "a U-label becomes an A-label", "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
	{ "in upper case too", "B\xc3\x9c" "CHER.Example", "xn--bcher-kva.example" },
	{ "an A-label stays", "XN--bcher-kva.example", "xn--bcher-kva.example" },
	{ "sharp s is kept, not ss (IDNA2008)", "fa\xc3\x9f.example", "xn--fa-hia.example" },
	{ "the ideographic full stop parts labels (UTS 46)", "\xe4\xbe\x8b\xe3\x80\x82test", "xn--fsq.test" },
	{ "a literal", "[192.0.2.1]", NULL },
	{ "a right-to-left override", "a\xe2\x80\xae.example", NULL },
	{ "a C1 control", "a\xc2\x85.example", NULL },
	{ "malformed UTF-8", "\xff\xfe.example", NULL },
};

static const struct {
	const char	*name, *literal, *want;		/* want NULL: no address */
} literals[] = {
	{ "IPv4", "[192.0.2.1]", "192.0.2.1" },
	{ "IPv6", "[IPv6:2001:DB8:0::1]", "2001:db8::1" },
	{ "the tag in any case", "[ipv6:::1]", "::1" },
	{ "a mapped address is IPv4", "[IPv6:::ffff:192.0.2.1]", "192.0.2.1" },
	{ "no brackets", "192.0.2.1", NULL },
	{ "one bracket", "[", NULL },
	{ "nothing inside", "[]", NULL },
	{ "only the tag", "[IPv6:]", NULL },
	{ "IPv6 without the tag", "[2001:db8::1]", NULL },
	{ "a blank inside", "[ 192.0.2.1]", NULL },
	{ "a port", "[192.0.2.1]:25", NULL },
	{ "a zone", "[IPv6:fe80::1%eth0]", NULL },
};

int
main(void)
{
	struct arena arena;

	arena_init(&arena, 65536);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		test_case("name: %s", names[i].name);
		expect_int(domain_is_valid(str_of(names[i].domain), false), names[i].is_ascii_valid);
		expect_int(domain_is_valid(str_of(names[i].domain), true), names[i].is_utf8_valid);
	}
	for (size_t i = 0; i < sizeof(canonicals) / sizeof(canonicals[0]); i++) {
		struct str got;
		bool is_good = domain_canonical(str_of(canonicals[i].domain), &arena, &got);

		test_case("canonical: %s", canonicals[i].name);
		expect_int(is_good, canonicals[i].want != NULL);
		if (is_good && canonicals[i].want != NULL)
			expect_str(got, str_of(canonicals[i].want));
	}
	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		char room[IP_TEXT_MAX];
		struct ip ip;
		bool is_good = domain_literal_ip(str_of(literals[i].literal), &ip);

		test_case("literal: %s", literals[i].name);
		expect_int(is_good, literals[i].want != NULL);
		if (is_good && literals[i].want != NULL)
			expect_str(ip_text(&ip, room), str_of(literals[i].want));
	}
	test_case("below is a proper subdomain");
	expect(domain_is_below(STR("a.example.org"), STR("example.org")));
	expect(domain_is_below(STR("a.b.example.org"), STR("example.org")));
	expect(!domain_is_below(STR("example.org"), STR("example.org")));
	expect(!domain_is_below(STR("notexample.org"), STR("example.org")));
	expect(!domain_is_below(STR(".example.org"), STR("example.org")));
	expect(!domain_is_below(STR("a.example.org"), STR("")));

	test_case("listed is a name itself, or all below it behind a dot");
	expect(domain_is_listed(STR("a.example.org"), STR("a.example.org")));
	expect(!domain_is_listed(STR("b.a.example.org"), STR("a.example.org")));
	expect(domain_is_listed(STR("b.a.example.org"), STR(".example.org")));
	expect(!domain_is_listed(STR("example.org"), STR(".example.org")));
	expect(!domain_is_listed(STR("example.org"), STR(".")));
	expect(domain_is_in_list(STR("b.example.org"), (const char *const []){ "a.example", ".example.org" }, 2));
	expect(!domain_is_in_list(STR(""), (const char *const []){ "" }, 1));
	test_case("a full arena is no domain");
	arena_fini(&arena);
	arena_init(&arena, 1);
	expect(!domain_canonical(STR("EXAMPLE.org"), &arena, &(struct str){ .len = 0 }));
	arena_fini(&arena);
	return test_end();
}
