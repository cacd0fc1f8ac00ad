/*
 * test_inquiries.c - connections of those who ask, in the simulated world: answers in order, deadlines, a bound, and an end
 *
 * Here a question is a line, and its answer the line again.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "milter/inquiries.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

enum { LINE_MAX_BYTES = 100, ROOM_BYTES = 1024 * 1024 };
#define HERE	"/run/ask"

static ptrdiff_t
say_again(void *context, struct str bytes, struct instant now, struct buf *out)
{
	ptrdiff_t end = str_find(bytes, '\n');
	int *n_asked = context;

	(void)now;
	if (bytes.len > LINE_MAX_BYTES && (end < 0 || end >= LINE_MAX_BYTES))
		return -1;
	if (end < 0)
		return 0;
	if (str_starts(bytes, STR("nonsense")))
		return -1;
	++*n_asked;
	return buf_append(out, str_sub(bytes, 0, (size_t)end + 1)) == 0 ? end + 1 : -1;
}

static const struct inquiry_kind echo = { .name = "echo", .question_max_bytes = LINE_MAX_BYTES, .answer_max_bytes = LINE_MAX_BYTES,
    .answer = say_again };

struct scene {
	struct sim		*sim;
	struct loop		*loop;
	struct log		 log;
	struct inquiries	*inquiries;
	int			 n_asked;
};

static void
forget(struct log *log, enum log_level level, struct str line)
{
	(void)log;
	(void)level;
	(void)line;
}

static struct instant
soon(const struct scene *s)
{
	return instant_after(loop_now(s->loop), span_s(5));
}

static void
pause_ms(const struct scene *s, int64_t ms)
{
	(void)fiber_sleep(instant_after(loop_now(s->loop), span_ms(ms)));
}

static struct stream *
come(struct scene *s)
{
	struct stream_limits limits = { .input_max_bytes = ROOM_BYTES, .output_max_bytes = ROOM_BYTES };
	int socket = sim_connect_unix(s->sim, HERE, 0);
	struct stream *stream;

	insist(socket >= 0);
	stream = stream_new(s->loop, socket, limits, NULL);
	insist(stream != NULL);
	return stream;
}

static void
say(struct scene *s, struct stream *stream, struct str bytes)
{
	(void)stream_write(stream, bytes, soon(s), NULL);
	(void)stream_flush(stream, soon(s), NULL);
}

/* True when exactly this comes, and no more by then. */
static bool
hears(struct scene *s, struct stream *stream, struct str want)
{
	while (stream_input(stream).len < want.len && stream_fill(stream, soon(s), NULL) > 0)
		;
	if (!str_eq(stream_input(stream), want))
		return false;
	stream_take(stream, want.len);
	return true;
}

/* How long it takes until the other end closes; -1: it does not within an hour, or says something before. */
static int64_t
closes_after_s(struct scene *s, struct stream *stream)
{
	struct instant began = loop_now(s->loop);
	int n = stream_fill(stream, instant_after(began, span_s(3600)), NULL);

	return n == 0 || (n < 0 && instant_is_before(loop_now(s->loop), instant_after(began, span_s(3600)))) ?
	    span_to_s(instant_diff(began, loop_now(s->loop))) : -1;
}

static void
test_answers(struct scene *s)
{
	struct stream *one = come(s), *other = come(s);

	test_case("one question after another on a connection, and others between");
	say(s, one, STR("a\n"));
	expect(hears(s, one, STR("a\n")));
	say(s, other, STR("b\n"));
	expect(hears(s, other, STR("b\n")));
	say(s, one, STR("c\n"));
	expect(hears(s, one, STR("c\n")));
	expect_int(inquiries_n_connections(s->inquiries), 2);
	expect_int(inquiries_n_answered(s->inquiries), 3);
	test_case("many at once are answered in their order");
	for (int i = 0; i < 200; i++)
		(void)stream_write(one, str_of(i % 2 ? "odd\n" : "even\n"), soon(s), NULL);
	say(s, one, STR("in two "));
	pause_ms(s, 3000);
	say(s, one, STR("pieces\n"));
	while (stream_input(one).len < 100 * 9 + 14 && stream_fill(one, soon(s), NULL) > 0)
		;
	expect(str_starts(stream_input(one), STR("even\nodd\neven\n")));
	expect_str(str_from(stream_input(one), 100 * 9), STR("in two pieces\n"));
	stream_close(one);
	stream_close(other);
	pause_ms(s, 100);
	test_case("who has gone is gone");
	expect_int(inquiries_n_connections(s->inquiries), 0);
}

static void
test_wrong(struct scene *s)
{
	struct stream *one = come(s);
	struct instant began;

	test_case("what is no question ends the connection, behind the answers before it");
	say(s, one, STR("a\nnonsense\nb\n"));
	expect(hears(s, one, STR("a\n")));
	expect_int(closes_after_s(s, one), 0);
	stream_close(one);
	test_case("so does what is too long");
	one = come(s);
	for (int i = 0; i < LINE_MAX_BYTES + 1; i++)
		(void)stream_write(one, STR("x"), soon(s), NULL);
	say(s, one, STR_EMPTY);
	expect_int(closes_after_s(s, one), 0);
	stream_close(one);
	test_case("half a question has ten seconds, however slowly it goes on");
	one = come(s);
	say(s, one, STR("a\n"));
	expect(hears(s, one, STR("a\n")));
	pause_ms(s, 60 * 1000);
	began = loop_now(s->loop);
	for (int i = 0; i < 20 && inquiries_n_connections(s->inquiries) == 1; i++) {
		say(s, one, STR("b"));
		pause_ms(s, 1000);
	}
	expect(span_to_s(instant_diff(began, loop_now(s->loop))) >= 10 && span_to_s(instant_diff(began, loop_now(s->loop))) <= 12);
	stream_close(one);
	test_case("silence has twenty minutes");
	one = come(s);
	say(s, one, STR("a\n"));
	expect(hears(s, one, STR("a\n")));
	expect_int(closes_after_s(s, one), 1200);
	stream_close(one);
	pause_ms(s, 100);
	expect_int(inquiries_n_connections(s->inquiries), 0);
}

/* Asks, and takes no answer: what can be under way fills up. */
static void
test_no_reader(struct scene *s)
{
	static const char line[] = "0123456789012345678901234567890123456789012345678901234567890123456789\n";
	struct stream *one = come(s);
	int n_before = s->n_asked, n_lines = 0;

	test_case("who takes no answers is let go, and others are answered meanwhile");
	while (n_lines < 20000 && stream_write(one, str_of(line), instant_after(loop_now(s->loop), span_ms(100)), NULL) == 0 &&
	    stream_flush(one, instant_after(loop_now(s->loop), span_ms(100)), NULL) == 0)
		n_lines++;
	expect(n_lines < 20000 && s->n_asked - n_before < 20000);
	for (int i = 0; i < 3; i++) {
		struct stream *other = come(s);

		say(s, other, STR("me too\n"));
		expect(hears(s, other, STR("me too\n")));
		stream_close(other);
	}
	pause_ms(s, 15 * 1000);
	expect_int(inquiries_n_connections(s->inquiries), 0);
	stream_close(one);
}

static void
test_too_many(struct scene *s)
{
	struct stream **streams = mem_new_array(INQUIRIES_CONNECTIONS_MAX, sizeof(*streams)), *more, *busy;

	test_case("with one too many the one that was silent for longest goes");
	for (int i = 0; i < INQUIRIES_CONNECTIONS_MAX; i++)
		streams[i] = come(s);
	pause_ms(s, 1000);
	expect_int(inquiries_n_connections(s->inquiries), INQUIRIES_CONNECTIONS_MAX);
	busy = streams[0];
	say(s, busy, STR("half"));
	say(s, streams[1], STR("a\n"));
	expect(hears(s, streams[1], STR("a\n")));
	more = come(s);
	say(s, more, STR("b\n"));
	expect(hears(s, more, STR("b\n")));
	expect_int(closes_after_s(s, streams[2]), 0);
	test_case("and not one that asks, nor another one that is heard of");
	say(s, busy, STR(" a question\n"));
	expect(hears(s, busy, STR("half a question\n")));
	say(s, streams[1], STR("c\n"));
	expect(hears(s, streams[1], STR("c\n")));
	stream_close(more);
	for (int i = 0; i < INQUIRIES_CONNECTIONS_MAX; i++)
		stream_close(streams[i]);
	mem_free(streams);
	pause_ms(s, 1000);
	expect_int(inquiries_n_connections(s->inquiries), 0);
}

static void
test_end_of_all(struct scene *s)
{
	struct stream *idle = come(s), *asking = come(s);

	test_case("at the end all are let go, and no more come");
	say(s, idle, STR("a\n"));
	expect(hears(s, idle, STR("a\n")));
	say(s, asking, STR("half"));
	pause_ms(s, 100);
	inquiries_stop(s->inquiries);
	expect_int(inquiries_n_connections(s->inquiries), 0);
	expect_int(closes_after_s(s, idle), 0);
	expect_int(closes_after_s(s, asking), 0);
	expect(sim_connect_unix(s->sim, HERE, 0) < 0);
	stream_close(idle);
	stream_close(asking);
}

static void
run_all(void *arg)
{
	struct scene *s = arg;

	test_answers(s);
	test_wrong(s);
	test_no_reader(s);
	test_too_many(s);
	test_end_of_all(s);
}

int
main(void)
{
	struct sim_options options = { .seed = sim_seed(1) };
	struct scene s = { .log = { .level = LOG_LEVEL_DEBUG, .write = forget } };
	struct fault fault;
	int listener;

	s.sim = sim_new(&options);
	sim_disk_make_dir(s.sim, "/run");
	sim_enter(s.sim);
	s.loop = loop_new(2 * INQUIRIES_CONNECTIONS_MAX, &fault);
	listener = os_listen_unix(HERE, 0666);
	insist(s.loop != NULL && listener >= 0);
	s.inquiries = inquiries_open(s.loop, listener, &echo, &s.n_asked, &s.log, &fault);
	insist(s.inquiries != NULL);
	insist(fiber_start(s.loop, "test", run_all, &s) != NULL);
	loop_run(s.loop);
	inquiries_free(s.inquiries);
	inquiries_free(NULL);
	loop_free(s.loop);
	test_case("no socket is left open");
	expect_int(sim_leave(s.sim), 0);
	sim_free(s.sim);
	return test_end();
}
