/*
 * source.c - the clients of a measurement: many sessions at once that send mail, or that only wait
 *
 *	source --port N --messages N [--first N] [--sessions N] [--per-session N] [--bytes N] [--pipelined 0|1] [--mails 0|1] [--kept N]
 *	source --port N --idle N [--probes N]
 *
 * Prints one line of JSON: what was accepted and refused, when it began and ended (monotonic clock), and how long mails took, from MAIL to
 * the end.  With --mails the mails are those of standard input (mails.h).  Every mail that `kept` divides is for kept@keep.example.  With --idle it
 * prints "ready N" when N clients are greeted; then a mail is sent by a new client so often, one after the other;
 * after their line of JSON the clients stay until stdin ends.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/bench/arguments.h"
#include "tests/bench/latencies.h"
#include "tests/bench/mails.h"
#include "tests/bench/message.h"

enum { FIBERS_MAX = 60000, PATIENCE_S = 120, PROBES_MAX = 100, OPENING_AT_ONCE = 100, PROBE_GAP_MS = 50 };

struct source {
	long		 port, n_messages, first, n_sessions, per_session, n_bytes, is_pipelined, n_idle, n_probes, has_mails, kept;
	struct mails	 mails;
	struct latencies latencies;
	struct loop	*loop;
	struct endpoint	 to;
	long		 n_given;		/* numbers that were given out */
	long		 n_accepted, n_refused, n_broken;
	long		 n_opening, n_waiting;	/* idle clients */
	struct instant	 began, ended;
	struct latencies probes;	/* of new clients beside idle ones */
};

static const struct stream_limits limits = { .input_max_bytes = 64 * 1024, .output_max_bytes = 256 * 1024 };

static struct instant
patience(const struct source *source)
{
	return instant_after(loop_now(source->loop), span_s(PATIENCE_S));
}

/* --- SMTP, as little as there can be --- */

static bool
say(struct source *source, struct stream *stream, struct str bytes)
{
	return stream_write(stream, bytes, patience(source), NULL) == 0;
}

/* The code of the next reply; 0 when the connection is gone. */
static int
hear(struct source *source, struct stream *stream)
{
	if (stream_flush(stream, patience(source), NULL) != 0)
		return 0;
	for (;;) {
		struct str input = stream_input(stream);
		ptrdiff_t end = str_find(input, '\n');
		bool is_last = end >= 4 && input.at[3] != '-';
		uint64_t code;

		if (end < 0) {
			if (stream_fill(stream, patience(source), NULL) <= 0)
				return 0;
			continue;
		}
		if (!str_to_u64(str_sub(input, 0, 3), &code))
			return 0;
		stream_take(stream, (size_t)end + 1);
		if (is_last)
			return (int)code;
	}
}

static bool
ask(struct source *source, struct stream *stream, struct str command, int want)
{
	return say(source, stream, command) && hear(source, stream) / 100 == want;
}

static struct stream *
open_session(struct source *source)
{
	struct stream *stream = stream_connect(source->loop, &source->to, NULL, limits, patience(source), NULL);

	if (stream == NULL)
		return NULL;
	if (hear(source, stream) == 220 && ask(source, stream, STR("EHLO source.bench.example\r\n"), 2))
		return stream;
	stream_close(stream);
	return NULL;
}

static bool
send_envelope(struct source *source, struct stream *stream, struct str author, bool is_kept)
{
	char path[300];
	struct str mail, rcpt = is_kept ? STR("RCPT TO:<kept@keep.example>\r\n") : STR("RCPT TO:<user@example.com>\r\n");
	struct str data = STR("DATA\r\n");
	bool is_taken;

	snprintf(path, sizeof(path), "MAIL FROM:<%.*s>\r\n", STR_ARG(author));
	mail = str_of(path);

	if (!source->is_pipelined)
		return ask(source, stream, mail, 2) && ask(source, stream, rcpt, 2) && ask(source, stream, data, 3);
	if (!say(source, stream, mail) || !say(source, stream, rcpt) || !say(source, stream, data))
		return false;
	is_taken = hear(source, stream) / 100 == 2;
	is_taken &= hear(source, stream) / 100 == 2;
	return hear(source, stream) / 100 == 3 && is_taken;
}

/* False when the session is of no more use. */
static bool
send_mail(struct source *source, struct stream *stream, long number)
{
	bool is_kept = source->kept > 0 && number % source->kept == 0;
	struct instant began = os_now();
	struct buf made;
	struct str mail;
	int code = 0;

	buf_init(&made, MESSAGE_MOST_BYTES);
	if (!source->has_mails)
		message_write(number, (size_t)source->n_bytes, &made);
	mail = source->has_mails ? mails_get(&source->mails, number) : buf_str(&made);
	if (send_envelope(source, stream, mails_author(mail), is_kept) && say(source, stream, mail) && say(source, stream, STR(".\r\n")))
		code = hear(source, stream);
	latencies_add(&source->latencies, instant_diff(began, os_now()));
	buf_fini(&made);
	source->n_accepted += code / 100 == 2;
	source->n_refused += code / 100 > 2;
	source->n_broken += code == 0;
	return code / 100 == 2;
}

static void
close_session(struct source *source, struct stream *stream)
{
	(void)ask(source, stream, STR("QUIT\r\n"), 2);
	stream_close(stream);
}

/* --- many sessions --- */

/* One client after the other, until no number is left. */
static void
run_clients(void *arg)
{
	struct source *source = arg;

	while (source->n_given < source->n_messages) {
		struct stream *stream = open_session(source);
		bool is_open = stream != NULL;

		if (!is_open) {			/* its mail counts as not brought: nobody waits for ever */
			source->n_given++;
			source->n_broken++;
			continue;
		}
		for (long i = 0; i < source->per_session && source->n_given < source->n_messages && is_open; i++)
			is_open = send_mail(source, stream, source->first + source->n_given++);
		source->ended = os_now();
		close_session(source, stream);
	}
}

static void
measure(struct source *source)
{
	struct latencies *latencies = &source->latencies;

	latencies_init(latencies, source->n_messages);
	source->began = os_now();
	for (long i = 0; i < source->n_sessions; i++)
		insist(fiber_start(source->loop, "client", run_clients, source) != NULL);
	loop_run(source->loop);
	latencies_sort(latencies);
	printf("{\"accepted\":%ld,\"refused\":%ld,\"broken\":%ld,\"began_s\":%.6f,\"ended_s\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"worst_ms\":%.3f}\n",
	    source->n_accepted, source->n_refused, source->n_broken, (double)source->began.ns / 1e9, (double)source->ended.ns / 1e9,
	    latencies_share(latencies, 0.5), latencies_share(latencies, 0.99), latencies_share(latencies, 1));
	latencies_fini(latencies);
}

/* --- idle clients --- */

static void
wait_idle(void *arg)
{
	struct source *source = arg;
	struct stream *stream = open_session(source);

	source->n_opening--;
	if (stream == NULL) {
		source->n_broken++;
		return;
	}
	source->n_waiting++;
	(void)stream_fill(stream, INSTANT_NEVER, NULL);		/* the server's patience is over first */
	source->n_waiting--;
	stream_close(stream);
}

static void
probe(struct source *source, long i)
{
	struct instant began = os_now();
	struct stream *stream = open_session(source);

	if (stream != NULL) {
		(void)send_mail(source, stream, source->first + i);
		close_session(source, stream);
	}
	latencies_add(&source->probes, instant_diff(began, os_now()));
	fiber_sleep(instant_after(os_now(), span_ms(PROBE_GAP_MS)));
}

static void
direct_idle(void *arg)
{
	struct source *source = arg;
	char byte;

	for (long i = 0; i < source->n_idle; i++) {
		source->n_opening++;
		insist(fiber_start(source->loop, "idle", wait_idle, source) != NULL);
		while (source->n_opening >= OPENING_AT_ONCE)
			fiber_sleep(instant_after(loop_now(source->loop), span_ms(1)));
	}
	while (source->n_opening > 0)
		fiber_sleep(instant_after(loop_now(source->loop), span_ms(1)));
	printf("ready %ld\n", source->n_waiting);
	fflush(stdout);
	latencies_init(&source->probes, source->n_probes);
	for (long i = 0; i < source->n_probes; i++)
		probe(source, i);
	latencies_sort(&source->probes);
	printf("{\"waiting\":%ld,\"broken\":%ld,\"accepted\":%ld,\"probe_ms\":%.3f,\"probe_worst_ms\":%.3f}\n", source->n_waiting,
	    source->n_broken, source->n_accepted, latencies_share(&source->probes, 0.5), latencies_share(&source->probes, 1));
	fflush(stdout);
	(void)!read(STDIN_FILENO, &byte, 1);		/* nothing else is to happen meanwhile */
	_exit(0);
}

int
main(int argc, char **argv)
{
	struct source source = { .n_messages = 1000, .n_sessions = 50, .per_session = 1, .n_bytes = 4096, .n_probes = 11,
	    .to = { .ip = { .family = IP_V4, .bytes = { 127, 0, 0, 1 } } } };
	const struct argument arguments[] = {
		{ "--port", &source.port, 1, 65535 }, { "--messages", &source.n_messages, 1, 2000000000 },
		{ "--first", &source.first, 0, 2000000000 }, { "--sessions", &source.n_sessions, 1, FIBERS_MAX },
		{ "--per-session", &source.per_session, 1, 1000000 }, { "--bytes", &source.n_bytes, MESSAGE_LEAST_BYTES, MESSAGE_MOST_BYTES },
		{ "--pipelined", &source.is_pipelined, 0, 1 }, { "--idle", &source.n_idle, 0, FIBERS_MAX - 10 },
		{ "--probes", &source.n_probes, 1, PROBES_MAX }, { "--mails", &source.has_mails, 0, 1 }, { "--kept", &source.kept, 0, 1000000 },
	};

	if (!arguments_read(argc, argv, arguments, sizeof(arguments) / sizeof(arguments[0])) || source.port == 0 ||
	    (source.has_mails && !mails_read(&source.mails)))
		return 2;
	arguments_raise_limits();
	signal(SIGPIPE, SIG_IGN);
	source.loop = loop_new(FIBERS_MAX, NULL);
	source.to.port = (uint16_t)source.port;
	if (source.n_idle == 0) {
		measure(&source);
		return 0;
	}
	insist(fiber_start(source.loop, "director", direct_idle, &source) != NULL);
	loop_run(source.loop);
	return 1;
}
