/*
 * test_choices.c - whose turn it is, and how ranks and turns differ when next hops are down or busy
 */
#include <stdio.h>

#include "smtpfwd/deliver/choices.h"
#include "tests/expect.h"

enum { HOPS = 3, CHOICES = 6 };

struct row {
	const char	*name;
	enum balance	 balance;	/* of a route; MX: see ranks */
	const char	*ranks;		/* "001" */
	const char	*down;		/* "ab": these are */
	int		 busy[HOPS];	/* connections in use, of 2 */
	bool		 is_large;	/* the mail is: it may have half of them */
	int		 large[HOPS];	/* connections in use by large mails */
	uint64_t	 tried;
	const char	*want;		/* next hops chosen one after the other; "!" all busy, "-" none left */
};

static const struct row rows[] = {
	{ .name = "failover: the first as long as it is up", .balance = BALANCE_FAILOVER, .want = "aaaaaa" },
	{ .name = "failover: the second while the first is down", .balance = BALANCE_FAILOVER, .down = "a", .want = "bbbbbb" },
	{ .name = "failover: a busy first is waited for", .balance = BALANCE_FAILOVER, .busy = { 2, 0, 0 }, .want = "!!!!!!" },
	{ .name = "failover: one that was tried is passed over", .balance = BALANCE_FAILOVER, .tried = 1, .want = "bbbbbb" },
	{ .name = "round robin: each in turn", .balance = BALANCE_ROUND_ROBIN, .want = "abcabc" },
	{ .name = "round robin: without the one that is down", .balance = BALANCE_ROUND_ROBIN, .down = "b", .want = "acacac" },
	{ .name = "round robin: a busy one is passed over", .balance = BALANCE_ROUND_ROBIN, .busy = { 0, 2, 0 }, .want = "acacac" },
	{ .name = "least connections: the idlest", .balance = BALANCE_LEAST_CONNECTIONS, .busy = { 1, 0, 1 }, .want = "bbbbbb" },
	{ .name = "least connections: equals take turns", .balance = BALANCE_LEAST_CONNECTIONS, .busy = { 1, 0, 0 }, .want = "bcbcbc" },
	{ .name = "least connections: down is not idle", .balance = BALANCE_LEAST_CONNECTIONS, .down = "b", .busy = { 1, 0, 0 }, .want = "cccccc" },
	{ .name = "MX: equal ones in turn", .ranks = "001", .want = "ababab" },
	{ .name = "MX: a busy one of two equals is passed over", .ranks = "001", .busy = { 2, 0, 0 }, .want = "bbbbbb" },
	{ .name = "MX: busy best ones are waited for, whatever stands in reserve", .ranks = "001", .busy = { 2, 2, 0 }, .want = "!!!!!!" },
	{ .name = "MX: the reserve when the best are down", .ranks = "001", .down = "ab", .want = "cccccc" },
	{ .name = "MX: the reserve when the best were tried", .ranks = "011", .tried = 1, .want = "bcbcbc" },
	{ .name = "a large mail goes where the other half is", .balance = BALANCE_ROUND_ROBIN, .is_large = true,
	  .busy = { 1, 1, 0 }, .large = { 1, 0, 0 }, .want = "bcbcbc" },
	{ .name = "a large mail waits where half is used by such", .is_large = true, .busy = { 1, 0, 0 }, .large = { 1, 0, 0 }, .want = "!!!!!!" },
	{ .name = "and a small one does not", .busy = { 1, 0, 0 }, .large = { 1, 0, 0 }, .want = "aaaaaa" },
	{ .name = "all busy", .balance = BALANCE_ROUND_ROBIN, .busy = { 2, 2, 2 }, .want = "!!!!!!" },
	{ .name = "all down", .balance = BALANCE_ROUND_ROBIN, .down = "abc", .want = "------" },
	{ .name = "all tried", .balance = BALANCE_LEAST_CONNECTIONS, .tried = 7, .want = "------" },
};

static unsigned
rank_of(const struct row *row, int i)
{
	if (row->ranks != NULL)
		return (unsigned)(row->ranks[i] - '0');
	return row->balance == BALANCE_FAILOVER ? (unsigned)i : 0;
}

static void
check(const struct row *row)
{
	struct choices *choices = choices_new(HOPS, row->balance == BALANCE_LEAST_CONNECTIONS);
	struct next_hop hops[HOPS];
	char got[CHOICES + 1] = { 0 };
	int i, at;

	test_case("%s", row->name);
	for (i = 0; i < HOPS; i++) {
		hops[i] = (struct next_hop){ .n_users = 1, .limit = { .now = 2, .max = 2 }, .n_connections = row->busy[i],
		    .n_large = row->large[i], .is_up = row->down == NULL || strchr(row->down, 'a' + i) == NULL };
		list_init(&hops[i].idle);
		choices_put(choices, i, &hops[i], rank_of(row, i));
	}
	for (i = 0; i < CHOICES; i++) {
		switch (choices_choose(choices, row->tried, row->is_large, &at)) {
		case CHOICE_MADE:
			got[i] = (char)('a' + at);
			break;
		case CHOICE_ALL_BUSY:
			got[i] = '!';
			break;
		case CHOICE_NONE_LEFT:
			got[i] = '-';
			break;
		}
	}
	expect_text(got, row->want);
	choices_leave(choices);
}

static void
check_room(void)
{
	struct choices *choices = choices_new(2, false);
	struct next_hop hops[2];
	int i, n_large;

	test_case("room is that of the best that are up, half of it for large mails");
	for (i = 0; i < 2; i++) {
		hops[i] = (struct next_hop){ .n_users = 1, .limit = { .now = 5, .max = 9 }, .n_connections = 1, .is_up = true };
		list_init(&hops[i].idle);
		choices_put(choices, i, &hops[i], (unsigned)i);
	}
	expect_int(choices_room(choices, &n_large), 4);
	expect_int(n_large, 3);
	hops[0].is_up = false;
	hops[1].n_connections = 4;
	expect_int(choices_room(choices, &n_large), 1);
	expect_int(n_large, 1);
	hops[1].n_connections = 8;
	expect_int(choices_room(choices, &n_large), 0);
	hops[1].is_up = false;
	expect_int(choices_room(choices, &n_large), -1);
	expect(choices_are_down(choices));
	choices_leave(choices);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
	check_room();
	return test_end();
}
