/*
 * sink.c - the next hop of a measurement: takes all mail at once, counts each number once, looks into some
 *
 *	sink --port N --messages N [--bytes N] [--sample N] [--seconds N]
 *
 * Says "ready" when it listens.  When messages 0 to N-1 have all come, at a SIGTERM or after so many seconds it prints
 * one line of JSON: how many came, twice, damaged, and when the first and the last did (monotonic clock).
 * Keeps nothing: it is to cost as little as it can.
 */
#include <signal.h>
#include <stdio.h>

#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/bench/arguments.h"
#include "tests/bench/message.h"

enum { SESSIONS_MAX = 20000, PATIENCE_S = 600, COMMAND_MAX_BYTES = 4096, END_WAIT_MS = 200 };

struct sink {
	long			 port, n_wanted, n_bytes, sample, seconds;
	struct loop		*loop;
	int			 listener;
	struct watch		 watch;
	struct signal_watch	 signals;
	struct timer		 limit;
	uint8_t			*seen;		/* by number */
	long			 n_mails, n_twice, n_damaged, n_others, n_sessions;
	struct instant		 first, last;
};

struct session {
	struct sink	*sink;
	struct stream	*stream;
};

static struct instant
patience(const struct sink *sink)
{
	return instant_after(loop_now(sink->loop), span_s(PATIENCE_S));
}

/* --- what came --- */

static void
end_soon(struct sink *sink)
{
	timer_set(sink->loop, &sink->limit, instant_after(loop_now(sink->loop), span_ms(END_WAIT_MS)));
}

static void
count(struct sink *sink, struct str mail)
{
	long number = message_number(mail);

	if (number < 0 || number >= sink->n_wanted) {	/* the source's first ones, to wake everybody up */
		sink->n_others++;
		return;
	}
	if (sink->sample > 0 && number % sink->sample == 0 && !message_is_whole(mail, number, (size_t)sink->n_bytes))
		sink->n_damaged++;
	if (sink->seen[number]++ != 0) {
		sink->n_twice++;
		return;
	}
	sink->last = os_now();
	if (sink->n_mails++ == 0)
		sink->first = sink->last;
	if (sink->n_mails == sink->n_wanted)
		end_soon(sink);		/* whoever comes twice does so now */
}

/* --- a session --- */

static bool
say(struct session *s, struct str reply)
{
	return stream_write(s->stream, reply, patience(s->sink), NULL) == 0;
}

/* More input, after all replies so far have gone. */
static bool
wait_for_more(struct session *s)
{
	return stream_flush(s->stream, patience(s->sink), NULL) == 0 && stream_fill(s->stream, patience(s->sink), NULL) > 0;
}

/* Up to the end of mail data, which is in one piece then: the stream has room for a whole mail. */
static bool
take_data(struct session *s)
{
	size_t n_searched = 0;

	for (;;) {
		struct str input = stream_input(s->stream);
		ptrdiff_t end = str_find_str(str_from(input, n_searched), STR("\r\n.\r\n"));

		if (end >= 0) {
			size_t n = n_searched + (size_t)end + 2;

			count(s->sink, str_sub(input, 0, n));
			stream_take(s->stream, n + 3);
			return say(s, STR("250 2.0.0 taken\r\n"));
		}
		n_searched = input.len > 4 ? input.len - 4 : 0;
		if (!wait_for_more(s))
			return false;
	}
}

static bool
obey(struct session *s, struct str line)
{
	if (str_starts_nocase(line, STR("DATA")))
		return say(s, STR("354 go\r\n")) && take_data(s);
	if (str_starts_nocase(line, STR("EHLO")))
		return say(s, STR("250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n250 DSN\r\n"));
	if (str_starts_nocase(line, STR("QUIT"))) {
		(void)say(s, STR("221 bye\r\n"));
		(void)stream_flush(s->stream, patience(s->sink), NULL);
		return false;
	}
	return say(s, STR("250 ok\r\n"));
}

static void
serve(void *arg)
{
	struct session *s = arg;
	bool goes_on = say(s, STR("220 sink.example ESMTP\r\n"));
	char line[COMMAND_MAX_BYTES];

	while (goes_on) {
		struct str input = stream_input(s->stream);
		ptrdiff_t end = str_find(input, '\n');

		if (end < 0) {
			goes_on = wait_for_more(s);
			continue;
		}
		input = str_sub(input, 0, (size_t)end < sizeof(line) ? (size_t)end : sizeof(line));
		memcpy(line, input.at, input.len);
		stream_take(s->stream, (size_t)end + 1);
		goes_on = obey(s, str_n(line, input.len));
	}
	stream_close(s->stream);
	s->sink->n_sessions--;
	mem_free(s);
}

/* --- the program --- */

static void
welcome(struct watch *watch, unsigned what)
{
	struct sink *sink = LIST_ITEM(watch, struct sink, watch);
	struct stream_limits limits = { .input_max_bytes = (size_t)sink->n_bytes + 64 * 1024, .output_max_bytes = 64 * 1024 };
	int socket;

	(void)what;
	while ((socket = os_accept(sink->listener, NULL, NULL)) >= 0) {
		struct session *s = mem_new(sizeof(*s));

		*s = (struct session){ .sink = sink, .stream = stream_new(sink->loop, socket, limits, NULL) };
		insist(s->stream != NULL && fiber_start(sink->loop, "session", serve, s) != NULL);
		sink->n_sessions++;
	}
}

static void
end_by_signal(struct signal_watch *watch, int number)
{
	(void)number;
	loop_stop(LIST_ITEM(watch, struct sink, signals)->loop);
}

static void
end_by_time(struct timer *timer)
{
	loop_stop(LIST_ITEM(timer, struct sink, limit)->loop);
}

/* A loop without fibers ends. */
static void
stay(void *arg)
{
	(void)arg;
	(void)fiber_sleep(INSTANT_NEVER);
}

int
main(int argc, char **argv)
{
	struct sink sink = { .n_bytes = 4096, .sample = 16, .seconds = 600, .watch = { .notice = welcome },
	    .signals = { .notice = end_by_signal }, .limit = { .ring = end_by_time } };
	const struct argument arguments[] = {
		{ "--port", &sink.port, 1, 65535 }, { "--messages", &sink.n_wanted, 1, 2000000000 },
		{ "--bytes", &sink.n_bytes, MESSAGE_LEAST_BYTES, MESSAGE_MOST_BYTES }, { "--sample", &sink.sample, 0, 1000000 },
		{ "--seconds", &sink.seconds, 1, 86400 },
	};
	struct endpoint at = { .ip = { .family = IP_V4, .bytes = { 127, 0, 0, 1 } } };

	if (!arguments_read(argc, argv, arguments, sizeof(arguments) / sizeof(arguments[0])) || sink.port == 0)
		return 2;
	arguments_raise_limits();
	sink.seen = mem_new((size_t)sink.n_wanted);
	sink.loop = loop_new(SESSIONS_MAX, NULL);
	at.port = (uint16_t)sink.port;
	sink.listener = os_listen(&at, 1024);
	if (sink.listener < 0 || loop_watch(sink.loop, sink.listener, &sink.watch) != 0 ||
	    loop_watch_signals(sink.loop, (const int[]){ SIGTERM, SIGINT }, 2, &sink.signals) != 0) {
		fprintf(stderr, "%s: port %ld: %s\n", argv[0], sink.port, strerror(-sink.listener));
		return 1;
	}
	timer_set(sink.loop, &sink.limit, instant_after(os_now(), span_s(sink.seconds)));
	insist(fiber_start(sink.loop, "stay", stay, NULL) != NULL);
	printf("ready\n");
	fflush(stdout);
	loop_run(sink.loop);
	printf("{\"messages\":%ld,\"twice\":%ld,\"damaged\":%ld,\"others\":%ld,\"first_s\":%.6f,\"last_s\":%.6f}\n", sink.n_mails,
	    sink.n_twice, sink.n_damaged, sink.n_others, (double)sink.first.ns / 1e9, (double)sink.last.ns / 1e9);
	return 0;			/* sessions that are open end with the process */
}
