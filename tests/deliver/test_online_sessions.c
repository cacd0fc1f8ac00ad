/*
 * test_online_sessions.c - mail whose clients wait: its sessions, who is told of the client in them, and who has them next
 */
#include "tests/deliver/online_client.h"

/* --- sessions --- */

static void
one_session(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 5 };

	friendly(w);
	bring(&us);
	expect_int(us.n_taken, 5);
	expect_int(w->peers[0].n_mails, 5);
	put(w, 1);
	expect(wait_for_mails(w, 6, 5) >= 0);
	expect_int(w->peers[0].n_connections, 1);
	wait_s(w, 1);
	expect_int(hop(w, 0).n_connections, 1);
	expect_int(hop(w, 0).n_idle, 1);
	expect_int((int)hop(w, 0).n_delivered, 6);
}

static void
stale_session(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1 };

	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-p\nS: 250 PIPELINING\nC: MAIL\nC: RCPT\nS: 250\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n"
	    "W: 3000\nS: 421 4.4.2 idle\nX:\n");
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	bring(&us);
	wait_s(w, 4);
	bring(&us);
	expect_int(us.n_taken, 2);
	expect_int(w->peers[0].n_connections, 2);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* --- who the client is --- */

static void
tell_of_clients(struct world *w, enum identity_means means)
{
	w->routes[0].identity = means;
	couriers_adopt(w->couriers, make_plan(w));
}

static void
by_xclient(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 3, .is_introduced = true }, other = { .w = w, .n_mails = 1 };

	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,XCLIENT NAME ADDR PROTO HELO");
	tell_of_clients(w, IDENTITY_AUTO);
	bring(&other);
	bring(&us);
	wait_s(w, 1);
	expect_int(us.n_taken, 3);
	expect_int(n_heard(w, "XCLIENT "), 3);
	expect_int(n_heard(w, "EHLO client.example"), 3);
	expect_int(w->peers[0].n_connections, 3);	/* the first is that of the other one, which was told */
	expect_int(w->peers[0].n_quits, 3);
	expect_int(hop(w, 0).n_connections, 0);
	bring(&other);
	expect_int(n_heard(w, "XCLIENT "), 3);
}

static void
by_xforward(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 3, .is_introduced = true, .think_ms = 12000 };

	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,XFORWARD NAME ADDR PROTO HELO");
	tell_of_clients(w, IDENTITY_AUTO);
	bring(&us);
	wait_s(w, 1);
	expect_int(us.n_taken, 3);
	expect_int(n_heard(w, "MAIL "), 6);		/* each said again after a while */
	expect_int(n_heard(w, "XFORWARD "), 6);
	expect_int(w->peers[0].n_connections, 1);
	expect_int(hop(w, 0).n_idle, 1);
}

static void
refused_means(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1, .is_introduced = true };

	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO relay\nS: 250-p\nS: 250-XCLIENT ADDR HELO\nS: 250 XFORWARD ADDR\nC: XCLIENT\n"
	    "S: 550 5.7.0 not you\nC: XFORWARD ADDR=203.0.113.7\nS: 250\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n");
	tell_of_clients(w, IDENTITY_AUTO);
	bring(&us);
	expect_int(us.n_taken, 1);
}

static void
half_refused_means(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1, .is_introduced = true };

	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO relay\nS: 250-p\nS: 250 XCLIENT ADDR HELO\nC: XCLIENT\nS: 501 5.5.4 bad\nX:\n");
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO relay\nS: 250-p\nS: 250 XCLIENT ADDR HELO\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\n"
	    "S: 250\n");
	tell_of_clients(w, IDENTITY_AUTO);
	bring(&us);
	expect_int(us.n_taken, 1);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* It is the client that they do not want: that is its answer, and says nothing about the next hop. */
static void
turned_away(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 2, .n_recipients = 2, .is_introduced = true };

	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO relay\nS: 250-p\nS: 250 XCLIENT ADDR HELO\nC: XCLIENT\nS: 554 5.7.1 blocklisted\n");
	tell_of_clients(w, IDENTITY_AUTO);
	bring(&us);
	expect_int(us.n_refused, 2);
	wait_s(w, 1);
	expect_int(w->peers[0].n_connections, 2);
	expect_int(hop(w, 0).n_connections, 0);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

static void
by_proxy(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1, .is_introduced = true };

	peer_says(&w->peers[0], "H: 28\nS: 220 hi\nC: EHLO client.example\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n");
	peer_says(&w->peers[0], "H: 28\nS: 554 5.7.1 blocklisted\n");
	peer_says(&w->peers[0], "H: 16\nS: 220 hi\nC: EHLO relay\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n");
	tell_of_clients(w, IDENTITY_PROXY);
	bring(&us);
	expect_int(us.n_taken, 1);
	bring(&us);
	expect_int(us.n_refused, 1);
	expect_int(n_lines(w, "nexthop-down "), 0);
	put(w, 1);				/* of nobody any more: LOCAL, which has no addresses */
	expect(wait_for_mails(w, 2, 5) >= 0);
	wait_s(w, 1);
	expect_int(hop(w, 0).n_connections, 0);
}

static void
many_recipients(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1, .n_recipients = 450, .think_ms = 20000 };

	friendly(w);
	bring(&us);
	expect_int(us.n_taken, 1);
	expect_int(n_lines(w, "delivered "), 450);
	expect_int(w->peers[0].n_mails, 1);
}

static void
slowed_down(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 4 };

	friendly(w);
	w->peers[0].mail_reply = "450 4.7.1 slow down";
	bring(&us);
	expect_int(us.n_refused, 4);
	expect(hop(w, 0).limit < 4);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* As greylisting of senders looks, where it is done at MAIL: the next hop is there for all others. */
static void
slowed_down_often(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 12 }, others = { .w = w, .n_mails = 1 };

	friendly(w);
	w->peers[0].mail_reply = "451 4.7.1 not yet, come back later";
	bring(&us);
	expect_int(us.n_refused, 12);
	expect_int(n_lines(w, "nexthop-down "), 0);
	w->peers[0].mail_reply = NULL;
	bring(&others);
	expect_int(others.n_taken, 1);
}

static void
dropped(struct world *w)
{
	struct client_of_ours us = { .w = w, .n_mails = 1, .hangs_up = true };

	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: RSET\nS: 250\n"
	    "C: MAIL\nS: 250\nC: RCPT\nS: 250\nC: RSET\nW: 20000\nX:\n");
	online_drop(new_online(&us));
	online_drop(NULL);
	bring(&us);
	wait_s(w, 1);
	expect_int(hop(w, 0).n_idle, 1);
	bring(&us);
	wait_s(w, 6);
	expect_int(hop(w, 0).n_connections, 0);	/* it did not answer RSET */
}

static const struct story stories[] = {
	{ .name = "mails go over one session, and the queue's over it too", .tell = one_session },
	{ .name = "one that went stale in the pool is nobody's fault", .tell = stale_session },
	{ .name = "a session that was told of a client by XCLIENT goes to nobody else", .tell = by_xclient },
	{ .name = "by XFORWARD each mail is told of", .tell = by_xforward },
	{ .name = "refused XCLIENT, it is XFORWARD", .tell = refused_means },
	{ .name = "refused in the middle, it is another session", .tell = half_refused_means },
	{ .name = "a client that is turned away has its answer", .tell = turned_away },
	{ .name = "by PROXY each connection is told of", .tell = by_proxy },
	{ .name = "an envelope of hundreds is said again", .tell = many_recipients, .is_quiet = true },
	{ .name = "one that asks us to slow down is trusted with less", .tell = slowed_down },
	{ .name = "however often it says so, it is not down", .tell = slowed_down_often },
	{ .name = "who hangs up leaves a session for others", .tell = dropped },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
