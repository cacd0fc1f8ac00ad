/*
 * test_online_identity.c - a mail whose client waits: who the client is goes before MAIL in each session, and decides of its sender
 */
#include <stdio.h>
#include <stdlib.h>

#include "smtpfwd/deliver/online.h"
#include "tests/deliver/stage.h"

enum { BUDGET_S = 60, FINAL_S = 300, ACTS_MAX = 4 };

#define TEXT(text)	{ .at = (text), .len = sizeof(text) - 1 }
#define V4		{ { .family = IP_V4, .bytes = { 198, 51, 100, 7 } }, 4660 }
#define V6		{ { .family = IP_V6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 } }, 4660 }

static const struct identity of_ipv4 = { .client = V4, .helo = TEXT("c.example"), .is_esmtp = true };
static const struct identity of_ipv6 = { .client = V6, .helo = TEXT("c.example"), .is_esmtp = true };

#define HELLO(keywords)	"S: 220 peer.example.com ESMTP\nC: EHLO relay.example.net\nS: 250-peer.example.com\n" keywords
#define XCLIENT		HELLO("S: 250 XCLIENT ADDR HELO\n") "C: XCLIENT ADDR=198.51.100.7 HELO=c.example\nS: 220 hi\nC: EHLO c.example\nS: 250-hi\nS: 250 XCLIENT ADDR\n"
#define XFORWARD	HELLO("S: 250 XFORWARD ADDR\n") "C: XFORWARD ADDR=198.51.100.7\nS: 250\n"
#define NOTHING		HELLO("S: 250 HELP\n")
#define OWN_SENDER	"C: MAIL FROM:<a@example.org>\nS: 250\nC: RCPT TO:<r1@example.com>\nS: 250\n"
#define SRS_SENDER	"C: MAIL FROM:<SRS0=x@fwd.example>\nS: 250\nC: RCPT TO:<r1@example.com>\nS: 250\n"
#define MAIL		"C: DATA\nS: 354\nD:\nS: 250\n"
#define HEADER		"C: \nC: \nC: \n"	/* the CRLFs in it */
#define OURSELVES	HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\n"	/* the header's second line is the QUIT in it */

struct row {
	const char	*name;
	enum identity_means means;
	const struct identity *client;
	const char	*acts[ACTS_MAX];	/* "rcpt", "send"; "w5" waits so many seconds */
	const char	*want;			/* codes; 0: unavailable */
	const char	*first[3], *second[3];	/* dialogues of the first and the second next hop */
	const char	*want_log, *not_log;
	int		 want_mails;
	bool		 is_down;
};

static const struct row rows[] = {
	{ "a next hop that is told by XCLIENT gets the client's own sender", IDENTITY_AUTO, &of_ipv4, { "rcpt", "send" }, "250 250 ",
	  .first = { XCLIENT OWN_SENDER MAIL }, .want_log = "identity=xclient", .not_log = "srs=", .want_mails = 1 },
	{ "one that takes XFORWARD only gets the SRS form, and the log says so", IDENTITY_AUTO, &of_ipv4, { "rcpt", "send" }, "250 250 ",
	  .first = { XFORWARD SRS_SENDER MAIL }, .want_log = "srs=\"SRS0=x@fwd.example\"", .want_mails = 1 },
	{ "one that takes nothing, too", IDENTITY_AUTO, &of_ipv4, { "rcpt", "send" }, "250 250 ",
	  .first = { NOTHING SRS_SENDER MAIL }, .want_log = "srs=\"SRS0=x@fwd.example\"", .not_log = "identity=", .want_mails = 1 },
	{ "the session went away: the next hop after it knows nothing of the client", IDENTITY_AUTO, &of_ipv4, { "rcpt", "w3", "send" }, "250 250 ",
	  .first = { XCLIENT OWN_SENDER "X:", "S: 421 4.3.2 away\nX:" }, .second = { NOTHING SRS_SENDER MAIL },
	  .want_log = "srs=\"SRS0=x@fwd.example\"", .not_log = "identity=", .want_mails = 1, .is_down = true },
	{ "and the other way round", IDENTITY_AUTO, &of_ipv4, { "rcpt", "w3", "send" }, "250 250 ",
	  .first = { NOTHING SRS_SENDER "X:", "S: 421 4.3.2 away\nX:" }, .second = { XCLIENT OWN_SENDER MAIL },
	  .want_log = "identity=xclient", .not_log = "srs=", .want_mails = 1, .is_down = true },
	{ "the same next hop does not take XCLIENT any more", IDENTITY_AUTO, &of_ipv4, { "rcpt", "w3", "send" }, "250 250 ",
	  .first = { XCLIENT OWN_SENDER "X:", HELLO("S: 250 XCLIENT ADDR\n") "C: XCLIENT\nS: 550 5.7.0 insufficient authorization\n" SRS_SENDER MAIL },
	  .want_log = "srs=\"SRS0=x@fwd.example\"", .want_mails = 1 },
	{ "XCLIENT refused in the middle: a fresh session, untold", IDENTITY_XCLIENT, &of_ipv4, { "rcpt", "send" }, "250 250 ",
	  .first = { HELLO("S: 250 XCLIENT ADDR\n") "C: XCLIENT\nS: 501 5.5.4 bad\n", HELLO("S: 250 XCLIENT ADDR\n") SRS_SENDER MAIL },
	  .want_mails = 1 },
	{ "turned away behind XCLIENT is the client's answer", IDENTITY_AUTO, &of_ipv4, { "rcpt" }, "554 ",
	  .first = { HELLO("S: 250 XCLIENT ADDR\n") "C: XCLIENT\nS: 554 5.7.1 listed\n" } },
	{ "421 to XCLIENT is a 451 to the client", IDENTITY_AUTO, &of_ipv4, { "rcpt", "rcpt" }, "451 451 ",
	  .first = { HELLO("S: 250 XCLIENT ADDR\n") "C: XCLIENT\nS: 421 4.7.0 too many of you\nX:" } },
	{ "and so is a silent end there", IDENTITY_AUTO, &of_ipv4, { "rcpt" }, "451 ",
	  .first = { HELLO("S: 250 XCLIENT ADDR\n") "C: XCLIENT\nS: 220 hi\nC: EHLO c.example\nX:" } },
	{ "told by PROXY: the client's own sender", IDENTITY_PROXY, &of_ipv4, { "rcpt", "send" }, "250 250 ",
	  .first = { OURSELVES OWN_SENDER MAIL }, .want_log = "identity=proxy", .not_log = "srs=", .want_mails = 1 },
	{ "554 behind PROXY is the client's answer", IDENTITY_PROXY, &of_ipv4, { "rcpt", "rcpt" }, "554 554 ",
	  .first = { HEADER "S: 554 5.7.1 listed\n" } },
	{ "421 for the client alone is a 451 to it", IDENTITY_PROXY, &of_ipv4, { "rcpt" }, "451 ",
	  .first = { HEADER "S: 421 4.7.0 too many of you\n", OURSELVES }, .want_log = "nexthop-refuses-identity" },
	{ "and so is a silent end", IDENTITY_PROXY, &of_ipv4, { "rcpt" }, "451 ", .first = { HEADER "X:", OURSELVES } },
	{ "421 for everybody is trouble of the next hop", IDENTITY_PROXY, &of_ipv4, { "rcpt" }, "0 ", .is_down = true,
	  .first = { HEADER "S: 421 4.3.2 closing\n" }, .second = { HEADER "S: 421 4.3.2 closing\n" } },
	{ "a client of IPv6 that the next hop cannot be told of: untold, by the SRS form", IDENTITY_PROXY, &of_ipv6, { "rcpt", "send" }, "250 250 ",
	  .first = { HEADER "S: 421 new.example.com Server local error\n", OURSELVES SRS_SENDER MAIL },
	  .want_log = "srs=\"SRS0=x@fwd.example\"", .not_log = "identity=", .want_mails = 1 },
};

static struct instant
in_s(const struct world *w, int seconds)
{
	return instant_after(loop_now(w->loop), span_s(seconds));
}

static struct online *
new_online(struct world *w, const struct identity *client)
{
	const struct envelope envelope = {
		.reverse_path = { .local = STR("a"), .domain = STR("example.org") },
		.srs_path = { .local = STR("SRS0=x"), .domain = STR("fwd.example") },
	};

	return online_new(&(struct online_settings){
		.couriers = w->couriers, .destination = STR("relay:x"), .envelope = &envelope, .identity = client,
	});
}

static enum online_end
ask(struct world *w, struct online *online)
{
	const struct recipient recipient = { .address = { .local = STR("r1"), .domain = STR("example.com") } };

	return online_rcpt(online, &recipient, in_s(w, BUDGET_S));
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
add_end(const struct online *online, enum online_end end, char got[100])
{
	size_t at = strlen(got);

	snprintf(got + at, 100 - at, "%d ", end == ONLINE_ANSWERED ? online_reply(online)->code : 0);
}

static void
act(struct world *w, const struct row *row, char got[100])
{
	struct online *online = new_online(w, row->client);

	for (int i = 0; i < ACTS_MAX && row->acts[i] != NULL; i++) {
		if (row->acts[i][0] == 'w')
			wait_s(w, atoi(row->acts[i] + 1));
		else if (row->acts[i][0] == 'r')
			add_end(online, ask(w, online), got);
		else
			add_end(online, send(w, online), got);
	}
	online_drop(online);
	wait_s(w, 1);
}

static void
play_row(struct world *w)
{
	const struct row *row = &rows[w->round];
	char got[100] = "";

	if (w->round > 0)
		test_case("%s", row->name);
	w->routes[0].identity = row->means;
	couriers_adopt(w->couriers, make_plan(w));
	for (int i = 0; i < 3 && row->first[i] != NULL; i++)
		peer_says(&w->peers[0], row->first[i]);
	for (int i = 0; i < 3 && row->second[i] != NULL; i++)
		peer_says(&w->peers[1], row->second[i]);
	if (row->second[0] == NULL)
		peer_stop(&w->peers[1]);
	act(w, row, got);
	expect_text(got, row->want);
	expect_int(w->peers[0].n_mails + w->peers[1].n_mails, row->want_mails);
	expect_int(n_lines(w, "delivered "), row->want_mails);
	if (row->want_log != NULL)
		expect(log_has(w, row->want_log));
	if (row->not_log != NULL)
		expect(!log_has(w, row->not_log));
	expect_int(n_lines(w, "nexthop-down [192.0.2.1") > 0 || !hop(w, 0).is_up, row->is_down);
}

static int
n_heard(const struct world *w, const char *text)
{
	struct str rest = buf_str(&w->peers[0].heard);
	ptrdiff_t at;
	int n = 0;

	for (; (at = str_find_str(rest, str_of(text))) >= 0; n++)
		rest = str_from(rest, (size_t)at + strlen(text));
	return n;
}

static void
send_of(struct world *w, const struct identity *client)
{
	struct online *online = new_online(w, client);

	expect_int(ask(w, online), ONLINE_ANSWERED);
	expect_int(send(w, online), ONLINE_ANSWERED);
	online_drop(online);
	wait_s(w, 1);
}

/* Mail of nobody leaves a session in the pool, a client takes that for itself, and who comes then begins another one. */
static void
pooled(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: XCLIENT ADDR HELO");
	send_of(w, NULL);
	expect_int(hop(w, 0).n_idle, 1);
	send_of(w, &of_ipv4);
	expect_int(w->peers[0].n_connections, 1);
	expect_int(hop(w, 0).n_idle, 0);
	send_of(w, &of_ipv6);
	expect_int(w->peers[0].n_connections, 2);
	send_of(w, NULL);
	expect_int(w->peers[0].n_connections, 3);
	expect_int(n_heard(w, "EHLO c.example\nMAIL FROM:<a@example.org>"), 2);
	expect_int(n_heard(w, "MAIL FROM:<SRS0=x@fwd.example>"), 2);
	expect_int(n_heard(w, "XCLIENT ADDR=198.51.100.7"), 1);
	expect_int(n_heard(w, "XCLIENT ADDR=IPV6:2001:db8::9"), 1);
}

/* Five in a row would be strikes, if they were not about the client. */
static void
turned_away_for_now(struct world *w)
{
	for (int i = 0; i < 8; i++)
		peer_says(&w->peers[0], HELLO("S: 250 XCLIENT ADDR\n") "C: XCLIENT\nS: 450 4.7.25 no name of yours\n");
	for (int i = 0; i < 8; i++) {
		struct online *online = new_online(w, &of_ipv4);

		expect_int(ask(w, online), ONLINE_ANSWERED);
		expect_int(online_reply(online)->code, 450);
		online_drop(online);
		wait_s(w, 1);
	}
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect_int(hop(w, 0).limit, 4);
}

#define REFUSES_MEANS	HELLO("S: 250 XCLIENT ADDR\n") "C: XCLIENT\nS: 501 5.5.4 bad\n"
#define IS_NOT_TOLD	HELLO("S: 250 XCLIENT ADDR\n") SRS_SENDER "C: RSET\nS: 250\n"

/* Two that take turns, and refuse it each: then the mail goes untold. */
static void
refused_by_both(struct world *w)
{
	struct online *online = new_online(w, &of_ipv4);

	for (int i = 0; i < 2; i++) {
		peer_says(&w->peers[i], REFUSES_MEANS);
		peer_says(&w->peers[i], IS_NOT_TOLD);
	}
	expect_int(ask(w, online), ONLINE_ANSWERED);
	expect_int(online_reply(online)->code, 250);
	expect_int(w->peers[0].n_connections + w->peers[1].n_connections, 3);
	online_drop(online);
	wait_s(w, 1);
}

static const struct story stories[] = {
	{ .name = "a next hop that is told by XCLIENT gets the client's own sender", .tell = play_row, .n_hops = 2,
	  .n_times = sizeof(rows) / sizeof(rows[0]) },
	{ .name = "one that turns a client away for now is up", .tell = turned_away_for_now, .identity = IDENTITY_XCLIENT },
	{ .name = "XCLIENT refused in the middle by next hops in turn", .tell = refused_by_both, .identity = IDENTITY_XCLIENT, .n_hops = 2,
	  .balance = BALANCE_ROUND_ROBIN },
	{ .name = "a session is one client's", .tell = pooled, .identity = IDENTITY_AUTO, .connections_max = 1 },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
