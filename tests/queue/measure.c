/*
 * measure.c - the queue on a real disk: mails a second in and out and to other routes, bytes of memory per mail, time to
 * recover
 *
 *	tests/queue/measure DIRECTORY N_MAILS [CONTENT_BYTES [N_DESTINATIONS [N_FIBERS]]]
 *
 * Not a test: its figures depend on the machine.  The directory is made, and left as it is.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "smtpfwd/queue/queue.h"

struct measure {
	struct loop	*loop;
	struct queue	*queue;
	int64_t		 n_mails, n_begun, n_done;
	size_t		 content_bytes;
	int		 n_destinations, n_fibers, n_running;
	char		*content;
	struct instant	 began;
	struct instant	 slowest;
};

static double
seconds_since(struct instant then)
{
	return (double)instant_diff(then, os_now()).ns / 1e9;
}

static int64_t
memory_bytes(void)
{
	long pages = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file != NULL && fscanf(file, "%ld %ld", &pages, &resident) != 2)
		resident = 0;
	if (file != NULL)
		fclose(file);
	return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static struct str
destination_of(void *context, const struct envelope *envelope, const struct recipient *recipient,
    const struct mail_facts *facts)
{
	return recipient->address.domain;
}

static void
log_write(struct log *log, enum log_level level, struct str line)
{
	printf("    %.*s\n", STR_ARG(line));
}

static void
put_one(struct measure *m, int64_t number)
{
	char domain[64];
	struct recipient recipient = { .address.local = STR("someone") };
	struct envelope envelope = {
		.reverse_path = { .local = STR("sender"), .domain = STR("example.org") },
		.recipients = &recipient, .n_recipients = 1,
	};
	struct mail_facts facts = {
		.arrived = os_wall_clock(), .class_name = STR("incoming"), .client = STR("192.0.2.1"), .listener = STR("mx"),
	};
	struct draft *draft = draft_new(m->queue);
	struct fault fault;

	recipient.address.domain = str_n(domain, (size_t)snprintf(domain, sizeof(domain), "d%lld.example",
	    (long long)(number % m->n_destinations)));
	if (draft_append(draft, str_n(m->content, m->content_bytes), INSTANT_NEVER, &fault) != 0 ||
	    queue_put(m->queue, draft, &envelope, &facts, STR("Received: from here\r\n"), INSTANT_NEVER, &fault) != 0) {
		printf("put: %s\n", fault.text);
		exit(1);
	}
}

static void
putter(void *arg)
{
	struct measure *m = arg;

	while (m->n_begun < m->n_mails)
		put_one(m, m->n_begun++);
	if (--m->n_running == 0)
		loop_stop(m->loop);
}

static void
taker(void *arg)
{
	struct measure *m = arg;
	struct outcome *delivered = mem_new(sizeof(*delivered));
	char *room = mem_new(64 * 1024);
	struct delivery *delivery;
	struct fault fault;

	delivered->kind = OUTCOME_DELIVERED;
	while (m->n_done < m->n_mails && (delivery = queue_take(m->queue, INSTANT_NEVER)) != NULL) {
		int64_t offset = 0;
		ssize_t n;

		while ((n = queue_read(m->queue, delivery, offset, room, 64 * 1024, INSTANT_NEVER, &fault)) > 0)
			offset += n;
		if (n < 0 || offset != delivery->content_bytes) {
			printf("read: %s\n", fault.text);
			exit(1);
		}
		queue_settle(m->queue, delivery, delivered, false);
		if (++m->n_done == m->n_mails)
			loop_stop(m->loop);
	}
	mem_free(delivered);
	mem_free(room);
}

/* --- other routes, as at a reload --- */

enum { LOOK_EVERY_ROUNDS = 200 };	/* looking itself takes a while with many destinations */

static struct str
to_smart_host(void *context, const struct envelope *envelope, const struct recipient *recipient, const struct mail_facts *facts)
{
	return STR("smarthost");
}

static void
add_rerouted(void *context, const struct destination_counts *d)
{
	if (str_eq(d->name, STR("smarthost")))
		*(int64_t *)context += d->n_waiting;
}

/* Beside it a fiber as any other: how long does it wait for its turn at most? */
static void
rerouter(void *arg)
{
	const struct retry_settings retry = { .first = span_s(60), .factor = 1.5, .max = span_s(3600), .expire = span_s(5 * 86400) };
	const struct queue_world world = { .destination_of = to_smart_host };
	struct measure *m = arg;
	struct span longest = { 0 };
	int64_t n_rerouted = 0, n_rounds = 0;

	queue_reconfigure(m->queue, &retry, &world);
	while (n_rerouted < m->n_mails) {
		struct instant before = os_now();
		struct span round;

		fiber_yield();
		round = instant_diff(before, os_now());
		if (round.ns > longest.ns)
			longest = round;
		if (++n_rounds % LOOK_EVERY_ROUNDS != 0)
			continue;
		n_rerouted = 0;
		queue_each_destination(m->queue, add_rerouted, &n_rerouted);
	}
	printf("others waited %.2f ms at most\n", (double)longest.ns / 1e6);
	loop_stop(m->loop);
}

static void
stopper(void *arg)
{
	struct measure *m = arg;
	struct fault fault;

	if (queue_stop(m->queue, INSTANT_NEVER, &fault) != 0)
		printf("stop: %s\n", fault.text);
	loop_stop(m->loop);
}

static void
run(struct measure *m, const char *what, void (*fiber)(void *arg), int n_fibers)
{
	struct queue_counts counts;

	m->began = os_now();
	m->n_running = n_fibers;
	for (int i = 0; i < n_fibers; i++)
		fiber_start(m->loop, what, fiber, m);
	loop_run(m->loop);
	queue_count(m->queue, &counts);
	printf("%-10s %lld in %.2f s: %.0f/s, %lld commits, %lld segments\n", what, (long long)m->n_mails,
	    seconds_since(m->began), (double)m->n_mails / seconds_since(m->began), (long long)counts.n_commits,
	    (long long)counts.n_segments);
}

static void
open_queue(struct measure *m, const char *directory)
{
	static struct log log = { .level = LOG_LEVEL_INFO, .write = log_write };
	const struct queue_world world = { .destination_of = destination_of };
	const struct queue_settings settings = {
		.directory = directory,
		.retry = { .first = span_s(60), .factor = 1.5, .max = span_s(3600), .expire = span_s(5 * 86400) },
	};
	struct instant began = os_now();
	struct fault fault;

	m->loop = loop_new(1000, &fault);
	m->queue = queue_open(m->loop, &settings, &world, &log, &fault);
	if (m->queue == NULL) {
		printf("open: %s\n", fault.text);
		exit(1);
	}
	printf("opened in %.2f s, %.1f MB resident\n", seconds_since(began), (double)memory_bytes() / 1e6);
}

static void
close_queue(struct measure *m)
{
	struct instant began = os_now();

	fiber_start(m->loop, "stopper", stopper, m);
	loop_run(m->loop);
	queue_close(m->queue);
	printf("closed in %.2f s\n", seconds_since(began));
}

int
main(int argc, char **argv)
{
	struct measure m = { .content_bytes = 4096, .n_destinations = 100, .n_fibers = 100 };
	struct mallinfo2 before, after;
	struct queue_counts counts;

	if (argc < 3)
		return 2;
	m.n_mails = atoll(argv[2]);
	m.content_bytes = argc > 3 ? (size_t)atoll(argv[3]) : m.content_bytes;
	m.n_destinations = argc > 4 ? atoi(argv[4]) : m.n_destinations;
	m.n_fibers = argc > 5 ? atoi(argv[5]) : m.n_fibers;
	m.content = mem_new(m.content_bytes + 1);
	memset(m.content, 'x', m.content_bytes);
	open_queue(&m, argv[1]);
	before = mallinfo2();
	run(&m, "put", putter, m.n_fibers);
	after = mallinfo2();
	queue_count(m.queue, &counts);
	printf("heap in use: %.0f bytes per mail\n", (double)(after.uordblks + after.hblkhd - before.uordblks -
	    before.hblkhd) / (double)m.n_mails);
	close_queue(&m);
	open_queue(&m, argv[1]);
	queue_count(m.queue, &counts);
	m.n_mails = counts.n_mails;
	run(&m, "reroute", rerouter, 1);
	run(&m, "drain", taker, m.n_fibers);
	close_queue(&m);
	open_queue(&m, argv[1]);
	close_queue(&m);
	return 0;
}
