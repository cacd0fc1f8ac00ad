/*
 * test_courier.c - from the queue to next hops that come and go, in the simulated world
 */
#include "tests/deliver/stage.h"

static void
one_after_the_other(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,DSN");
	put(w, 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	expect(str_find_str(buf_str(&w->peers[0].heard), STR("Received: here\r\nSubject: hi\r\n\r\nhello\r\n")) >= 0);
	wait_s(w, 5);
	expect_int(hop(w, 0).n_idle, 1);
	put(w, 1);
	expect_int(wait_for_mails(w, 2, 10), 0);
	expect_int(w->peers[0].n_connections, 1);
	expect(str_find_str(buf_str(&w->peers[0].heard), STR("RSET")) < 0);
	wait_s(w, 40);
	expect_int(w->peers[0].n_quits, 1);
	expect_int(hop(w, 0).n_connections, 0);
	expect_int(hop(w, 0).n_delivered, 2);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "delivered "), 2);
}

static void
idle_and_gone(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\nW: 3000\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	put(w, 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	wait_s(w, 5);
	put(w, 1);
	expect_int(wait_for_mails(w, 2, 10), 0);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

static void
failover(struct world *w)
{
	int i;

	for (i = 0; i < 2; i++)
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
	put(w, 2);
	expect(wait_for_mails(w, 2, 10) >= 0);
	expect_int(w->peers[0].n_mails, 2);
	peer_stop(&w->peers[0]);
	sim_net_cut(w->sim, &w->peers[0].at);
	put(w, 2);
	expect(wait_for_mails(w, 4, 10) >= 0);
	expect_int(w->peers[1].n_mails, 2);
	expect(!hop(w, 0).is_up);
	expect_int(n_lines(w, "deferred "), 0);
	wait_s(w, 100);
	peer_listen(&w->peers[0]);
	wait_s(w, 400);
	expect(hop(w, 0).is_up);
	put(w, 2);
	expect(wait_for_mails(w, 6, 10) >= 0);
	expect_int(w->peers[0].n_mails, 4);
}

static void
spread(struct world *w)
{
	int i;

	for (i = 0; i < PEERS; i++) {
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
		w->peers[i].reply_wait_ms = 2000;
	}
	put(w, 6);
	expect(wait_for_mails(w, 6, 60) >= 0);
	for (i = 0; i < PEERS; i++)
		expect_int(w->peers[i].n_mails, 2);
}

static void
limited(struct world *w)
{
	int i;

	for (i = 0; i < PEERS; i++) {
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
		w->peers[i].reply_wait_ms = 1000;
	}
	put(w, 30);
	expect(wait_for_mails(w, 30, 200) >= 0);
	for (i = 0; i < PEERS; i++)
		expect(w->peers[i].n_open_most <= 2);
	expect_int(n_lines(w, "deferred "), 0);
}

static void
down_and_back(struct world *w)
{
	int n_before;

	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	peer_stop(&w->peers[0]);
	put(w, 20);
	wait_s(w, 3600);
	expect_int(counts(w).n_mails, 20);
	expect_int(n_lines(w, "nexthop-down "), 1);
	expect(n_lines(w, "nexthop-checked ") <= 20);
	expect(n_lines(w, "deferred ") <= 24);
	put(w, 1);
	wait_s(w, 10);
	n_before = n_lines(w, "deferred ");
	peer_listen(&w->peers[0]);
	expect(wait_for_mails(w, 21, 345) >= 0);
	expect_int(n_lines(w, "nexthop-up "), 1);
	expect_int(n_lines(w, "deferred "), n_before);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
}

static void
ambiguous(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 1);
	expect_int(n_lines(w, "ambiguous "), 1);
	expect_int(n_lines(w, "deferred "), 1);
	expect_int(counts(w).n_mails, 1);
	expect(wait_for_mails(w, 2, 100) >= 0);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
	expect(hop(w, 0).is_up);
}

static void
trouble_inside(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 PIPELINING\nC: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: DATA\n"
	    "S: 250\nS: 550 5.1.1\nS: 421 4.3.2\nX:");
	peer_says(&w->peers[1], "S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 250\nC: RCPT TO:<r2@\nS: 250\nC: DATA\nS: 354\nD:\nS: 250 2.0.0\n");
	put_to(w, "example.com", 2);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 1);
	expect_int(n_lines(w, "failed "), 1);
	expect_int(n_lines(w, "delivered "), 1);
	expect_int(n_lines(w, "deferred "), 0);
	expect(hop(w, 0).is_up);
}

static void
nowhere(struct world *w)
{
	put_to(w, "nobody.example.com", 1);
	put_to(w, "gone.example.com", 1);
	wait_s(w, 5);
	expect_int(n_lines(w, "failed "), 0);
	expect(log_has(w, "no relay section takes this domain any more"));
	expect_int(n_lines(w, "deferred "), 2);
	expect(log_has(w, "not in the configuration"));
}

static void
too_many_connections(struct world *w)
{
	int i;

	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	w->peers[0].reply_wait_ms = 20000;
	put(w, 1);
	wait_s(w, 5);
	for (i = 0; i < 20; i++)
		peer_says(&w->peers[0], "S: 421 4.7.0 too many connections");
	put(w, 2);
	wait_s(w, 5);
	expect(hop(w, 0).is_up);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect(w->peers[0].n_connections <= 3);
	expect_int(hop(w, 0).limit, 1);
	expect(wait_for_mails(w, 3, 100) >= 0);
	wait_s(w, 30);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "deferred "), 0);
	expect(w->peers[0].n_connections <= 5);
}

static void
one_mail_each(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,LIMITS MAILMAX=1");
	put(w, 3);
	expect(wait_for_mails(w, 3, 10) >= 0);
	wait_s(w, 1);
	expect_int(w->peers[0].n_connections, 3);
	expect_int(w->peers[0].n_open, 0);
	expect_int(n_lines(w, "deferred "), 0);
}

static void
put_off(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 PIPELINING\nC: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: DATA\n"
	    "S: 250\nS: 250\nS: 450 4.7.1 greylisted\nS: 354\nD:\nS: 250");
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 PIPELINING\nC: MAIL\nC: RCPT TO:<r2@\nC: DATA\n"
	    "S: 250\nS: 250\nS: 354\nD:\nS: 250");
	put_to(w, "example.com", 2);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 1);
	expect_int(n_lines(w, "delivered "), 1);
	expect_int(n_lines(w, "deferred "), 1);
	expect(wait_for_mails(w, 2, 100) >= 45);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
}

static void
cut_at_every_byte(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	sim_net_cut_after(w->sim, &w->peers[0].at, w->round / 2 + 1, w->round % 2 == 0);
	put(w, 1);
	expect(wait_for_mails(w, 1, 200) >= 0);
	wait_s(w, 200);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "failed "), 0);
	expect(w->peers[0].n_mails <= 1 + n_lines(w, "ambiguous "));
}

static const char EIGHT_BIT[] = "Subject: hi\r\n\r\ngr\xc3\xbc\xc3\x9f" "e\r\n";

/* The wait before the second try is 60 s at most, before the third 90 s, before the fourth 135 s. */
static void
lacking(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	put_content(w, "example.com", str_of(EIGHT_BIT));
	wait_s(w, 5);
	expect_int(n_lines(w, "deferred "), 1);
	expect(log_has(w, "does not take 8-bit mail"));
	wait_s(w, 155);
	expect_int(n_lines(w, "deferred "), 3);
	expect_int(n_lines(w, "failed "), 0);
	wait_s(w, 140);
	expect_int(n_lines(w, "failed "), 1);
	expect_int(hop(w, 0).n_failed, 1);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

static void
masked_once(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,8BITMIME");
	put_content(w, "example.com", str_of(EIGHT_BIT));
	expect(wait_for_mails(w, 1, 65) >= 45);
	expect_int(n_lines(w, "failed "), 0);
	expect_int(counts(w).n_mails, 0);
}

/* EHLO is refused for a while: by a filter, or a server that is half awake.  Nothing is known of what it takes. */
static void
only_helo(struct world *w)
{
	for (int i = 0; i < 6; i++)
		peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 500 what\nC: HELO\nS: 250 hi\nW: 100\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,8BITMIME");
	put_content(w, "example.com", str_of(EIGHT_BIT));
	expect(wait_for_mails(w, 1, 2000) >= 0);
	expect_int(n_lines(w, "deferred "), 6);
	expect_int(n_lines(w, "failed "), 0);
}

/* Deferred for another reason before, so what it lacks was seen once only. */
static void
lacking_once_of_two(struct world *w)
{
	for (int i = 0; i < 4; i++)
		peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 8BITMIME\nC: MAIL\nS: 250\nC: RCPT\nS: 451 4.7.1 later\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,8BITMIME");
	put_content(w, "example.com", str_of(EIGHT_BIT));
	expect(wait_for_mails(w, 1, 2000) >= 0);
	expect_int(n_lines(w, "deferred "), 5);
	expect_int(n_lines(w, "failed "), 0);
}

/* The reserve takes what the first does not. */
static void
lacking_first(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	peer_says(&w->peers[1], "S: 220 hi\nM: PIPELINING,8BITMIME");
	put_content(w, "example.com", str_of(EIGHT_BIT));
	expect_int(wait_for_mails(w, 1, 10), 0);
	expect_int(w->peers[1].n_mails, 1);
	put(w, 1);
	expect_int(wait_for_mails(w, 2, 10), 0);
	expect_int(w->peers[0].n_mails, 1);
	expect_int(w->peers[0].n_connections, 1);
	expect_int(n_lines(w, "deferred "), 0);
}

static const struct story stories[] = {
	{ .name = "a session is used again without RSET, and ended with QUIT when it was idle", .tell = one_after_the_other },
	{ .name = "an idle session that the server ended costs nothing", .tell = idle_and_gone },
	{ .name = "failover: the second while the first is down, and the first again when it is back", .tell = failover, .n_hops = 2 },
	{ .name = "round robin: each gets the same", .tell = spread, .n_hops = 3, .balance = BALANCE_ROUND_ROBIN },
	{ .name = "least connections: each gets the same when all are slow", .tell = spread, .n_hops = 3, .balance = BALANCE_LEAST_CONNECTIONS },
	{ .name = "no next hop sees more connections than its limit", .tell = limited, .n_hops = 3, .balance = BALANCE_ROUND_ROBIN,
	  .connections_max = 2 },
	{ .name = "the limit holds for the one next hop of a failover", .tell = limited, .n_hops = 3, .connections_max = 2 },
	{ .name = "a next hop that is down is checked, and its queue drains when it is back", .tell = down_and_back },
	{ .name = "a session lost after the dot is ambiguous, and the mail comes again", .tell = ambiguous },
	{ .name = "a 421 in the middle: who is left goes to the next one", .tell = trouble_inside, .n_hops = 2 },
	{ .name = "mail that nobody takes any more waits, as mail of a section that is gone", .tell = nowhere },
	{ .name = "too many connections: the mails go over those that are taken, and none is put off", .tell = too_many_connections },
	{ .name = "LIMITS MAILMAX=1: a session for each mail", .tell = one_mail_each },
	{ .name = "who was put off comes later, alone", .tell = put_off },
	{ .name = "8-bit mail fails where 8BITMIME is lacking for five minutes", .tell = lacking },
	{ .name = "8BITMIME that was lacking once costs a wait", .tell = masked_once },
	{ .name = "who refuses EHLO is not known to lack anything, however often", .tell = only_helo },
	{ .name = "8BITMIME that lacks at the fifth try only: a wait", .tell = lacking_once_of_two },
	{ .name = "8-bit mail goes to the reserve that takes it, and other mail over the session of the first", .tell = lacking_first, .n_hops = 2 },
	{ .name = "cut at every byte: the mail arrives, and twice only where that is logged", .tell = cut_at_every_byte, .n_times = 400 },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
