/*
 * test_sim_network.c - that simulated time, network and crews behave as os.h says, faults included
 */
#include <errno.h>
#include <signal.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"
#include "smtpfwd/runtime/os.h"

enum { N_SEEDS = 25, BULK_BYTES = 300000 };

struct scene {				/* a listener, a connection, a poller over both ends */
	struct sim		*sim;
	struct os_poller	*poller;
	struct endpoint		 at;
	int			 listener, client, server;
};

static struct endpoint
endpoint_of(const char *text)
{
	struct endpoint e;

	insist(endpoint_parse(str_of(text), &e));
	return e;
}

/* Waits for an event with this tag; what it says, 0 when none came in ten minutes. */
static unsigned
wait_for(struct scene *s, const int *tag)
{
	struct instant until = instant_after(os_now(), span_s(600));
	struct os_event events[8];
	int n;

	while ((n = os_poller_wait(s->poller, until, events, 8)) > 0 || instant_is_before(os_now(), until))
		for (int i = 0; i < n; i++)
			if (events[i].tag == tag)
				return events[i].what;
	return 0;
}

/* True if such an event comes, after others perhaps. */
static bool
comes(struct scene *s, const int *tag, unsigned what)
{
	for (int i = 0; i < 20; i++) {
		unsigned got = wait_for(s, tag);

		if (got == 0 || got & what)
			return got != 0;
	}
	return false;
}

static void
scene_begin(struct scene *s, const struct sim_options *options)
{
	*s = (struct scene){ .sim = sim_new(options), .at = endpoint_of("192.0.2.1:25"), .client = -1, .server = -1 };
	sim_enter(s->sim);
	s->poller = os_poller_new();
	s->listener = os_listen(&s->at, 10);
	insist(s->listener >= 0 && os_poller_add(s->poller, s->listener, &s->listener) == 0);
}

static void
scene_connect(struct scene *s)
{
	struct endpoint from = endpoint_of("198.51.100.7:1"), peer, local;

	from.port = 0;
	s->client = os_connect(&s->at, &from);
	insist(s->client >= 0);
	expect_int(os_connect_result(s->client), -EINPROGRESS);
	os_poller_add(s->poller, s->client, &s->client);
	expect(comes(s, &s->listener, OS_READABLE));
	s->server = os_accept(s->listener, &peer, &local);
	expect(s->server >= 0);
	expect_int(os_connect_result(s->client), 0);
	expect(ip_eq(&peer.ip, &from.ip));
	expect(endpoint_eq(&local, &s->at));
	os_poller_add(s->poller, s->server, &s->server);
}

static void
scene_end(struct scene *s)
{
	if (s->client >= 0)
		os_close(s->client);
	if (s->server >= 0)
		os_close(s->server);
	os_close(s->listener);
	os_poller_free(s->poller);
	expect_int(sim_leave(s->sim), 0);
	sim_free(s->sim);
}

static ssize_t
send_text(int socket, struct str text)
{
	struct iovec piece = { .iov_base = (void *)(uintptr_t)text.at, .iov_len = text.len };

	return os_sendv(socket, &piece, 1);
}

/* Sends all and reads all, both only after events.  True if what came is what went. */
static bool
carry_bulk(struct scene *s, int64_t *n_cut_short)
{
	char *sent = mem_new(BULK_BYTES), *got = mem_new(BULK_BYTES);
	size_t n_sent = 0, n_got = 0;
	bool is_same, can_send = true;

	os_random(sent, BULK_BYTES);
	while (n_got < BULK_BYTES) {
		struct os_event events[8];
		int n;

		while (can_send && n_sent < BULK_BYTES) {
			size_t want = BULK_BYTES - n_sent < 20000 ? BULK_BYTES - n_sent : 20000;
			ssize_t sent_now = send_text(s->client, str_n(sent + n_sent, want));

			n_sent += sent_now > 0 ? (size_t)sent_now : 0;
			can_send = sent_now == (ssize_t)want;
			*n_cut_short += sent_now > 0 && !can_send;
		}
		n = os_poller_wait(s->poller, instant_after(os_now(), span_s(60)), events, 8);
		if (n == 0)
			break;			/* an event was lost */
		for (int i = 0; i < n; i++) {
			ssize_t r;

			if (events[i].tag == &s->client && events[i].what & OS_WRITABLE)
				can_send = true;
			if (events[i].tag == &s->server)
				while ((r = os_recv(s->server, got + n_got, BULK_BYTES - n_got)) > 0)
					n_got += (size_t)r;
		}
	}
	is_same = n_got == BULK_BYTES && memcmp(sent, got, BULK_BYTES) == 0;
	mem_free(sent);
	mem_free(got);
	return is_same;
}

static void
test_bulk(void)
{
	int64_t n_cut_short = 0;

	test_case("bytes arrive whole and in order, whatever is cut short");
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
		struct scene s;

		scene_begin(&s, &(struct sim_options){ .seed = seed });
		scene_connect(&s);
		expect(carry_bulk(&s, &n_cut_short));
		scene_end(&s);
	}
	expect(n_cut_short > N_SEEDS);
}

static void
test_edges(void)
{
	struct os_event events[8];
	struct scene s;
	char room[10];

	test_case("an event tells of a change once, and unread bytes bring no second one");
	scene_begin(&s, &(struct sim_options){ .seed = 3, .short_percent = -1 });
	scene_connect(&s);
	expect_int(send_text(s.client, STR("hello")), 5);
	expect(comes(&s, &s.server, OS_READABLE));
	for (int i = 0; i < 8; i++)	/* what else there is, the client's end being writable */
		os_poller_wait(s.poller, instant_after(os_now(), span_ms(10)), events, 8);
	expect_int(os_poller_wait(s.poller, instant_after(os_now(), span_s(5)), events, 8), 0);
	expect_int(os_recv(s.server, room, 2), 2);
	expect_int(os_poller_wait(s.poller, instant_after(os_now(), span_s(5)), events, 8), 0);
	expect_int(os_recv(s.server, room, 10), 3);
	expect_int(os_recv(s.server, room, 10), -EAGAIN);
	scene_end(&s);
}

static void
test_resets(void)
{
	struct scene s;
	char room[100];
	struct endpoint from;
	ssize_t n, n_got = 0;

	test_case("closing with unread input resets");
	scene_begin(&s, &(struct sim_options){ .seed = 4, .short_percent = -1 });
	scene_connect(&s);
	send_text(s.client, STR("hello"));
	expect(comes(&s, &s.server, OS_READABLE));
	os_close(s.server);
	s.server = -1;
	expect(comes(&s, &s.client, OS_BROKEN));
	expect_int(os_recv(s.client, room, 10), -ECONNRESET);
	scene_end(&s);

	test_case("a connection is cut after as many bytes as were asked for, which still arrive");
	scene_begin(&s, &(struct sim_options){ .seed = 5, .short_percent = -1 });
	sim_net_cut_after(s.sim, &s.at, 7, true);
	scene_connect(&s);
	send_text(s.client, STR("hello world"));
	expect(comes(&s, &s.server, OS_BROKEN));
	while ((n = os_recv(s.server, room, 3)) > 0)
		n_got += n;
	expect_int(n_got, 7);
	expect_int(n, -ECONNRESET);
	expect_int(send_text(s.client, STR("more")), -ECONNRESET);
	expect_int(send_text(s.client, STR("more")), -EPIPE);
	scene_end(&s);

	test_case("all connections of an endpoint are cut at once");
	scene_begin(&s, &(struct sim_options){ .seed = 5 });
	scene_connect(&s);
	from = (struct endpoint){ .port = 25 };
	expect_int(sim_net_n_connections(s.sim, &s.at), 1);
	expect_int(sim_net_cut(s.sim, &from), 1);
	expect_int(sim_net_n_connections(s.sim, &s.at), 0);
	expect_int(os_recv(s.client, room, 10), -ECONNRESET);
	scene_end(&s);
}

static void
test_hosts(void)
{
	static const struct host_case {
		const char	*name;
		enum sim_host	 state;
		const char	*to;
		int		 want;
		int		 after_s, before_s;
	} cases[] = {
		{ "where nobody listens, a connection is refused", SIM_HOST_UP, "192.0.2.1:26", -ECONNREFUSED, 0, 1 },
		{ "a silent host lets the kernel give up after two minutes", SIM_HOST_SILENT, "192.0.2.1:25", -ETIMEDOUT, 120, 140 },
		{ "an unreachable host says so", SIM_HOST_UNREACHABLE, "192.0.2.1:25", -EHOSTUNREACH, 0, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct host_case *c = &cases[i];
		struct endpoint to = endpoint_of(c->to);
		struct instant start;
		struct scene s;
		int64_t took_s;

		test_case("%s", c->name);
		scene_begin(&s, &(struct sim_options){ .seed = 6 });
		sim_net_host(s.sim, &to.ip, c->state);
		start = os_now();
		s.client = os_connect(&to, NULL);
		os_poller_add(s.poller, s.client, &s.client);
		expect(comes(&s, &s.client, OS_BROKEN));
		took_s = span_to_s(instant_diff(start, os_now()));
		expect(took_s >= c->after_s && took_s <= c->before_s);
		expect_int(os_connect_result(s.client), c->want);
		scene_end(&s);
	}
}

static void
test_stall(void)
{
	struct os_event events[8];
	struct scene s;
	char room[10];
	int n = 0;

	test_case("bytes wait while a host is silent, and come when it is back");
	scene_begin(&s, &(struct sim_options){ .seed = 7, .short_percent = -1 });
	scene_connect(&s);
	while (os_poller_wait(s.poller, instant_after(os_now(), span_s(1)), events, 8) > 0)
		continue;
	sim_net_host(s.sim, &s.at.ip, SIM_HOST_SILENT);
	send_text(s.client, STR("hello"));
	n = os_poller_wait(s.poller, instant_after(os_now(), span_s(1000)), events, 8);
	expect_int(n, 0);
	sim_net_host(s.sim, &s.at.ip, SIM_HOST_UP);
	expect(comes(&s, &s.server, OS_READABLE));
	expect_int(os_recv(s.server, room, 10), 5);
	scene_end(&s);
}

static void
test_listeners(void)
{
	struct endpoint any = endpoint_of("0.0.0.0:25"), none = endpoint_of("192.0.2.1:26"), local;
	struct scene s;
	int fd, peer;
	uid_t uid = 0;
	char room[10];

	test_case("an address is taken once, by the wildcard too");
	scene_begin(&s, &(struct sim_options){ .seed = 8, .max_fds = 5 });
	expect_int(os_listen(&s.at, 1), -EADDRINUSE);
	expect_int(os_listen(&any, 1), -EADDRINUSE);
	none.port = 0;
	fd = os_listen(&none, 1);
	expect(os_local_endpoint(fd, &local) == 0 && local.port >= 32768);
	os_close(fd);
	test_case("a unix socket tells the peer's uid");
	fd = os_listen_unix("/run/ctl", 0600);
	expect_int(os_listen_unix("/run/ctl", 0600), -EADDRINUSE);
	expect_int(sim_connect_unix(s.sim, "/run/other", 0), -ECONNREFUSED);
	s.client = sim_connect_unix(s.sim, "/run/ctl", 1234);
	s.server = os_accept(fd, NULL, NULL);
	expect(os_peer_uid(s.server, &uid) == 0 && uid == 1234);
	os_poller_add(s.poller, s.server, &s.server);
	send_text(s.client, STR("x"));
	expect(comes(&s, &s.server, OS_READABLE));
	expect_int(os_recv(s.server, room, 10), 1);
	test_case("there are as many descriptors as allowed");
	peer = os_connect(&s.at, NULL);
	expect(peer >= 0);
	expect_int(os_connect(&s.at, NULL), -EMFILE);
	os_close(peer);
	os_close(fd);
	scene_end(&s);
}

/* --- time --- */

static void
note_now(void *arg)
{
	*(int64_t *)arg = os_now().ns;
}

static void
test_time(void)
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = 9 });
	struct os_poller *poller;
	struct os_event events[2];
	struct instant start;
	struct timestamp wall;
	int64_t called_ns = 0;
	int signals[] = { SIGHUP, SIGTERM };

	test_case("time moves to the next thing that is due, no further, and only while waiting");
	sim_enter(sim);
	poller = os_poller_new();
	start = os_now();
	wall = os_wall_clock();
	sim_after(sim, span_s(5), note_now, &called_ns);
	expect_int(os_poller_wait(poller, instant_after(start, span_s(30)), events, 2), 0);
	expect_int(called_ns - start.ns, 5000000000);
	expect_int(os_now().ns - start.ns, 30000000000);
	expect_int(span_to_s(timestamp_diff(wall, os_wall_clock())), 30);
	test_case("the wall clock steps, the other one does not");
	sim_step_wall_clock(sim, span_s(-3600));
	expect_int(span_to_s(timestamp_diff(wall, os_wall_clock())), 30 - 3600);
	expect_int(os_now().ns - start.ns, 30000000000);
	test_case("a signal wakes the poller and is told once");
	expect_int(os_signals_catch(poller, signals, 2), 0);
	sim_signal(sim, SIGTERM);
	expect_int(os_poller_wait(poller, INSTANT_NEVER, events, 2), 0);
	expect_int(os_signal_take(), SIGTERM);
	expect_int(os_signal_take(), 0);
	os_poller_free(poller);
	sim_leave(sim);
	sim_free(sim);
}

/* --- crews --- */

struct numbered {
	struct os_job	 job;
	int		 number, *next;
	int		 ran_as;
};

static void
run_numbered(struct os_job *job)
{
	struct numbered *n = (struct numbered *)(void *)job;

	n->ran_as = (*n->next)++;
}

/* How many of ten jobs were done out of order. */
static int
jobs_out_of_order(uint64_t seed, int n_threads)
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = seed });
	struct os_poller *poller;
	struct os_crew *crew;
	struct numbered jobs[10];
	int next = 0, n_done = 0, n_odd = 0;

	sim_enter(sim);
	poller = os_poller_new();
	crew = os_crew_new(poller, n_threads, "test");
	for (int i = 0; i < 10; i++) {
		jobs[i] = (struct numbered){ .job = { .run = run_numbered }, .number = i, .next = &next };
		os_crew_submit(crew, &jobs[i].job);
	}
	expect_int(next, 0);
	while (n_done < 10) {
		struct os_event events[1];

		os_poller_wait(poller, INSTANT_NEVER, events, 1);
		for (struct os_job *job = os_crew_take_done(crew), *after; job != NULL; job = after) {
			after = job->next;
			n_odd += ((struct numbered *)(void *)job)->number != n_done++;
		}
	}
	os_crew_submit(crew, &jobs[0].job);
	os_crew_free(crew);
	expect_int(next, 11);		/* freed only when all are done */
	os_poller_free(poller);
	sim_leave(sim);
	sim_free(sim);
	return n_odd;
}

static void
test_crews(void)
{
	int n_odd = 0;

	test_case("one thread keeps the order, several do not");
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
		expect_int(jobs_out_of_order(seed, 1), 0);
		n_odd += jobs_out_of_order(seed, 4);
	}
	expect(n_odd > 0);
}

static uint64_t
hash_of_a_run(uint64_t seed)
{
	struct scene s;
	int64_t n_cut_short = 0;
	uint64_t hash;

	scene_begin(&s, &(struct sim_options){ .seed = seed });
	scene_connect(&s);
	carry_bulk(&s, &n_cut_short);
	hash = sim_trace_hash(s.sim);
	scene_end(&s);
	return hash;
}

int
main(void)
{
	test_time();
	test_bulk();
	test_edges();
	test_resets();
	test_hosts();
	test_stall();
	test_listeners();
	test_crews();
	test_case("the same seed gives the same run, another seed another");
	expect(hash_of_a_run(1) == hash_of_a_run(1));
	expect(hash_of_a_run(1) != hash_of_a_run(2));
	return test_end();
}
