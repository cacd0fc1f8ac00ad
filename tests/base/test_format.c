/*
 * test_format.c - text by a format: what the C library's own gives, byte for byte, in any room
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/format.h"
#include "base/str.h"
#include "tests/expect.h"

enum { ROOM_BYTES = 200 };

/* In all rooms from none to one that is large enough. */
static void
compare(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void
compare(const char *format, ...)
{
	char ours[ROOM_BYTES], theirs[ROOM_BYTES];

	for (size_t n_room = 0; n_room < sizeof(ours); n_room++) {
		va_list args;
		int n_ours, n_theirs;

		memset(ours, 'x', sizeof(ours));
		memset(theirs, 'x', sizeof(theirs));
		va_start(args, format);
		n_ours = format_vtext(ours, n_room, format, args);
		va_end(args);
		va_start(args, format);
		n_theirs = vsnprintf(theirs, n_room, format, args);
		va_end(args);
		expect_int(n_ours, n_theirs);
		/* Behind the NUL nothing is said of the room. */
		if (n_room > 0)
			expect_text(ours, theirs);
		expect(n_room == sizeof(ours) || ours[n_room] == 'x');
	}
}

int
main(void)
{
	char none[1];

	test_case("plain text");
	compare("a plain text");
	compare("100%%, and %% again");
	expect_int(format_text(none, 0, "%s", ""), 0);

	test_case("strings, whole and in part");
	compare("%s|%s", "one", "");
	compare("<%.*s@%.*s>", STR_ARG(STR("a")), STR_ARG(STR("example.org")));
	compare("%.*s|%.*s", 0, "nothing", 100, "more than there is");
	compare("%.*s", -1, "all of it");
	compare("%.*s", 5, "ab\0cd");
	compare("%c%c", 'a', '\n');

	test_case("numbers to their limits");
	compare("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
	compare("%u %u", 0u, UINT_MAX);
	compare("%ld %lu", LONG_MIN, ULONG_MAX);
	compare("%lld %lld %llu", LLONG_MIN, LLONG_MAX, ULLONG_MAX);
	compare("%zu %zu", (size_t)0, SIZE_MAX);
	compare("%" PRId64 " %" PRIu64, INT64_MIN, UINT64_MAX);

	test_case("zeros in front");
	compare("%02d:%02d %04d %03u %06d", 5, 59, 2026, 7u, 123);
	compare("%04d %02d %02d %09lld", -1, -10, 100, -5ll);

	test_case("what is left to the C library, with what is not");
	compare("%s %5d %-5d| %x %X %02x", "a", 1, 2, 255u, 255u, 10u);
	compare("%d %.3s %5s %.2f %p", 7, "abcdef", "ab", 1.5, NULL);
	compare("%d %012d %+d % d %i %o %hd %jd", 7, 8, 9, 10, 11, 12u, (short)13, (intmax_t)14);
	compare("%s %zd", "a", (ssize_t)-1);
	return test_end();
}
