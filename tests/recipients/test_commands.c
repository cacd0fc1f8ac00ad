/*
 * test_commands.c - what an operator's requests do to what is known, over the socket; whatever they say
 */
#include <stdio.h>

#include "base/insist.h"
#include "smtpfwd/control/recipients_commands.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/expect.h"
#include "tests/sim/log_sim.h"
#include "tests/sim/sim.h"

#define CONTROL_AT	"/run/control"
#define DONE		"{\"done\":true}\n"
#define ERROR(text)	"{\"done\":true,\"error\":\"" text "\"}\n"

enum { ANSWER_MAX_BYTES = 8 * 1024 * 1024, MANY = 9000 };

struct scene {
	struct sim			*sim;
	struct loop			*loop;
	struct log_sim			 log;
	struct control			*control;
	struct recipients_commands	 commands;
	struct control_command		 rows[RECIPIENTS_COMMANDS_N];
	struct buf			 answer;
};

static struct instant
soon(const struct scene *s)
{
	return instant_after(loop_now(s->loop), span_s(600));
}

static const char *
relay_of(void *context, struct str domain)
{
	(void)context;
	return str_eq_nocase(domain, STR("x.example")) ? "new" : str_eq_nocase(domain, STR("gone.example")) ? "gone" : NULL;
}

static struct stream *
begin_asking(struct scene *s, const char *request)
{
	struct stream_limits limits = { .input_max_bytes = ANSWER_MAX_BYTES, .output_max_bytes = ANSWER_MAX_BYTES };
	struct stream *stream = stream_new(s->loop, sim_connect_unix(s->sim, CONTROL_AT, 0), limits, NULL);

	insist(stream != NULL);
	insist(stream_write(stream, str_of(request), soon(s), NULL) == 0);
	insist(stream_write(stream, STR("\n"), soon(s), NULL) == 0);
	insist(stream_flush(stream, soon(s), NULL) == 0);
	return stream;
}

static struct str
end_asking(struct scene *s, struct stream *stream)
{
	while (stream_fill(stream, soon(s), NULL) > 0)
		;
	buf_clear(&s->answer);
	insist(buf_append(&s->answer, stream_input(stream)) == 0);
	stream_close(stream);
	return buf_str(&s->answer);
}

static struct str
ask(struct scene *s, const char *request)
{
	return end_asking(s, begin_asking(s, request));
}

static int
n_times(struct str text, struct str part)
{
	ptrdiff_t at;
	int n = 0;

	for (; (at = str_find_str(text, part)) >= 0; n++)
		text = str_from(text, (size_t)at + part.len);
	return n;
}

static void
test_requests(struct scene *s)
{
	static const struct { const char *name, *request, *want; } cases[] = {
		{ "a list of good ones", "{\"command\":\"recipients-import\",\"addresses\":[\"b@x.example\",\"C@X.Example\"]}", "{\"imported\":2}\n" DONE },
		{ "none", "{\"command\":\"recipients-import\",\"addresses\":[]}", "{\"imported\":0}\n" DONE },
		{ "no list", "{\"command\":\"recipients-import\"}", ERROR("import needs a list of addresses, known to be good or bad") },
		{ "neither good nor bad", "{\"command\":\"recipients-import\",\"known\":\"ugly\",\"addresses\":[]}",
		  ERROR("import needs a list of addresses, known to be good or bad") },
		{ "to a relay that there is not", "{\"command\":\"recipients-import\",\"relay\":\"x\",\"addresses\":[\"b@x.example\"]}", ERROR("there is no such relay") },
		{ "what is no text", "{\"command\":\"recipients-import\",\"addresses\":[1,null,[],{}]}",
		  "{\"refused\":{\"address\":\"\",\"why\":\"is no address\"}}\n{\"refused\":{\"address\":\"\",\"why\":\"is no address\"}}\n"
		  "{\"refused\":{\"address\":\"\",\"why\":\"is no address\"}}\n{\"refused\":{\"address\":\"\",\"why\":\"is no address\"}}\n{\"imported\":0}\n" DONE },
		{ "what is no address", "{\"command\":\"recipients-import\",\"addresses\":[\"\",\"b\",\"b@y.example\",\"b@gone.example\"]}",
		  "{\"refused\":{\"address\":\"\",\"why\":\"is no address\"}}\n{\"refused\":{\"address\":\"b\",\"why\":\"is no address\"}}\n"
		  "{\"refused\":{\"address\":\"b@y.example\",\"why\":\"has a domain that no relay takes\"}}\n"
		  "{\"refused\":{\"address\":\"b@gone.example\",\"why\":\"is for a relay that there is not\"}}\n{\"imported\":0}\n" DONE },
		{ "bad ones of a relay that is named", "{\"command\":\"recipients-import\",\"known\":\"bad\",\"relay\":\"old\",\"addresses\":[\"n@z.example\"]}",
		  "{\"imported\":1}\n" DONE },
		{ "one that is not known is told of", "{\"command\":\"recipients-list\",\"address\":\"n@x.example\"}",
		  "{\"recipient\":{\"relay\":\"new\",\"address\":\"n@x.example\",\"known\":\"unknown\"}}\n" DONE },
		{ "of no relay", "{\"command\":\"recipients-list\",\"address\":\"n@y.example\"}", ERROR("it has a domain that no relay takes") },
		{ "of no address", "{\"command\":\"recipients-list\",\"address\":\"n\"}", ERROR("it is no address") },
		{ "of another relay", "{\"command\":\"recipients-list\",\"address\":\"b@x.example\",\"relay\":\"old\"}",
		  "{\"recipient\":{\"relay\":\"old\",\"address\":\"b@x.example\",\"known\":\"unknown\"}}\n" DONE },
		{ "all of a relay that there is not", "{\"command\":\"recipients-list\",\"relay\":\"x\"}", ERROR("there is no such relay") },
		{ "forgetting wants to know whom", "{\"command\":\"recipients-forget\"}", ERROR("forget needs an address, a relay, or all") },
		{ "all must be true", "{\"command\":\"recipients-forget\",\"all\":false}", ERROR("forget needs an address, a relay, or all") },
		{ "an empty relay is none", "{\"command\":\"recipients-forget\",\"relay\":\"\"}", ERROR("forget needs an address, a relay, or all") },
		{ "forgetting a relay that there is not", "{\"command\":\"recipients-forget\",\"relay\":\"x\",\"all\":true}", ERROR("there is no such relay") },
		{ "forgetting one", "{\"command\":\"recipients-forget\",\"address\":\"b@x.example\"}", "{\"forgotten\":1}\n" DONE },
		{ "once more", "{\"command\":\"recipients-forget\",\"address\":\"b@x.example\"}", "{\"forgotten\":0}\n" DONE },
		{ "in another case of its local part", "{\"command\":\"recipients-forget\",\"address\":\"c@x.example\"}", "{\"forgotten\":0}\n" DONE },
		{ "forgetting a relay", "{\"command\":\"recipients-forget\",\"relay\":\"old\"}", "{\"forgotten\":1}\n" DONE },
		{ "forgetting all", "{\"command\":\"recipients-forget\",\"all\":true}", "{\"forgotten\":1}\n" DONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%s", cases[i].name);
		expect_str(ask(s, cases[i].request), str_of(cases[i].want));
	}
	test_case("nothing is known then");
	expect_int(n_times(ask(s, "{\"command\":\"recipients-list\"}"), STR("\"good\":0,\"bad\":0")), 2);
	test_case("who changed what is logged");
	expect(log_sim_has(&s->log, "recipients-imported", "2 by the operator"));
	expect(log_sim_has(&s->log, "recipients-forgotten", "1 by the operator"));
}

static void
reload(struct scene *s)
{
	knowledge_set_relays(s->commands.knowledge, (const char *const []){ "old", "new" }, 2);
}

/* The list is written in pieces to an operator who reads slowly: what is told meanwhile must not disturb it, nor a reload. */
static void
test_list_while_changing(struct scene *s)
{
	struct address address;
	struct stream *stream;
	char text[40];

	test_case("a list is whole while entries come and go");
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "u%d@x.example", i);
		insist(address_parse(str_of(text), false, &address));
		insist(knowledge_set(s->commands.knowledge, STR("new"), &address, KNOWN_GOOD, os_wall_clock(), os_wall_clock()));
	}
	stream = begin_asking(s, "{\"command\":\"recipients-list\",\"relay\":\"new\"}");
	for (int i = 0; i < 3 * MANY; i++) {
		snprintf(text, sizeof(text), "v%d@x.example", i);
		insist(address_parse(str_of(text), false, &address));
		insist(knowledge_set(s->commands.knowledge, STR("old"), &address, KNOWN_GOOD, os_wall_clock(), os_wall_clock()));
		if (i % 3000 == 2999) {
			fiber_sleep(instant_after(loop_now(s->loop), span_ms(5)));
			(void)knowledge_forget_all(s->commands.knowledge, STR("old"));
			reload(s);
		}
	}
	expect(n_times(end_asking(s, stream), STR("{\"recipient\":")) >= MANY);
	expect_int(n_times(buf_str(&s->answer), STR(DONE)), 1);
	expect_int(n_times(buf_str(&s->answer), STR("\"relay\":\"old\"")), 0);
	test_case("what is too old is not listed");
	fiber_sleep(instant_after(loop_now(s->loop), span_s(KNOWLEDGE_GOOD_KEEP_S + 1)));
	expect_int(n_times(ask(s, "{\"command\":\"recipients-list\"}"), STR("{\"recipient\":")), 0);
}

static void
run(void *arg)
{
	struct scene *s = arg;

	test_requests(s);
	test_list_while_changing(s);
	control_stop(s->control);
}

int
main(void)
{
	struct sim_options options = { .seed = sim_seed(1) };
	struct knowledge_bounds bounds = { .good_max = 100000, .bad_max = 100, .good_keep = span_s(KNOWLEDGE_GOOD_KEEP_S),
	    .bad_keep = span_s(KNOWLEDGE_BAD_KEEP_S) };
	struct scene s = { .sim = sim_new(&options) };

	sim_disk_make_dir(s.sim, "/run");
	sim_enter(s.sim);
	s.loop = loop_new(20, NULL);
	log_sim_init(&s.log, LOG_LEVEL_INFO);
	buf_init(&s.answer, ANSWER_MAX_BYTES);
	s.commands = (struct recipients_commands){ .knowledge = knowledge_new(&bounds, (const uint64_t[2]){ 1, 2 }), .log = &s.log.log,
	    .relay_of = relay_of };
	knowledge_set_relays(s.commands.knowledge, (const char *const []){ "new", "old" }, 2);
	recipients_commands_fill(&s.commands, s.rows);
	s.control = control_new(s.loop, os_listen_unix(CONTROL_AT, 0600), 990, s.rows, RECIPIENTS_COMMANDS_N, &s.log.log, NULL);
	insist(s.control != NULL);
	insist(fiber_start(s.loop, "operator", run, &s) != NULL);
	loop_run(s.loop);
	control_free(s.control);
	loop_free(s.loop);
	knowledge_free(s.commands.knowledge);
	buf_fini(&s.answer);
	log_sim_fini(&s.log);
	expect_int(sim_leave(s.sim), 0);
	sim_free(s.sim);
	return test_end();
}
