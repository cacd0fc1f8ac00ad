/*
 * test_code.c - base64, hex, escapes and the CRC
 */
#include "base/code.h"
#include "tests/expect.h"

enum { OUT_MAX_BYTES = 5000 };

static void
test_base64(void)
{
	/* RFC 4648 10 */
	static const struct { struct str bytes, text; } cases[] = {
		{ STR(""), STR("") }, { STR("f"), STR("Zg==") }, { STR("fo"), STR("Zm8=") },
		{ STR("foo"), STR("Zm9v") }, { STR("foob"), STR("Zm9vYg==") }, { STR("fooba"), STR("Zm9vYmE=") },
		{ STR("foobar"), STR("Zm9vYmFy") }, { STR("\xfb\xff\xbf"), STR("+/+/") },
	};
	static const struct { const char *name; struct str text; } wrong[] = {
		{ "without its padding", STR("Zg") }, { "with half its padding", STR("Zg=") },
		{ "with padding inside", STR("Zg==Zg==") }, { "of padding only", STR("====") },
		{ "with three paddings", STR("Z===") }, { "with bits behind the end", STR("Zh==") },
		{ "with other such bits", STR("Zm9=") }, { "with a blank", STR("Zm 9") },
		{ "with a line end", STR("Zm9v\r\nYg") }, { "of the URL alphabet", STR("-_-_") },
		{ "with a NUL", STR("Zm9\0") }, { "with padding first", STR("=m9v") },
	};
	struct buf out;
	int n_digits = 0;

	buf_init(&out, OUT_MAX_BYTES);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("base64 of '%.*s', and back", STR_ARG(cases[i].text));
		buf_clear(&out);
		expect_int(base64_encode(cases[i].bytes, &out), 0);
		expect_str(buf_str(&out), cases[i].text);
		buf_clear(&out);
		expect_int(base64_decode(cases[i].text, &out), 0);
		expect_str(buf_str(&out), cases[i].bytes);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		test_case("base64 %s is refused", wrong[i].name);
		buf_clear(&out);
		expect_int(base64_decode(wrong[i].text, &out), -1);
		expect_int((int64_t)out.len, 0);
	}
	test_case("hex of both cases is read");
	buf_clear(&out);
	expect_int(hex_decode(STR("666F6f62"), &out), 0);
	expect_str(buf_str(&out), STR("foob"));
	expect_int(hex_decode(STR("fFa0"), &out), 0);
	expect_str(buf_str(&out), STR("foob\xff\xa0"));
	expect_int(hex_decode(STR("666"), &out), -1);
	expect_int(hex_decode(STR("6g"), &out), -1);
	test_case("only a hexadecimal digit has a value");
	for (int c = 0; c < 256; c++)
		n_digits += hex_value((char)c) >= 0;
	expect_int(n_digits, 22);
	for (int i = 0; i < 16; i++) {
		expect_int(hex_value("0123456789abcdef"[i]), i);
		expect_int(hex_value("0123456789ABCDEF"[i]), i);
	}
	buf_fini(&out);
	test_case("a full buffer takes no code");
	buf_init(&out, 3);
	expect_int(base64_encode(STR("f"), &out), -1);
	expect_int(hex_decode(STR("61626364"), &out), -1);
	expect_int(base64_decode(STR("Zm9vYg=="), &out), -1);
	buf_fini(&out);
}

static void
test_escapes(void)
{
	static const struct { const char *name; struct str bytes; bool keep_utf8; size_t max; struct str want; } cases[] = {
		{ "printable ASCII stays", STR("a b\"c'~"), false, 100, STR("a b\"c'~") },
		{ "a backslash is doubled", STR("a\\x41"), false, 100, STR("a\\\\x41") },
		{ "line ends and NUL are shown", STR("\r\n\0\x7f"), false, 100, STR("\\x0d\\x0a\\x00\\x7f") },
		{ "UTF-8 is shown as bytes unless kept", STR("\xc3\xa4"), false, 100, STR("\\xc3\\xa4") },
		{ "UTF-8 stays if kept", STR("\xc3\xa4\xf0\x9f\x93\xa7"), true, 100, STR("\xc3\xa4\xf0\x9f\x93\xa7") },
		{ "what is not UTF-8 is shown as bytes", STR("\xc3("), true, 100, STR("\\xc3(") },
		{ "a C1 control is shown as bytes", STR("\xc2\x9b" "2J"), true, 100, STR("\\xc2\\x9b2J") },
		{ "so is an override of direction", STR("\xe2\x80\xae"), true, 100, STR("\\xe2\\x80\\xae") },
		{ "so is a line separator", STR("\xe2\x80\xa8"), true, 100, STR("\\xe2\\x80\\xa8") },
		{ "a dash is not", STR("\xe2\x80\x93"), true, 100, STR("\xe2\x80\x93") },
		{ "a text that fits is not cut", STR("12345678"), false, 8, STR("12345678") },
		{ "a longer one ends in dots", STR("123456789"), false, 8, STR("12345...") },
		{ "no escape is cut in two", STR("123\r\n78"), false, 8, STR("123...") },
		{ "a tiny room has dots only", STR("123456789"), false, 2, STR("..") },
	};
	struct buf out;

	buf_init(&out, OUT_MAX_BYTES);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%s", cases[i].name);
		buf_clear(&out);
		expect_int(escape_append(cases[i].bytes, cases[i].keep_utf8, cases[i].max, &out), 0);
		expect_str(buf_str(&out), cases[i].want);
	}
	buf_fini(&out);
	test_case("nothing of an escape is left in a buffer too small");
	buf_init(&out, 5);
	expect_int(escape_append(STR("abc\n"), false, 100, &out), -1);
	expect_str(buf_str(&out), STR(""));
	buf_fini(&out);
}

static void
test_crc(void)
{
	unsigned char bytes[32];
	bool agree = true;
	static unsigned char long_text[10000];

	/* RFC 3720 B.4, whose values are printed with the least byte first. */
	test_case("CRC-32C gives the vectors of RFC 3720 B.4");
	memset(bytes, 0, sizeof(bytes));
	expect_int(crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	expect_int(crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	expect_int(crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
	expect_int(crc32c_by_table(0, bytes, sizeof(bytes)), 0x46dd794e);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(31 - i);
	expect_int(crc32c(0, bytes, sizeof(bytes)), 0x113fdb5c);
	expect_int(crc32c(0, "123456789", 9), 0xe3069283);

	test_case("CRC-32C is the same in pieces, by table and at any alignment");
	expect_int(crc32c(crc32c(0, bytes, 13), bytes + 13, 19), 0x113fdb5c);
	for (size_t i = 0; i < sizeof(long_text); i++)
		long_text[i] = (unsigned char)(i * 131 + 7);
	for (size_t i = 0; i < 4000; i++) {
		agree = agree && crc32c(5, long_text + i, sizeof(long_text) - 2 * i) ==
		    crc32c_by_table(5, long_text + i, sizeof(long_text) - 2 * i);
	}
	expect(agree);
	expect_int(crc32c(0, NULL, 0), 0);
}

int
main(void)
{
	test_base64();
	test_escapes();
	test_crc();
	return test_end();
}
