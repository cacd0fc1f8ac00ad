/*
 * test_decimal.c - numbers as decimal digits
 */
#include "base/decimal.h"
#include "base/str.h"
#include "tests/expect.h"

static void
test_put(void)
{
	static const struct { uint64_t number; const char *want; } cases[] = {
		{ 0, "0" }, { 7, "7" }, { 10, "10" }, { 999, "999" }, { 1000, "1000" }, { 4294967296, "4294967296" },
		{ 10000000000000000000u, "10000000000000000000" }, { UINT64_MAX, "18446744073709551615" },
	};
	char room[DECIMAL_MAX_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%s is written whole and without zeros in front", cases[i].want);
		expect_str(str_n(room, (size_t)(decimal_put(room, cases[i].number) - room)), str_of(cases[i].want));
	}
}

static void
test_put_padded(void)
{
	static const struct { uint64_t number; int n_digits; const char *want; } cases[] = {
		{ 0, 2, "00" }, { 7, 2, "07" }, { 42, 2, "42" }, { 123, 2, "23" }, { 5, 6, "000005" }, { 0, 0, "" },
		{ UINT64_MAX, 20, "18446744073709551615" },
	};
	char room[DECIMAL_MAX_BYTES + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%llu in %d digits is '%s'", (unsigned long long)cases[i].number, cases[i].n_digits, cases[i].want);
		memset(room, '#', sizeof(room));
		expect_str(str_n(room, (size_t)(decimal_put_padded(room, cases[i].number, cases[i].n_digits) - room)),
		    str_of(cases[i].want));
		expect_int(room[cases[i].n_digits], '#');
	}
}

int
main(void)
{
	test_put();
	test_put_padded();
	return test_end();
}
