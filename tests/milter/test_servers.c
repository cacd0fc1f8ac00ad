/*
 * test_servers.c - the socketmap server and the policy service as the milter opens them, in the simulated world
 */
#include <stdatomic.h>
#include <stdio.h>

#include "base/insist.h"
#include "milter/servers.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

enum { ROOM_BYTES = 4096 };
#define SOCKETMAP_AT	"/run/socketmap"

struct scene {
	struct sim		*sim;
	struct loop		*loop;
	struct log		 log;
	struct milter_section	 section;
	struct rules		 first, second;
	struct rules_place	 rules;
	struct locked_rates	 rates;
	struct servers		 servers;
};

static void
forget(struct log *log, enum log_level level, struct str line)
{
	(void)log;
	(void)level;
	(void)line;
}

static void
note_end(struct rules *rules)
{
	policy_free(rules->policy);
	rules->policy = NULL;
}

static struct rules
make_rules(const char *next_hop)
{
	static const char *const domains[] = { "example.org" };
	static const struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1 } };
	const struct transport_text transports[] = { { "relay:moved", next_hop } };
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 1, .transports = transports, .n_transports = 1 };

	return (struct rules){ .n_holders = 1, .end = note_end, .policy = policy_new(&settings, (uint64_t[]){ 1, 2 }) };
}

static struct instant
soon(const struct scene *s)
{
	return instant_after(loop_now(s->loop), span_s(5));
}

static struct str
ask(struct scene *s, struct stream *stream, struct str question)
{
	if (stream_input(stream).len > 0)
		stream_take(stream, stream_input(stream).len);
	insist(stream_write(stream, question, soon(s), NULL) == 0 && stream_flush(stream, soon(s), NULL) == 0);
	while (stream_fill(stream, instant_after(loop_now(s->loop), span_ms(100)), NULL) > 0)
		;
	return stream_input(stream);
}

static void
run_all(void *arg)
{
	struct scene *s = arg;
	const struct stream_limits limits = { .input_max_bytes = ROOM_BYTES, .output_max_bytes = ROOM_BYTES };
	const struct policy_desk desk = { .rules = &s->rules, .rates = &s->rates, .log = &s->log };
	struct servers more = { .socketmap = NULL };
	struct stream *map, *service;
	struct fault fault;

	test_case("both are opened where the section has them");
	expect_int(servers_open(&s->servers, s->loop, &s->section, &desk, &fault), 0);
	test_case("not where somebody is already");
	expect_int(servers_open(&more, s->loop, &s->section, &desk, &fault), -1);
	expect_text(fault.text, "milter: socketmap: unix:" SOCKETMAP_AT " cannot be bound: Address already in use");
	expect(more.socketmap == NULL && more.policy_service == NULL);

	map = stream_new(s->loop, sim_connect_unix(s->sim, SOCKETMAP_AT, 0), limits, NULL);
	service = stream_connect(s->loop, &s->section.policy_service.place.at, NULL, limits, soon(s), &fault);
	insist(map != NULL && service != NULL);
	test_case("each speaks its protocol");
	expect_str(ask(s, map, STR("25:transport bob@example.org,")), STR("25:OK relay:[192.0.2.1]:2525,"));
	expect_str(ask(s, service, STR("request=smtpd_access_policy\nprotocol_state=RCPT\n\n")), STR("action=DUNNO\n\n"));
	test_case("with other rules an open connection hears others");
	s->second = make_rules("relay:[192.0.2.2]:2525");
	rules_replace(&s->rules, &s->second);
	expect(s->first.policy == NULL);
	expect_str(ask(s, map, STR("25:transport bob@example.org,")), STR("25:OK relay:[192.0.2.2]:2525,"));

	test_case("at the end both are closed");
	servers_stop(&s->servers);
	expect_int(stream_fill(map, soon(s), NULL), 0);
	expect_int(stream_fill(service, soon(s), NULL), 0);
	servers_free(&s->servers);
	stream_close(map);
	stream_close(service);
	expect_int(atomic_load(&s->second.n_holders), 1);

	test_case("without settings there are none");
	s->section = (struct milter_section){ .group = NULL };
	expect_int(servers_open(&s->servers, s->loop, &s->section, &desk, &fault), 0);
	expect(s->servers.socketmap == NULL && s->servers.policy_service == NULL);
	servers_stop(&s->servers);
	servers_free(&s->servers);
}

int
main(void)
{
	struct sim_options options = { .seed = sim_seed(1) };
	struct scene s = { .log = { .level = LOG_LEVEL_DEBUG, .write = forget },
	    .section = { .socketmap = { .written = "unix:" SOCKETMAP_AT, .place = { .path = STR(SOCKETMAP_AT) } },
		.policy_service = { .written = "inet:127.0.0.1:8893" } } };
	struct fault fault;

	insist(place_parse(str_of(s.section.policy_service.written), &s.section.policy_service.place));
	s.sim = sim_new(&options);
	sim_disk_make_dir(s.sim, "/run");
	sim_enter(s.sim);
	s.loop = loop_new(SERVERS_FIBERS_MAX, &fault);
	s.first = make_rules("relay:[192.0.2.1]:2525");
	rules_place_init(&s.rules, &s.first);
	locked_rates_init(&s.rates);
	insist(fiber_start(s.loop, "test", run_all, &s) != NULL);
	loop_run(s.loop);
	loop_free(s.loop);
	locked_rates_fini(&s.rates);
	rules_place_fini(&s.rules);
	test_case("no socket is left open");
	expect_int(sim_leave(s.sim), 0);
	sim_free(s.sim);
	return test_end();
}
