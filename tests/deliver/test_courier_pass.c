/*
 * test_courier_pass.c - mail of a domain whose mailboxes are split between servers: whom one does not have, the next one is asked for
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/deliver/stage.h"

#define FRIENDLY	"S: 220 hi\nM: PIPELINING"

static void
have(struct world *w, const char *first, const char *second, const char *third)
{
	const char *const all[PEERS] = { first, second, third };

	for (int i = 0; i < PEERS; i++) {
		w->peers[i].has = all[i];
		peer_says(&w->peers[i], FRIENDLY);
	}
}

static int
n_heard(const struct world *w, int peer, const char *what)
{
	struct str rest = buf_str(&w->peers[peer].heard), line;
	int n = 0;

	while (str_take_until(&rest, '\n', &line))
		n += str_starts(line, str_of(what));
	return n;
}

static void
expect_mails(const struct world *w, int first, int second, int third)
{
	expect_int(w->peers[0].n_mails, first);
	expect_int(w->peers[1].n_mails, second);
	expect_int(w->peers[2].n_mails, third);
}

static void
each_its_own(struct world *w)
{
	have(w, "r1", "r2", "r3");
	put_to(w, "example.com", 3);
	expect(wait_for_mails(w, 3, 5) >= 0);
	wait_s(w, 100);
	expect_mails(w, 1, 1, 1);
	expect_int(n_heard(w, 0, "RCPT"), 3);
	expect_int(n_heard(w, 1, "RCPT"), 2);
	expect_int(n_heard(w, 2, "RCPT"), 1);
	expect_int(n_lines(w, "passed-on "), 3);
	expect_int(n_lines(w, "delivered "), 3);
	expect_int(n_lines(w, "failed "), 0);
	expect_int(counts(w).n_mails, 0);
	expect_int(hop(w, 0).n_failed, 0);
	expect_str(hop(w, 2).destination, STR("relay:x/[192.0.2.3]:25"));
}

static void
nobody_has_it(struct world *w)
{
	have(w, "r9", "r9", "r9");
	put(w, 1);
	wait_s(w, 5);
	expect_int(n_lines(w, "passed-on "), 4);
	expect_int(n_lines(w, "failed "), 1);
	expect_int(n_heard(w, 0, "RCPT") + n_heard(w, 1, "RCPT"), 4);
	expect_int(n_heard(w, 2, "RCPT"), 1);
	expect(log_has(w, "nexthop=[192.0.2.3]:25"));
	expect_int(counts(w).n_owed, 1);
	expect_mails(w, 0, 0, 0);
}

static void
first_is_down(struct world *w)
{
	have(w, "r9", "r1", "r1");
	peer_stop(&w->peers[0]);
	put(w, 1);
	wait_s(w, 200);
	expect_mails(w, 0, 0, 0);
	peer_listen(&w->peers[0]);
	expect(wait_for_mails(w, 1, 400) >= 0);
	expect_mails(w, 0, 1, 0);
}

static void
second_is_down(struct world *w)
{
	have(w, "r1", "r9", "r2");
	peer_stop(&w->peers[1]);
	put_to(w, "example.com", 2);
	wait_s(w, 200);
	expect_mails(w, 1, 0, 0);
	expect_int(n_lines(w, "failed "), 0);
	peer_listen(&w->peers[1]);
	expect(wait_for_mails(w, 2, 1000) >= 0);
	expect_mails(w, 1, 0, 1);
}

/* When its server is back it says that it has no such mailbox any more; by then the first one has. */
static void
it_moves(struct world *w)
{
	have(w, "r9", "r1", NULL);
	peer_stop(&w->peers[1]);
	put(w, 1);
	wait_s(w, 30);
	w->peers[0].has = "r9 r1";
	w->peers[1].has = "r9";
	peer_listen(&w->peers[1]);
	expect(wait_for_mails(w, 1, 200) >= 0);
	expect_mails(w, 1, 0, 0);
	expect_int(n_lines(w, "failed "), 0);
}

/* From the second one to the first, between the two questions. */
static void
it_moves_meanwhile(struct world *w)
{
	w->peers[0].has = "r9";
	peer_says(&w->peers[0], FRIENDLY);
	w->peers[1].has = "r9";
	peer_says(&w->peers[1], "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nW: 5000\nC: RCPT\nS: 550 5.1.1 not any more\n");
	put(w, 1);
	wait_s(w, 2);
	w->peers[0].has = "r1";
	expect(wait_for_mails(w, 1, 10) >= 0);
	expect_mails(w, 1, 0, 0);
	expect_int(n_lines(w, "failed "), 0);
}

static void
fifty(struct world *w)
{
	char odd[300], even[300];
	size_t n[2] = { 0, 0 };

	for (int i = 1; i <= 50; i++) {
		char *room = i % 2 ? odd : even;

		n[i % 2] += (size_t)snprintf(room + n[i % 2], sizeof(odd) - n[i % 2], "%sr%d", n[i % 2] > 0 ? " " : "", i);
	}
	have(w, odd, even, NULL);
	put_to(w, "example.com", 50);
	expect(wait_for_mails(w, 2, 5) >= 0);
	wait_s(w, 100);
	expect_mails(w, 1, 1, 0);
	expect_int(n_lines(w, "passed-on "), 25);
	expect_int(n_lines(w, "delivered "), 50);
	expect_int(n_heard(w, 0, "RCPT"), 50);
	expect_int(n_heard(w, 1, "RCPT"), 25);
	expect_int(counts(w).n_mails, 0);
}

/* What is known of it led there; it has moved. */
static void
begins_later(struct world *w)
{
	have(w, "r9", "r9", "r1");
	w->begin_at = 1;
	put(w, 1);
	expect(wait_for_mails(w, 1, 5) >= 0);
	expect_mails(w, 0, 0, 1);
	expect_int(n_lines(w, "passed-on "), 2);
}

/* It was copied, and the old one has it still. */
static void
copied(struct world *w)
{
	have(w, "r1", "r1", "r1");
	w->begin_at = 1;
	put(w, 3);
	expect(wait_for_mails(w, 3, 5) >= 0);
	expect_mails(w, 3, 0, 0);
	expect_int(w->peers[1].n_connections, 0);
}

static void
known_where_while_down(struct world *w)
{
	have(w, "r9", "r1", "r9");
	w->begin_at = 1;
	peer_stop(&w->peers[0]);
	put(w, 1);
	expect(wait_for_mails(w, 1, 5) >= 0);
	expect_int(n_lines(w, "deferred "), 0);
	put(w, 5);
	expect(wait_for_mails(w, 6, 5) >= 0);
	expect_mails(w, 0, 6, 0);
}

/* Those of the first one are not behind those that wait for the second. */
static void
slow_second(struct world *w)
{
	int waited;

	have(w, "r1", "r2", NULL);
	w->peers[1].reply_wait_ms = 20000;
	put_to(w, "example.com", 2);
	put_to(w, "example.com", 2);
	put_to(w, "example.com", 2);
	put(w, 20);
	waited = wait_for_mails(w, 26, 300);
	expect(waited >= 0);
	expect(n_heard(w, 0, "RCPT TO:<r1@") == 23);
	wait_s(w, 400);
	expect_mails(w, 23, 3, 0);
	expect_int(counts(w).n_mails, 0);
}

static void
begins_later_and_first_is_down(struct world *w)
{
	have(w, "r1", "r9", "r9");
	w->begin_at = 1;
	peer_stop(&w->peers[0]);
	put(w, 1);
	wait_s(w, 100);
	expect_int(n_lines(w, "failed "), 0);
	expect(n_lines(w, "deferred ") >= 1);
	peer_listen(&w->peers[0]);
	expect(wait_for_mails(w, 1, 1000) >= 0);
	expect_mails(w, 1, 0, 0);
}

static void
refuse(struct world *w, const char *reply)
{
	have(w, "r1", "r1", "r1");
	w->peers[0].bad_rcpt = "r1";
	w->peers[0].rcpt_reply = reply;
	put(w, 1);
	wait_s(w, 5);
}

static void
a_policy(struct world *w)
{
	refuse(w, "550 5.7.1 your kind is not wanted here");
	expect_mails(w, 0, 0, 0);
	expect_int(n_lines(w, "failed "), 1);
	expect_int(w->peers[1].n_connections, 0);
}

static void
any_other_relay(struct world *w)
{
	refuse(w, "550 5.1.1 no such mailbox");
	expect_mails(w, 0, 0, 0);
	expect_int(n_lines(w, "failed "), 1);
	expect_int(n_lines(w, "passed-on "), 0);
	expect_int(w->peers[1].n_connections, 0);
}

static void
full(struct world *w)
{
	refuse(w, "552 5.2.2 mailbox full");
	expect_int(n_lines(w, "failed "), 1);
	expect_int(w->peers[1].n_connections, 0);
}

static void
temporary(struct world *w)
{
	refuse(w, "450 4.2.1 busy");
	expect_mails(w, 0, 0, 0);
	expect_int(n_lines(w, "deferred "), 1);
	expect_int(w->peers[1].n_connections, 0);
}

static void
bare_550(struct world *w)
{
	refuse(w, "550 no");
	expect_mails(w, 0, 1, 0);
}

static void
bare_551(struct world *w)
{
	refuse(w, "551 User not local");
	expect_mails(w, 0, 1, 0);
}

static void
too_large_for_one(struct world *w)
{
	w->peers[1].has = "r1";
	peer_says(&w->peers[0], "S: 220 hi\nM: SIZE 20");
	peer_says(&w->peers[1], FRIENDLY);
	put(w, 1);
	expect(wait_for_mails(w, 1, 5) >= 0);
	expect_mails(w, 0, 1, 0);
	expect(log_has(w, "larger than this next hop takes"));
}

#define EIGHT_BIT	STR("Subject: hi\r\n\r\ngr\xc3\xbc\xc3\x9f\r\n")

static void
lacking_at_one(struct world *w)
{
	w->peers[1].has = "r1";
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], "S: 220 hi\nM: 8BITMIME");
	put_content(w, "example.com", EIGHT_BIT);
	expect(wait_for_mails(w, 1, 5) >= 0);
	expect_mails(w, 0, 1, 0);
	expect_int(n_lines(w, "deferred "), 0);
	expect(log_has(w, "it needs what this next hop does not offer"));
}

static void
lacking_and_down(struct world *w)
{
	w->peers[1].has = "r1";
	w->begin_at = w->round % 2;
	peer_says(&w->peers[0], FRIENDLY);
	if (w->round < 2)
		peer_stop(&w->peers[1]);
	else if (w->round < 4) {
		w->peers[1].bad_rcpt = "r1";
		w->peers[1].rcpt_reply = "450 4.2.0 later";
	} else
		w->peers[1].mail_reply = "451 4.3.0 later";
	peer_says(&w->peers[1], "S: 220 hi\nM: 8BITMIME");
	put_content(w, "example.com", EIGHT_BIT);
	wait_s(w, 3 * 3600);
	expect_int(n_lines(w, "failed "), 0);
	if (w->round < 2)
		peer_listen(&w->peers[1]);
	w->peers[1].bad_rcpt = w->peers[1].mail_reply = NULL;
	expect(wait_for_mails(w, 1, 3800) >= 0);
}

/* The mailbox may be there: as with one next hop alone it is tried again before that is believed. */
static void
lacking_and_unknown(struct world *w)
{
	w->peers[1].has = w->peers[2].has = "r9";
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], "S: 220 hi\nM: 8BITMIME");
	peer_says(&w->peers[2], "S: 220 hi\nM: 8BITMIME");
	put_content(w, "example.com", EIGHT_BIT);
	wait_s(w, 5);
	expect_int(n_lines(w, "failed "), 0);
	expect_int(n_lines(w, "deferred "), 1);
	wait_s(w, 4 * 3600);
	expect_int(n_lines(w, "failed "), 1);
	expect_int(n_lines(w, "deferred "), 3);
	expect(log_has(w, "8-bit mail (8BITMIME)"));
}

static void
too_large_and_unknown(struct world *w)
{
	w->peers[1].has = "r9";
	peer_says(&w->peers[0], "S: 220 hi\nM: SIZE 20");
	peer_says(&w->peers[1], FRIENDLY);
	put(w, 1);
	wait_s(w, 5);
	expect_int(n_lines(w, "failed "), 1);
	expect(log_has(w, "the mail is larger than the next hop takes (SIZE)"));
}

#define UNTIL_THE_DOT	"S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\n"

static void
at_the_end(struct world *w)
{
	peer_says(&w->peers[0], UNTIL_THE_DOT "S: 550 5.1.10 RESOLVER.ADR.RecipientNotFound\n");
	peer_says(&w->peers[1], FRIENDLY);
	put(w, 1);
	wait_s(w, 5);
	expect_int(w->peers[1].n_mails, 1);
	expect_int(n_lines(w, "failed "), 0);
}

static void
content_refused(struct world *w)
{
	peer_says(&w->peers[0], UNTIL_THE_DOT "S: 550 spam\n");
	peer_says(&w->peers[1], FRIENDLY);
	put(w, 1);
	wait_s(w, 5);
	expect_int(w->peers[1].n_connections, 0);
	expect_int(n_lines(w, "failed "), 1);
}

/* While the second one is silent, a crash would repeat nothing of what the first one took. */
static void
settled_before(struct world *w)
{
	w->peers[0].has = "r1";
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], "W: 100000\nX:\n");
	peer_says(&w->peers[1], FRIENDLY);
	put_to(w, "example.com", 2);
	expect(wait_for_mails(w, 1, 5) >= 0);
	wait_s(w, 20);
	expect_int(counts(w).n_delivered, 1);
	expect_int(counts(w).n_in_delivery, 1);
	expect(wait_for_mails(w, 2, 1000) >= 0);
	wait_s(w, 5);
	expect_mails(w, 1, 1, 0);
	expect_int(counts(w).n_mails, 0);
}

/* Which of the new ring was asked is not known: nobody fails for it. */
static void
ring_changes(struct world *w)
{
	static const struct next_hop_settings other[] = {
		{ .written = "[192.0.2.2]:25", .ip = PEER_IP(2), .port = 25 }, { .written = "[192.0.2.3]:25", .ip = PEER_IP(3), .port = 25 },
	};

	w->peers[0].has = w->peers[1].has = "r9";
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], "W: 5000\nS: 220 hi\nM: PIPELINING\n");
	peer_says(&w->peers[2], FRIENDLY);
	put(w, 1);
	wait_s(w, 2);
	w->routes[0].next_hops = other;
	couriers_adopt(w->couriers, make_plan(w));
	expect(wait_for_mails(w, 1, 100) >= 0);
	expect_mails(w, 0, 0, 1);
	expect_int(n_lines(w, "failed "), 0);
	expect(log_has(w, "were changed while they were asked"));
}

static void
no_ring_any_more(struct world *w)
{
	w->peers[0].has = "r9";
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], FRIENDLY);
	peer_says(&w->peers[0], "W: 5000\nS: 220 hi\nM: PIPELINING\n");
	w->peers[0].dialogues[0] = "W: 5000\n" FRIENDLY;
	put(w, 1);
	wait_s(w, 2);
	w->routes[0].is_by_recipient = false;
	couriers_adopt(w->couriers, make_plan(w));
	wait_s(w, 5);
	expect_int(n_lines(w, "failed "), 0);
	expect_int(n_lines(w, "deferred "), 1);
}

/* One connection each, and the second one is slow. */
static void
narrow(struct world *w)
{
	have(w, "r9", "r1", NULL);
	w->peers[1].reply_wait_ms = 700;
	put(w, 20);
	expect(wait_for_mails(w, 20, 100) >= 0);
	expect_mails(w, 0, 20, 0);
	expect_int(w->peers[1].n_open_most, 1);
	wait_s(w, 3);
	expect_int(counts(w).n_mails, 0);
}

/*
 * One connection each, and mails from both sides are passed on to the other: who stands in line for the one place is called when
 * it is free, and not when an idle session comes to its end.
 */
static void
from_both_sides(struct world *w)
{
	have(w, "r9", "r9", NULL);
	w->peers[0].reply_wait_ms = w->peers[1].reply_wait_ms = 40;
	for (int i = 0; i < 40; i++) {
		w->begin_at = i % 2;
		put(w, 1);
	}
	wait_s(w, 8);
	expect_int(n_lines(w, "failed "), 40);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(counts(w).n_in_delivery, 0);
}

static void
cut_off(struct world *w)
{
	w->peers[0].has = "r1";
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], "W: 1000000\nX:\n");
	put_to(w, "example.com", 2);
	expect(wait_for_mails(w, 1, 5) >= 0);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(5)));
	expect_int(counts(w).n_mails, 1);
	expect_int(counts(w).n_delivered, 1);
	expect_int(n_lines(w, "failed "), 0);
	expect_int(counts(w).n_in_delivery, 0);
}

#define BY_RECIPIENT(n)	.n_hops = (n), .is_by_recipient = true

static const struct story stories[] = {
	{ .name = "each mailbox is found where it is", .tell = each_its_own, BY_RECIPIENT(3) },
	{ .name = "who is nowhere fails, once all have said so", .tell = nobody_has_it, BY_RECIPIENT(3) },
	{ .name = "the first one, when it is down, may have it", .tell = first_is_down, BY_RECIPIENT(3) },
	{ .name = "so may one in the middle, and what the others took is theirs once", .tell = second_is_down, BY_RECIPIENT(3) },
	{ .name = "a mailbox moves while its mail waits", .tell = it_moves, BY_RECIPIENT(2) },
	{ .name = "a mailbox moves while it is asked for", .tell = it_moves_meanwhile, BY_RECIPIENT(2) },
	{ .name = "50 recipients, half of them here and half there", .tell = fifty, BY_RECIPIENT(2) },
	{ .name = "what is known was wrong: all are asked", .tell = begins_later, BY_RECIPIENT(3) },
	{ .name = "a mailbox that two have is the first one's, whatever was known", .tell = copied, BY_RECIPIENT(3) },
	{ .name = "the first one is down, and the second is known to have it", .tell = known_where_while_down, BY_RECIPIENT(3) },
	{ .name = "a slow second one does not hold up the first one's mail", .tell = slow_second, BY_RECIPIENT(2), .connections_max = 2 },
	{ .name = "what is known was wrong: one that is down is waited for", .tell = begins_later_and_first_is_down, BY_RECIPIENT(3) },
	{ .name = "a refusal for another reason is the answer", .tell = a_policy, BY_RECIPIENT(2) },
	{ .name = "where a relay does not go by the recipient, any refusal is", .tell = any_other_relay, .n_hops = 2 },
	{ .name = "as is a mailbox that is full", .tell = full, BY_RECIPIENT(2) },
	{ .name = "a temporary one is waited for", .tell = temporary, BY_RECIPIENT(2) },
	{ .name = "a 550 without a reason is one more mailbox that is not there", .tell = bare_550, BY_RECIPIENT(2) },
	{ .name = "551 says that it is elsewhere", .tell = bare_551, BY_RECIPIENT(2) },
	{ .name = "the first one does not take mail of this size", .tell = too_large_for_one, BY_RECIPIENT(2) },
	{ .name = "the size is what the sender is told", .tell = too_large_and_unknown, BY_RECIPIENT(2) },
	{ .name = "nor mail that needs what it lacks", .tell = lacking_at_one, BY_RECIPIENT(2) },
	{ .name = "one behind it that is down is waited for", .tell = lacking_and_down, BY_RECIPIENT(2), .n_times = 6 },
	{ .name = "what it lacks is why the mail waits, where no other has the mailbox", .tell = lacking_and_unknown, BY_RECIPIENT(3) },
	{ .name = "some say it only at the end of the mail", .tell = at_the_end, BY_RECIPIENT(2) },
	{ .name = "a mail that is refused is not brought to another one", .tell = content_refused, BY_RECIPIENT(2) },
	{ .name = "what is delivered is settled before others are asked", .tell = settled_before, BY_RECIPIENT(2) },
	{ .name = "the next hops change meanwhile", .tell = ring_changes, BY_RECIPIENT(2) },
	{ .name = "the relay goes by the recipient no more", .tell = no_ring_any_more, BY_RECIPIENT(2) },
	{ .name = "there is little room at the second one", .tell = narrow, BY_RECIPIENT(2), .connections_max = 1 },
	{ .name = "there is little room at both, and mail from each for the other", .tell = from_both_sides, BY_RECIPIENT(2), .connections_max = 1 },
	{ .name = "the relay stops while the second one is asked", .tell = cut_off, BY_RECIPIENT(2) },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
