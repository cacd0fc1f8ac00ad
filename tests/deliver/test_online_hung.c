/*
 * test_online_hung.c - a next hop takes connections and is silent: how long the clients of mails wait for it, one after the
 * other and at once
 */
#include <stdio.h>

#include "base/insist.h"
#include "smtpfwd/deliver/online.h"
#include "tests/deliver/stage.h"

enum { BUDGET_S = 60, FINAL_S = 300, N_MAX = 50, N_LATER = 20 };

struct client_of_ours {
	struct world	*w;
	const struct identity *identity;
	bool		 is_over;
	bool		 is_taken, is_turned_away;
	int		 waited_s;	/* for all answers together */
	char		 trouble[80];	/* its beginning */
};

static struct instant
in_s(const struct world *w, int seconds)
{
	return instant_after(loop_now(w->loop), span_s(seconds));
}

static enum online_end
send(struct world *w, struct online *online)
{
	struct online_mail mail = { .draft = draft_new(w->queue), .prefix = STR("Received: here\r\n"), .arrived = os_wall_clock() };
	struct fault fault;
	enum online_end end;

	expect_int(draft_append(mail.draft, STR("Subject: hi\r\n\r\nhello\r\n"), in_s(w, BUDGET_S), &fault), 0);
	end = online_send(online, &mail, in_s(w, BUDGET_S), in_s(w, FINAL_S));
	draft_discard(mail.draft);
	return end;
}

static void
bring(void *arg)
{
	struct client_of_ours *us = arg;
	struct world *w = us->w;
	const struct envelope envelope = { .reverse_path = { .local = STR("a"), .domain = STR("example.org") } };
	const struct recipient recipient = { .address = { .local = STR("r1"), .domain = STR("example.com") } };
	struct instant began = loop_now(w->loop);
	struct online *online = online_new(&(struct online_settings){
		.couriers = w->couriers, .destination = STR("relay:x"), .envelope = &envelope, .identity = us->identity,
	});
	enum online_end end = online_rcpt(online, &recipient, in_s(w, BUDGET_S));

	us->is_turned_away = end == ONLINE_ANSWERED && !reply_is_positive(online_reply(online));
	if (end == ONLINE_ANSWERED && !us->is_turned_away)
		end = send(w, online);
	us->is_taken = end == ONLINE_ANSWERED && !us->is_turned_away && reply_is_positive(online_reply(online));
	us->waited_s = (int)span_to_s(instant_diff(began, loop_now(w->loop)));
	if (end != ONLINE_ANSWERED)
		snprintf(us->trouble, sizeof(us->trouble), "%.79s", online_trouble(online)->text);
	online_drop(online);
	us->is_over = true;
}

static struct client_of_ours
bring_one(struct world *w)
{
	struct client_of_ours us = { .w = w };

	bring(&us);
	return us;
}

static void
begin(struct world *w, struct client_of_ours *us, int n)
{
	for (int i = 0; i < n; i++) {
		us[i] = (struct client_of_ours){ .w = w };
		insist(fiber_start(w->loop, "client", bring, &us[i]) != NULL);
	}
}

static void
wait_for(struct world *w, struct client_of_ours *us, int n)
{
	for (int i = 0; i < n; i++)
		while (!us[i].is_over)
			wait_s(w, 1);
}

static int
n_longer(const struct client_of_ours *us, int n, int seconds)
{
	int n_longer = 0;

	for (int i = 0; i < n; i++)
		n_longer += us[i].waited_s > seconds;
	return n_longer;
}

#define GREETED	"S: 220 hi\nC: EHLO\nS: 250 p\n"
#define ASKED	GREETED "C: MAIL\nS: 250\nC: RCPT\n"
#define HANGS	"W: 100000\nX:\n"

static const char *const hangs_at[] = {
	HANGS,
	"S: 220 hi\nC: EHLO\n" HANGS,
	GREETED "C: MAIL\n" HANGS,
	ASKED HANGS,
	ASKED "S: 250\nC: DATA\n" HANGS,
	"R: 2\nW: 20000\nR: 2\nW: 20000\nR: 0\nW: 20000\n" HANGS,	/* drips */
};

/* One after the other: five find out, and after that one in a while. */
static void
in_turn(struct world *w)
{
	int n_waited = 0;

	peer_says(&w->peers[0], hangs_at[w->round]);
	for (int i = 0; i < N_MAX; i++) {
		struct client_of_ours us = bring_one(w);

		expect(!us.is_taken);
		n_waited += us.waited_s > 0;
		if (i < 5)
			expect_int(us.waited_s, BUDGET_S);
		else
			expect(us.waited_s == 0 || us.waited_s == BUDGET_S);
		wait_s(w, 1);
	}
	expect(n_waited >= 5 && n_waited <= 7);
	expect_int(n_lines(w, "nexthop-silent "), 1);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* All at once: those that it has room for wait, the others half as long as nobody is answered, who comes later not at all. */
static void
at_once(struct world *w)
{
	struct client_of_ours first[N_MAX], later[N_LATER], late[N_LATER];

	peer_says(&w->peers[0], hangs_at[w->round]);
	begin(w, first, N_MAX);
	wait_s(w, 30);
	begin(w, later, N_LATER);
	wait_for(w, first, N_MAX);
	begin(w, late, N_LATER);
	wait_for(w, later, N_LATER);
	wait_for(w, late, N_LATER);
	expect_int(n_longer(first, N_MAX, BUDGET_S / 2 + 1), 5);
	expect_int(n_longer(later, N_LATER, BUDGET_S / 2 + 1), 0);
	expect_int(n_longer(late, N_LATER, 0), 0);
	expect_int(n_lines(w, "nexthop-silent "), 1);
}

/* All connections are the queue's: nobody waits for room. */
static void
beside_the_queue(struct world *w)
{
	struct client_of_ours us[N_MAX];

	peer_says(&w->peers[0], hangs_at[w->round]);
	for (int i = 0; i < 5; i++)
		bring_one(w);
	put(w, 20);
	wait_s(w, 31);
	begin(w, us, N_MAX);
	wait_for(w, us, N_MAX);
	expect_int(n_longer(us, N_MAX, 0), 0);
}

/* It never takes long enough for anybody to lose heart. */
static void
slow(struct world *w)
{
	struct client_of_ours us[20];

	peer_says(&w->peers[0], "W: 5000\nS: 220 hi\nC: EHLO\nW: 5000\nS: 250 p\nC: MAIL\nW: 5000\nS: 250\nC: RCPT\nW: 5000\nS: 250\n"
	    "C: DATA\nW: 5000\nS: 354\nD:\nW: 5000\nS: 250\nX:\n");
	for (int i = 0; i < 5; i++)
		expect(bring_one(w).is_taken);
	begin(w, us, 8);
	wait_for(w, us, 8);
	for (int i = 0; i < 8; i++)
		expect(us[i].is_taken);
	expect_int(n_lines(w, "nexthop-silent "), 0);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* The greeting takes most of what a client has, and is worth it. */
#define AT_LAST	"W: 40000\nS: 220 hi\nM: PIPELINING"

static void
very_slow(struct world *w)
{
	struct client_of_ours us[4];

	peer_says(&w->peers[0], AT_LAST);
	begin(w, us, 4);
	wait_for(w, us, 4);
	for (int i = 0; i < 4; i++)
		expect(us[i].is_taken);
	for (int i = 0; i < 6; i++) {
		wait_s(w, 60);			/* so that no session is left */
		expect(bring_one(w).is_taken);
	}
	expect_int(n_lines(w, "nexthop-silent "), 0);
}

/* One that tries has all its time, and is believed. */
static void
comes_back_slow(struct world *w)
{
	struct client_of_ours us[4];

	for (int i = 0; i < 5; i++)
		peer_says(&w->peers[0], hangs_at[w->round]);
	peer_says(&w->peers[0], AT_LAST);
	for (int i = 0; i < 5; i++)
		expect(!bring_one(w).is_taken);
	wait_s(w, 31);
	begin(w, us, 4);
	wait_for(w, us, 4);
	expect(us[0].is_taken);
	expect_int(us[0].waited_s, 40);
	expect(!us[1].is_taken && us[1].waited_s == 0);
	begin(w, us, 4);
	wait_for(w, us, 4);
	for (int i = 0; i < 4; i++)
		expect(us[i].is_taken);
}

static void
comes_back(struct world *w)
{
	struct client_of_ours us[10];

	for (int i = 0; i < 5; i++)
		peer_says(&w->peers[0], hangs_at[w->round]);
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	for (int i = 0; i < 5; i++)
		expect(!bring_one(w).is_taken);
	us[0] = bring_one(w);
	expect(!us[0].is_taken && us[0].waited_s == 0);
	expect_text(us[0].trouble, "the next hop is silent, and others wait for it in vain");
	wait_s(w, 31);
	expect(bring_one(w).is_taken);
	expect_int(n_lines(w, "nexthop-answers "), 1);
	begin(w, us, 10);
	wait_for(w, us, 10);
	for (int i = 0; i < 10; i++)
		expect(us[i].is_taken);
}

/* Who runs the relay says so, or has another configuration read. */
static void
back_by_hand(struct world *w)
{
	for (int i = 0; i < 5; i++)
		peer_says(&w->peers[0], hangs_at[0]);
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	for (int i = 0; i < 5; i++)
		expect(!bring_one(w).is_taken);
	expect(!bring_one(w).is_taken);
	if (w->round == 0)
		couriers_check_now(w->couriers, STR_EMPTY);
	else
		couriers_adopt(w->couriers, make_plan(w));
	expect(bring_one(w).is_taken);
}

/* What the queue brings is answered soon: so would clients be. */
static void
back_by_queue(struct world *w)
{
	for (int i = 0; i < 5; i++)
		peer_says(&w->peers[0], hangs_at[w->round]);
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	for (int i = 0; i < 5; i++)
		expect(!bring_one(w).is_taken);
	put(w, 1);
	expect(wait_for_mails(w, 1, 5) >= 0);
	wait_s(w, 1);
	expect(bring_one(w).is_taken);
}

/* It hangs for one sender's mails, whatever often they come; the others pass. */
static void
poison(struct world *w)
{
	for (int i = 0; i < 8; i++) {
		peer_says(&w->peers[0], hangs_at[w->round]);
		peer_says(&w->peers[0], ASKED "S: 250\nC: DATA\nS: 354\nD:\nS: 250\nX:\n");
	}
	for (int i = 0; i < 8; i++) {
		expect(!bring_one(w).is_taken);
		expect(bring_one(w).is_taken);
	}
	expect_int(n_lines(w, "nexthop-silent "), 0);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* The other one has all that comes then. */
static void
beside_another(struct world *w)
{
	int n_taken = 0;

	peer_says(&w->peers[0], hangs_at[w->round]);
	peer_says(&w->peers[1], "S: 220 hi\nM: PIPELINING");
	for (int i = 0; i < 20; i++)
		n_taken += bring_one(w).is_taken;
	expect(n_taken >= 14);
	expect(bring_one(w).is_taken);
}

/* Clients wait for room at the other one. */
static void
queue_beside_another(struct world *w)
{
	struct client_of_ours us[6];

	peer_says(&w->peers[0], hangs_at[w->round]);
	peer_says(&w->peers[1], "S: 220 hi\nM: PIPELINING");
	w->peers[1].reply_wait_ms = 3000;
	for (int i = 0; i < 5; i++)
		bring_one(w);
	begin(w, us, 6);
	wait_s(w, 2);
	put(w, 4);
	wait_s(w, 2);
	expect_int(hop(w, 0).n_connections, 2);
	wait_for(w, us, 6);
	for (int i = 0; i < 6; i++)
		expect(us[i].is_taken);
}

/* At the dot it is waited for longer, and five are a server that takes no mail. */
static void
at_the_dot(struct world *w)
{
	struct client_of_ours us[N_MAX];

	peer_says(&w->peers[0], ASKED "S: 250\nC: DATA\nS: 354\nD:\nW: 1000000\nX:\n");
	begin(w, us, N_MAX);
	wait_for(w, us, N_MAX);
	expect_int(n_longer(us, N_MAX, BUDGET_S / 2 + 1), 5);
	expect_int(n_lines(w, "nexthop-down "), 1);
	expect_int(bring_one(w).waited_s, 0);
	while (n_lines(w, "nexthop-up ") == 0)
		wait_s(w, 1);
	begin(w, us, N_MAX);
	wait_for(w, us, N_MAX);
	expect_int(n_longer(us, N_MAX, 0), 1);
}

#define HEADER		"C: \nC: \nC: \n"	/* the CRLFs in it */
#define OURSELVES	HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\n"	/* the header's second line is the QUIT in it */

static struct client_of_ours
bring_one_of(struct world *w, uint8_t last)
{
	const struct identity identity = {
		.client = { .ip = { .family = IP_V4, .bytes = { 198, 51, 100, last } }, .port = 4660 },
		.helo = STR("c.example"), .is_esmtp = true,
	};
	struct client_of_ours us = { .w = w, .identity = &identity };

	bring(&us);
	return us;
}

static void
tarpit(struct world *w)
{
	for (int i = 0; i < 8; i++) {
		peer_says(&w->peers[0], HEADER HANGS);
		peer_says(&w->peers[0], OURSELVES "C: QUIT\nS: 221 bye\nX:\n");
	}
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\nM: ");
	for (int i = 0; i < 8; i++) {
		struct client_of_ours us = bring_one_of(w, (uint8_t)i);

		expect(us.is_turned_away);
		expect_int(us.waited_s, BUDGET_S * 3 / 4);
	}
	expect(bring_one_of(w, 99).is_taken);
	expect_int(n_lines(w, "nexthop-silent "), 0);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

static void
slow_to_all(struct world *w)
{
	for (int i = 0; i < 8; i++)
		peer_says(&w->peers[0], HEADER "W: 40000\nS: 220 hi\nC: QUIT\nS: 250 hi\nM: ");
	for (int i = 0; i < 8; i++)
		expect(bring_one_of(w, (uint8_t)i).is_taken);
	expect_int(n_lines(w, "nexthop-refuses-identity "), 0);
}

static void
silent_to_all(struct world *w)
{
	peer_says(&w->peers[0], HEADER HANGS);
	for (int i = 0; i < 5; i++) {
		struct client_of_ours us = bring_one_of(w, (uint8_t)i);

		expect(!us.is_turned_away && !us.is_taken);
		expect_int(us.waited_s, BUDGET_S);
	}
	expect_int(bring_one_of(w, 9).waited_s, 0);
	expect_int(n_lines(w, "nexthop-silent "), 1);
}

#define INTRODUCED "S: 220 hi\nC: EHLO\nS: 250-p\nS: 250 XCLIENT ADDR NAME PROTO HELO\n"
#define SILENT_TO_CLIENT INTRODUCED "C: XCLIENT\nS: 220 hi\nC: EHLO\n" HANGS

static void
silent_to_one(struct world *w)
{
	for (int i = 0; i < 8; i++)
		peer_says(&w->peers[0], i % 2 == 0 ? SILENT_TO_CLIENT : INTRODUCED "C: XCLIENT\n" HANGS);
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	for (int i = 0; i < 8; i++)
		expect_int(bring_one_of(w, 1).waited_s, BUDGET_S);
	expect(bring_one_of(w, 2).is_taken);
	expect_int(n_lines(w, "nexthop-silent "), 0);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

static void
silent_to_each(struct world *w)
{
	peer_says(&w->peers[0], SILENT_TO_CLIENT);
	for (int i = 0; i < 5; i++)
		expect_int(bring_one_of(w, (uint8_t)i).waited_s, BUDGET_S);
	expect_int(bring_one_of(w, 9).waited_s, 0);
	expect_int(n_lines(w, "nexthop-silent "), 1);
}

enum { N_STEPS = sizeof(hangs_at) / sizeof(hangs_at[0]) };

static const struct story stories[] = {
	{ .name = "it hangs: five wait in vain one after the other, and few of those behind them", .tell = in_turn, .n_times = N_STEPS },
	{ .name = "it hangs: of fifty at once those that it has room for wait", .tell = at_once, .n_times = N_STEPS - 2, .connections_max = 20 },
	{ .name = "one that hangs, and has the queue's mail, too", .tell = beside_the_queue, .n_times = N_STEPS },
	{ .name = "one that is slow is worth the wait", .tell = slow },
	{ .name = "also where that is most of its time", .tell = very_slow },
	{ .name = "one that comes back slow is believed", .tell = comes_back_slow, .n_times = N_STEPS },
	{ .name = "it comes back", .tell = comes_back, .n_times = N_STEPS },
	{ .name = "one may try it when it is told so", .tell = back_by_hand, .n_times = 2 },
	{ .name = "the queue's mail finds out that it is back", .tell = back_by_queue, .n_times = N_STEPS },
	{ .name = "a mail that it hangs for keeps no other one away", .tell = poison, .n_times = N_STEPS },
	{ .name = "another next hop has the mail then", .tell = beside_another, .n_times = N_STEPS, .n_hops = 2 },
	{ .name = "and keeps no place here from the queue's mail", .tell = queue_beside_another, .n_times = N_STEPS, .n_hops = 2,
	  .connections_max = 2 },
	{ .name = "it hangs at the dot", .tell = at_the_dot, .connections_max = 20 },
	{ .name = "who keeps a client waiting that it is told of by PROXY, but not us, serves others", .tell = tarpit,
	  .identity = IDENTITY_PROXY },
	{ .name = "who is slow to everybody serves them", .tell = slow_to_all, .identity = IDENTITY_PROXY },
	{ .name = "who keeps us waiting too, does not", .tell = silent_to_all, .identity = IDENTITY_PROXY },
	{ .name = "XCLIENT: who is silent to one client serves others", .tell = silent_to_one, .identity = IDENTITY_XCLIENT },
	{ .name = "who is silent to each does not", .tell = silent_to_each, .identity = IDENTITY_XCLIENT },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
