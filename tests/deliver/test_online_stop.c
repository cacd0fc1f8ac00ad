/*
 * test_online_stop.c - mail whose clients wait: reload, stop and cancel in the middle
 */
#include <string.h>

#include "tests/deliver/online_client.h"

static void
reload(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1, .think_ms = 2000 }, second = { .w = w, .n_mails = 1 };

	friendly(w);
	begin(&us);
	wait_s(w, 1);
	couriers_adopt(w->couriers, make_plan(w));
	wait_for(&us);
	expect_int(us.n_taken, 1);
	wait_s(w, 1);
	expect_int(hop(w, 0).n_connections, 0);		/* it was of the old plan */
	bring(&second);
	expect_int(second.n_taken, 1);
	expect_int(w->peers[0].n_connections, 2);
}

static void
reload_without_it(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1, .think_ms = 2000 }, late = { .w = w, .n_mails = 1, .think_ms = 15000 };

	friendly(w);
	begin(&us);
	begin(&late);
	wait_s(w, 1);
	w->routes[0].destination = "relay:other";
	couriers_adopt(w->couriers, make_plan(w));
	wait_for(&us);
	wait_for(&late);
	expect_int(us.n_taken, 1);			/* its session stood */
	expect_int(late.n_unavailable, 1);
	expect(strstr(late.trouble, "not in the configuration") != NULL);
}

static void
restart(struct world *w)
{
	couriers_free(w->couriers);
	start_couriers(w);
}

static void
stop_while_held(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1, .think_ms = 8000 };
	struct instant began;

	friendly(w);
	begin(&us);
	wait_s(w, 1);
	began = loop_now(w->loop);
	couriers_stop(w->couriers, in_s(w, 30));
	expect(instant_diff(began, loop_now(w->loop)).ns < span_s(1).ns);
	wait_for(&us);
	expect_int(us.n_unavailable, 1);
	expect_text(us.trouble, "the relay is stopping");
	expect_int(w->peers[0].n_quits, 1);
	restart(w);
}

static void
stop_in_peace(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1 };

	friendly(w);
	w->peers[0].reply_wait_ms = 5000;
	begin(&us);
	wait_s(w, 1);
	couriers_stop(w->couriers, in_s(w, 30));
	wait_for(&us);
	expect_int(us.n_taken, 1);
	expect_int(w->peers[0].n_quits, 1);
	restart(w);
}

static void
stop_at_the_dot(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1 };

	friendly(w);
	w->peers[0].reply_wait_ms = 60000;
	begin(&us);
	wait_s(w, 1);
	couriers_stop(w->couriers, in_s(w, 10));
	wait_for(&us);
	expect_int(us.n_ambiguous, 1);
	expect_int(n_lines(w, "ambiguous "), 1);
	restart(w);
	wait_s(w, 60);
}

static void
stop_while_asked(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1 };

	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nW: 500000\nX:\n");
	begin(&us);
	wait_s(w, 1);
	couriers_stop(w->couriers, in_s(w, 10));
	wait_for(&us);
	expect_int(us.n_unavailable, 1);
	restart(w);
}

static void
cancel_at(struct world *w, const char *dialogue, int after_ms)
{
	struct client_of_ours us = { .w = w, .n_mails = 1 };

	peer_says(&w->peers[0], dialogue);
	begin(&us);
	if (after_ms > 0)
		wait_ms(w, after_ms);
	if (!us.is_over)
		fiber_cancel(us.fiber);
	wait_for(&us);
	wait_s(w, 1);
	expect_int(us.n_taken + us.n_unavailable + us.n_ambiguous, 0);
	expect_int(n_busy(w), 0);
}

static void
cancel_connecting(struct world *w)
{
	cancel_at(w, "W: 100000\nX:\n", 1000);
}

static void
cancel_asking(struct world *w)
{
	cancel_at(w, "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nW: 100000\nX:\n", 1000);
}

static void
cancel_sending(struct world *w)
{
	cancel_at(w, "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nW: 100000\nX:\n", 1000);
	expect_int(w->peers[0].n_mails, 0);
}

static void
cancel_at_the_dot(struct world *w)
{
	cancel_at(w, "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nW: 100000\nX:\n", 1000);
	expect_int(n_lines(w, "ambiguous "), 1);
}

/* At any moment, to the millisecond. */
static void
cancel_anywhere(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1 };

	friendly(w);
	begin(&us);
	for (int i = 0; i < w->round; i++)
		wait_ms(w, 1);
	if (!us.is_over)
		fiber_cancel(us.fiber);
	wait_for(&us);
	wait_s(w, 6);
	expect(us.n_taken <= w->peers[0].n_mails);
	expect_int(n_busy(w), 0);
}

/* The same for a stop without patience. */
static void
stop_anywhere(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1 };

	friendly(w);
	begin(&us);
	for (int i = 0; i < w->round; i++)
		wait_ms(w, 1);
	couriers_stop(w->couriers, loop_now(w->loop));
	wait_for(&us);
	expect_int(us.n_taken + us.n_unavailable + us.n_ambiguous, 1);
	if (us.n_unavailable > 0)
		expect_int(w->peers[0].n_mails, 0);
	restart(w);
}

static const struct story stories[] = {
	{ .name = "a new plan leaves a transaction alone", .tell = reload },
	{ .name = "a destination that is taken out is unavailable, once its session is gone", .tell = reload_without_it },
	{ .name = "stopping gives a held session back at once", .tell = stop_while_held },
	{ .name = "stopping waits for the answer to the dot", .tell = stop_in_peace },
	{ .name = "until its deadline: then it is ambiguous", .tell = stop_at_the_dot },
	{ .name = "and before the dot unavailable", .tell = stop_while_asked },
	{ .name = "cancelled while it connects", .tell = cancel_connecting },
	{ .name = "cancelled while it asks", .tell = cancel_asking },
	{ .name = "cancelled while it sends", .tell = cancel_sending },
	{ .name = "cancelled at the dot", .tell = cancel_at_the_dot },
	{ .name = "cancelled anywhere, nothing is left", .tell = cancel_anywhere, .n_times = 60 },
	{ .name = "stopped anywhere, it has one end", .tell = stop_anywhere, .n_times = 60 },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
