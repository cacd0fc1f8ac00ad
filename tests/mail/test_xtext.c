/*
 * test_xtext.c - the examples of RFC 3461 and what is malformed
 */
#include "mail/xtext.h"
#include "tests/expect.h"

static const struct {
	const char *name, *text, *bytes;	/* bytes NULL: malformed */
} cases[] = {
	{ "plain text is itself", "user@example.com", "user@example.com" },
	{ "plus and equals sign are encoded", "a+2Bb+3Dc", "a+b=c" },
	{ "a blank is encoded", "a+20b", "a b" },
	{ "nothing is nothing", "", "" },
	{ "a digit beyond F is none", "a+2G", NULL },
	{ "a sign is no digit", "a+-2", NULL },
	{ "a cut escape", "a+2", NULL },
	{ "a bare blank", "a b", NULL },
	{ "a bare equals sign", "a=b", NULL },
	{ "8-bit bytes stand only encoded", "\xc3\xbc", NULL },
};

int
main(void)
{
	struct buf lower;

	buf_init(&lower, 100);
	test_case("lower-case digits are understood, though not written");
	expect_int(xtext_decode(STR("a+2bb"), &lower), 0);
	expect_str(buf_str(&lower), STR("a+b"));
	buf_fini(&lower);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out, back;

		buf_init(&out, 100);
		buf_init(&back, 100);
		test_case("%s", cases[i].name);
		expect_int(xtext_decode(str_of(cases[i].text), &out), cases[i].bytes != NULL ? 0 : -1);
		expect_int(xtext_is_valid(str_of(cases[i].text)), cases[i].bytes != NULL);
		if (cases[i].bytes != NULL) {
			expect_str(buf_str(&out), str_of(cases[i].bytes));
			expect_int(xtext_encode(buf_str(&out), &back), 0);
			expect_str(buf_str(&back), str_of(cases[i].text));
		}
		buf_fini(&out);
		buf_fini(&back);
	}
	return test_end();
}
