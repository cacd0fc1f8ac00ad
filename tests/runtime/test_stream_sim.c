/*
 * test_stream_sim.c - streams and TLS over the simulated network, in fake time, from many seeds
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "smtpfwd/runtime/sync.h"
#include "smtpfwd/runtime/tls.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

enum { N_SEEDS = 40, BIG_BYTES = 300000 };

static const struct stream_limits limits = { .input_max_bytes = 8192, .output_max_bytes = 8192 };

struct scene {
	struct sim		*sim;
	struct loop		*loop;
	struct endpoint		 at;
	struct tls_server	*tls_server;	/* NULL: in the clear */
	struct tls_client	*tls_client;
	struct fiber		*server_fiber;
	struct watch		 watch;
	char			*big;
	int64_t			 cut_after;	/* 0: not */
	bool			 was_whole;
	bool			 did_server_fail, did_client_fail;
};

static struct instant
in_minutes(int n)
{
	return instant_after(loop_now(fiber_loop()), span_s(60 * (int64_t)n));
}

static void
listener_notice(struct watch *watch, unsigned what)
{
	struct scene *s = (struct scene *)(void *)((char *)watch - offsetof(struct scene, watch));

	fiber_wake(s->server_fiber);
}

static struct stream *
accept_stream(struct scene *s)
{
	int listener = os_listen(&s->at, 5), socket;

	expect(listener >= 0);
	s->watch.notice = listener_notice;
	expect_int(loop_watch(s->loop, listener, &s->watch), 0);
	while ((socket = os_accept(listener, NULL, NULL)) == -EAGAIN)
		expect_int(fiber_park(in_minutes(5)), WAKE_READY);
	loop_unwatch(s->loop, listener, &s->watch);
	os_close(listener);
	return socket >= 0 ? stream_new(s->loop, socket, limits, NULL) : NULL;
}

/* Reads all to the end, and says at the end what it thinks of it. */
static void
server(void *arg)
{
	struct scene *s = arg;
	struct stream *stream = accept_stream(s);
	struct fault fault = { .text = "" };
	bool is_same = true;
	size_t n = 0;
	struct str got;
	int result = 1;

	if (!expect(stream != NULL))
		return;
	if (s->tls_server != NULL && stream_tls_accept(stream, s->tls_server, NULL, in_minutes(5), &fault) != 0)
		result = -1;
	while (result == 1 && n < BIG_BYTES && (result = stream_fill(stream, in_minutes(5), &fault)) == 1) {
		got = stream_input(stream);
		is_same &= n + got.len <= BIG_BYTES && memcmp(got.at, s->big + n, got.len) == 0;
		n += got.len;
		stream_take(stream, got.len);
	}
	s->was_whole = is_same && n == BIG_BYTES;
	if (s->was_whole && (stream_write(stream, STR("250 got it\r\n"), in_minutes(5), &fault) != 0 ||
	    stream_flush(stream, in_minutes(5), &fault) != 0))
		result = -1;
	s->did_server_fail = result != 1;
	stream_close(stream);
}

static void
client(void *arg)
{
	struct tls_expect name = { .server_name = STR("mx.example") };
	struct scene *s = arg;
	struct fault fault = { .text = "" };
	struct stream *stream;

	if (s->cut_after != 0)
		sim_net_cut_after(s->sim, &s->at, s->cut_after, true);
	fiber_yield();			/* until the server listens */
	stream = stream_connect(s->loop, &s->at, NULL, limits, in_minutes(1), &fault);
	if (!expect(stream != NULL))
		return;
	s->did_client_fail = true;
	if (s->tls_client != NULL && stream_tls_connect(stream, s->tls_client, &name, in_minutes(5), &fault) != 0)
		goto failed;
	for (size_t sent = 0, n = 1; sent < BIG_BYTES; sent += n) {
		n = n * 7 % 9973 + 1;
		if (n > BIG_BYTES - sent)
			n = BIG_BYTES - sent;
		if (stream_write(stream, str_n(s->big + sent, n), in_minutes(5), &fault) != 0)
			goto failed;
	}
	if (stream_flush(stream, in_minutes(5), &fault) != 0 || stream_fill(stream, in_minutes(5), &fault) != 1)
		goto failed;
	while (stream_fill(stream, in_minutes(5), &fault) == 1)
		;
	expect_str(stream_input(stream), STR("250 got it\r\n"));
	expect_int(stream_fill(stream, in_minutes(5), &fault), 0);
	s->did_client_fail = false;
failed:
	expect(fault.cause != FAULT_TIMED_OUT);		/* no event was lost */
	stream_close(stream);
}

static void
run_seed(struct scene *s, uint64_t seed)
{
	struct sim_options options = { .seed = seed };

	s->sim = sim_new(&options);
	sim_enter(s->sim);
	s->loop = loop_new(10, NULL);
	s->server_fiber = fiber_start(s->loop, "server", server, s);
	fiber_start(s->loop, "client", client, s);
	loop_run(s->loop);
	loop_free(s->loop);
	expect_int(sim_leave(s->sim), 0);
	sim_free(s->sim);
}

static void
test_whole(struct scene *s, const char *how)
{
	test_case("%s: all bytes come through and the end is seen, whatever the network cuts up", how);
	s->cut_after = 0;
	for (int seed = 1; seed <= N_SEEDS; seed++) {
		run_seed(s, (uint64_t)seed);
		if (!expect(s->was_whole && !s->did_server_fail && !s->did_client_fail))
			expect_int(seed, 0);
	}
}

static void
test_cut(struct scene *s, const char *how)
{
	test_case("%s: a connection that is cut is a fault at both ends, at once", how);
	for (int seed = 1; seed <= N_SEEDS; seed++) {
		s->cut_after = 1 + (int64_t)seed * 6151 % BIG_BYTES;
		run_seed(s, (uint64_t)seed);
		if (!expect(!s->was_whole && s->did_server_fail && s->did_client_fail))
			expect_int(seed, 0);
	}
}

/* --- time --- */

static void
connects_in_vain(void *arg)
{
	struct scene *s = arg;
	struct instant start = loop_now(s->loop);
	struct fault fault;

	sim_net_host(s->sim, &s->at.ip, SIM_HOST_SILENT);
	expect(stream_connect(s->loop, &s->at, NULL, limits, in_minutes(1), &fault) == NULL);
	expect_int(fault.cause, FAULT_TIMED_OUT);
	expect_int(span_to_s(instant_diff(start, loop_now(s->loop))), 60);
	expect(stream_connect(s->loop, &s->at, NULL, limits, in_minutes(5), &fault) == NULL);
	expect_int(span_to_s(instant_diff(start, loop_now(s->loop))), 60 + 130);
	expect(str_find_str(str_of(fault.text), STR("Connection timed out")) > 0);
	sim_net_host(s->sim, &s->at.ip, SIM_HOST_UP);
	expect(stream_connect(s->loop, &s->at, NULL, limits, in_minutes(5), &fault) == NULL);
	expect(str_find_str(str_of(fault.text), STR("Connection refused")) > 0);
}

static void
test_time(struct scene *s)
{
	struct sim_options options = { .seed = 7 };

	test_case("a deadline of a minute and the system's own of 130 s are met in fake time");
	s->sim = sim_new(&options);
	sim_enter(s->sim);
	s->loop = loop_new(10, NULL);
	fiber_start(s->loop, "connects", connects_in_vain, s);
	loop_run(s->loop);
	loop_free(s->loop);
	expect_int(sim_leave(s->sim), 0);
	sim_free(s->sim);
}

int
main(void)
{
	struct scene s = { .at = { .ip = { .family = IP_V4, .bytes = { 192, 0, 2, 25 } }, .port = 25 } };
	struct sim_options options = { .seed = 1 };

	s.big = mem_new(BIG_BYTES);
	for (size_t i = 0; i < BIG_BYTES; i++)
		s.big[i] = (char)(i * 2654435761u >> 13);
	test_whole(&s, "in the clear");
	test_cut(&s, "in the clear");
	test_time(&s);

	s.sim = sim_new(&options);	/* whose clock the certificate has */
	sim_enter(s.sim);
	s.tls_server = tls_server_new_self_signed("mx.example", NULL);
	s.tls_client = tls_client_new(NULL, NULL);
	sim_leave(s.sim);
	sim_free(s.sim);
	test_whole(&s, "by TLS");
	test_cut(&s, "by TLS");
	tls_server_free(s.tls_server);
	tls_client_free(s.tls_client);
	mem_free(s.big);
	return test_end();
}
