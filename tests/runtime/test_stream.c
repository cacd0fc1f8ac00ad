/*
 * test_stream.c - streams over real sockets, both ends in one loop
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/expect.h"

enum { INPUT_MAX = 4096, LARGE_INPUT_MAX = 100000, OUTPUT_MAX = 8192, BIG_BYTES = 3000000 };

static const struct stream_limits limits = { .input_max_bytes = INPUT_MAX, .output_max_bytes = OUTPUT_MAX };

struct scene {
	struct loop	*loop;
	struct stream	*ours, *theirs;
	struct fiber	*our_fiber;
	char		*big;
	size_t		 n_bytes;
	int		 n_reads;
	uint64_t	 sum;
	bool		 is_slow;
	size_t		 input_max_bytes;	/* 0: INPUT_MAX */
};

static struct instant
soon(int ms)
{
	return instant_after(loop_now(fiber_loop()), span_ms(ms));
}

static struct instant
later(void)
{
	return soon(20000);
}

static void
scene_run(struct scene *s, void (*ours)(void *arg), void (*theirs)(void *arg))
{
	int pair[2];

	s->loop = loop_new(10, NULL);
	if (!expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0))
		abort();
	s->ours = stream_new(s->loop, pair[0], (struct stream_limits){
	    .input_max_bytes = s->input_max_bytes != 0 ? s->input_max_bytes : INPUT_MAX, .output_max_bytes = OUTPUT_MAX }, NULL);
	s->theirs = stream_new(s->loop, pair[1], limits, NULL);
	s->our_fiber = fiber_start(s->loop, "ours", ours, s);
	fiber_start(s->loop, "theirs", theirs, s);
	loop_run(s->loop);
	stream_close(s->ours);
	stream_close(s->theirs);
	loop_free(s->loop);
}

static void
write_text(struct stream *stream, struct str text)
{
	expect_int(stream_write(stream, text, later(), NULL), 0);
	expect_int(stream_flush(stream, later(), NULL), 0);
}

/* --- a talk --- */

static void
asks(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	expect(!stream_has_input(s->ours));
	write_text(s->ours, STR("ping\r\n"));
	expect_int(stream_fill(s->ours, later(), &fault), 1);
	expect_str(stream_input(s->ours), STR("pong one\r\npong two\r\n"));
	stream_take(s->ours, 10);
	expect_str(stream_input(s->ours), STR("pong two\r\n"));
	expect(stream_has_input(s->ours));
	expect_int(stream_fill(s->ours, later(), &fault), 1);
	expect_str(stream_input(s->ours), STR("pong two\r\nlast"));
	stream_take(s->ours, 14);
	expect_int(stream_fill(s->ours, later(), &fault), 0);
	expect_int(stream_fill(s->ours, later(), &fault), 0);
	expect(stream_has_input(s->ours));
}

static void
answers(void *arg)
{
	struct scene *s = arg;

	expect_int(stream_fill(s->theirs, later(), NULL), 1);
	expect_str(stream_input(s->theirs), STR("ping\r\n"));
	expect_int(stream_write(s->theirs, STR("pong one\r\n"), later(), NULL), 0);
	write_text(s->theirs, STR("pong two\r\n"));
	fiber_sleep(soon(5));
	write_text(s->theirs, STR("last"));
	stream_close(s->theirs);
	s->theirs = NULL;
}

static void
looks_ahead(void *arg)
{
	struct scene *s = arg;

	expect(!stream_has_more(s->ours));
	expect_int(stream_fill(s->ours, later(), NULL), 1);
	expect_str(stream_input(s->ours), STR("one"));
	expect(!stream_has_more(s->ours));
	fiber_sleep(soon(20));
	expect(stream_has_more(s->ours));
	expect(stream_has_more(s->ours));
	expect_str(stream_input(s->ours), STR("onetwo"));
	expect_int(stream_fill(s->ours, soon(0), NULL), 1);
	expect_str(stream_input(s->ours), STR("onetwo"));
	expect_int(stream_fill(s->ours, later(), NULL), 0);
	expect(stream_has_more(s->ours));
}

static void
speaks_twice(void *arg)
{
	struct scene *s = arg;

	fiber_sleep(soon(5));
	write_text(s->theirs, STR("one"));
	fiber_sleep(soon(10));
	write_text(s->theirs, STR("two"));
	fiber_sleep(soon(30));
	stream_close(s->theirs);
	s->theirs = NULL;
}

static void
test_talk(void)
{
	struct scene s = { .n_bytes = 0 };

	test_case("bytes pass both ways, writes leave together, and the end is told again and again");
	scene_run(&s, asks, answers);
	test_case("what comes behind what is buffered is seen without waiting");
	scene_run(&s, looks_ahead, speaks_twice);
}

/* Data and the end in one go: the end must be found although the read before it was short. */
static void
reads_to_end(void *arg)
{
	struct scene *s = arg;

	fiber_sleep(soon(5));
	expect_int(stream_fill(s->ours, later(), NULL), 1);
	expect_str(stream_input(s->ours), STR("bye"));
	stream_take(s->ours, 3);
	expect_int(stream_fill(s->ours, soon(2000), NULL), 0);
}

static void
says_bye(void *arg)
{
	struct scene *s = arg;

	write_text(s->theirs, STR("bye"));
	stream_close(s->theirs);
	s->theirs = NULL;
}

static void
test_end_of_input(void)
{
	struct scene s = { .n_bytes = 0 };

	test_case("an end that comes together with the last bytes is seen behind them");
	scene_run(&s, reads_to_end, says_bye);
}

/* --- faults --- */

static void
waits_in_vain(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	expect_int(stream_fill(s->ours, soon(10), &fault), -1);
	expect_int(fault.cause, FAULT_TIMED_OUT);
	expect_int(fault.kind, FAULT_TEMPORARY);
	expect_int(stream_fill(s->ours, later(), &fault), -1);
	expect_int(fault.cause, FAULT_CANCELLED);
}

static void
cancels(void *arg)
{
	struct scene *s = arg;

	fiber_sleep(soon(50));
	fiber_cancel(s->our_fiber);
}

static void
writes_after_close(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	fiber_sleep(soon(10));
	expect_int(stream_write(s->ours, STR("anybody?"), later(), &fault), 0);
	expect_int(stream_flush(s->ours, later(), &fault), -1);
	expect_int(fault.cause, FAULT_CLOSED);
	expect_int(stream_write(s->ours, STR("anybody?"), later(), &fault), -1);
	expect_int(fault.cause, FAULT_CLOSED);
}

static void
closes(void *arg)
{
	struct scene *s = arg;

	stream_close(s->theirs);
	s->theirs = NULL;
}

static void
fills_up(void *arg)
{
	struct scene *s = arg;
	struct fault fault;
	int result;

	while ((result = stream_fill(s->ours, later(), &fault)) == 1)
		expect(stream_input(s->ours).len <= INPUT_MAX);
	expect_int(result, -1);
	expect_int(fault.cause, FAULT_FULL);
	expect_int((int64_t)stream_input(s->ours).len, INPUT_MAX);
	stream_take(s->ours, 1);
	expect_int(stream_fill(s->ours, later(), &fault), 1);
	expect_int((int64_t)stream_input(s->ours).len, INPUT_MAX);
}

static void
sends_too_much(void *arg)
{
	struct scene *s = arg;
	char *bytes = mem_new(INPUT_MAX * 2);

	write_text(s->theirs, str_n(bytes, INPUT_MAX * 2));
	mem_free(bytes);
}

static void
test_faults(void)
{
	struct scene s = { .n_bytes = 0 };

	test_case("a read ends at its deadline, and when the fiber is cancelled");
	scene_run(&s, waits_in_vain, cancels);
	test_case("a write after the peer's close is a fault and not a signal");
	scene_run(&s, writes_after_close, closes);
	test_case("input that nobody takes is read up to the limit and no further");
	scene_run(&s, fills_up, sends_too_much);
}

/* Over TCP, where a close with bytes unread is a reset. */
static void
talks_over_closing(void *arg)
{
	struct scene *s = arg;

	expect_int(stream_fill(s->ours, later(), NULL), 1);
	expect_int(stream_write(s->ours, STR("a great deal that nobody reads\r\n"), later(), NULL), 0);
	expect_int(stream_flush(s->ours, later(), NULL), 0);
	fiber_sleep(soon(20));
	while (stream_fill(s->ours, later(), NULL) == 1)
		;
	expect_str(stream_input(s->ours), STR("220 hello\r\n421 go away\r\n"));
}

static void
closes_with_a_word(void *arg)
{
	struct scene *s = arg;

	write_text(s->theirs, STR("220 hello\r\n"));
	fiber_sleep(soon(10));		/* what the peer says comes in meanwhile */
	write_text(s->theirs, STR("421 go away\r\n"));
	stream_close(s->theirs);
	s->theirs = NULL;
}

static void
test_last_word(void)
{
	struct endpoint at = { .ip = { .family = IP_V4, .bytes = { 127, 0, 0, 1 } } };
	struct scene s = { .n_bytes = 0 };
	int listener = os_listen(&at, 1), ours, theirs;

	test_case("a last reply is not lost to a reset when the peer's bytes are unread");
	expect_int(os_local_endpoint(listener, &at), 0);
	ours = os_connect(&at, NULL);
	while ((theirs = os_accept(listener, NULL, NULL)) == -EAGAIN || os_connect_result(ours) == -EINPROGRESS)
		;
	s.loop = loop_new(10, NULL);
	s.ours = stream_new(s.loop, ours, limits, NULL);
	s.theirs = stream_new(s.loop, theirs, limits, NULL);
	fiber_start(s.loop, "ours", talks_over_closing, &s);
	fiber_start(s.loop, "theirs", closes_with_a_word, &s);
	loop_run(s.loop);
	stream_close(s.ours);
	loop_free(s.loop);
	os_close(listener);
}

/* --- much --- */

static void
sends_much(void *arg)
{
	struct scene *s = arg;
	size_t sent = 0;

	/* Pieces of all sizes below, at and above what is collected. */
	for (size_t n = 1; sent < BIG_BYTES; n = n * 3 % 20011 + 1) {
		if (n > BIG_BYTES - sent)
			n = BIG_BYTES - sent;
		if (stream_write(s->theirs, str_n(s->big + sent, n), later(), NULL) != 0)
			break;
		sent += n;
	}
	expect_int(stream_flush(s->theirs, later(), NULL), 0);
	expect_int(stream_write_from(s->theirs, str_n(s->big, BIG_BYTES), later(), NULL), 0);
	stream_close(s->theirs);
	s->theirs = NULL;
}

static void
reads_much(void *arg)
{
	struct scene *s = arg;
	bool is_same = true;
	struct str got;

	while (stream_fill(s->ours, later(), NULL) == 1) {
		got = stream_input(s->ours);
		for (size_t i = 0; i < got.len; i++)
			is_same &= got.at[i] == s->big[(s->n_bytes + i) % BIG_BYTES];
		s->n_bytes += got.len;
		/* Some of it is left to what comes next. */
		stream_take(s->ours, s->n_reads % 3 == 1 ? got.len - got.len / 4 : got.len);
		s->n_bytes -= s->n_reads % 3 == 1 ? got.len / 4 : 0;
		if (++s->n_reads % 100 == 0 && s->is_slow)
			fiber_sleep(soon(1));
	}
	s->n_bytes += stream_input(s->ours).len;
	expect(is_same);
	expect_int((int64_t)s->n_bytes, 2 * (int64_t)BIG_BYTES);
}

static void
gives_up_writing(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	expect_int(stream_write_from(s->ours, str_n(s->big, BIG_BYTES), soon(20), &fault), -1);
	expect_int(fault.cause, FAULT_TIMED_OUT);
	/* Half of it may be out, so nothing can follow. */
	expect_int(stream_write(s->ours, STR("more"), later(), &fault), -1);
}

static void
does_nothing(void *arg)
{
}

static void
test_much(void)
{
	struct scene s = { .n_bytes = 0 };

	s.big = mem_new(BIG_BYTES);
	for (size_t i = 0; i < BIG_BYTES; i++)
		s.big[i] = (char)(i * 2654435761u >> 13);
	test_case("a great many bytes arrive whole and in order");
	scene_run(&s, reads_much, sends_much);
	test_case("also when the reader is slow");
	s.is_slow = true;
	s.n_bytes = 0;
	scene_run(&s, reads_much, sends_much);
	test_case("also in large reads");
	s.input_max_bytes = LARGE_INPUT_MAX;
	for (int i = 0; i < 2; i++) {
		s.is_slow = i > 0;
		s.n_bytes = 0;
		scene_run(&s, reads_much, sends_much);
	}
	s.input_max_bytes = 0;
	test_case("a write that is cut short by its deadline lets nothing follow");
	scene_run(&s, gives_up_writing, does_nothing);
	mem_free(s.big);
}

/* --- fairness --- */

static void
reads_without_end(void *arg)
{
	struct scene *s = arg;

	while (stream_fill(s->ours, later(), NULL) == 1) {
		s->n_reads++;
		stream_take(s->ours, 1);	/* so there is always something to read */
	}
}

static void
stays_alive(void *arg)
{
	struct scene *s = arg;
	char *bytes = mem_new(500000);

	expect_int(stream_write_from(s->theirs, str_n(bytes, 500000), later(), NULL), 0);
	mem_free(bytes);
	expect(s->n_reads > 1000);
	stream_close(s->theirs);
	s->theirs = NULL;
}

static void
test_fairness(void)
{
	struct scene s = { .n_bytes = 0 };

	test_case("a reader with endless input lets others run");
	scene_run(&s, reads_without_end, stays_alive);
}

/* --- connecting --- */

struct server {
	struct loop	*loop;
	struct endpoint	 at;
	int		 listener;
};

static void
connects(void *arg)
{
	struct server *server = arg;
	struct endpoint from = { .ip = server->at.ip };
	struct stream *stream;
	struct fault fault;

	stream = stream_connect(server->loop, &server->at, &from, limits, later(), &fault);
	if (!expect(stream != NULL))
		return;
	write_text(stream, STR("hello"));
	expect_int(stream_fill(stream, later(), &fault), 0);
	stream_close(stream);

	os_close(server->listener);
	stream = stream_connect(server->loop, &server->at, NULL, limits, later(), &fault);
	expect(stream == NULL);
	expect_int(fault.kind, FAULT_TEMPORARY);
	expect(str_find_str(str_of(fault.text), STR("Connection refused")) > 0);
	expect(str_starts(str_of(fault.text), STR("connect to ")));
}

static void
accepts(void *arg)
{
	struct server *server = arg;
	struct endpoint peer, local;
	struct stream *stream;
	int socket;

	while ((socket = os_accept(server->listener, &peer, &local)) == -EAGAIN)
		fiber_yield();
	if (!expect(socket >= 0))
		return;
	expect(ip_is_loopback(&peer.ip));
	expect(endpoint_eq(&local, &server->at));
	stream = stream_new(server->loop, socket, limits, NULL);
	expect_int(stream_fill(stream, later(), NULL), 1);
	expect_str(stream_input(stream), STR("hello"));
	stream_close(stream);
}

static void
test_connect(const char *name, struct str at)
{
	struct server server;

	test_case("over %s: connect, talk, close, and a refusal", name);
	server.loop = loop_new(10, NULL);
	server.at.port = 0;
	expect(ip_parse(at, &server.at.ip));
	server.listener = os_listen(&server.at, 5);
	if (server.listener == -EADDRNOTAVAIL || server.listener == -EAFNOSUPPORT) {
		expect(server.at.ip.family == IP_V6);	/* a machine without IPv6 */
		loop_free(server.loop);
		return;
	}
	if (!expect(server.listener >= 0))
		abort();
	expect_int(os_local_endpoint(server.listener, &server.at), 0);
	fiber_start(server.loop, "accepts", accepts, &server);
	fiber_start(server.loop, "connects", connects, &server);
	loop_run(server.loop);
	loop_free(server.loop);
}

int
main(void)
{
	test_talk();
	test_end_of_input();
	test_faults();
	test_last_word();
	test_much();
	test_fairness();
	test_connect("IPv4", STR("127.0.0.1"));
	test_connect("IPv6", STR("::1"));
	return test_end();
}
