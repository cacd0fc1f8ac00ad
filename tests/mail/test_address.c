/*
 * test_address.c - paths of MAIL and RCPT, and addresses by themselves
 */
#include <stdlib.h>

#include "mail/address.h"
#include "tests/expect.h"

static const struct {
	const char	*name, *text;
	enum path_kind	 kind;
	bool		 allow_utf8;
	const char	*local, *domain, *rest;		/* local NULL: no path */
} paths[] = {
	{ "a plain address", "<smith@example.org>", PATH_REVERSE, false, "smith", "example.org", "" },
	{ "what follows is left", "<smith@example.org> SIZE=1", PATH_REVERSE, false, "smith", "example.org", " SIZE=1" },
	{ "the null reverse-path", "<>", PATH_REVERSE, false, "", "", "" },
	{ "no null forward-path", "<>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a bare postmaster gets mail", "<Postmaster>", PATH_FORWARD, false, "Postmaster", "", "" },
	{ "in any case", "<pOSTMASTER>", PATH_FORWARD, false, "pOSTMASTER", "", "" },
	{ "but sends none", "<Postmaster>", PATH_REVERSE, false, NULL, NULL, NULL },
	{ "another bare name is no path", "<root>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "an empty local part", "<@example.org>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "an empty domain", "<smith@>", PATH_FORWARD, false, NULL, NULL, NULL },

	{ "a source route is dropped (RFC 5321 app. C)", "<@hosta.int,@jkl.org:userc@d.bar.org>", PATH_FORWARD, false, "userc", "d.bar.org", "" },
	{ "one of a single host too", "<@a.example:b@c.example>", PATH_REVERSE, false, "b", "c.example", "" },
	{ "a source route to nobody", "<@a.example:>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "two source routes", "<@a.example:@b.example:c@d.example>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a source route without colon", "<@a.example,b@c.example>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a source route of bad names", "<@a..example:b@c.example>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a source route before null", "<@a.example:>", PATH_REVERSE, false, NULL, NULL, NULL },
	{ "an endless source route", "<@a,@b,@c", PATH_REVERSE, false, NULL, NULL, NULL },

	{ "percent and bang are opaque", "<a%b!c@example.org>", PATH_FORWARD, false, "a%b!c", "example.org", "" },
	{ "all of atext", "<!#$%&'*+-/=?^_`{|}~@example.org>", PATH_FORWARD, false, "!#$%&'*+-/=?^_`{|}~", "example.org", "" },
	{ "dots anywhere, as some providers gave out", "<.a..b.@example.org>", PATH_FORWARD, false, ".a..b.", "example.org", "" },
	{ "a quoted local part stays quoted", "<\"a b\"@example.org>", PATH_FORWARD, false, "\"a b\"", "example.org", "" },
	{ "with brackets and at inside", "<\"a<b>@c\"@example.org>", PATH_FORWARD, false, "\"a<b>@c\"", "example.org", "" },
	{ "with quoted pairs", "<\"a\\\"b\\\\\"@example.org>", PATH_FORWARD, false, "\"a\\\"b\\\\\"", "example.org", "" },
	{ "the empty quoted string", "<\"\"@example.org>", PATH_FORWARD, false, "\"\"", "example.org", "" },
	{ "a quote that does not end", "<\"a@example.org>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a quote that ends in a backslash", "<\"a\\", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a quoted pair at the very end", "<\"a\\\"", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "text behind the quote", "<\"a\"b@example.org>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a control character in quotes", "<\"a\001b\"@example.org>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a line end in quotes", "<\"a\r\nRCPT TO:<x@y>\"@example.org>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a blank outside of quotes", "<a b@example.org>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a parenthesis", "<a(b)@example.org>", PATH_FORWARD, false, NULL, NULL, NULL },

	{ "an IPv4 literal", "<a@[192.0.2.1]>", PATH_FORWARD, false, "a", "[192.0.2.1]", "" },
	{ "an IPv6 literal", "<a@[IPv6:2001:db8::1]>", PATH_FORWARD, false, "a", "[IPv6:2001:db8::1]", "" },
	{ "IPv6 without its tag", "<a@[2001:db8::1]>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "IPv4 with the tag", "<a@[IPv6:192.0.2.1]>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a literal out of range", "<a@[192.0.2.256]>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a literal that does not end", "<a@[192.0.2.1>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "an unknown literal", "<a@[X400:c=de]>", PATH_FORWARD, false, NULL, NULL, NULL },

	{ "no brackets", "a@example.org", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "no end", "<a@example.org", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "nothing", "", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "only an opening", "<", PATH_REVERSE, false, NULL, NULL, NULL },
	{ "two at signs", "<a@b@example.org>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "a last dot", "<a@example.org.>", PATH_FORWARD, false, NULL, NULL, NULL },

	{ "UTF-8 where it is allowed", "<\xc3\xa4@\xc3\xb6.example>", PATH_FORWARD, true, "\xc3\xa4", "\xc3\xb6.example", "" },
	{ "and not where it is not", "<\xc3\xa4@example.org>", PATH_FORWARD, false, NULL, NULL, NULL },
	{ "malformed UTF-8 in the local part", "<\xc3(@example.org>", PATH_FORWARD, true, NULL, NULL, NULL },
	{ "a truncated sequence in the local part", "<a\xc3@example.org>", PATH_FORWARD, true, NULL, NULL, NULL },
	{ "a surrogate in the domain", "<a@\xed\xa0\x80.example>", PATH_FORWARD, true, NULL, NULL, NULL },
	{ "UTF-8 in quotes", "<\"\xc3\xa4 b\"@example.org>", PATH_FORWARD, true, "\"\xc3\xa4 b\"", "example.org", "" },
};

static void
test_paths(void)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct str text = str_of(paths[i].text);
		struct address address;
		const char *why;
		bool is_path;

		test_case("path: %s", paths[i].name);
		is_path = address_parse_path(&text, paths[i].kind, paths[i].allow_utf8, &address, &why);
		expect_int(is_path, paths[i].local != NULL);
		if (!is_path) {
			expect(why != NULL);
			expect_str(text, str_of(paths[i].text));
		}
		if (!is_path || paths[i].local == NULL)
			continue;
		expect_str(address.local, str_of(paths[i].local));
		expect_str(address.domain, str_of(paths[i].domain));
		expect_str(text, str_of(paths[i].rest));
	}
}

static void
test_prefixes(void)
{
	const struct str whole = STR("<@a.example,@[192.0.2.1]:\"x\\\" y\"@[IPv6:2001:db8::1]>");

	test_case("a path that is cut anywhere is none, and nothing behind the cut is read");
	for (size_t n = 0; n <= whole.len; n++) {
		char *copy = malloc(n == 0 ? 1 : n);	/* ASAN watches its end */
		struct str text = str_n(copy, n);
		struct address address;
		const char *why;

		memcpy(copy, whole.at, n);
		expect_int(address_parse_path(&text, PATH_FORWARD, true, &address, &why), n == whole.len);
		free(copy);
	}
}

static void
test_lengths(void)
{
	char text[700];
	struct address address;
	struct str path;
	const char *why;

	test_case("a local part of 255 bytes is taken, of 256 not");
	memset(text, 'a', sizeof(text));
	text[0] = '<';
	memcpy(text + 256, "@example.org>", 13);
	path = str_n(text, 256 + 13);
	expect(address_parse_path(&path, PATH_FORWARD, false, &address, &why));
	expect_int((int64_t)address.local.len, 255);
	memset(text + 1, 'a', 300);
	memcpy(text + 257, "@example.org>", 13);
	path = str_n(text, 257 + 13);
	expect(!address_parse_path(&path, PATH_FORWARD, false, &address, &why));
}

static void
test_text(void)
{
	struct address a, b;
	struct arena arena;
	struct str text;
	struct buf out;

	arena_init(&arena, 4096);
	buf_init(&out, 16);
	test_case("an address and its text");
	expect(address_parse(STR("\"a@b\"@Example.ORG"), false, &a));
	expect(address_text(&a, &arena, &text));
	expect_str(text, STR("\"a@b\"@Example.ORG"));
	expect_int(address_append(&a, &out), -1);
	expect_int((int64_t)out.len, 0);
	expect(!address_parse(STR("a@example.org "), false, &a));
	expect(!address_parse(STR("<a@example.org>"), false, &a));
	expect(!address_parse(STR(""), false, &a));

	test_case("the domain has no case, the local part has");
	expect(address_parse(STR("a@Example.ORG"), false, &a) && address_parse(STR("a@example.org"), false, &b));
	expect(address_eq(&a, &b));
	expect(address_parse(STR("A@example.org"), false, &b));
	expect(!address_eq(&a, &b));

	test_case("null, bare and ASCII are told");
	a = (struct address){ .local = STR_EMPTY, .domain = STR_EMPTY };
	expect(address_is_null(&a));
	expect(address_text(&a, &arena, &text));
	expect_str(text, STR(""));
	a.local = STR("postmaster");
	expect(!address_is_null(&a));
	expect(address_text(&a, &arena, &text));
	expect_str(text, STR("postmaster"));
	expect(address_is_ascii(&a));
	a.local = STR("\xc3\xa4");
	expect(!address_is_ascii(&a));
	expect(address_copy(&arena, &a, &b) && address_eq(&a, &b) && a.local.at != b.local.at);
	buf_fini(&out);
	arena_fini(&arena);
}

int
main(void)
{
	test_paths();
	test_prefixes();
	test_lengths();
	test_text();
	return test_end();
}
