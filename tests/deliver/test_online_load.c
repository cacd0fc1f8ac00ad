/*
 * test_online_load.c - mail whose clients wait, much of it and beside the queue's
 */
#include <stdio.h>

#include "tests/deliver/online_client.h"

enum { LIMIT = 20 };

/* What is old fills all connections; what waits for its answer gets it soon. */
static void
beside_the_queue(struct world *w)
{
	struct client_of_ours us[2] = { { .w = w, .n_mails = 10, .pause_ms = 500 }, { .w = w, .n_mails = 10, .pause_ms = 500 } };

	friendly(w);
	w->peers[0].reply_wait_ms = 400;
	for (int i = 0; i < 200; i++)
		put(w, 1);
	wait_s(w, 1);
	begin(&us[0]);
	begin(&us[1]);
	wait_for(&us[0]);
	wait_for(&us[1]);
	expect_int(us[0].n_taken + us[1].n_taken, 20);
	expect(us[0].longest.ns < span_ms(1500).ns && us[1].longest.ns < span_ms(1500).ns);
	expect(w->peers[0].n_mails < 200);		/* so they did pass */
	expect(wait_for_mails(w, 220, 60) >= 0);
	expect(w->peers[0].n_open_most <= hop(w, 0).limit_max);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(n_busy(w), 0);
}

/* The same where the next hop takes one connection: neither side starves. */
static void
in_turn(struct world *w)
{
	struct client_of_ours us[2] = { { .w = w, .n_mails = 20 }, { .w = w, .n_mails = 20 } };
	int n_of_queue;

	friendly(w);
	w->peers[0].reply_wait_ms = 200;
	for (int i = 0; i < 300; i++)
		put(w, 1);
	wait_s(w, 1);
	n_of_queue = w->peers[0].n_mails;
	begin(&us[0]);
	begin(&us[1]);
	wait_for(&us[0]);
	wait_for(&us[1]);
	n_of_queue = w->peers[0].n_mails - 40 - n_of_queue;
	expect_int(us[0].n_taken + us[1].n_taken, 40);
	expect(n_of_queue >= 20 && n_of_queue <= 60);
	expect_int(w->peers[0].n_open_most, 1);
	expect(wait_for_mails(w, 340, 100) >= 0);
	wait_s(w, 1);
	expect_int(n_busy(w), 0);
}

/* Clients that dawdle as long as they can hold half, and the queue goes on. */
static void
dawdlers(struct world *w)
{
	enum { N = 12 };
	struct client_of_ours us[N];
	int n_of_queue;

	friendly(w);
	w->peers[0].reply_wait_ms = 200;
	for (int i = 0; i < N; i++) {
		us[i] = (struct client_of_ours){ .w = w, .n_mails = 100, .think_ms = 9000, .budget_s = 5, .hangs_up = true };
		begin(&us[i]);
	}
	wait_s(w, 2);
	expect_int(w->peers[0].n_open, 4);		/* the queue had nothing: all are theirs */
	for (int i = 0; i < 500; i++)
		put(w, 1);
	wait_s(w, 20);
	n_of_queue = w->peers[0].n_mails;
	wait_s(w, 20);
	n_of_queue = w->peers[0].n_mails - n_of_queue;
	expect(n_of_queue > 20 * 5 * 2 * 8 / 10);	/* two connections, five mails a second each */
	expect(w->peers[0].n_open_most <= 4);
	for (int i = 0; i < N; i++) {
		us[i].n_mails = 0;
		expect_int(us[i].n_ambiguous + us[i].n_refused, 0);
	}
	for (int i = 0; i < N; i++)
		wait_for(&us[i]);
	expect(wait_for_mails(w, 500, 60) >= 0);
	wait_s(w, 6);
	expect_int(n_busy(w), 0);
}

static void
all_busy(struct world *w)
{
	struct client_of_ours first = { .w = w, .n_mails = 1 }, second = { .w = w, .n_mails = 1, .budget_s = 5 };

	friendly(w);
	w->peers[0].reply_wait_ms = 20000;
	begin(&first);
	wait_s(w, 1);
	bring(&second);
	expect_int(second.n_unavailable, 1);
	expect_text(second.trouble, "all connections to the next hop are in use");
	expect(second.longest.ns >= span_s(5).ns && second.longest.ns < span_s(6).ns);
	second.budget_s = 60;
	bring(&second);
	expect_int(second.n_taken, 1);
	wait_for(&first);
	expect_int(first.n_taken, 1);
	expect_int(w->peers[0].n_connections, 1);
	wait_s(w, 1);
	expect_int(n_busy(w), 0);
}

/* Who dawdles in the middle of a mail keeps nobody from his, and gets his own through. */
static void
awaited(struct world *w)
{
	struct client_of_ours first = { .w = w, .n_mails = 1, .think_ms = 20000, .idle_max = span_s(60) };
	struct client_of_ours second = { .w = w, .n_mails = 10 };

	friendly(w);
	begin(&first);
	wait_s(w, 5);
	bring(&second);
	expect_int(second.n_taken, 10);
	expect(second.longest.ns <= span_s(1).ns);
	wait_for(&first);
	expect_int(first.n_taken, 1);
	expect_int(n_heard(w, "RSET"), 1);
	expect_int(w->peers[0].n_connections, 1);
	wait_s(w, 1);
	expect_int(n_busy(w), 0);
}

/* It goes down while others wait for room: they do not wait for nothing. */
static void
down_while_waiting(struct world *w)
{
	struct client_of_ours first = { .w = w, .n_mails = 1, .think_ms = 3000 }, second = { .w = w, .n_mails = 1 };

	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nX:\n");
	begin(&first);
	wait_s(w, 1);
	begin(&second);
	peer_stop(&w->peers[0]);
	wait_for(&second);
	expect_int(second.n_unavailable, 1);
	expect(second.longest.ns < span_s(20).ns);
	wait_for(&first);
	expect_int(first.n_unavailable, 1);
	peer_listen(&w->peers[0]);
}

/* Without any mail of the queue it is trusted with more, as it proves to bear it. */
static void
grows(struct world *w)
{
	enum { N = 30 };
	struct client_of_ours us[N];
	int n_taken = 0;

	friendly(w);
	w->peers[0].reply_wait_ms = 200;
	for (int i = 0; i < N; i++) {
		us[i] = (struct client_of_ours){ .w = w, .n_mails = 20 };
		begin(&us[i]);
	}
	for (int i = 0; i < N; i++) {
		wait_for(&us[i]);
		n_taken += us[i].n_taken;
	}
	expect_int(n_taken, 20 * N);
	expect_int(hop(w, 0).limit, LIMIT);
	expect_int(w->peers[0].n_open_most, LIMIT);
	wait_s(w, 1);
	expect_int(n_busy(w), 0);
}

/* A server that takes three: found out, and nobody is sent away for it. */
static void
three_at_most(struct world *w)
{
	enum { N = 10 };
	struct client_of_ours us[N];
	int n_taken = 0, n_unavailable = 0;

	friendly(w);
	w->peers[0].open_max = 3;
	w->peers[0].reply_wait_ms = 200;
	for (int i = 0; i < N; i++) {
		us[i] = (struct client_of_ours){ .w = w, .n_mails = 20, .pause_ms = 10 };
		begin(&us[i]);
	}
	for (int i = 0; i < N; i++) {
		wait_for(&us[i]);
		n_taken += us[i].n_taken;
		n_unavailable += us[i].n_unavailable;
	}
	expect_int(n_taken, 20 * N);
	expect_int(n_unavailable, 0);
	expect(w->peers[0].n_turned_away <= 20);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* One client brings as much as it can, and each mail takes long. */
static void
beside_one_greedy(struct world *w)
{
	enum { N = 16 };
	struct client_of_ours us[N], other = { .w = w, .n_mails = 3, .last_byte = 8 };

	friendly(w);
	w->peers[0].reply_wait_ms = 20000;
	for (int i = 0; i < N; i++) {
		us[i] = (struct client_of_ours){ .w = w, .n_mails = 4, .last_byte = 7 };
		begin(&us[i]);
	}
	wait_s(w, 10);
	begin(&other);
	wait_for(&other);
	expect_int(other.n_taken, 3);
	for (int i = 0; i < N; i++)
		wait_for(&us[i]);
	expect(other.longest.ns < span_s(22).ns);
}

/* Mail of the queue that the first next hop does not have goes on to the second one: the places of clients there are not its. */
static void
beside_passed_on(struct world *w)
{
	enum { N = 4 };
	struct client_of_ours us[N];

	friendly(w);
	w->peers[0].has = "nobody";
	w->peers[1].reply_wait_ms = 2000;
	put(w, 40);
	wait_s(w, 5);
	for (int i = 0; i < N; i++) {
		us[i] = (struct client_of_ours){ .w = w, .n_mails = 1, .destination = "relay:x/[192.0.2.2]:25" };
		begin(&us[i]);
	}
	for (int i = 0; i < N; i++) {
		wait_for(&us[i]);
		if (!expect_int(us[i].n_taken, 1))
			printf("# %s\n", us[i].trouble);
	}
	wait_s(w, 600);
	expect_int(w->peers[1].n_mails, 40 + N);
}

static void
too_many(struct world *w)
{
	struct client_of_ours us[3];

	friendly(w);
	w->peers[0].reply_wait_ms = 1000;
	for (int i = 0; i < 3; i++) {
		us[i] = (struct client_of_ours){ .w = w, .n_mails = 1 };
		begin(&us[i]);
	}
	for (int i = 0; i < 3; i++)
		wait_for(&us[i]);
	expect_int(us[0].n_taken + us[1].n_taken + us[2].n_taken, 2);
	expect_text(us[2].trouble, "too much mail is on its way");
}

/* Those who dawdle have all there may be at once, but not all connections to the next hop, so nobody waits for one. */
static void
too_many_dawdle(struct world *w)
{
	struct client_of_ours us[2], other = { .w = w, .n_mails = 5 };

	friendly(w);
	for (int i = 0; i < 2; i++) {
		us[i] = (struct client_of_ours){ .w = w, .n_mails = 1, .think_ms = 9000 };
		begin(&us[i]);
		wait_ms(w, 100);	/* half of them may be asking for one destination */
	}
	wait_s(w, 3);
	bring(&other);
	expect_int(other.n_taken, 5);
	for (int i = 0; i < 2; i++) {
		wait_for(&us[i]);
		expect_int(us[i].n_taken, 1);
	}
	wait_s(w, 1);
	expect_int(n_busy(w), 0);
}

/* Connections are cut at any time: what was taken is there, what was not known is told as such, and nothing more is there. */
static void
cut_off(struct world *w)
{
	enum { N = 8 };
	struct client_of_ours us[N];
	int n_taken = 0, n_ambiguous = 0, n_over = 0;
	uint8_t random;

	friendly(w);
	for (int i = 0; i < w->round; i++)		/* another story each time */
		os_random(&random, sizeof(random));
	w->peers[0].reply_wait_ms = 5;
	w->peers[1].reply_wait_ms = 5;
	for (int i = 0; i < N; i++) {
		us[i] = (struct client_of_ours){
			.w = w, .n_mails = 40, .pause_ms = i, .think_ms = i % 3 * 2, .n_recipients = 1 + i % 4, .hangs_up = i == 7,
			.idle_max = span_ms(3), .is_introduced = i % 2 == 0,
		};
		begin(&us[i]);
	}
	while (n_over < N) {
		os_random(&random, sizeof(random));
		wait_ms(w, 1 + random % 64);
		sim_net_cut(w->sim, &w->peers[random % 2].at);
		if (random == 0)
			couriers_adopt(w->couriers, make_plan(w));
		if (random % 16 == 1)
			put(w, 1);
		n_over = 0;
		for (int i = 0; i < N; i++)
			n_over += us[i].is_over;
	}
	for (int i = 0; i < N; i++) {
		n_taken += us[i].n_taken;
		n_ambiguous += us[i].n_ambiguous;
		expect_int(us[i].n_refused, 0);
	}
	wait_s(w, 400);
	expect_int(counts(w).n_mails, 0);
	w->peers[0].n_mails += w->peers[1].n_mails - (int)counts(w).n_put;	/* less those of the queue: some came twice */
	expect(n_taken > 10);
	expect(w->peers[0].n_mails >= n_taken);
	expect(w->peers[0].n_mails <= n_taken + n_lines(w, "ambiguous "));
	expect(n_ambiguous <= n_lines(w, "ambiguous "));
	expect_int(n_busy(w), 0);
}

static const struct story stories[] = {
	{ .name = "a full queue holds up nobody who waits", .tell = beside_the_queue, .is_quiet = true },
	{ .name = "one connection is taken in turn", .tell = in_turn, .is_quiet = true, .connections_max = 1 },
	{ .name = "clients that dawdle leave half to the queue", .tell = dawdlers, .is_quiet = true },
	{ .name = "with no connection free it is unavailable when the budget is over", .tell = all_busy, .connections_max = 1 },
	{ .name = "a client that dawdles is not waited for", .tell = awaited, .connections_max = 1 },
	{ .name = "a next hop that goes down is not waited for", .tell = down_while_waiting, .connections_max = 1 },
	{ .name = "the limit grows by such mail alone", .tell = grows, .is_quiet = true, .connections_max = LIMIT },
	{ .name = "a server that takes three connections gets three", .tell = three_at_most, .is_quiet = true, .connections_max = LIMIT },
	{ .name = "one client that has all connections leaves those that come free to others", .tell = beside_one_greedy, .is_quiet = true },
	{ .name = "what the queue passes on to a next hop keeps no client away", .tell = beside_passed_on, .n_hops = 2, .is_by_recipient = true,
	  .deliveries_max = 12 },
	{ .name = "no more at once than there may be couriers", .tell = too_many, .deliveries_max = 2 },
	{ .name = "who dawdles makes room for others there", .tell = too_many_dawdle, .deliveries_max = 2 },
	{ .name = "whatever is cut off, no mail is there that was not, and none is missing", .tell = cut_off, .n_hops = 2, .is_quiet = true,
	  .n_times = 20 },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
