/*
 * test_online_strikes.c - trouble that clients have with a next hop, or make: whom it tells something, and how many of them it takes
 */
#include <stdio.h>

#include "smtpfwd/deliver/online.h"
#include "tests/deliver/stage.h"

enum { BUDGET_S = 60, FINAL_S = 300, N = 8 };

static struct instant
in_s(const struct world *w, int seconds)
{
	return instant_after(loop_now(w->loop), span_s(seconds));
}

static void
send(struct world *w, struct online *online)
{
	struct online_mail mail = { .draft = draft_new(w->queue), .prefix = STR("Received: here\r\n"), .arrived = os_wall_clock() };
	struct fault fault;

	expect_int(draft_append(mail.draft, STR("Subject: hi\r\n\r\nhello\r\n"), in_s(w, BUDGET_S), &fault), 0);
	online_send(online, &mail, in_s(w, BUDGET_S), in_s(w, FINAL_S));
	draft_discard(mail.draft);
}

/* client: its last byte; not told it is as if we asked for ourselves.  What it heard to RCPT, 0: nothing. */
static int
bring(struct world *w, int client, bool is_told)
{
	const struct envelope envelope = { .reverse_path = { .local = STR("a"), .domain = STR("example.org") } };
	const struct recipient recipient = { .address = { .local = STR("r1"), .domain = STR("example.com") } };
	const struct identity identity = {
		.client = { .ip = { .family = IP_V4, .bytes = { 198, 51, 100, (uint8_t)client } }, .port = 4660 },
		.helo = STR("c.example"), .is_esmtp = true,
	};
	struct online *online = online_new(&(struct online_settings){
		.couriers = w->couriers, .destination = STR("relay:x"), .envelope = &envelope,
		.identity = is_told ? &identity : NULL, .client = identity.client.ip,
	});
	enum online_end end = online_rcpt(online, &recipient, in_s(w, BUDGET_S));
	int code = end == ONLINE_ANSWERED ? online_reply(online)->code : 0;

	if (code == 250)
		send(w, online);
	online_drop(online);
	return code;
}

#define GREETED	"S: 220 hi\nC: EHLO\nS: 250-p\nS: 250 PIPELINING\n"
#define TAKEN	GREETED "C: MAIL\nC: RCPT\nS: 250\nS: 250\n"

static const char *const troubles[] = {
	GREETED "C: MAIL\nC: RCPT\nS: 250\nS: 421 4.7.0 too many errors\nX:\n",
	GREETED "C: MAIL\nC: RCPT\nX:\n",
	TAKEN "C: DATA\nS: 421\nX:\n",
	TAKEN "C: DATA\nX:\n",
	TAKEN "C: DATA\nS: 354\nD:\nX:\n",
};

enum { N_TROUBLES = sizeof(troubles) / sizeof(troubles[0]) };

static void
by_one(struct world *w)
{
	peer_says(&w->peers[0], troubles[w->round % N_TROUBLES]);
	for (int i = 0; i < N; i++)
		bring(w, 1, w->round < N_TROUBLES);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

static void
by_many(struct world *w)
{
	peer_says(&w->peers[0], troubles[w->round % N_TROUBLES]);
	for (int i = 0; i < N; i++)
		bring(w, i, w->round < N_TROUBLES);
	expect_int(n_lines(w, "nexthop-down "), 1);
}

static void
refused_and_gone(struct world *w)
{
	peer_says(&w->peers[0], GREETED "C: MAIL\nC: RCPT\nS: 550 5.7.1 not you\nX:\n");
	for (int i = 0; i < N; i++)
		expect_int(bring(w, i, true), 550);
	expect_int(w->peers[0].n_connections, N);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

static const struct story stories[] = {
	{ .name = "what one client has again and again takes no next hop down", .tell = by_one, .n_times = 2 * N_TROUBLES },
	{ .name = "what five have does", .tell = by_many, .n_times = 2 * N_TROUBLES },
	{ .name = "MAIL is refused, and that was all it had to say", .tell = refused_and_gone },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
