/*
 * test_str.c - pieces of text
 */
#include "base/str.h"
#include "tests/expect.h"

static void
test_compare(void)
{
	test_case("texts are compared by bytes");
	expect(str_eq(STR("abc"), STR("abc")));
	expect(!str_eq(STR("abc"), STR("abC")));
	expect(!str_eq(STR("abc"), STR("abcd")));
	expect(str_eq((struct str){ NULL, 0 }, STR("")));
	expect(str_eq_nocase(STR("MaIl-1"), STR("mAiL-1")));
	expect(!str_eq_nocase(STR("["), STR("{")));	/* 0x5b and 0x7b: no letters */
	expect(!str_eq_nocase(STR("\xc4"), STR("\xe4")));
	expect(str_starts(STR("MAIL FROM"), STR("MAIL")));
	expect(!str_starts(STR("MA"), STR("MAIL")));
	expect(str_starts_nocase(STR("mail"), STR("MAIL")));
	expect(str_ends_nocase(STR("a.Example.ORG"), STR(".example.org")));
	expect(!str_ends_nocase(STR("org"), STR("example.org")));
	expect(str_eq_secret(STR("secret"), STR("secret")));
	expect(!str_eq_secret(STR("secret"), STR("secreT")));
	expect(!str_eq_secret(STR("secret"), STR("secre")));
}

static void
test_pieces(void)
{
	struct str rest = STR("a,,b"), part;

	test_case("what lies outside of a text is left out");
	expect_str(str_sub(STR("hello"), 1, 3), STR("ell"));
	expect_str(str_sub(STR("hello"), 3, SIZE_MAX), STR("lo"));
	expect_str(str_sub(STR("hello"), 9, 1), STR(""));
	expect_str(str_from(STR("hello"), 5), STR(""));
	expect_str(str_trim(STR(" \t\r\n a b \r\n")), STR("a b"));
	expect_str(str_trim(STR("  ")), STR(""));

	test_case("bytes and parts are found where they first stand");
	expect_int(str_find(STR("a@b@c"), '@'), 1);
	expect_int(str_rfind(STR("a@b@c"), '@'), 3);
	expect_int(str_find(STR(""), '@'), -1);
	expect_int(str_find_str(STR("x\r\n.\r\ny"), STR("\r\n.\r\n")), 1);
	expect_int(str_find_str(STR("ab"), STR("abc")), -1);
	expect_int(str_find_str(STR("ab"), STR("")), 0);

	test_case("parts are taken until nothing is left");
	expect(str_take_until(&rest, ',', &part));
	expect_str(part, STR("a"));
	expect(str_take_until(&rest, ',', &part));
	expect_str(part, STR(""));
	expect(str_take_until(&rest, ',', &part));
	expect_str(part, STR("b"));
	expect(!str_take_until(&rest, ',', &part));

	test_case("words are parted by any number of blanks");
	rest = STR("  one\t two ");
	expect(str_take_word(&rest, &part));
	expect_str(part, STR("one"));
	expect(str_take_word(&rest, &part));
	expect_str(part, STR("two"));
	expect(!str_take_word(&rest, &part));
}

static void
test_numbers(void)
{
	static const struct { struct str text; bool is_number; uint64_t value; } cases[] = {
		{ STR("0"), true, 0 }, { STR("0025"), true, 25 },
		{ STR("18446744073709551615"), true, UINT64_MAX }, { STR("18446744073709551616"), false, 0 },
		{ STR("99999999999999999999"), false, 0 }, { STR(""), false, 0 }, { STR("-1"), false, 0 },
		{ STR("+1"), false, 0 }, { STR("1 "), false, 0 }, { STR("0x1"), false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 0;

		test_case("'%.*s' is %sa number", STR_ARG(cases[i].text), cases[i].is_number ? "" : "not ");
		expect_int(str_to_u64(cases[i].text, &value), cases[i].is_number);
		expect(value == cases[i].value);
	}
}

static void
test_utf8(void)
{
	/* RFC 3629 3 and 4, and the Unicode standard's table 3-7. */
	static const struct { const char *name; struct str text; bool is_utf8; } cases[] = {
		{ "nothing", STR(""), true }, { "ASCII", STR("a\x7f"), true },
		{ "U+0080", STR("\xc2\x80"), true }, { "U+07FF", STR("\xdf\xbf"), true },
		{ "U+0800", STR("\xe0\xa0\x80"), true }, { "U+D7FF", STR("\xed\x9f\xbf"), true },
		{ "U+E000", STR("\xee\x80\x80"), true }, { "U+FFFF", STR("\xef\xbf\xbf"), true },
		{ "U+10000", STR("\xf0\x90\x80\x80"), true }, { "U+10FFFF", STR("\xf4\x8f\xbf\xbf"), true },
		{ "an overlong slash in two", STR("\xc0\xaf"), false }, { "c1", STR("\xc1\xbf"), false },
		{ "overlong in three", STR("\xe0\x9f\xbf"), false },
		{ "overlong in four", STR("\xf0\x8f\xbf\xbf"), false },
		{ "the surrogate U+D800", STR("\xed\xa0\x80"), false },
		{ "beyond U+10FFFF", STR("\xf4\x90\x80\x80"), false }, { "f5", STR("\xf5\x80\x80\x80"), false },
		{ "a lone tail", STR("\x80"), false }, { "a cut character", STR("a\xe2\x82"), false },
		{ "a wrong tail", STR("\xe2\x28\xa1"), false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%s is %s", cases[i].name, cases[i].is_utf8 ? "UTF-8" : "not UTF-8");
		expect_int(str_is_utf8(cases[i].text), cases[i].is_utf8);
	}
	test_case("printable and ASCII are what they say");
	expect(str_is_printable(STR(" ~")));
	expect(!str_is_printable(STR("\x1f")));
	expect(!str_is_printable(STR("\x7f")));
	expect(!str_is_printable(STR("\xc3\xa4")));
	expect(str_is_ascii(STR("\x7f")));
	expect(!str_is_ascii(STR("\x80")));
}

int
main(void)
{
	test_compare();
	test_pieces();
	test_numbers();
	test_utf8();
	return test_end();
}
