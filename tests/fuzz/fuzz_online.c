/*
 * fuzz_online.c - a next hop made of the input is asked while a client of the whole relay waits: what the client hears is well
 * formed and true
 *
 * The next hop says what stands between two NULs, then waits until the relay said something.  Nobody hears 250 to a mail that
 * is neither in the queue nor was sent whole, and a 5xx only where the next hop said some.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/expect.h"
#include "tests/fuzz/fuzz.h"
#include "tests/relay/relay.h"

enum { INPUT_MAX_BYTES = 2000, HEARD_MAX_BYTES = 1024 * 1024, MAILS = 3, RECIPIENTS = 2, REPLY_LINE_MAX_BYTES = 512, PATIENCE_S = 2000 };

enum choice {				/* bits of the input's first byte */
	CHOICE_SMALL_PIECES = 1, CHOICE_QUEUES_4XX = 2, CHOICE_ACCEPTS_UNKNOWN = 4, CHOICE_ASKS_FIRST = 8,	/* mode queue */
	CHOICE_INTRODUCES = 16, CHOICE_HURRIES = 32, CHOICE_LARGE = 64, CHOICE_WANTS_SUCCESS = 128,
};

struct play {
	struct watch	 watch;		/* first: of the next hop's socket */
	struct relay	 relay;
	struct fuzz	 f;
	unsigned	 choice;
	int		 socket;
	struct buf	 said, heard;	/* by the next hop */
	int		 n_promised;
};

struct session {
	struct play	*play;
	struct wire	 wire;
};

static struct instant
in_s(const struct play *p, int seconds)
{
	return instant_after(loop_now(p->relay.loop), span_s(seconds));
}

/* --- the next hop --- */

static bool
hear(struct session *s)
{
	bool has_more = stream_fill(s->wire.stream, in_s(s->play, PATIENCE_S), NULL) > 0;
	struct str input = stream_input(s->wire.stream);

	insist(buf_append(&s->play->heard, input) == 0);
	stream_take(s->wire.stream, input.len);
	return has_more;
}

static void
serve(void *arg)
{
	struct session *s = arg;
	struct play *p = s->play;
	bool goes_on = true;

	while (goes_on && p->f.rest.len > 0) {
		struct str part = p->f.rest, piece;
		ptrdiff_t end = str_find(part, '\0');

		if (end >= 0)
			part.len = (size_t)end;
		p->f.rest = str_from(p->f.rest, part.len + 1);
		while (goes_on && fuzz_piece(&p->f, p->choice & CHOICE_SMALL_PIECES ? 7 : 1000, &part, &piece)) {
			insist(buf_append(&p->said, piece) == 0);
			goes_on = wire_write(&s->wire, piece);
		}
		goes_on = goes_on && hear(s);
	}
	while (goes_on && stream_input(s->wire.stream).len == 0 && fuzz_dice(&p->f, 2) == 0)
		goes_on = hear(s);
	stream_close(s->wire.stream);
	mem_free(s);
}

static void
accept_all(struct watch *watch, unsigned what)
{
	struct play *p = (struct play *)(void *)watch;
	struct endpoint peer, local;
	int socket;

	(void)what;
	while ((socket = os_accept(p->socket, &peer, &local)) >= 0) {
		struct session *s = mem_new(sizeof(*s));

		s->play = p;
		s->wire = (struct wire){ .loop = p->relay.loop, .patience = span_s(PATIENCE_S),
		    .stream = stream_new(p->relay.loop, socket, wire_limits, NULL) };
		insist(s->wire.stream != NULL && fiber_start(p->relay.loop, "next hop", serve, s) != NULL);
	}
}

static void
hop_open(struct play *p)
{
	struct endpoint at;

	insist(endpoint_parse(str_of(NEW_SERVER_AT), &at));
	p->watch.notice = accept_all;
	p->socket = os_listen(&at, 10);
	insist(p->socket >= 0 && loop_watch(p->relay.loop, p->socket, &p->watch) == 0);
}

static void
hop_close(struct play *p)
{
	loop_unwatch(p->relay.loop, p->socket, &p->watch);
	os_close(p->socket);
}

/* --- the client --- */

static bool
has_said_5xx(const struct play *p)
{
	struct str said = buf_str(&p->said);

	return str_starts(said, STR("5")) || str_find_str(said, STR("\n5")) >= 0;
}

/* The code of the reply; 0 when the relay hung up. */
static int
ask(struct play *p, const struct wire *wire, struct str command)
{
	struct buf line;
	int code = 0;

	if (command.len > 0 && !wire_write(wire, command))
		return 0;
	buf_init(&line, HEARD_MAX_BYTES);
	while (wire_read_line(wire, &line)) {
		insist(line.len >= 4 && line.len + 2 <= REPLY_LINE_MAX_BYTES && str_is_printable(buf_str(&line)));
		insist(code == 0 || code == atoi(line.at));
		code = atoi(line.at);
		insist(code >= 200 && code < 600 && (line.at[3] == ' ' || line.at[3] == '-'));
		if (line.at[3] == ' ')
			break;
	}
	buf_fini(&line);
	insist(code < 500 || has_said_5xx(p));
	return code;
}

static void
write_mail(const struct play *p, struct buf *out)
{
	buf_printf(out, "Subject: x\r\n\r\n");
	for (int i = 0; i < (p->choice & CHOICE_LARGE ? 300 : 1); i++)
		buf_printf(out, "a line of the mail, one of some, with %d letters or so\r\n", i);
	buf_printf(out, ".\r\n");
}

/* False: the session is over. */
static bool
send_mail(struct play *p, const struct wire *wire)
{
	int code = ask(p, wire, STR("MAIL FROM:<a@example.org>\r\n")), n_taken = 0;
	struct buf mail;

	if (code != 250)
		return false;
	for (int i = 0; i < RECIPIENTS; i++) {
		char command[100];

		snprintf(command, sizeof(command), "RCPT TO:<b%d@example.com>%s\r\n", i, p->choice & CHOICE_WANTS_SUCCESS ? " NOTIFY=SUCCESS" : "");
		code = ask(p, wire, str_of(command));
		if (code == 0 || code == 421)
			return false;
		n_taken += code == 250;
	}
	if (n_taken == 0)
		return ask(p, wire, STR("RSET\r\n")) == 250;
	if (ask(p, wire, STR("DATA\r\n")) != 354)
		return false;
	buf_init(&mail, HEARD_MAX_BYTES);
	write_mail(p, &mail);
	code = ask(p, wire, buf_str(&mail));
	buf_fini(&mail);
	p->n_promised += code == 250;
	return code != 0 && code != 421;
}

static void
converse(void *arg)
{
	struct play *p = arg;
	struct wire wire;

	insist(client_open(&p->relay, &wire) == 250);
	for (int i = 0; i < MAILS && send_mail(p, &wire); i++)
		;
	stream_close(wire.stream);
	loop_stop(p->relay.loop);
}

/* --- the relay --- */

static void
start_relay(struct play *p, struct sim *sim)
{
	static const char *const domains[] = { "example.com" };
	struct relay_rule rule = { .name = "moved", .domains = domains, .n_domains = 1, .forwarding = {
	    .is_online = (p->choice & CHOICE_ASKS_FIRST) == 0, .verifies_recipients = (p->choice & CHOICE_ASKS_FIRST) != 0,
	    .online_timeout = span_s(p->choice & CHOICE_HURRIES ? 1 : 60), .queues_4xx = (p->choice & CHOICE_QUEUES_4XX) != 0,
	    .accepts_unknown = (p->choice & CHOICE_ACCEPTS_UNKNOWN) != 0 } };
	struct next_hop_settings hop = relay_next_hop(NEW_SERVER_AT);
	struct route_settings route = { .destination = "relay:moved", .next_hops = &hop, .n_next_hops = 1, .connections_max = 5,
	    .check_interval = span_s(10), .identity = p->choice & CHOICE_INTRODUCES ? IDENTITY_AUTO : IDENTITY_NONE };
	struct relay_plan plan = { .rules = &rule, .n_rules = 1, .routes = &route, .n_routes = 1 };

	relay_start_as(&p->relay, sim, &plan, NULL);
}

static int
n_dots_heard(const struct play *p)
{
	struct str rest = buf_str(&p->heard), end = STR("\r\n.\r\n");
	ptrdiff_t at;
	int n;

	for (n = 0; (at = str_find_str(rest, end)) >= 0; n++)
		rest = str_from(rest, (size_t)at + end.len);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct play p = { .n_promised = 0 };
	struct queue_counts counts;
	struct sim *sim;

	if (n_bytes > INPUT_MAX_BYTES)
		return 0;
	fuzz_begin(&p.f, bytes, n_bytes, &p.choice);
	buf_init(&p.said, HEARD_MAX_BYTES);
	buf_init(&p.heard, HEARD_MAX_BYTES);
	sim = sim_new(&(struct sim_options){ .seed = p.choice });
	sim_enter(sim);
	start_relay(&p, sim);
	hop_open(&p);
	insist(fiber_start(p.relay.loop, "client", converse, &p) != NULL);
	loop_run(p.relay.loop);
	queue_count(p.relay.queue, &counts);
	insist(p.n_promised <= counts.n_put + n_dots_heard(&p));
	relay_stop(&p.relay);
	hop_close(&p);
	relay_free(&p.relay);
	insist(test_counts().n_missed == 0);
	insist(sim_leave(sim) == 0);
	sim_free(sim);
	buf_fini(&p.said);
	buf_fini(&p.heard);
	fuzz_end(&p.f);
	return 0;
}
