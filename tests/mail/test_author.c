/*
 * test_author.c - whose a mail says it is, in From fields that people and attackers write
 */
#include <stdio.h>

#include "mail/author.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define FROM		"From: "

static const struct {
	const char	*name, *fields;
	const char	*domains;		/* with a blank between them */
	const char	*why;			/* NULL: well formed */
} cases[] = {
	{ "an address alone", FROM "a@example.com", "example.com", NULL },
	{ "a name and an address", FROM "John Doe <a@example.com>", "example.com", NULL },
	{ "upper case is lower case", FROM "A@EXAMPLE.Com", "example.com", NULL },
	{ "the field's name in any case", "fROM: a@example.com", "example.com", NULL },
	{ "a last dot is none", FROM "a@example.com.", "example.com", NULL },
	{ "folded", FROM "\r\n\tJohn\r\n <a@example.com>", "example.com", NULL },
	{ "one letter", FROM "a@x.y", "x.y", NULL },
	{ "a quoted name with an address in it", FROM "\"boss@bank.example\" <a@example.com>", "example.com", NULL },
	{ "a quoted name with brackets in it", FROM "\"<boss@bank.example>, x\" <a@example.com>", "example.com", NULL },
	{ "a name with an address that lost its quotes", FROM "boss@bank.example <a@example.com>", "example.com", NULL },
	{ "a name that is an encoded address", FROM "=?utf-8?Q?boss=40bank.example?= <a@example.com>", "example.com", NULL },
	{ "a name with dots (RFC 5322 4.1)", FROM "John Q. Doe <a@example.com>", "example.com", NULL },
	{ "a name with a comma that lost its quotes", FROM "Doe, John <a@example.com>", "example.com", NULL },
	{ "a name with a literal's bracket", FROM "[x] John <a@example.com>", "example.com", NULL },
	{ "a comment behind", FROM "a@example.com (John <b@bank.example>)", "example.com", NULL },
	{ "comments everywhere", FROM "(x) John (y) <(z) a (z) @ (z) example (z) . (z) com (z)> (w)", "example.com", NULL },
	{ "comments in comments, with a quoted pair", FROM "(a (b \\) c@bank.example) ) a@example.com", "example.com", NULL },
	{ "blanks around the dots and the @ (RFC 5322 4.4)", FROM "a . b @ example . com", "example.com", NULL },
	{ "a quoted local part with an @", FROM "\"a@bank.example\"@example.com", "example.com", NULL },
	{ "a local part with dots anywhere", FROM ".a..b.@example.com", "example.com", NULL },
	{ "a route (RFC 5322 4.4)", FROM "John <@a.example,@b.example:a@example.com>", "example.com", NULL },
	{ "a route with holes", FROM "<,, @a.example ,@b.example: a@example.com>", "example.com", NULL },
	{ "two of one domain", FROM "a@example.com, b@Example.com", "example.com", NULL },
	{ "two domains", FROM "a@example.com, B <b@example.net>", "example.com example.net", NULL },
	{ "empty elements (RFC 5322 4.4)", FROM ", a@example.com,, (x), b@example.net ,", "example.com example.net", NULL },
	{ "a group (RFC 6854)", FROM "We: a@example.com, B <b@example.net>;", "example.com example.net", NULL },
	{ "two groups and one besides", FROM "\"A b\": a@a.example;, B c : b@b.example; c@c.example", "a.example b.example c.example", NULL },
	{ "a group's name is no author", FROM "\"x@bank.example\": a@example.com;", "example.com", NULL },
	{ "a semicolon for a comma", FROM "a@example.com; b@example.net", "example.com example.net", NULL },
	{ "a domain in U-labels", FROM "a@B\xc3\xbc" "cher.example", "xn--bcher-kva.example", NULL },
	{ "the same in A-labels", FROM "a@xn--bcher-kva.example, b@b\xc3\xbc" "cher.example", "xn--bcher-kva.example", NULL },
	{ "a local part in UTF-8", FROM "\xc3\xb6@example.com", "example.com", NULL },
	{ "a raw name in Latin-1", FROM "J\xf6rg <a@example.com>", "example.com", NULL },
	{ "a literal has no domain", FROM "a@[192.0.2.1]", "", NULL },
	{ "a literal and a domain", FROM "a@[192.0.2.1], b@example.com", "example.com", NULL },
	{ "no local part", FROM "@example.com", "example.com", NULL },

	{ "no From", "Sender: a@example.com", "", "no From field" },
	{ "two From fields", FROM "a@example.com\r\nTo: x@y\r\n" FROM "b@example.net", "example.com example.net", "several From fields" },
	{ "two that are the same", FROM "a@example.com\r\n" FROM "a@example.com", "example.com", "several From fields" },
	{ "an empty From", FROM, "", "no address in From" },
	{ "an empty group", FROM "undisclosed:;", "", "no address in From" },
	{ "a name only", FROM "MAILER-DAEMON", "", "no address in From" },
	{ "empty brackets", FROM "John <>", "", "no address in From" },
	{ "a name with an address and empty brackets", FROM "boss@bank.example <>", "bank.example", "an address without a domain" },
	{ "an encoded address alone", FROM "=?utf-8?B?Ym9zc0BiYW5rLmV4YW1wbGU=?=", "bank.example", "an address without a domain" },
	{ "an encoded address in brackets", FROM "<=?utf-8?Q?boss=40bank.example?=>", "bank.example", "an address without a domain" },
	{ "an encoded @ in a domain of others", FROM "=?utf-8?Q?boss=40bank.example=3E?= <x>, a@example.com", "bank.example example.com", "an address without a domain" },
	{ "two addresses in brackets", FROM "<a@example.com> <b@bank.example>", "example.com bank.example", "something behind an address" },
	{ "an address behind the brackets", FROM "<a@example.com> b@bank.example", "example.com bank.example", "something behind an address" },
	{ "brackets in brackets", FROM "<<a@example.com>>", "example.com", "a bracket that does not end" },
	{ "a bracket that does not end", FROM "John <a@example.com", "example.com", "a bracket that does not end" },
	{ "an end without a bracket", FROM "a@example.com>", "example.com", "a malformed address" },
	{ "a quote that does not end", FROM "\"John <a@example.com>", "example.com", "a quote or comment that does not end" },
	{ "a comment that does not end", FROM "a@example.com (x <b@bank.example>", "example.com bank.example", "a quote or comment that does not end" },
	{ "two at signs", FROM "a@bank.example@example.com", "bank.example example.com", "a malformed address" },
	{ "two words", FROM "john a@example.com", "example.com", "a malformed address" },
	{ "a route without its end", FROM "<@a.example,@b.example a@example.com>", "a.example b.example example.com", "a malformed route" },
	{ "a comment inside of a label", FROM "a@exam(x)ple.com", "exam example.com", "a malformed address" },
	{ "a NUL and what follows", FROM "a@bank.example\001b@example.com", "bank.example example.com bank.exampleb", "a malformed address" },
	{ "a control character in a domain", FROM "a@bank\001.example", "bank bank.example", "a malformed address" },
	{ "a slash in a domain", FROM "a@x/y.bank.example", "bank.example", "a domain that is none" },
	{ "a doubled dot: the end of it", FROM "a@x..bank.example", "bank.example", "a domain that is none" },
	{ "a label with a hyphen in front", FROM "a@-x.bank.example", "bank.example", "a domain that is none" },
	{ "malformed UTF-8 in a domain", FROM "a@\xff.bank.example", "bank.example", "a domain that is none" },
	{ "an encoded dot in a domain", FROM "boss@=?utf-8?Q?bank=2Eexample?=", "bank.example", "a domain that is none" },
	{ "the encoded end of a domain", FROM "Boss <boss@bank.=?utf-8?B?ZXhhbXBsZQ==?=>", "bank.example", "a domain that is none" },
	{ "a literal that does not end", FROM "a@[192.0.2.1", "", "a malformed address" },
	{ "quoted pairs in a domain", FROM "a@bank\\.example", "bank bank.example", "a malformed address" },
	{ "quoted pairs outside of quotes", FROM "a\\@bank.example", "bank.example", "a malformed address" },
};

static void
test_cases(void)
{
	for (int i = 0; i < N_OF(cases); i++) {
		struct header_section section;
		struct authors authors;
		struct arena arena;
		struct buf got;

		test_case("%s", cases[i].name);
		arena_init(&arena, 1024 * 1024);
		buf_init(&got, 4096);
		expect_int(header_read(str_of(cases[i].fields), &arena, &section), 0);
		expect_int(author_read(&section, &arena, &authors), 0);
		for (int d = 0; d < authors.n_domains; d++)
			buf_printf(&got, "%s%.*s", d > 0 ? " " : "", STR_ARG(authors.domains[d]));
		expect_str(buf_str(&got), str_of(cases[i].domains));
		expect_text(authors.why_malformed != NULL ? authors.why_malformed : "well formed",
		    cases[i].why != NULL ? cases[i].why : "well formed");
		expect(!authors.has_more);
		buf_fini(&got);
		arena_fini(&arena);
	}
}

static void
read_text(struct str text, struct arena *arena, struct authors *authors_out)
{
	struct header_section section;

	expect_int(header_read(text, arena, &section), 0);
	expect_int(author_read(&section, arena, authors_out), 0);
}

static void
test_bounds(void)
{
	static const char *const nasty[] = { "a@b.c,", "(", "\"", "<", "<(", "[", "a:", "a ", "@:", "@\xc3\xbc", "=?a?Q?", "a.", ",", "\\", "<@a,", "(a)" };
	struct authors authors;
	struct arena arena;
	struct buf text;

	test_case("more domains than are judged are told of");
	arena_init(&arena, 4 * 1024 * 1024);
	read_text(STR("From: a@a.example, a@b.example, a@c.example, a@d.example, a@a.example"), &arena, &authors);
	expect_int(authors.n_domains, 4);
	expect(!authors.has_more);
	read_text(STR("From: a@a.example, a@b.example, a@c.example, a@d.example, a@e.example"), &arena, &authors);
	expect_int(authors.n_domains, AUTHOR_DOMAINS_MAX);
	expect(authors.has_more);

	test_case("of a name of 130 labels the last seven are judged, and it is malformed");
	buf_init(&text, 1024 * 1024);
	buf_append(&text, STR("From: a@"));
	for (int i = 0; i < 128; i++)
		buf_append(&text, STR("a."));
	buf_append(&text, STR("bank.example"));
	read_text(buf_str(&text), &arena, &authors);
	expect_int(authors.n_domains, 1);
	expect_str(authors.domains[0], STR("a.a.a.a.a.bank.example"));
	expect(authors.why_malformed != NULL);

	test_case("the most that is read, of the nastiest parts, ends soon");
	for (int i = 0; i < N_OF(nasty); i++) {
		arena_fini(&arena);
		buf_clear(&text);
		buf_append(&text, STR("From: "));
		while (text.len + 8 < AUTHOR_FIELD_MAX_BYTES)
			buf_append(&text, str_of(nasty[i]));
		read_text(buf_str(&text), &arena, &authors);
	}

	test_case("more is not read, and told of");
	buf_append(&text, STR("(aaaaaaaaaaaaaaaaaaaaaaaaaaaaa)"));
	read_text(buf_str(&text), &arena, &authors);
	expect(authors.has_more && authors.why_malformed != NULL);

	test_case("an arena that is full fails");
	for (size_t max = 1; max < 64; max += 9) {
		struct header_section section;
		struct arena small;

		expect_int(header_read(STR("From: a@B.example, =?utf-8?Q?x=40y?="), &arena, &section), 0);
		arena_init(&small, max);
		expect_int(author_read(&section, &small, &authors), -1);
		arena_fini(&small);
	}
	buf_fini(&text);
	arena_fini(&arena);
}

int
main(void)
{
	test_cases();
	test_bounds();
	return test_end();
}
