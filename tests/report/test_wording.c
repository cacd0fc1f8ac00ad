/*
 * test_wording.c - quoted-printable, encoded-words and RFC 6533's address forms; expectations by hand
 */
#include "smtpfwd/report/wording.h"
#include "tests/expect.h"

enum { OUT_MAX_BYTES = 64 * 1024 };

static void
test_quoted(void)
{
	static const struct {
		const char	*name;
		struct str	 text;
		struct str	 want;
	} cases[] = {
		{ "ASCII lines stay", STR("a b\r\nc\r\n"), STR("a b\r\nc\r\n") },
		{ "other bytes and the sign are encoded", STR("Gr\xc3\xbc\xc3\x9f" "e=1\x7f"), STR("Gr=C3=BC=C3=9Fe=3D1=7F") },
		{ "a blank at the end of a line is encoded", STR("a \r\nb\t\r\n c "), STR("a=20\r\nb=09\r\n c=20") },
		{ "CR and LF alone are no line ends", STR("a\rb\nc\r"), STR("a=0Db=0Ac=0D") },
		{ "CR CR LF keeps all three", STR("a\r\r\nb"), STR("a=0D\r\nb") },
		{ "a line is at most 76 long",
		  STR("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhh\xff"),
		  STR("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhh=\r\nh=FF") },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf whole, pieces;
		struct quoted all = { .column = 0 }, each = { .column = 0 };

		test_case("quoted-printable: %s, in one piece or byte by byte", cases[i].name);
		buf_init(&whole, OUT_MAX_BYTES);
		buf_init(&pieces, OUT_MAX_BYTES);
		expect_int(quoted_append(&all, cases[i].text, &whole), 0);
		expect_int(quoted_end(&all, &whole), 0);
		for (size_t at = 0; at < cases[i].text.len; at++)
			expect_int(quoted_append(&each, str_sub(cases[i].text, at, 1), &pieces), 0);
		expect_int(quoted_end(&each, &pieces), 0);
		expect_str(buf_str(&whole), cases[i].want);
		expect_str(buf_str(&pieces), cases[i].want);
		buf_fini(&whole);
		buf_fini(&pieces);
	}
}

static void
test_forms(void)
{
	struct buf out;

	buf_init(&out, OUT_MAX_BYTES);
	test_case("the 7-bit form of an address by RFC 6533 3: 2, 3, 4, 5 and 6 digits, and the signs of xtext");
	expect_int(wording_utf8_xtext(STR("\xc3\xa4\xd7\x90\xe4\xb8\xad\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf+=\\ @x"), false, &out), 0);
	expect_str(buf_str(&out), STR("\\x{E4}\\x{5D0}\\x{4E2D}\\x{1F600}\\x{10FFFF}\\x{2B}\\x{3D}\\x{5C}\\x{20}@x"));

	test_case("text that is ASCII needs no encoded-word");
	buf_clear(&out);
	expect_int(wording_encoded(STR("bob@example.com"), &out), 0);
	expect_str(buf_str(&out), STR("bob@example.com"));

	test_case("a long one is several encoded-words of at most 75, none of which cuts a character");
	buf_clear(&out);
	expect_int(wording_encoded(STR("\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad?"), &out), 0);
	expect_str(buf_str(&out), STR("=?utf-8?q?=E4=B8=AD=E4=B8=AD=E4=B8=AD=E4=B8=AD=E4=B8=AD=E4=B8=AD?=\r\n =?utf-8?q?=E4=B8=AD=3F?="));

	test_case("control bytes and direction characters are escaped, a backslash is not doubled");
	buf_clear(&out);
	expect_int(wording_exact(STR("a\\b\r\n\xe2\x80\xae\xc3\xa4\xff"), true, &out), 0);
	expect_str(buf_str(&out), STR("a\\b\\x0d\\x0a\\xe2\\x80\\xae\xc3\xa4\\xff"));

	test_case("a reply of several lines is one");
	buf_clear(&out);
	expect_int(wording_reply(&REPLY(550, 5, 7, 1, "no\n\nand never\\"), false, &out), 0);
	expect_str(buf_str(&out), STR("550 5.7.1 no and never\\\\"));

	test_case("texts without an end are cut");
	buf_clear(&out);
	{
		static char long_text[5000];

		memset(long_text, '\xff', sizeof(long_text));
		expect_int(wording_exact(str_n(long_text, sizeof(long_text)), true, &out), 0);
		expect(out.len <= WORDING_MAX_BYTES + 3);
		buf_clear(&out);
		expect_int(wording_utf8_xtext(str_n(long_text, sizeof(long_text)), false, &out), 0);
		expect(out.len <= WORDING_MAX_BYTES + 3);
		buf_clear(&out);
		expect_int(wording_reply(&(struct reply){ .code = 550, .text = str_n(long_text, sizeof(long_text)) }, true, &out), 0);
		expect(out.len <= WORDING_MAX_BYTES);
	}
	buf_fini(&out);
}

int
main(void)
{
	test_quoted();
	test_forms();
	return test_end();
}
