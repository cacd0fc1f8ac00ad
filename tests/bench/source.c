/*
 * source.c - the clients of a measurement: many sessions at once that send mail, or that only wait
 *
 *	source --port N --messages N [--first N] [--sessions N] [--per-session N] [--bytes N] [--pipelined 0|1] [--tls 0|1]
 *	    [--recipients N --domains N] [--mails 0|1] [--kept N]
 *	source --port N --idle N [--probes N] [--turns N] [--sessions N] [--bytes N] [--pipelined 0|1] [--tls 0|1]
 *
 * Prints one line of JSON: what was accepted and refused, when it began and ended (monotonic clock), and how long mails took, from MAIL to
 * the end.  With --mails the mails are those of standard input (mails.h).  Every mail that `kept` divides is for kept@keep.example.  With
 * --tls each session begins with STARTTLS and a handshake of its own, in which nothing is resumed.  With --domains each mail has so many
 * recipients, as client.h says.  With --idle it prints "ready N" when N clients are greeted; then a mail is sent by a new client so often,
 * one after the other; after their line of JSON the clients stay until stdin ends.  With --turns they send so many mails by turns after a
 * byte on stdin, --sessions at once, and there is a line as for a source that does not wait.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/sync.h"
#include "tests/bench/arguments.h"
#include "tests/bench/client.h"
#include "tests/bench/latencies.h"
#include "tests/bench/mails.h"
#include "tests/bench/message.h"

enum { FIBERS_MAX = 60000, RECIPIENTS_MAX = 1000, PROBES_MAX = 1000, OPENING_AT_ONCE = 100, PROBE_GAP_MS = 50 };

struct source {
	long		 port, n_messages, first, n_sessions, per_session, n_bytes, is_pipelined, has_tls, n_idle, n_probes, n_turns, has_mails, kept;
	struct mails	 mails;
	struct latencies latencies;
	struct clients	 clients;
	long		 n_given;		/* numbers that were given out */
	long		 n_accepted, n_refused, n_broken;
	long		 n_opening, n_waiting;	/* idle clients */
	struct stream  **waiting;	/* with turns: a ring of them, whose turn is next first */
	long		 n_begun, n_ended;	/* turns */
	struct signal_list turned;	/* the last of them */
	struct instant	 began, ended;
	struct latencies probes;	/* of new clients beside idle ones */
};

/* False when the session is of no more use. */
static bool
send_mail(struct source *source, struct stream *stream, long number)
{
	struct str to = source->kept > 0 && number % source->kept == 0 ? STR("kept@keep.example") : STR_EMPTY;
	struct instant began = os_now();
	struct buf made;
	struct str mail;
	int code;

	buf_init(&made, MESSAGE_MOST_BYTES);
	if (!source->has_mails)
		message_write(number, (size_t)source->n_bytes, &made);
	mail = source->has_mails ? mails_get(&source->mails, number) : buf_str(&made);
	code = client_send(&source->clients, stream, number, mails_author(mail), to, mail);
	latencies_add(&source->latencies, instant_diff(began, os_now()));
	buf_fini(&made);
	source->n_accepted += code / 100 == 2;
	source->n_refused += code / 100 > 2;
	source->n_broken += code == 0;
	return code / 100 == 2;
}

/* --- many sessions --- */

/* One client after the other, until no number is left. */
static void
run_clients(void *arg)
{
	struct source *source = arg;

	while (source->n_given < source->n_messages) {
		struct stream *stream = client_open(&source->clients);
		bool is_open = stream != NULL;

		if (!is_open) {			/* its mail counts as not brought: nobody waits for ever */
			source->n_given++;
			source->n_broken++;
			continue;
		}
		for (long i = 0; i < source->per_session && source->n_given < source->n_messages && is_open; i++)
			is_open = send_mail(source, stream, source->first + source->n_given++);
		source->ended = os_now();
		client_close(&source->clients, stream);
	}
}

static void
print_measured(struct source *source)
{
	struct latencies *latencies = &source->latencies;

	latencies_sort(latencies);
	printf("{\"accepted\":%ld,\"refused\":%ld,\"broken\":%ld,\"began_s\":%.6f,\"ended_s\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"worst_ms\":%.3f}\n",
	    source->n_accepted, source->n_refused, source->n_broken, (double)source->began.ns / 1e9, (double)source->ended.ns / 1e9,
	    latencies_share(latencies, 0.5), latencies_share(latencies, 0.99), latencies_share(latencies, 1));
	fflush(stdout);
	latencies_fini(latencies);
}

static void
measure(struct source *source)
{
	latencies_init(&source->latencies, source->n_messages);
	source->began = os_now();
	for (long i = 0; i < source->n_sessions; i++)
		insist(fiber_start(source->clients.loop, "client", run_clients, source) != NULL);
	loop_run(source->clients.loop);
	print_measured(source);
}

/* --- idle clients --- */

static void
wait_idle(void *arg)
{
	struct source *source = arg;
	struct stream *stream = client_open(&source->clients);

	source->n_opening--;
	if (stream == NULL) {
		source->n_broken++;
		return;
	}
	if (source->n_turns > 0) {
		source->waiting[source->n_waiting++] = stream;
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
	struct stream *stream = client_open(&source->clients);

	if (stream != NULL) {
		(void)send_mail(source, stream, source->first + source->n_turns + i);
		client_close(&source->clients, stream);
	}
	latencies_add(&source->probes, instant_diff(began, os_now()));
	fiber_sleep(instant_after(os_now(), span_ms(PROBE_GAP_MS)));
}

/* One turn after the other. */
static void
take_turns(void *arg)
{
	struct source *source = arg;

	while (source->n_given < source->n_turns) {
		struct stream *stream = source->waiting[source->n_begun++ % source->n_waiting];
		long turn = source->n_given++;

		if (stream != NULL && !send_mail(source, stream, source->first + turn)) {
			stream_close(stream);
			stream = NULL;
		} else if (stream == NULL) {
			source->n_broken++;
		}
		/* Behind all that wait: as many places are empty as turns are under way. */
		source->waiting[source->n_ended++ % source->n_waiting] = stream;
	}
	source->ended = os_now();
	if (--source->n_sessions == 0)
		signal_one(&source->turned);
}

static void
direct_turns(struct source *source)
{
	char byte;

	(void)!read(STDIN_FILENO, &byte, 1);		/* nothing else is to happen meanwhile */
	latencies_init(&source->latencies, source->n_turns);
	if (source->n_sessions > source->n_waiting)
		source->n_sessions = source->n_waiting;
	source->n_accepted = source->n_refused = 0;
	source->began = os_now();
	for (long i = source->n_sessions; i > 0; i--)
		insist(fiber_start(source->clients.loop, "turn", take_turns, source) != NULL);
	if (source->n_sessions > 0)
		(void)signal_wait(&source->turned, INSTANT_NEVER);
	print_measured(source);
}

static void
direct_idle(void *arg)
{
	struct source *source = arg;
	char byte;

	if (source->n_turns > 0)
		source->waiting = mem_new_array((size_t)source->n_idle, sizeof(struct stream *));
	for (long i = 0; i < source->n_idle; i++) {
		source->n_opening++;
		insist(fiber_start(source->clients.loop, "idle", wait_idle, source) != NULL);
		while (source->n_opening >= OPENING_AT_ONCE)
			fiber_sleep(instant_after(loop_now(source->clients.loop), span_ms(1)));
	}
	while (source->n_opening > 0)
		fiber_sleep(instant_after(loop_now(source->clients.loop), span_ms(1)));
	printf("ready %ld\n", source->n_waiting);
	fflush(stdout);
	latencies_init(&source->probes, source->n_probes);
	for (long i = 0; i < source->n_probes; i++)
		probe(source, i);
	latencies_sort(&source->probes);
	printf("{\"waiting\":%ld,\"broken\":%ld,\"accepted\":%ld,\"probe_ms\":%.3f,\"probe_p99_ms\":%.3f,\"probe_worst_ms\":%.3f}\n", source->n_waiting,
	    source->n_broken, source->n_accepted, latencies_share(&source->probes, 0.5), latencies_share(&source->probes, 0.99),
	    latencies_share(&source->probes, 1));
	fflush(stdout);
	if (source->n_turns > 0)
		direct_turns(source);
	(void)!read(STDIN_FILENO, &byte, 1);		/* nothing else is to happen meanwhile */
	_exit(0);
}

/* --- the program --- */

static void
prepare(struct source *source)
{
	struct clients *clients = &source->clients;

	clients->loop = loop_new(FIBERS_MAX, NULL);
	clients->to.port = (uint16_t)source->port;
	clients->is_pipelined = source->is_pipelined;
	if (source->has_tls) {
		clients->tls = tls_client_new(NULL, NULL);
		insist(clients->tls != NULL);
	}
}

int
main(int argc, char **argv)
{
	struct source source = { .n_messages = 1000, .n_sessions = 50, .per_session = 1, .n_bytes = 4096, .n_probes = 11,
	    .clients = { .to = { .ip = { .family = IP_V4, .bytes = { 127, 0, 0, 1 } } }, .n_recipients = 1 } };
	const struct argument arguments[] = {
		{ "--port", &source.port, 1, 65535 }, { "--messages", &source.n_messages, 1, 2000000000 },
		{ "--first", &source.first, 0, 2000000000 }, { "--sessions", &source.n_sessions, 1, FIBERS_MAX },
		{ "--per-session", &source.per_session, 1, 1000000 }, { "--bytes", &source.n_bytes, MESSAGE_LEAST_BYTES, MESSAGE_MOST_BYTES },
		{ "--pipelined", &source.is_pipelined, 0, 1 }, { "--tls", &source.has_tls, 0, 1 },
		{ "--recipients", &source.clients.n_recipients, 1, RECIPIENTS_MAX }, { "--domains", &source.clients.n_domains, 0, 1000000 },
		{ "--idle", &source.n_idle, 0, FIBERS_MAX - 10 }, { "--probes", &source.n_probes, 1, PROBES_MAX },
		{ "--turns", &source.n_turns, 0, 100000000 }, { "--mails", &source.has_mails, 0, 1 }, { "--kept", &source.kept, 0, 1000000 },
	};

	if (!arguments_read(argc, argv, arguments, sizeof(arguments) / sizeof(arguments[0])) || source.port == 0 ||
	    (source.has_mails && !mails_read(&source.mails)))
		return 2;
	arguments_raise_limits();
	signal(SIGPIPE, SIG_IGN);
	signal_init(&source.turned);
	prepare(&source);
	if (source.n_idle == 0) {
		measure(&source);
		return 0;
	}
	insist(fiber_start(source.clients.loop, "director", direct_idle, &source) != NULL);
	loop_run(source.clients.loop);
	return 1;
}
