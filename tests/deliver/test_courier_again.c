/*
 * test_courier_again.c - a mail whose end was not answered is brought to the same next hop first
 */
#include "base/insist.h"
#include "smtpfwd/deliver/online.h"
#include "tests/deliver/stage.h"

#define LOST_AT_THE_DOT	"S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nX:\n"
#define FRIENDLY	"S: 220 hi\nM: PIPELINING"

static void
queued(struct world *w)
{
	peer_says(&w->peers[0], LOST_AT_THE_DOT);
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], FRIENDLY);
	put(w, 1);
	expect(wait_for_mails(w, 1, 5) >= 0);
	expect(wait_for_mails(w, 2, 100) >= 0);
	expect_int(w->peers[0].n_mails, 2);
	put(w, 2);
	expect(wait_for_mails(w, 4, 5) >= 0);
	expect_int(w->peers[1].n_mails, 1);
}

/* Where it is down, another one is better than none. */
static void
down(struct world *w)
{
	peer_says(&w->peers[0], LOST_AT_THE_DOT);
	peer_says(&w->peers[1], FRIENDLY);
	put(w, 1);
	expect(wait_for_mails(w, 1, 5) >= 0);
	peer_stop(&w->peers[0]);
	expect(wait_for_mails(w, 2, 100) >= 0);
	expect_int(w->peers[1].n_mails, 1);
}

/* Its courier has a session to the other one when its time has come. */
static void
in_another_session(struct world *w)
{
	peer_says(&w->peers[0], LOST_AT_THE_DOT);
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], FRIENDLY);
	w->peers[1].reply_wait_ms = 61000;
	put(w, 1);
	expect(wait_for_mails(w, 1, 5) >= 0);
	put(w, 1);
	expect(wait_for_mails(w, 2, 5) >= 0);
	expect_int(w->peers[1].n_mails, 1);
	expect(wait_for_mails(w, 3, 100) >= 0);
	expect_int(w->peers[0].n_mails, 2);
}

static void
online(struct world *w)
{
	const struct envelope said = { .reverse_path = { .local = STR("a"), .domain = STR("example.org") } };
	const struct recipient recipient = { .address = { .local = STR("r1"), .domain = STR("example.com") } };
	const struct mail_facts facts = { .arrived = os_wall_clock(), .class_name = STR("incoming") };
	struct online_mail mail = { .draft = draft_new(w->queue), .arrived = os_wall_clock(), .prefix = STR("Received: here\r\n") };
	struct instant deadline = instant_after(loop_now(w->loop), span_s(60));
	struct envelope envelope = said;
	struct online *o;
	struct arena arena;
	struct fault fault;

	peer_says(&w->peers[0], LOST_AT_THE_DOT);
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], FRIENDLY);
	o = online_new(&(struct online_settings){ .couriers = w->couriers, .destination = STR("relay:x"), .envelope = &said });
	expect_int(draft_append(mail.draft, STR("Subject: hi\r\n\r\n"), deadline, &fault), 0);
	expect_int(online_rcpt(o, &recipient, deadline), ONLINE_ANSWERED);
	expect_int(online_send(o, &mail, deadline, deadline), ONLINE_AMBIGUOUS);
	online_drop(o);
	arena_init(&arena, 10000);
	expect(envelope_add_recipient(&envelope, &recipient, &arena));
	expect_int(queue_put(w->queue, mail.draft, &envelope, &facts, mail.prefix, deadline, &fault), 0);
	arena_fini(&arena);
	expect(wait_for_mails(w, 2, 5) >= 0);
	expect_int(w->peers[0].n_mails, 2);
}

static const struct next_hop_settings second_only[] = {
	{ .written = "[192.0.2.2]:25", .ip = PEER_IP(2), .port = 25 },
};

/* It is gone, with the plan that had it, and the mail goes on at the other one. */
static void
taken_out(struct world *w)
{
	peer_says(&w->peers[0], LOST_AT_THE_DOT);
	peer_says(&w->peers[1], FRIENDLY);
	put(w, 1);
	expect(wait_for_mails(w, 1, 5) >= 0);
	w->peers[1].reply_wait_ms = 55000;	/* somebody is at work by the old plan for a while */
	put(w, 1);
	wait_s(w, 5);
	w->routes[0].next_hops = second_only;
	w->routes[0].n_next_hops = 1;
	couriers_adopt(w->couriers, make_plan(w));
	wait_s(w, 60);
	expect_int(n_hops_known(w), 2);		/* and that of relay:second */
	expect(wait_for_mails(w, 3, 200) >= 0);
	expect_int(w->peers[1].n_mails, 2);
}

/* The same, while the mail is still on its way there. */
static void
taken_out_before(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nW: 5000\nX:\n");
	peer_says(&w->peers[1], FRIENDLY);
	put(w, 1);
	expect(wait_for_mails(w, 1, 5) >= 0);
	w->routes[0].next_hops = second_only;
	w->routes[0].n_next_hops = 1;
	couriers_adopt(w->couriers, make_plan(w));
	wait_s(w, 10);
	expect_int(n_lines(w, "ambiguous "), 1);
	expect_int(n_hops_known(w), 2);
	expect(wait_for_mails(w, 2, 100) >= 0);
}

static const struct story stories[] = {
	{ .name = "a mail of the queue", .tell = queued, .n_hops = 2, .balance = BALANCE_ROUND_ROBIN },
	{ .name = "while that is up", .tell = down, .n_hops = 2, .balance = BALANCE_ROUND_ROBIN },
	{ .name = "whatever session is at hand", .tell = in_another_session, .n_hops = 2, .balance = BALANCE_ROUND_ROBIN, .connections_max = 1 },
	{ .name = "but not for a next hop that a reload took out", .tell = taken_out, .n_hops = 2, .balance = BALANCE_ROUND_ROBIN },
	{ .name = "nor for one that it took out while the mail was on its way", .tell = taken_out_before, .n_hops = 2 },
	{ .name = "a mail whose client waited", .tell = online, .n_hops = 2, .balance = BALANCE_ROUND_ROBIN },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
