/*
 * test_instant.c - what stands between two timestamps, also where a file has some that no clock ever showed
 */
#include "base/instant.h"
#include "tests/expect.h"

#define AT(us_)	((struct timestamp){ .us = (us_) })

static const struct row {
	const char	*name;
	int64_t		 a, b;		/* us */
	int64_t		 want;		/* ns */
} rows[] = {
	{ "a second", 1000000, 2000000, 1000000000 },
	{ "a second back", 2000000, 1000000, -1000000000 },
	{ "from 1970 to 2026", 0, 1795276800000000, 1795276800000000000 },
	{ "more than 73 years", 0, 2400000000000000, INT64_MAX / 4 },
	{ "more nanoseconds than there are", 0, INT64_MAX, INT64_MAX / 4 },
	{ "the same back", INT64_MAX, 0, -(INT64_MAX / 4) },
	{ "more microseconds than there are", INT64_MIN, INT64_MAX, INT64_MAX / 4 },
	{ "the same back", INT64_MAX, INT64_MIN, -(INT64_MAX / 4) },
};

int
main(void)
{
	for (int i = 0; i < (int)(sizeof(rows) / sizeof(rows[0])); i++) {
		test_case("%s", rows[i].name);
		expect_int(timestamp_diff(AT(rows[i].a), AT(rows[i].b)).ns, rows[i].want);
	}
	test_case("what comes after stays a timestamp");
	expect_int(timestamp_after(AT(5), (struct span){ 7000 }).us, 12);
	expect_int(timestamp_after(AT(INT64_MAX), (struct span){ 7000 }).us, INT64_MAX);
	expect_int(timestamp_after(AT(INT64_MIN), (struct span){ -7000 }).us, INT64_MIN);
	return test_end();
}
