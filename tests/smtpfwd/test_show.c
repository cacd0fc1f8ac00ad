/*
 * test_show.c - texts of others on a terminal
 */
#include <stdlib.h>

#include "smtpfwd/ctl/show.h"
#include "tests/expect.h"

int
main(void)
{
	static const struct { const char *name, *text, *want; } rows[] = {
		{ "ASCII stays", "a b~\"\\x\\\\", "a b~\"\\x\\\\" },
		{ "nothing is nothing", "", "" },
		{ "letters of others stay", "b\u00fccher \u4f8b \U0001f600", "b\u00fccher \u4f8b \U0001f600" },
		{ "control characters do not", "\x1b[31m\r\n\t\x7f", "?[31m????" },
		{ "C1 controls in UTF-8", "a\xc2\x9b" "31m", "a??31m" },
		{ "what turns the line around", "a\u202eb\u2066c", "a???b???c" },
		{ "what is no UTF-8", "a\xff\xc3", "a??" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *got = NULL;
		size_t n = 0;
		FILE *out = open_memstream(&got, &n);

		test_case("%s", rows[i].name);
		show_safe(rows[i].text, out);
		fclose(out);
		expect_text(got, rows[i].want);
		free(got);
	}
	return test_end();
}
