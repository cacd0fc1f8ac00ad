/*
 * test_talk.c - dialogues are played as written, and what does not hold is found; also the zone-text
 * resolver and the log that keeps its lines
 */
#include <errno.h>
#include <stdio.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/sim/log_sim.h"
#include "tests/sim/resolver_sim.h"
#include "tests/sim/sim.h"
#include "tests/sim/talk.h"
#include "tests/sim/talk_text.h"

static void
test_escapes(void)
{
	static const struct escape_case {
		const char	*name, *line;
		struct str	 want;
		bool		 is_whole, is_wrong;
	} cases[] = {
		{ "plain text gets a line end", "MAIL", { "MAIL", 4 }, false, false },
		{ "a lone LF at the end is all the line end there is", "x\\n", { "x\n", 2 }, true, false },
		{ "\\c is nothing, and no line end", "x\\c", { "x", 1 }, true, false },
		{ "an escaped byte at the end gets a line end", "\\xff\\x00\\\\", { "\xff\0\\", 3 }, false, false },
		{ "a repetition", "a\\{3 bc}d\\r", { "abcbcbcd\r", 9 }, true, false },
		{ "\\c stands only at the end", "a\\cb", { NULL, 0 }, false, true },
		{ "an unknown escape is an error", "a\\q", { NULL, 0 }, false, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct escape_case *c = &cases[i];
		struct buf out;
		bool is_whole;

		test_case("%s", c->name);
		buf_init(&out, 1000);
		expect_int(talk_unescape(str_of(c->line), &out, &is_whole), !c->is_wrong);
		if (!c->is_wrong) {
			expect_str(buf_str(&out), c->want);
			expect_int(is_whole, c->is_whole);
		}
		buf_fini(&out);
	}
}

static void
test_replies(void)
{
	struct str reply = STR("250-relay.example\r\n250-SIZE 1000\r\n250 DSN\r\n");
	struct span span;

	test_case("a reply of several lines is read whole");
	expect_int(talk_reply_bytes(reply), reply.len);
	expect_int(talk_reply_bytes(str_sub(reply, 0, reply.len - 1)), 0);
	expect_int(talk_reply_bytes(STR("220 a\r\n250 b\r\n")), 7);
	expect_int(talk_reply_bytes(STR("250\r\n")), 5);
	expect(talk_reply_starts(reply, STR("250")) && talk_reply_starts(reply, STR("250 relay")));
	expect(talk_reply_starts(reply, STR("250-relay")) && talk_reply_starts(reply, STR("")));
	expect(!talk_reply_starts(reply, STR("251")) && !talk_reply_starts(reply, STR("250 SIZE")));
	expect(talk_reply_has(reply, STR("SIZE")) && talk_reply_has(reply, STR("DSN")) && !talk_reply_has(reply, STR("AUTH")));
	test_case("spans are written with a unit");
	expect(talk_span(STR("5m"), &span) && span.ns == span_s(300).ns);
	expect(talk_span(STR("20ms"), &span) && span.ns == span_ms(20).ns);
	expect(!talk_span(STR("5"), &span) && !talk_span(STR("m"), &span) && !talk_span(STR(""), &span));
}

/* --- dialogues with a server that knows the usual commands --- */

struct toy {
	struct sim	*sim;
	struct loop	*loop;
	struct endpoint	 at;
	int		 listener;
	const char	*dialogue;
	struct buf	 heard;		/* mail data */
	bool		 has_held;
};

static const char *
toy_reply(struct str line)
{
	if (str_starts(line, STR("EHLO")))
		return "250-toy\r\n250 SIZE 10\r\n";
	if (str_eq(line, STR("DATA\r\n")))
		return "354 go\r\n";
	if (str_eq(line, STR("LATER\r\n")))
		return "450 later\r\n";
	return str_starts(line, STR("QUIT")) ? "221 bye\r\n" : "250 fine\r\n";
}

static void
toy_serves(void *arg)
{
	struct toy *toy = arg;
	struct stream_limits limits = { .input_max_bytes = 100000, .output_max_bytes = 1000 };
	struct stream *s;
	struct fault fault;
	struct str line;
	int socket;
	bool is_data = false, is_over = false;

	while ((socket = os_accept(toy->listener, NULL, NULL)) == -EAGAIN)
		fiber_sleep(instant_after(loop_now(toy->loop), span_ms(1)));
	s = stream_new(toy->loop, socket, limits, &fault);
	stream_write(s, STR("220 toy\r\n"), INSTANT_NEVER, NULL);
	while (!is_over && stream_flush(s, INSTANT_NEVER, NULL) == 0 && stream_fill(s, INSTANT_NEVER, NULL) > 0) {
		while (!is_over && str_find_str(stream_input(s), STR("\r\n")) >= 0) {
			line = str_sub(stream_input(s), 0, (size_t)str_find_str(stream_input(s), STR("\r\n")) + 2);
			if (is_data && !str_eq(line, STR(".\r\n")))
				buf_append(&toy->heard, line);
			else
				stream_write(s, str_of(toy_reply(line)), INSTANT_NEVER, NULL);
			is_over = !is_data && str_starts(line, STR("QUIT"));
			is_data = is_data ? !str_eq(line, STR(".\r\n")) : str_eq(line, STR("DATA\r\n"));
			stream_take(s, line.len);
		}
	}
	stream_flush(s, INSTANT_NEVER, NULL);
	stream_close(s);
}

static bool
toy_judges(void *context, struct str words, struct buf *why_out)
{
	struct toy *toy = context;

	if (!str_starts(words, STR("heard ")))
		return false;
	buf_append(why_out, buf_str(&toy->heard));
	return str_find_str(buf_str(&toy->heard), str_from(words, 6)) >= 0;
}

static void
toy_plays(void *arg)
{
	struct toy *toy = arg;
	struct talk talk = { .loop = toy->loop, .to = toy->at, .patience = span_s(10), .judge = toy_judges, .context = toy };

	toy->has_held = talk_play_text(&talk, "dialogue", str_of(toy->dialogue));
	loop_stop(toy->loop);
}

static void
play_once(struct sim *sim, void *arg)
{
	struct toy toy = { .sim = sim, .dialogue = *(const char **)arg };
	struct fault fault;

	insist(endpoint_parse(STR("192.0.2.1:25"), &toy.at));
	buf_init(&toy.heard, 100000);
	toy.loop = loop_new(10, &fault);
	toy.listener = os_listen(&toy.at, 5);
	fiber_start(toy.loop, "toy", toy_serves, &toy);
	fiber_start(toy.loop, "talk", toy_plays, &toy);
	loop_run(toy.loop);
	sim_note(sim, "held", toy.has_held ? STR("yes") : STR("no"), STR_EMPTY);
	buf_fini(&toy.heard);
}

static void
test_dialogues(void)
{
	static const struct dialogue_case {
		const char	*name, *text;
		bool		 holds;
	} cases[] = {
		{ "the usual opening is implied", "C: MAIL FROM:<a@example.org>\nS: 250\n", true },
		{ "an explicit connection implies nothing", "connect from 198.51.100.1\nS: 220 toy\nC: EHLO x\nS: 250-toy\nhas SIZE 10\nlacks DSN\n", true },
		{ "... leads up to mail data", "C: MAIL FROM:<a@example.org>\nS: 250\n...\nC: hello\\n.\\nbye\\r\\n.\\r\\n\nS: 250\nexpect heard hello\n", true },
		{ "consecutive lines are answered in order", "C: NOOP\nC: LATER\nC: QUIT\nS: 250\nS: 450\nS: 221\nclosed\n", true },
		{ "a greeting breaks the silence", "silent 1m\nS: 220\n", false },
		{ "a long silence", "C: NOOP\nS: 250\nsilent 1h\nadvance 2d\nC: NOOP\nS: 250\nclose\n", true },
		{ "bytes one by one", "slowly 1s\nC: NOOP\nS: 250\nslowly 0s\nC: NOOP\nS: 250\n", true },
		{ "a wrong reply is found", "C: LATER\nS: 250\n", false },
		{ "a missing reply is found", "C: NOOP\\c\nS: 250\n", false },
		{ "a reply too many is found", "C: NOOP\nC: NOOP\nS: 250\nclosed\n", false },
		{ "a keyword that is there is not lacking", "connect\nS: 220\nC: EHLO x\nS: 250\nlacks SIZE\n", false },
		{ "what the test denies is found", "expect heard nothing\n", false },
		{ "a line that is none is found", "hello\n", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct sim *sim = sim_new(&(struct sim_options){ .seed = seed });
			struct test_counts before, after;

			test_case("%s (seed %d)", cases[i].name, (int)seed);
			before = test_counts();
			if (!cases[i].holds)
				printf("# what follows is meant to be missed:\n");
			expect_int(sim_run(sim, 0, play_once, (void *)(uintptr_t)&cases[i].text), SIM_ENDED);
			after = test_counts();
			test_add_counts((struct test_counts){ .n_missed = before.n_missed - after.n_missed });
			expect_int(after.n_missed - before.n_missed, !cases[i].holds);
			expect_int(sim_n_notes(sim, "held", STR("yes")), cases[i].holds);
			sim_free(sim);
		}
}

/* --- resolver and log --- */

static void
test_resolver(void)
{
	static const char zone[] =
	    "# a zone\nexample.com MX 10 MX1.example.com.\nexample.com TXT v=spf1  -all\n"
	    "mx1.example.com A 192.0.2.1\nmx1.example.com A 192.0.2.2\nwww.example.com CNAME mx1.example.com\n"
	    "broken.example servfail\nforged.example bogus\nforged.example A 192.0.2.3\nlost.example timeout\n"
	    "signed.example A 192.0.2.4\nsigned.example secure\nloop.example CNAME loop.example\n";
	static const struct question_case {
		const char	*name;
		const char	*asked;
		enum dns_type	 type;
		enum dns_result	 want;
		int		 n_records;
	} cases[] = {
		{ "an MX", "EXAMPLE.com", DNS_MX, DNS_FOUND, 1 },
		{ "two addresses", "mx1.example.com", DNS_A, DNS_FOUND, 2 },
		{ "an alias leads on", "www.example.com", DNS_A, DNS_FOUND, 2 },
		{ "an alias of another type has no data", "www.example.com", DNS_AAAA, DNS_NO_DATA, 0 },
		{ "no such name", "nobody.example", DNS_A, DNS_NO_NAME, 0 },
		{ "not that type", "example.com", DNS_A, DNS_NO_DATA, 0 },
		{ "SERVFAIL", "broken.example", DNS_A, DNS_UNSETTLED, 0 },
		{ "bogus", "forged.example", DNS_A, DNS_UNSETTLED, 0 },
		{ "no answer", "lost.example", DNS_A, DNS_UNSETTLED, 0 },
		{ "validated", "signed.example", DNS_A, DNS_FOUND, 1 },
		{ "aliases in a circle", "loop.example", DNS_A, DNS_UNSETTLED, 0 },
	};
	struct sim *sim = sim_new(&(struct sim_options){ .seed = 1 });
	struct resolver_sim r;
	struct arena arena;

	sim_enter(sim);
	resolver_sim_init(&r, zone);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct question_case *c = &cases[i];
		struct dns_question question = { .name = str_of(c->asked), .type = c->type };
		struct dns_answer answer;

		test_case("the zone's answer: %s", c->name);
		arena_init(&arena, 1 << 20);
		dns_ask(&r.resolver, &question, 1, instant_after(os_now(), span_s(5)), &arena, &answer);
		expect_int(answer.result, c->want);
		expect_int(answer.n_records, c->n_records);
		expect_int(answer.is_secure, str_eq(question.name, STR("signed.example")));
		expect_int(answer.is_bogus, str_eq(question.name, STR("forged.example")));
		if (c->type == DNS_MX) {
			expect_str(answer.records[0].name, STR("mx1.example.com"));
			expect_int(answer.records[0].preference, 10);
		}
		arena_fini(&arena);
	}
	sim_leave(sim);
	sim_free(sim);
}

static void
test_log(void)
{
	struct log_sim l;

	test_case("the log keeps its lines");
	log_sim_init(&l, LOG_LEVEL_INFO);
	log_say(&l.log, LOG_LEVEL_INFO, "delivered", "one");
	log_say(&l.log, LOG_LEVEL_INFO, "delivered", "two");
	log_say(&l.log, LOG_LEVEL_DEBUG, "delivered", "three");
	expect_int(log_sim_n(&l, "delivered", ""), 2);
	expect(log_sim_has(&l, "delivered", "two") && !log_sim_has(&l, "failed", ""));
	log_sim_fini(&l);
}

int
main(void)
{
	test_escapes();
	test_replies();
	test_dialogues();
	test_resolver();
	test_log();
	return test_end();
}
