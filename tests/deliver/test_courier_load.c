/*
 * test_courier_load.c - much mail, and next hops that bear little: limits, shares, storms
 */
#include <stdio.h>
#include <string.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/deliver/stage.h"

enum { LARGE_BYTES = 1100 * 1000, LIMIT = 20 };

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

/* Ten thousand mails for a server that takes a minute for each; and now and then one for another. */
static void
slow_beside_fast(struct world *w)
{
	friendly(w);
	w->peers[1].reply_wait_ms = 60000;
	for (int i = 0; i < 10000; i++)
		put_to(w, "second.example", 1);
	wait_s(w, 600);
	for (int i = 0; i < 50; i++) {
		int n_before = w->peers[0].n_mails;

		put(w, 1);
		wait_s(w, 2);
		expect_int(w->peers[0].n_mails, n_before + 1);
		wait_s(w, 7);
	}
	/* Half of all couriers, though its limit would allow for more. */
	expect(w->peers[1].n_open_most > 10 && w->peers[1].n_open_most <= 15);
	expect_int(n_lines(w, "deferred "), 0);
}

static void
put_large(struct world *w, int n)
{
	char *content = mem_new(LARGE_BYTES);

	memset(content, 'x', LARGE_BYTES);
	for (int i = 60; i < LARGE_BYTES; i += 62)
		memcpy(content + i, "\r\n", 2);
	memcpy(content, "Subject: large\r\n\r\n", 18);
	while (n-- > 0)
		put_content(w, "example.com", str_n(content, LARGE_BYTES));
	mem_free(content);
}

static void
large_beside_small(struct world *w)
{
	friendly(w);
	w->peers[0].large_wait_ms = 100000;
	put_large(w, 6);
	wait_s(w, 20);
	expect_int(w->peers[0].n_open, 2);
	for (int i = 0; i < 10; i++) {
		put(w, 10);
		wait_s(w, 5);
	}
	expect_int(w->peers[0].n_mails, 102);		/* data of two large ones has come, too */
	expect(wait_for_mails(w, 106, 400) >= 0);
	wait_s(w, 101);
	expect_int(counts(w).n_mails, 0);
}

/* Small mail never ends, and yet the large ones get through. */
static void
large_have_their_share(struct world *w)
{
	friendly(w);
	w->peers[0].reply_wait_ms = 500;
	put(w, 300);
	put_large(w, 4);
	wait_s(w, 10);
	expect(str_find_str(buf_str(&w->peers[0].heard), STR("Subject: large")) >= 0);
	expect(w->peers[0].n_mails < 150);
	expect(wait_for_mails(w, 304, 200) >= 0);
}

/* One mail has the server hang up, whenever it comes; all others pass. */
static void
poison(struct world *w)
{
	friendly(w);
	w->peers[0].poison = "poison";
	put(w, 20);
	wait_s(w, 10);
	put_content(w, "example.com", STR("Subject: poison\r\n\r\n"));
	put(w, 40);
	expect(wait_for_mails(w, 60, 10) >= 0);
	wait_s(w, 1);
	for (int i = 0; i < 60; i++) {
		put(w, 3);
		wait_s(w, 120);
	}
	expect_int(w->peers[0].n_mails, 240);
	expect_int(counts(w).n_mails, 1);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect(hop(w, 0).limit >= 5);
	expect(n_lines(w, "deferred ") >= 5 && n_lines(w, "deferred ") <= 20);
	expect(n_lines(w, "deferred ") == n_lines(w, "ambiguous "));
}

/* It says yes to all, and hangs up at the dot: the mails that showed it may come twice, the others go to the reserve. */
static void
broken_behind(struct world *w)
{
	friendly(w);
	w->peers[0].poison = "Subject";
	put(w, 20);
	expect(wait_for_mails(w, 15, 10) >= 0);
	expect_int(w->peers[0].n_mails, 0);
	wait_s(w, 1);
	expect(n_lines(w, "ambiguous ") >= 5 && n_lines(w, "ambiguous ") <= 15);
	expect(n_lines(w, "nexthop-down ") >= 1);
}

/* The same while nothing else comes: its next hop is no less up for that. */
static void
poison_alone(struct world *w)
{
	friendly(w);
	w->peers[0].poison = "poison";
	put_content(w, "example.com", STR("Subject: poison\r\n\r\n"));
	wait_s(w, 86400);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect_int(hop(w, 0).limit, 5);
	put(w, 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
}

/* Its oldest session answers when it takes no new ones any more. */
static void
answer_of_one_that_is_down(struct world *w)
{
	friendly(w);
	w->peers[0].reply_wait_ms = 200 * 1000;
	put(w, 1);
	wait_s(w, 100);
	peer_stop(&w->peers[0]);
	put(w, 1);
	wait_s(w, 50);
	expect_int(n_lines(w, "nexthop-down "), 1);
	expect(wait_for_mails(w, 1, 100) >= 0);
	expect_int(n_lines(w, "nexthop-up "), 0);
	wait_s(w, 100);
	expect_int(n_lines(w, "nexthop-up "), 0);
	expect(n_lines(w, "nexthop-checked ") <= 15);
}

static void
bad_mailbox(struct world *w)
{
	friendly(w);
	w->peers[0].bad_rcpt = "@bad.example.com";
	w->peers[0].rcpt_reply = "450 4.7.1 come back later";
	w->peers[0].reply_wait_ms = 200;
	for (int i = 0; i < 100; i++) {
		put(w, 2);
		put_to(w, "bad.example.com", 1);
	}
	expect(wait_for_mails(w, 200, 20) >= 0);
	expect_int(hop(w, 0).limit, LIMIT);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* Down for a day with 5,000 mails; it gets one connection, and more as it proves to bear them. */
static void
back_after_a_day(struct world *w)
{
	int most = 0, n_open_before = 1;

	friendly(w);
	w->peers[0].reply_wait_ms = 1000;
	peer_stop(&w->peers[0]);
	for (int i = 0; i < 5000; i++)
		put(w, 1);
	wait_s(w, 86400);
	expect(n_lines(w, "deferred ") < 5100);
	peer_listen(&w->peers[0]);
	for (int i = 0; i < 4000 && w->peers[0].n_open == 0; i++)
		wait_ms(w, 100);
	expect_int(w->peers[0].n_open, 1);
	for (int i = 0; i < 20; i++) {
		wait_ms(w, 1050);			/* a round of mails */
		expect(w->peers[0].n_open <= 2 * n_open_before + 1);
		n_open_before = w->peers[0].n_open;
		most = n_open_before > most ? n_open_before : most;
	}
	expect(most >= 5 && most <= LIMIT);
	expect(wait_for_mails(w, 5000, 600) >= 0);
	expect(w->peers[0].n_open_most <= LIMIT);
	expect(w->peers[0].n_connections < 150);
	wait_s(w, 2);
	expect_int(counts(w).n_mails, 0);
}

/* In the middle of much mail it turns everybody away, for an hour. */
static void
storm_at_the_door(struct world *w)
{
	int n_before;

	friendly(w);
	w->peers[0].reply_wait_ms = 500;
	for (int i = 0; i < 1000; i++)
		put(w, 1);
	wait_s(w, 5);
	w->peers[0].is_closed = true;
	sim_net_cut(w->sim, &w->peers[0].at);
	n_before = n_lines(w, "deferred ");
	wait_s(w, 3600);
	expect(w->peers[0].n_turned_away <= 60);
	expect(n_lines(w, "deferred ") - n_before <= 2 * LIMIT + 10);
	w->peers[0].is_closed = false;
	expect(wait_for_mails(w, 1000, 900) >= 0);
	expect_int(n_lines(w, "failed "), 0);
}

/* It greets, and answers each MAIL with a 4xx that says "slow down". */
static void
storm_inside(struct world *w)
{
	friendly(w);
	w->peers[0].mail_reply = "450 4.7.1 rate limit, slow down";
	for (int i = 0; i < 1000; i++)
		put(w, 1);
	wait_s(w, 3600);
	expect(w->peers[0].n_refused <= 60);
	expect_int(hop(w, 0).limit, 1);
	w->peers[0].mail_reply = NULL;
	expect(wait_for_mails(w, 1000, 1000) >= 0);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
}

/* Three connections and no more, whatever our limit is: found out, without a mail put off. */
static void
three_at_most(struct world *w)
{
	friendly(w);
	w->peers[0].open_max = 3;
	w->peers[0].reply_wait_ms = 300;
	for (int i = 0; i < 600; i++)
		put(w, 1);
	expect(wait_for_mails(w, 600, 150) >= 0);
	wait_s(w, 2);
	expect_int(w->peers[0].n_mails, 600);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect(w->peers[0].n_turned_away <= 20);
}

/* Forty domains, all slow, and twenty couriers: each domain has its turn. */
static void
turns_of_many(struct world *w)
{
	char domain[40];

	friendly(w);
	for (int i = 0; i < PEERS; i++)
		w->peers[i].reply_wait_ms = 2000;
	for (int k = 0; k < 10; k++) {
		for (int i = 0; i < 40; i++) {
			snprintf(domain, sizeof(domain), "d%d.wild.example", k * 40 + i < 200 ? 0 : i);
			put_to(w, domain, 1);
		}
	}
	expect(wait_for_mails(w, 400, 400) >= 0);
	wait_s(w, 3);
	for (int i = 1; i < 40; i++) {
		snprintf(domain, sizeof(domain), "@d%d.wild.example>", i);
		expect(str_find_str(str_sub(buf_str(&w->peers[0].heard), 0, w->peers[0].heard.len * 7 / 10), str_of(domain)) >= 0);
	}
	expect_int(counts(w).n_mails, 0);
}

#define WILD(n)	"d" #n ".wild.example MX 10 mx1.example\n"
#define TEN(n)	WILD(n##0) WILD(n##1) WILD(n##2) WILD(n##3) WILD(n##4) WILD(n##5) WILD(n##6) WILD(n##7) WILD(n##8) WILD(n##9)
#define UNITS	WILD(0) WILD(1) WILD(2) WILD(3) WILD(4) WILD(5) WILD(6) WILD(7) WILD(8) WILD(9)

static const struct story stories[] = {
	{ .name = "one slow destination with 10,000 mails holds up no other", .tell = slow_beside_fast, .is_quiet = true,
	  .connections_max = 100, .deliveries_max = 30 },
	{ .name = "large mails leave half of the connections to small ones", .tell = large_beside_small },
	{ .name = "and get through beside any number of these", .tell = large_have_their_share },
	{ .name = "a mail that has the server hang up waits alone", .tell = poison, .connections_max = LIMIT },
	{ .name = "a next hop that hangs up at every dot is left for another one", .tell = broken_behind, .n_hops = 2 },
	{ .name = "and however often it comes, its next hop stays up", .tell = poison_alone, .connections_max = LIMIT },
	{ .name = "a next hop that is down is not hammered because a mail got through before", .tell = answer_of_one_that_is_down },
	{ .name = "a mailbox that is full slows down no other", .tell = bad_mailbox, .connections_max = LIMIT },
	{ .name = "a next hop that is back after a day gets one connection, then more", .tell = back_after_a_day, .is_quiet = true,
	  .connections_max = LIMIT },
	{ .name = "421 for everybody: it is left alone, and all goes when it is over", .tell = storm_at_the_door, .is_quiet = true,
	  .connections_max = LIMIT },
	{ .name = "4xx for every MAIL: the same", .tell = storm_inside, .is_quiet = true, .connections_max = LIMIT },
	{ .name = "a server that takes three connections gets three", .tell = three_at_most, .is_quiet = true, .connections_max = LIMIT },
	{ .name = "forty domains share one host's four connections in turn", .tell = turns_of_many,
	  .zone = "mx1.example A 192.0.2.1\n" UNITS TEN(1) TEN(2) TEN(3) },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
