/*
 * test_online_load.c - mail whose clients wait, much of it and beside the queue's; reload, stop and cancel in the middle
 */
#include <stdio.h>
#include <string.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/online.h"
#include "tests/deliver/stage.h"

enum { LIMIT = 20, BUDGET_S = 60, FINAL_S = 300 };

struct client_of_ours {			/* brings mails, one after the other */
	struct world	*w;
	int		 n_mails;
	int		 n_recipients;	/* of each; 0: one */
	int		 think_ms;	/* between the recipients and the mail */
	int		 pause_ms;	/* after each mail */
	int		 budget_s;	/* 0: BUDGET_S */
	struct span	 idle_max;
	bool		 is_introduced;
	uint8_t		 last_byte;	/* of its address; 0: none is known */
	bool		 hangs_up;	/* instead of sending */
	const char	*destination;	/* NULL: relay:x */

	struct fiber	*fiber;
	bool		 is_over;
	int		 n_taken, n_refused, n_unavailable, n_ambiguous, n_cancelled;
	struct span	 longest;	/* of what it waited for an end */
	char		 trouble[400];	/* the last */
};

static void
friendly(struct world *w)
{
	for (int i = 0; i < PEERS; i++)
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
}

static void
wait_ms(struct world *w, int ms)
{
	fiber_sleep(instant_after(loop_now(w->loop), span_ms(ms)));
}

static struct instant
in_s(const struct world *w, int seconds)
{
	return instant_after(loop_now(w->loop), span_s(seconds));
}

static struct online *
new_online(struct client_of_ours *us)
{
	const struct envelope envelope = { .reverse_path = { .local = STR("a"), .domain = STR("example.org") } };
	const struct identity identity = {
		.client = { .ip = { .family = IP_V4, .bytes = { 203, 0, 113, 7 } }, .port = 4711 }, .helo = STR("client.example"), .is_esmtp = true,
	};

	return online_new(&(struct online_settings){
		.couriers = us->w->couriers, .destination = us->destination != NULL ? str_of(us->destination) : STR("relay:x"),
		.envelope = &envelope, .idle_max = us->idle_max, .identity = us->is_introduced ? &identity : NULL,
		.client = { .family = us->last_byte > 0 ? IP_V4 : IP_NONE, .bytes = { 203, 0, 113, us->last_byte } },
	});
}

/* True: go on with the mail. */
static bool
count(struct client_of_ours *us, const struct online *online, enum online_end end, struct instant began)
{
	struct span took = instant_diff(began, loop_now(us->w->loop));

	if (took.ns > us->longest.ns)
		us->longest = took;
	switch (end) {
	case ONLINE_ANSWERED:
		if (reply_is_positive(online_reply(online)))
			return true;
		us->n_refused++;
		return false;
	case ONLINE_UNAVAILABLE:
		us->n_unavailable++;
		break;
	case ONLINE_AMBIGUOUS:
		us->n_ambiguous++;
		break;
	case ONLINE_CANCELLED:
		us->n_cancelled++;
		return false;
	}
	snprintf(us->trouble, sizeof(us->trouble), "%s", online_trouble(online)->text);
	return false;
}

static bool
ask_all(struct client_of_ours *us, struct online *online)
{
	size_t n_bytes = online_memory_bytes(online);
	char local[20];

	for (int i = 0; i < us->n_recipients || i == 0; i++) {
		struct recipient recipient = { .address = { .domain = STR("example.com") } };
		struct instant began = loop_now(us->w->loop);

		snprintf(local, sizeof(local), "r%d", i + 1);
		recipient.address.local = str_of(local);
		if (!count(us, online, online_rcpt(online, &recipient, in_s(us->w, us->budget_s > 0 ? us->budget_s : BUDGET_S)), began))
			return false;
		expect(online_memory_bytes(online) > n_bytes && online_memory_bytes(online) < n_bytes + (size_t)(i + 1) * 1000 + 10000);
	}
	return true;
}

static void
send_one(struct client_of_ours *us, struct online *online)
{
	struct instant began = loop_now(us->w->loop);
	struct online_mail mail = { .draft = draft_new(us->w->queue), .arrived = os_wall_clock(), .prefix = STR("Received: here\r\n") };
	struct fault fault;
	enum online_end end;

	expect_int(draft_append(mail.draft, STR("Subject: online\r\n\r\n"), in_s(us->w, 60), &fault), 0);
	end = online_send(online, &mail, in_s(us->w, BUDGET_S), in_s(us->w, FINAL_S));
	us->n_taken += count(us, online, end, began);
	if (end != ONLINE_CANCELLED)
		draft_discard(mail.draft);
}

static void
bring_mails(void *arg)
{
	struct client_of_ours *us = arg;

	for (int i = 0; i < us->n_mails && !fiber_is_cancelled(); i++) {
		struct online *online = new_online(us);
		bool is_asked = ask_all(us, online);

		if (is_asked && us->think_ms > 0)
			wait_ms(us->w, us->think_ms);
		if (is_asked && !us->hangs_up)
			send_one(us, online);
		online_drop(online);
		wait_ms(us->w, us->pause_ms);
	}
	us->is_over = true;
}

static void
begin(struct client_of_ours *us)
{
	us->fiber = fiber_start(us->w->loop, "client", bring_mails, us);
	insist(us->fiber != NULL);
}

static void
wait_for(struct client_of_ours *us)
{
	while (!us->is_over)
		wait_ms(us->w, 10);
}

static void
bring(struct client_of_ours *us)
{
	us->is_over = false;
	bring_mails(us);
}

static int
n_busy(struct world *w)
{
	int n = 0;

	for (int i = 0; i < n_hops_known(w); i++)
		n += hop(w, i).n_connections - hop(w, i).n_idle;
	return n;
}

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

static int
n_heard(const struct world *w, const char *what)
{
	struct str rest = buf_str(&w->peers[0].heard), line;
	int n = 0;

	while (str_take_until(&rest, '\n', &line))
		n += str_starts(line, str_of(what));
	return n;
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

/* --- with each other, and with the queue --- */

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

/* --- reload, stop, cancel --- */

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
