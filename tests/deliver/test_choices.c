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
	enum line	 line;		/* a large mail may have half of them */
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
	{ .name = "a large mail goes where the other half is", .balance = BALANCE_ROUND_ROBIN, .line = LINE_LARGE,
	  .busy = { 1, 1, 0 }, .large = { 1, 0, 0 }, .want = "bcbcbc" },
	{ .name = "a large mail waits where half is used by such", .line = LINE_LARGE, .busy = { 1, 0, 0 }, .large = { 1, 0, 0 }, .want = "!!!!!!" },
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
init_lists(struct next_hop *hop)
{
	list_init(&hop->idle);
	for (int line = 0; line < LINE_N_KINDS; line++)
		list_init(&hop->waiting[line]);
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
		init_lists(&hops[i]);
		choices_put(choices, i, &hops[i], rank_of(row, i));
	}
	for (i = 0; i < CHOICES; i++) {
		switch (choices_choose(choices, row->tried, row->line, &at)) {
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
		init_lists(&hops[i]);
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

static void
check_online(void)
{
	static const struct { const char *name; int limit, n_busy, n_online; bool queue_waits, was_last; int want; } cases[] = {
		{ "all, while the queue has nothing", 5, 0, 0, false, false, 5 },
		{ "what is left of all", 5, 3, 3, false, false, 2 },
		{ "half and what is odd, when the queue's mail is on its way", 5, 1, 0, false, false, 3 },
		{ "or waits", 5, 2, 2, true, false, 1 },
		{ "no more than half", 6, 4, 3, false, false, 0 },
		{ "more than half is not taken back", 6, 5, 5, true, false, 0 },
		{ "no more than the queue leaves", 6, 5, 0, false, false, 1 },
		{ "of one connection: all", 1, 0, 0, true, false, 1 },
		{ "in turn", 1, 0, 0, true, true, 0 },
		{ "but not with nobody", 1, 0, 0, false, true, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct next_hop hop = { .limit = { .now = cases[i].limit, .max = 20 }, .n_connections = cases[i].n_busy,
		    .n_online = cases[i].n_online, .was_online_last = cases[i].was_last, .is_up = true };
		struct list_link link = { .next = NULL };

		test_case("room for mail whose client waits: %s", cases[i].name);
		init_lists(&hop);
		if (cases[i].queue_waits)
			list_append(&hop.waiting[LINE_MAIL], &link);
		expect_int(next_hop_room_online(&hop), cases[i].want);
		expect_int(next_hop_room(&hop), cases[i].limit - cases[i].n_busy);
	}
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
	check_room();
	check_online();
	return test_end();
}
