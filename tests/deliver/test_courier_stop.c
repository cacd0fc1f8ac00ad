/*
 * test_courier_stop.c - couriers that stop, and others that go on
 */
#include "tests/deliver/stage.h"

static void
stop_in_peace(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	w->peers[0].reply_wait_ms = 5000;
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(60)));
	expect_int(n_lines(w, "delivered "), 1);
	expect_int(w->peers[0].n_quits, 1);
	couriers_free(w->couriers);
	start_couriers(w);
}

static void
stop_in_haste(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nW: 500000\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	put(w, 3);
	wait_s(w, 5);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(10)));
	expect_int(n_lines(w, "delivered "), w->peers[0].n_mails);
	couriers_free(w->couriers);
	start_couriers(w);
	expect(wait_for_mails(w, 3, 10) >= 0);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "deferred "), 0);
}

static void
stop_while_down(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	peer_stop(&w->peers[0]);
	put(w, 2);
	wait_s(w, 2000);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(10)));
	couriers_free(w->couriers);
	peer_listen(&w->peers[0]);
	start_couriers(w);
	expect(wait_for_mails(w, 2, 10) >= 0);
}

static void
stop_at_the_dot(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	w->peers[0].reply_wait_ms = 60000;
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(10)));
	couriers_free(w->couriers);
	expect_int(n_lines(w, "ambiguous "), 1);
	expect_int(counts(w).n_mails, 1);
	start_couriers(w);
	wait_s(w, 60);
}

static const struct story stories[] = {
	{ .name = "stopping waits for the answer to the dot", .tell = stop_in_peace },
	{ .name = "cut off at the deadline, mail is given back and comes later", .tell = stop_in_haste },
	{ .name = "stopped while the next hop is down, the next couriers try it at once", .tell = stop_while_down },
	{ .name = "stopped at the dot it is ambiguous", .tell = stop_at_the_dot },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
