/*
 * sink.c - the next hop of a measurement: takes all mail at once, counts each number once, looks into some
 *
 *	sink --port N --messages N [--enough N] [--bytes N] [--mails 0|1] [--sample N] [--keep N] [--by-recipient 0|1] [--hosts N] [--seconds N]
 *
 * Says "ready" when it listens, at 127.0.0.1 and as 127.0.1.1, 127.0.1.2 and so many hosts more, 250 of them in a 127.0.x.  When numbers
 * 0 to N-1 have all come, or enough of them, at a SIGTERM or after so many seconds it prints one line of JSON: how many came, twice, damaged,
 * and when the first and the last did (monotonic clock).  Numbers are those of the mails, or by recipient those in rNUMBER@...  arrivals.h
 * has the rest.
 * Forgets all but what it is to keep: it is to cost as little as it can.
 */
#include <signal.h>
#include <stdio.h>

#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/bench/arguments.h"
#include "tests/bench/arrivals.h"
#include "tests/bench/message.h"

enum {
	SESSIONS_MAX = 20000, PATIENCE_S = 600, COMMAND_MAX_BYTES = 4096, END_WAIT_MS = 200,
	HOSTS_MAX = 10000, HOSTS_IN_A_NET = 250,
	RECIPIENTS_MAX = 1000,		/* of a mail, by recipient; more get 452 */
};

struct listener {
	struct watch	 watch;
	struct sink	*sink;
	int		 socket;
};

struct sink {
	long			 port, seconds, is_by_recipient, n_hosts;
	struct arrivals		 arrivals;
	struct loop		*loop;
	struct listener		 listeners[1 + HOSTS_MAX];
	struct signal_watch	 signals;
	struct timer		 limit;
};

struct session {
	struct sink	*sink;
	struct stream	*stream;
	int		 n_recipients;
	long		 recipients[];		/* of this mail; room for RECIPIENTS_MAX, by recipient */
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
	int wait_ms = sink->arrivals.n_enough > 0 ? 0 : END_WAIT_MS;

	timer_set(sink->loop, &sink->limit, instant_after(loop_now(sink->loop), span_ms(wait_ms)));
}

static void
take_mail(struct session *s, struct str mail)
{
	struct arrivals *arrivals = &s->sink->arrivals;
	bool were_all = arrivals_are_all(arrivals);
	long number = arrivals_look(arrivals, mail);

	if (!s->sink->is_by_recipient)
		arrivals_count(arrivals, number);
	for (int i = 0; i < s->n_recipients; i++)
		arrivals_count(arrivals, s->recipients[i]);
	s->n_recipients = 0;
	if (arrivals_are_all(arrivals) && !were_all)
		end_soon(s->sink);	/* whoever comes twice does so now */
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

			take_mail(s, str_sub(input, 0, n));
			stream_take(s->stream, n + 3);
			return say(s, STR("250 2.0.0 taken\r\n"));
		}
		n_searched = input.len > 4 ? input.len - 4 : 0;
		if (!wait_for_more(s))
			return false;
	}
}

/* RCPT TO:<rNUMBER@ */
static bool
take_rcpt(struct session *s, struct str line)
{
	struct str before, local;
	uint64_t number;

	if (s->n_recipients == RECIPIENTS_MAX)
		return say(s, STR("452 4.5.3 so many and no more\r\n"));
	if (!str_take_until(&line, '<', &before) || !str_take_until(&line, '@', &local) || !str_to_u64(str_from(local, 1), &number))
		return say(s, STR("550 5.1.1 none of ours\r\n"));
	s->recipients[s->n_recipients++] = (long)number;
	return say(s, STR("250 ok\r\n"));
}

static bool
obey(struct session *s, struct str line)
{
	if (str_starts_nocase(line, STR("DATA")))
		return say(s, STR("354 go\r\n")) && take_data(s);
	if (s->sink->is_by_recipient && str_starts_nocase(line, STR("RCPT")))
		return take_rcpt(s, line);
	if (str_starts_nocase(line, STR("EHLO")))
		return say(s, STR("250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n250 DSN\r\n"));
	if (str_starts_nocase(line, STR("QUIT"))) {
		(void)say(s, STR("221 bye\r\n"));
		(void)stream_flush(s->stream, patience(s->sink), NULL);
		return false;
	}
	s->n_recipients = 0;				/* MAIL or RSET */
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
	mem_free(s);
}

/* --- the program --- */

static void
welcome(struct watch *watch, unsigned what)
{
	struct listener *listener = LIST_ITEM(watch, struct listener, watch);
	struct sink *sink = listener->sink;
	struct stream_limits limits = { .input_max_bytes = (size_t)sink->arrivals.n_bytes + 64 * 1024, .output_max_bytes = 64 * 1024 };
	size_t n_room = sink->is_by_recipient ? RECIPIENTS_MAX : 0;
	int socket;

	(void)what;
	while ((socket = os_accept(listener->socket, NULL, NULL)) >= 0) {
		struct session *s = mem_new(sizeof(*s) + n_room * sizeof(s->recipients[0]));

		s->sink = sink;
		s->stream = stream_new(sink->loop, socket, limits, NULL);
		insist(s->stream != NULL && fiber_start(sink->loop, "session", serve, s) != NULL);
	}
}

/* Host 0 is 127.0.0.1; hosts 1 to 250 are 127.0.1.1 to 127.0.1.250, host 251 is 127.0.2.1. */
static bool
listen_as(struct sink *sink, long host)
{
	uint8_t net = host > 0 ? (uint8_t)(1 + (host - 1) / HOSTS_IN_A_NET) : 0, last = host > 0 ? (uint8_t)(1 + (host - 1) % HOSTS_IN_A_NET) : 1;
	struct endpoint at = { .ip = { .family = IP_V4, .bytes = { 127, 0, net, last } }, .port = (uint16_t)sink->port };
	struct listener *listener = &sink->listeners[host];

	*listener = (struct listener){ .watch = { .notice = welcome }, .sink = sink, .socket = os_listen(&at, 1024) };
	if (listener->socket >= 0 && loop_watch(sink->loop, listener->socket, &listener->watch) == 0)
		return true;
	fprintf(stderr, "sink: host %ld, port %ld: %s\n", host, sink->port, strerror(-listener->socket));
	return false;
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

static bool
prepare(struct sink *sink)
{
	sink->loop = loop_new(SESSIONS_MAX, NULL);
	for (long host = 0; host <= sink->n_hosts; host++)
		if (!listen_as(sink, host))
			return false;
	timer_set(sink->loop, &sink->limit, instant_after(os_now(), span_s(sink->seconds)));
	return loop_watch_signals(sink->loop, (const int[]){ SIGTERM, SIGINT }, 2, &sink->signals) == 0;
}

int
main(int argc, char **argv)
{
	static struct sink sink = { .arrivals = { .n_bytes = 4096, .sample = 16 }, .seconds = 600, .signals = { .notice = end_by_signal },
	    .limit = { .ring = end_by_time } };
	const struct argument arguments[] = {
		{ "--port", &sink.port, 1, 65535 }, { "--messages", &sink.arrivals.n_wanted, 1, 2000000000 },
		{ "--enough", &sink.arrivals.n_enough, 0, 2000000000 },
		{ "--bytes", &sink.arrivals.n_bytes, MESSAGE_LEAST_BYTES, MESSAGE_MOST_BYTES }, { "--mails", &sink.arrivals.has_mails, 0, 1 },
		{ "--sample", &sink.arrivals.sample, 0, 1000000 }, { "--keep", &sink.arrivals.keep, 0, 1000000 },
		{ "--by-recipient", &sink.is_by_recipient, 0, 1 }, { "--hosts", &sink.n_hosts, 0, HOSTS_MAX },
		{ "--seconds", &sink.seconds, 1, 86400 },
	};

	if (!arguments_read(argc, argv, arguments, sizeof(arguments) / sizeof(arguments[0])) || sink.port == 0 ||
	    !arrivals_init(&sink.arrivals))
		return 2;
	arguments_raise_limits();
	if (!prepare(&sink))
		return 1;
	insist(fiber_start(sink.loop, "stay", stay, NULL) != NULL);
	printf("ready\n");
	fflush(stdout);
	loop_run(sink.loop);
	arrivals_print(&sink.arrivals);
	return 0;			/* sessions that are open end with the process */
}
