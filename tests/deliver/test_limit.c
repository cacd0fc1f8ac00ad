/*
 * test_limit.c - the limit of a next hop: what raises it, what lowers it, and what says nothing
 *
 * A story is a word: "s" a success with all in use, "i" one with the next hop half idle, "l" trouble of what was begun
 * just now, "o" trouble of what was begun before the last lowering, "1" trouble while one connection is served, "d" down.
 */
#include <stdio.h>

#include "smtpfwd/deliver/limit.h"
#include "tests/expect.h"

struct row {
	const char	*name;
	int		 max;
	const char	*story;
	int		 want;
};

static const struct row rows[] = {
	{ "nothing is known: five", 20, "", 5 },
	{ "or what the administrator allows", 2, "", 2 },
	{ "a round of successes doubles it", 20, "sssss", 10 },
	{ "up to the maximum and no further", 20, "sssssssssssssssssssssssss", 20 },
	{ "what is not in use is not shown", 20, "iiiiiiiiii", 5 },
	{ "trouble halves it", 20, "sssssl", 5 },
	{ "then it grows by one in two rounds", 20, "ssssslssssssssss", 6 },
	{ "and not in less", 20, "ssssslsssssssss", 5 },
	{ "and by another one in the next two", 20, "sssssl" "ssssssssss" "ssssssssssss", 7 },
	{ "after two more that were borne again in one round", 20, "sssssl" "ssssssssss" "ssssssssssss" "ssssssssssssss" "ssssssss", 9 },
	{ "after trouble twice it takes four rounds", 20, "ssssslsl" "ssssssss", 3 },
	{ "and not three", 20, "ssssslsl" "sssssss", 2 },
	{ "many that were under way together are one trouble", 20, "ssssslooooo", 5 },
	{ "and a new one is another", 20, "ssssslol", 2 },
	{ "never below one", 20, "llllll", 1 },
	{ "at once to what is served", 20, "sssss1", 1 },
	{ "back after it was down: one, and then doubling", 20, "sssssd", 1 },
	{ "a success makes it two", 20, "sssssds", 2 },
	{ "up to half of the maximum", 20, "sssssdsssssssss", 10 },
	{ "and then slowly", 20, "sssssdssssssssssssssssss", 10 },
	{ "up to half of what it had, where that was found out", 20, "sssssldssss", 2 },
	{ "going down twice does not forget that", 20, "sssssldds", 2 },
};

static void
check(const struct row *row)
{
	struct instant now = { 1000 }, old = { 0 };
	struct limit limit;

	test_case("%s", row->name);
	limit_init(&limit, row->max);
	for (const char *p = row->story; *p != '\0'; p++) {
		now.ns += 10;
		switch (*p) {
		case 's':
			limit_succeed(&limit, limit.now);
			break;
		case 'i':
			limit_succeed(&limit, limit.now / 2);
			break;
		case 'l':
			old = (struct instant){ now.ns - 1 };
			limit_lower(&limit, old, now, -1);
			break;
		case 'o':
			limit_lower(&limit, old, now, -1);
			break;
		case '1':
			limit_lower(&limit, (struct instant){ now.ns - 1 }, now, 1);
			break;
		case 'd':
			limit_restart(&limit);
			break;
		}
	}
	expect_int(limit.now, row->want);
}

static void
check_maximum(void)
{
	struct limit limit;

	test_case("a new maximum cuts at once, and a higher one may be grown to");
	limit_init(&limit, 20);
	limit_set_max(&limit, 3);
	expect_int(limit.now, 3);
	limit_set_max(&limit, 6);
	for (int i = 0; i < 10; i++)
		limit_succeed(&limit, limit.now);
	expect_int(limit.now, 6);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
	check_maximum();
	return test_end();
}
