/*
 * test_client.c - the session one step at a time, held open between steps as long as the caller likes
 */
#include <stdio.h>

#include "smtpfwd/deliver/client.h"
#include "tests/deliver/peer.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

static const struct client_settings settings = {
	.hostname = "relay.example.net",
	.connect_timeout = { 30 * INT64_C(1000000000) }, .greeting_timeout = { 300 * INT64_C(1000000000) },
	.mail_timeout = { 300 * INT64_C(1000000000) }, .rcpt_timeout = { 300 * INT64_C(1000000000) },
	.data_timeout = { 120 * INT64_C(1000000000) }, .block_timeout = { 180 * INT64_C(1000000000) },
	.final_timeout = { 600 * INT64_C(1000000000) },
};

struct stage {
	struct loop	*loop;
	struct peer	 peer;
	struct client	*client;
	struct reply	 reply;
	struct fault	 fault;
	void		(*act)(struct stage *s);
};

struct row {
	const char	*name;
	const char	*dialogue;
	void		(*act)(struct stage *s);
};

static const struct envelope envelope = { .reverse_path = { .local = STR("a"), .domain = STR("example.org") } };

static int
mail(struct stage *s)
{
	return client_mail(s->client, &envelope, &envelope.reverse_path, 0, INSTANT_NEVER, &s->reply, &s->fault) == 0 ?
	    s->reply.code : -1;
}

static int
rcpt(struct stage *s, const char *local)
{
	const struct recipient recipient = { .address = { .local = str_of(local), .domain = STR("example.com") } };

	return client_rcpt(s->client, &recipient, INSTANT_NEVER, &s->reply, &s->fault) == 0 ? s->reply.code : -1;
}

static int
data(struct stage *s)
{
	return client_data(s->client, INSTANT_NEVER, &s->reply, &s->fault) == 0 ? s->reply.code : -1;
}

static int
content(struct stage *s, const char *text)
{
	return client_content(s->client, str_of(text), INSTANT_NEVER, &s->reply, &s->fault);
}

static void
pause_s(struct stage *s, int seconds)
{
	fiber_sleep(instant_after(loop_now(s->loop), span_s(seconds)));
}

static void
held_between_steps(struct stage *s)
{
	bool is_ambiguous = true;

	expect_int(mail(s), 250);
	pause_s(s, 200);
	expect_int(rcpt(s, "r1"), 550);
	expect_str(s->reply.text, STR("nobody"));
	pause_s(s, 200);
	expect_int(rcpt(s, "r2"), 250);
	pause_s(s, 200);
	expect_int(data(s), 354);
	expect_int(content(s, "Subject: hi\r\n\r"), 0);
	pause_s(s, 200);
	expect_int(content(s, "\n.dot\r\nx"), 0);
	expect_int(client_finish(s->client, INSTANT_NEVER, &s->reply, &is_ambiguous, &s->fault), 0);
	expect_int(s->reply.code, 250);
	expect(!is_ambiguous);
	expect(client_is_reusable(s->client) && !client_is_stale(s->client));
	expect_int(mail(s), 250);
	expect(s->client->is_in_transaction);
	expect_int(client_rset(s->client, INSTANT_NEVER, &s->reply, &s->fault), 0);
	expect(!s->client->is_in_transaction);
	expect_str(str_of(s->client->ehlo.domain), STR("peer.example.com"));
}

static void
gone_while_held(struct stage *s)
{
	expect_int(mail(s), 250);
	pause_s(s, 10);
	expect(client_is_stale(s->client));
	expect_int(rcpt(s, "r1"), -1);
	expect_int(s->fault.cause, FAULT_CLOSED);
	expect(!client_is_reusable(s->client));
}

static void
told_421_while_held(struct stage *s)
{
	expect_int(mail(s), 250);
	pause_s(s, 10);
	expect(client_is_stale(s->client));
	expect_int(rcpt(s, "r1"), -1);
	expect(strstr(s->fault.text, "421") != NULL);
}

static void
refused_on_the_way(struct stage *s)
{
	expect_int(mail(s), 250);
	expect_int(rcpt(s, "r1"), 250);
	expect_int(data(s), 354);
	expect_int(content(s, "one\r\n"), 0);
	pause_s(s, 5);
	expect_int(content(s, "two\r\n"), 1);
	expect_int(s->reply.code, 552);
	expect(!client_is_reusable(s->client));
}

static void
lost_at_the_dot(struct stage *s)
{
	bool is_ambiguous = false;

	expect_int(mail(s), 250);
	expect_int(rcpt(s, "r1"), 250);
	expect_int(data(s), 354);
	expect_int(content(s, "one\r\n"), 0);
	expect_int(client_finish(s->client, INSTANT_NEVER, &s->reply, &is_ambiguous, &s->fault), -1);
	expect(is_ambiguous);
}

static void
short_of_time(struct stage *s)
{
	struct instant began = loop_now(s->loop);

	expect_int(client_mail(s->client, &envelope, &envelope.reverse_path, 0, instant_after(began, span_s(7)), &s->reply,
	    &s->fault), -1);
	expect_int(s->fault.cause, FAULT_TIMED_OUT);
	expect_int(span_to_s(instant_diff(began, loop_now(s->loop))), 7);
}

#define HELLO	"S: 220 hi\nC: EHLO relay.example.net\nS: 250 peer.example.com\n"
#define TO_354	"C: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\n"

static const struct row rows[] = {
	{ .name = "the session is held between any two steps, and used again", .act = held_between_steps,
	  .dialogue = HELLO "C: MAIL FROM:<a@example.org>\nN:\nS: 250\nC: RCPT TO:<r1@example.com>\nS: 550 5.1.1 nobody\nC: RCPT\nS: 250\n"
	    "C: DATA\nS: 354\nC: Subject: hi\nC: \nC: ..dot\nC: x\nC: .\nS: 250\nC: MAIL\nS: 250\nC: RSET\nS: 250\n" },
	{ .name = "a server that goes while it is held is noticed", .act = gone_while_held, .dialogue = HELLO "C: MAIL\nS: 250\nX:\n" },
	{ .name = "a 421 while it is held is told", .act = told_421_while_held,
	  .dialogue = HELLO "C: MAIL\nS: 250\nW: 1000\nS: 421 4.4.2 too slow\nX:\n" },
	{ .name = "a mail refused on its way is refused", .act = refused_on_the_way, .dialogue = HELLO TO_354 "W: 1000\nS: 552 5.3.4 enough\nX:\n" },
	{ .name = "a session lost at the dot is ambiguous", .act = lost_at_the_dot, .dialogue = HELLO TO_354 "D:\nX:\n" },
	{ .name = "the caller's deadline holds where it is the nearer", .act = short_of_time, .dialogue = HELLO "C: MAIL\nW: 60000\nX:\n" },
};

static void
act(void *arg)
{
	struct stage *s = arg;

	s->client = client_connect(s->loop, &settings, &s->peer.at, NULL, INSTANT_NEVER, &s->fault);
	peer_stop(&s->peer);
	if (!expect(s->client != NULL))
		return;
	if (expect(client_greeting(s->client, INSTANT_NEVER, &s->reply, &s->fault) == 0) &&
	    expect(client_ehlo(s->client, INSTANT_NEVER, &s->reply, &s->fault) == 0))
		s->act(s);
	client_quit(s->client, instant_after(loop_now(s->loop), span_s(5)));
}

static void
play(const struct row *row)
{
	const struct endpoint at = { .ip = { .family = IP_V6, .bytes = { [15] = 1 } }, .port = 2525 };
	struct sim_options options = { .seed = sim_seed(1) };
	struct sim *sim = sim_new(&options);
	struct stage s = { .act = row->act };

	test_case("%s", row->name);
	sim_enter(sim);
	s.loop = loop_new(10, NULL);
	peer_start(&s.peer, s.loop, &at);
	peer_says(&s.peer, row->dialogue);
	fiber_start(s.loop, "client", act, &s);
	loop_run(s.loop);
	expect_str(buf_str(&s.peer.complaint), STR(""));
	peer_free(&s.peer);
	loop_free(s.loop);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		play(&rows[i]);
	return test_end();
}
