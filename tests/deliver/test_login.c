/*
 * test_login.c - AUTH at a next hop, dialled as for a mail, against dialogues
 *
 * SCRAM to its end needs a peer that computes: tests/live/test_auth.
 */
#include <stdio.h>

#include "base/insist.h"
#include "smtpfwd/deliver/dial.h"
#include "tests/deliver/peer.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

/* TLS, and what is announced inside it. */
#define TLS	"S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250-AUTH PLAIN\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nT:\nC: EHLO\nS: 250-hi\n"
#define PASSWORD_FILE	"/password"

enum { LINES_MAX_BYTES = 100 * 1024 };

static const struct client_settings settings = {
	.hostname = "relay.example.net",
	.connect_timeout = { 30 * INT64_C(1000000000) }, .greeting_timeout = { 300 * INT64_C(1000000000) },
	.mail_timeout = { 300 * INT64_C(1000000000) }, .rcpt_timeout = { 300 * INT64_C(1000000000) },
	.data_timeout = { 120 * INT64_C(1000000000) }, .block_timeout = { 180 * INT64_C(1000000000) },
	.final_timeout = { 600 * INT64_C(1000000000) },
};

struct row {
	const char	*name;
	const char	*dialogue;
	const char	*login;		/* NULL: "relay" */
	const char	*want;		/* a part of the trouble; NULL: it logs in */
	bool		 is_refused;	/* and it is logged as such */
	bool		 is_reloaded;	/* the login comes by a reload while the session is opened by a route without one */
};

struct capture {
	struct log	 log;
	struct buf	 lines;
};

struct stage {
	const struct row	*row;
	struct loop		*loop;
	struct courier_plan	*plan;
	struct courier_plan	*before;	/* without the login */
	struct next_hop		*next_hop;
	struct capture		 capture;
	struct peer		 peer;
};

static void
capture_line(struct log *log, enum log_level level, struct str line)
{
	struct capture *capture = (struct capture *)(void *)log;

	(void)level;
	insist(buf_append(&capture->lines, line) == 0 && buf_append_char(&capture->lines, '\n') == 0);
}

static bool
log_has(const struct stage *s, const char *part)
{
	return str_find_str(buf_str(&s->capture.lines), str_of(part)) >= 0;
}

static const struct row rows[] = {
	{ .name = "PLAIN goes with the command",
	  .dialogue = TLS "S: 250 AUTH PLAIN LOGIN\nC: AUTH PLAIN AHJlbGF5AHNlY3JldA==\nS: 235 2.7.0 yes" },
	{ .name = "LOGIN waits for both questions, whatever they are",
	  .dialogue = TLS "S: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: cmVsYXk=\nS: 334 ???\nC: c2VjcmV0\nS: 235 yes" },
	{ .name = "a name that makes the line too long follows the 334", .login =
	  "a123456789b123456789c123456789d123456789e123456789f123456789g123456789h123456789i123456789j123456789"
	  "k123456789l123456789m123456789n123456789o123456789p123456789q123456789r123456789s123456789t123456789"
	  "u123456789v123456789w123456789x123456789y123456789"
	  "a123456789b123456789c123456789d123456789e123456789f123456789g123456789h123456789i123456789j123456789"
	  "k123456789l123456789m123456789n123456789o123456789p123456789q123456789r123456789s123456789t123456789",
	  .dialogue = TLS "S: 250 AUTH PLAIN\nC: AUTH PLAIN\nS: 334 \nC: AGExMjM0\nS: 235 yes" },
	{ .name = "what was announced in the clear is void",
	  .dialogue = TLS "S: 250 PIPELINING", .want = "neither SCRAM-SHA-256 nor PLAIN nor LOGIN is offered", .is_refused = true },
	{ .name = "a refusal of 535 is the next hop's trouble",
	  .dialogue = TLS "S: 250 AUTH PLAIN LOGIN\nC: AUTH PLAIN\nS: 535 5.7.8 wrong",
	  .want = "192.0.2.1:25: AUTH PLAIN: 535 5.7.8 wrong", .is_refused = true },
	{ .name = "what the server repeats of our words is not passed on",
	  .dialogue = TLS "S: 250 AUTH PLAIN\nC: AUTH PLAIN\nS: 501 5.5.4 what is AUTH PLAIN AHJlbGF5AHNlY3JldA==?",
	  .want = "192.0.2.1:25: AUTH PLAIN: 501, with our own words", .is_refused = true },
	{ .name = "nor is the password", .dialogue = TLS "S: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 \nC: cmVsYXk=\nS: 334 \nC: c2VjcmV0\n"
	  "S: 535 5.7.8 secret is wrong", .want = "AUTH LOGIN: 535, with our own words", .is_refused = true },
	{ .name = "so is one for now", .dialogue = TLS "S: 250 AUTH PLAIN\nC: AUTH PLAIN\nS: 454 4.7.0 later",
	  .want = "AUTH PLAIN: 454 4.7.0 later", .is_refused = true },
	{ .name = "a server that refuses SCRAM is offered PLAIN",
	  .dialogue = TLS "S: 250 AUTH SCRAM-SHA-256 PLAIN\nC: AUTH SCRAM-SHA-256 biwsbj1yZWxheSxyP\nS: 535 5.7.8 no\n"
	  "C: AUTH PLAIN AHJlbGF5AHNlY3JldA==\nS: 235 2.7.0 yes" },
	{ .name = "one that says 235 without a proof is not believed, and sees no password",
	  .dialogue = TLS "S: 250 AUTH SCRAM-SHA-256 PLAIN\nC: AUTH SCRAM-SHA-256 \nS: 235 2.7.0 welcome",
	  .want = "did not prove that it knows the password", .is_refused = true },
	{ .name = "nor is one whose challenge makes no sense",
	  .dialogue = TLS "S: 250 AUTH SCRAM-SHA-256 PLAIN\nC: AUTH SCRAM-SHA-256 \nS: 334 !!!",
	  .want = "its challenge is not base64", .is_refused = true },
	{ .name = "nor one that asks for other work than ours",
	  .dialogue = TLS "S: 250 AUTH SCRAM-SHA-256 PLAIN\nC: AUTH SCRAM-SHA-256 \nS: 334 cj14LHM9VzIyWmFKMFNOWTdzb0VzVUVqYjZnUT09LGk9NDI5NDk2NzI5NQ==",
	  .want = "it asks for 4294967295 SCRAM iterations", .is_refused = true },
	{ .name = "questions without end are left alone",
	  .dialogue = TLS "S: 250 AUTH PLAIN\nC: AUTH PLAIN\nS: 334 VXNlcm5hbWU6", .want = "it goes on asking after the end of PLAIN", .is_refused = true },
	{ .name = "a server that hangs up is no refusal",
	  .dialogue = TLS "S: 250 AUTH PLAIN\nC: AUTH PLAIN\nX:", .want = "waiting for the reply to AUTH" },
	{ .name = "a session without TLS gets no password",
	  .dialogue = "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 AUTH PLAIN", .want = "STARTTLS is not offered" },
	{ .name = "nor does one whose TLS was for a route without a login", .is_reloaded = true,
	  .dialogue = "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nT:\nC: EHLO\nW: 2000\nS: 250-hi\nS: 250 AUTH PLAIN" },
};

static void
reload(void *arg)
{
	struct stage *s = arg;

	fiber_sleep(instant_after(loop_now(s->loop), span_s(1)));
	s->next_hop->route = &s->plan->routes[0];
}

static void
act(void *arg)
{
	struct stage *s = arg;
	const struct row *row = s->row;
	struct dialer dialer = { .loop = s->loop, .log = &s->capture.log, .settings = &settings, .logins = logins_new(s->loop) };
	const struct route *route = s->row->is_reloaded ? &s->before->routes[0] : &s->plan->routes[0];
	struct next_hop next_hop = { .route = route, .written = route->hops[0].written, .host = route->hops[0].host,
	    .ip = route->hops[0].ip, .port = route->hops[0].port };
	struct trouble trouble = { .text = "" };
	struct client *client;

	s->next_hop = &next_hop;
	if (s->row->is_reloaded)
		insist(fiber_start(s->loop, "reload", reload, s) != NULL);
	client = dial(&dialer, &next_hop, instant_after(loop_now(s->loop), span_s(600)), &trouble);
	expect(plan_has_login(s->plan));
	expect((client != NULL) == (row->want == NULL));
	if (row->want != NULL && !expect(strstr(trouble.text, row->want) != NULL))
		expect_text(trouble.text, row->want);
	if (row->want != NULL)
		expect_int(trouble.status.class, 4);
	expect_int(log_has(s, "nexthop-refuses-login"), row->is_refused);
	expect(!log_has(s, "secret") && !log_has(s, "c2VjcmV0") && strstr(trouble.text, "secret") == NULL && strstr(trouble.text, "AHJl") == NULL);
	expect(!log_has(s, "AHJl"));
	expect(trouble.reply_code == 0 || str_find_str(trouble_reply(&trouble).text, STR("AHJl")) < 0);
	if (client != NULL)
		client_quit(client, instant_after(loop_now(s->loop), span_s(5)));
	logins_free(dialer.logins);
	peer_stop(&s->peer);
	expect_str(buf_str(&s->peer.complaint), STR(""));
}

static void
put_password(void)
{
	int fd = os_open(PASSWORD_FILE, OS_OPEN_CREATE);
	char text[] = "secret\n";

	insist(os_pwritev(fd, &(struct iovec){ .iov_base = text, .iov_len = sizeof(text) - 1 }, 1, 0) == sizeof(text) - 1);
	os_close(fd);
}

static void
play(const struct row *row)
{
	struct sim_options options = { .seed = sim_seed(1), .may_block = false };
	struct sim *sim = sim_new(&options);
	struct stage s = { .row = row, .capture.log = { .level = LOG_LEVEL_DEBUG, .write = capture_line } };
	const struct endpoint at = { .ip = { .family = IP_V4, .bytes = { 192, 0, 2, 1 } }, .port = 25 };
	const struct next_hop_settings hop = { .written = "[192.0.2.1]:25", .ip = at.ip, .port = at.port };
	const struct route_settings route = {
		.destination = "relay:x", .next_hops = &hop, .n_next_hops = 1, .tls = TLS_REQUIRED,
		.login = row->login != NULL ? row->login : "relay", .password_file = PASSWORD_FILE,
	};
	const struct route_settings without = { .destination = "relay:x", .next_hops = &hop, .n_next_hops = 1, .tls = TLS_REQUIRED };
	struct tls_server *tls;
	struct fault fault = { .text = "" };

	test_case("%s", row->name);
	sim_enter(sim);
	put_password();
	s.loop = loop_new(20, NULL);
	buf_init(&s.capture.lines, LINES_MAX_BYTES);
	tls = tls_server_new_self_signed("peer.example.com", &fault);
	s.plan = courier_plan_new(&(struct courier_settings){ .hostname = "relay.example.net", .routes = &route, .n_routes = 1 }, &fault);
	s.before = courier_plan_new(&(struct courier_settings){ .hostname = "relay.example.net", .routes = &without, .n_routes = 1 }, &fault);
	insist(tls != NULL && s.plan != NULL && s.before != NULL);
	peer_start(&s.peer, s.loop, &at);
	s.peer.tls = tls;
	peer_says(&s.peer, row->dialogue);
	insist(fiber_start(s.loop, "act", act, &s) != NULL);
	loop_run(s.loop);
	peer_free(&s.peer);
	courier_plan_free(s.plan);
	courier_plan_free(s.before);
	tls_server_free(tls);
	buf_fini(&s.capture.lines);
	loop_free(s.loop);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		play(&rows[i]);
	return test_end();
}
