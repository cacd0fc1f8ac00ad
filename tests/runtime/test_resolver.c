/*
 * test_resolver.c - questions to real name servers: nsd, and one that answers wrongly, late or not at all
 *
 * The zones stand in name_servers.py; what is wanted here was read off them.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "smtpfwd/runtime/resolver.h"
#include "tests/expect.h"
#include "tests/runtime/name_servers.h"

enum { ANSWERS_MAX_BYTES = 1 << 20 };

struct world {
	struct name_servers	 servers;
	struct loop		*loop;
};

static struct resolver *
resolver_for(struct world *w, const struct endpoint *server, struct span timeout, int tries)
{
	struct resolver_settings settings = {
		.servers = server, .n_servers = 1, .timeout = timeout, .tries = tries,
	};
	struct fault fault = { .text = "" };
	struct resolver *resolver = resolver_new(w->loop, &settings, &fault);

	expect_text(fault.text, "");
	if (resolver == NULL)
		abort();
	return resolver;
}

static struct instant
in_ms(struct world *w, int64_t ms)
{
	return instant_after(os_now(), span_ms(ms));
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* An answer as one line: its result, and its records in the order of their text. */
static void
show(const struct dns_answer *answer, enum dns_type type, struct arena *arena, struct str *line_out)
{
	static const char *const results[] = {
		[DNS_FOUND] = "found", [DNS_NO_DATA] = "no data", [DNS_NO_NAME] = "no name",
		[DNS_UNSETTLED] = "unsettled",
	};
	char **texts = arena_array(arena, (size_t)answer->n_records + 1, sizeof(*texts));
	struct str line = str_of(results[answer->result]), one;
	char room[IP_TEXT_MAX];

	for (int i = 0; i < answer->n_records; i++) {
		const struct dns_record *r = &answer->records[i];

		switch (type) {
		case DNS_A:
		case DNS_AAAA:
			arena_copy(arena, ip_text(&r->ip, room), &one);
			break;
		case DNS_MX:
			arena_printf(arena, &one, "%u:%.*s", (unsigned)r->preference, STR_ARG(r->name));
			break;
		case DNS_PTR:
		case DNS_CNAME:
			arena_copy(arena, r->name, &one);
			break;
		case DNS_TXT:
			arena_printf(arena, &one, "\"%.*s\"", STR_ARG(r->text));
			break;
		case DNS_TLSA:
			arena_printf(arena, &one, "%zu bytes", r->text.len);
			break;
		}
		texts[i] = (char *)(uintptr_t)one.at;
	}
	qsort(texts, (size_t)answer->n_records, sizeof(*texts), compare_texts);
	for (int i = 0; i < answer->n_records; i++)
		arena_printf(arena, &line, "%.*s %s", STR_ARG(line), texts[i]);
	*line_out = line;
}

/* --- fibers of a test --- */

struct job {
	struct world	*world;
	struct resolver	*resolver;
	void		(*run)(struct world *w, struct resolver *resolver);
};

static void
job_run(void *arg)
{
	struct job *job = arg;

	job->run(job->world, job->resolver);
}

/* Runs a test in a fiber until all fibers have ended. */
static void
in_fiber(struct world *w, struct resolver *resolver, void (*run)(struct world *w, struct resolver *resolver))
{
	struct job job = { w, resolver, run };

	fiber_start(w->loop, "test", job_run, &job);
	loop_run(w->loop);
}

static void
expect_answer(struct world *w, struct resolver *resolver, const char *name, enum dns_type type, const char *want)
{
	struct dns_question question = { str_of(name), type };
	struct dns_answer answer;
	struct arena arena;
	struct str line;

	arena_init(&arena, ANSWERS_MAX_BYTES);
	dns_ask(resolver, &question, 1, in_ms(w, 20000), &arena, &answer);
	show(&answer, type, &arena, &line);
	expect_str(line, str_of(want));
	arena_fini(&arena);
}

/* --- what nsd knows --- */

static const struct {
	const char	*name;
	const char	*question;
	enum dns_type	 type;
	const char	*want;
} known[] = {
	{ "all addresses of a name are found", "two.example.org", DNS_A, "found 192.0.2.1 192.0.2.2" },
	{ "IPv6 addresses are found", "two.example.org", DNS_AAAA, "found 2001:db8::1" },
	{ "case does not matter", "TWO.Example.ORG", DNS_AAAA, "found 2001:db8::1" },
	{ "hosts of an MX come in lower case", "example.org", DNS_MX, "found 10:mx1.example.org 20:mx2.example.net" },
	{ "a null MX is the root", "null.example.org", DNS_MX, "found 0:" },
	{ "a name without this type has no data", "v4only.example.org", DNS_AAAA, "no data" },
	{ "a name that is not there is no name", "nobody.example.org", DNS_A, "no name" },
	{ "a text is found", "text.example.org", DNS_TXT, "found \"v=spf1 -all\"" },
	{ "strings of a text are joined", "strings.example.org", DNS_TXT, "found \"first second third\"" },
	{ "an underscore is a letter as others", "under_score.example.org", DNS_TXT, "found \"yes\"" },
	{ "an alias is followed, into another zone too", "a.example.org", DNS_A, "found 192.0.2.4" },
	{ "an alias of nothing is no name", "dangling.example.org", DNS_A, "no name" },
	{ "an address has a name", "1.2.0.192.in-addr.arpa", DNS_PTR, "found two.example.org" },
	{ "TLSA data is found", "_25._tcp.mx.example.org", DNS_TLSA, "found 35 bytes" },
	{ "a name under .test is a name as others", "c.other.test", DNS_A, "found 192.0.2.4" },
	{ "and may be missing there", "d.other.test", DNS_A, "no name" },
	{ "a private address has a name", "1.0.0.10.in-addr.arpa", DNS_PTR, "found private.example.org" },
	{ "a zone that the server refuses is unsettled", "example.com", DNS_A, "unsettled" },

	{ "localhost is asked", "localhost", DNS_TXT, "found \"asked\"" },
	{ "127.in-addr.arpa is asked", "127.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "invalid is asked", "invalid", DNS_TXT, "found \"asked\"" },
	{ "onion is asked", "onion", DNS_TXT, "found \"asked\"" },
	{ "home.arpa is asked", "home.arpa", DNS_TXT, "found \"asked\"" },
	{ "168.192.in-addr.arpa is asked", "168.192.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "16.172.in-addr.arpa is asked", "16.172.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "254.169.in-addr.arpa is asked", "254.169.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "64.100.in-addr.arpa is asked", "64.100.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "0.in-addr.arpa is asked", "0.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "100.51.198.in-addr.arpa is asked", "100.51.198.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "d.f.ip6.arpa is asked", "d.f.ip6.arpa", DNS_TXT, "found \"asked\"" },
	{ "8.e.f.ip6.arpa is asked", "8.e.f.ip6.arpa", DNS_TXT, "found \"asked\"" },
	{ "::1's reverse name is asked",
	  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", DNS_TXT, "found \"asked\"" },

	{ "an empty label is no name", "a..example.org", DNS_A, "no name" },
	{ "a last dot is no name", "two.example.org.", DNS_A, "no name" },
	{ "a first dot is no name", ".example.org", DNS_A, "no name" },
	{ "a label of 64 bytes is no name",
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org", DNS_A, "no name" },
	{ "a byte may be written as a number", "tw\\111.example.org", DNS_A, "found 192.0.2.1 192.0.2.2" },
	{ "a backslash without a number is no name", "tw\\o.example.org", DNS_A, "no name" },
	{ "a blank is a byte as others", "t wo.example.org", DNS_A, "no name" },
	{ "so are those above 127", "tw\xc3\xb6.example.org", DNS_A, "no name" },
};

static void
test_known(struct world *w, struct resolver *resolver)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		test_case("%s", known[i].name);
		expect_answer(w, resolver, known[i].question, known[i].type, known[i].want);
	}
}

static void
test_long_text(struct world *w, struct resolver *resolver)
{
	struct dns_question question = { STR("many.example.org"), DNS_TXT };
	struct dns_answer answer;
	struct arena arena;

	test_case("a text that no UDP packet holds comes by TCP");
	arena_init(&arena, ANSWERS_MAX_BYTES);
	dns_ask(resolver, &question, 1, in_ms(w, 20000), &arena, &answer);
	expect_int(answer.result, DNS_FOUND);
	if (expect_int(answer.n_records, 1) && expect_int((int64_t)answer.records[0].text.len, 12 * 250))
		expect(answer.records[0].text.at[0] == 'a' && answer.records[0].text.at[12 * 250 - 1] == 'l');
	arena_fini(&arena);
}

static void
test_many_at_once(struct world *w, struct resolver *resolver)
{
	struct dns_question questions[] = {
		{ STR("two.example.org"), DNS_A }, { STR("nobody.example.org"), DNS_A },
		{ STR("a..b"), DNS_A }, { STR("example.org"), DNS_MX }, { STR("two.example.org"), DNS_A },
	};
	struct dns_answer answers[5];
	struct arena arena;
	struct str line;

	test_case("many questions have their answers in their places");
	arena_init(&arena, ANSWERS_MAX_BYTES);
	dns_ask(resolver, questions, 5, in_ms(w, 20000), &arena, answers);
	show(&answers[0], DNS_A, &arena, &line);
	expect_str(line, STR("found 192.0.2.1 192.0.2.2"));
	expect_int(answers[0].ttl_s <= 300 && answers[0].ttl_s >= 290, true);
	expect_int(answers[1].result, DNS_NO_NAME);
	expect_int(answers[1].ttl_s <= 60 && answers[1].ttl_s >= 50, true);	/* the SOA's minimum */
	expect_int(answers[2].result, DNS_NO_NAME);
	show(&answers[3], DNS_MX, &arena, &line);
	expect_str(line, STR("found 10:mx1.example.org 20:mx2.example.net"));
	show(&answers[4], DNS_A, &arena, &line);
	expect_str(line, STR("found 192.0.2.1 192.0.2.2"));

	test_case("no question is answered at once");
	dns_ask(resolver, questions, 0, in_ms(w, 20000), &arena, answers);
	expect(true);
	arena_fini(&arena);
}

/* --- many fibers --- */

enum { CROWD = 600, QUESTIONS_EACH = 4 };

struct member {
	struct world	*world;
	struct resolver	*resolver;
	int		 number;
	int		 n_found;
};

static void
member_run(void *arg)
{
	struct member *m = arg;
	struct dns_question questions[QUESTIONS_EACH];
	struct dns_answer answers[QUESTIONS_EACH];
	struct arena arena;

	arena_init(&arena, ANSWERS_MAX_BYTES);
	for (int i = 0; i < QUESTIONS_EACH; i++) {
		questions[i].type = DNS_A;
		/* Every other fiber asks what another one asks too. */
		arena_printf(&arena, &questions[i].name, "n%d.wild.example.org", m->number / 2 * QUESTIONS_EACH + i);
	}
	dns_ask(m->resolver, questions, QUESTIONS_EACH, in_ms(m->world, 20000), &arena, answers);
	for (int i = 0; i < QUESTIONS_EACH; i++)
		m->n_found += answers[i].result == DNS_FOUND && answers[i].n_records == 1 &&
		    answers[i].records[0].ip.bytes[3] == 99;
	arena_fini(&arena);
}

static void
test_crowd(struct world *w, struct resolver *resolver)
{
	struct member *crowd = mem_new_array(CROWD, sizeof(*crowd));
	int n_found = 0;

	test_case("hundreds of fibers have their answers");
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = (struct member){ .world = w, .resolver = resolver, .number = i };
		fiber_start(w->loop, "member", member_run, &crowd[i]);
	}
	loop_run(w->loop);
	for (int i = 0; i < CROWD; i++)
		n_found += crowd[i].n_found;
	expect_int(n_found, CROWD * QUESTIONS_EACH);
	mem_free(crowd);
}

/* --- what goes wrong --- */

static struct dns_answer
ask_one(struct world *w, struct resolver *resolver, const char *name, enum dns_type type, struct instant deadline,
    struct span *took_out)
{
	struct dns_question question = { str_of(name), type };
	struct instant begin = os_now();
	struct dns_answer answer;
	struct arena arena;

	arena_init(&arena, ANSWERS_MAX_BYTES);
	dns_ask(resolver, &question, 1, deadline, &arena, &answer);
	arena_fini(&arena);
	answer.records = NULL;
	if (took_out != NULL)
		*took_out = instant_diff(begin, os_now());
	return answer;
}

static void
expect_took(struct span took, int64_t least_ms, int64_t most_ms)
{
	if (!expect(span_to_ms(took) >= least_ms && span_to_ms(took) <= most_ms))
		printf("# took %d ms\n", (int)span_to_ms(took));
}

static void
test_faults(struct world *w, struct resolver *resolver)
{
	struct dns_answer answer;
	struct span took;

	test_case("a truncated answer is fetched by TCP");
	expect_answer(w, resolver, "truncated.fault.example", DNS_TXT, "found \"over TCP\"");

	test_case("a packet that is lost is sent again");
	expect_answer(w, resolver, "lost.fault.example", DNS_A, "found 192.0.2.2");

	test_case("SERVFAIL is unsettled");
	expect_answer(w, resolver, "servfail.fault.example", DNS_A, "unsettled");
	test_case("and the SERVFAIL that is kept is unsettled too");
	answer = ask_one(w, resolver, "servfail.fault.example", DNS_A, in_ms(w, 20000), NULL);
	expect_int(answer.result, DNS_UNSETTLED);
	expect(answer.why[0] != '\0');

	test_case("an answer is kept for its time");
	expect_answer(w, resolver, "plain.fault.example", DNS_A, "found 192.0.2.1");
	expect_answer(w, resolver, "plain.fault.example", DNS_A, "found 192.0.2.1");

	test_case("an answer with TTL 0 is not kept");
	expect_answer(w, resolver, "brief.fault.example", DNS_A, "found 192.0.2.1");
	expect_answer(w, resolver, "brief.fault.example", DNS_A, "found 192.0.2.2");
	expect_answer(w, resolver, "brief.fault.example", DNS_A, "found 192.0.2.3");

	test_case("an answer that comes too late serves who asks next");
	answer = ask_one(w, resolver, "late.fault.example", DNS_A, in_ms(w, 100), &took);
	expect_int(answer.result, DNS_UNSETTLED);
	fiber_sleep(in_ms(w, 800));
	answer = ask_one(w, resolver, "late.fault.example", DNS_A, in_ms(w, 100), &took);
	expect_int(answer.result, DNS_FOUND);
	expect_took(took, 0, 100);

	test_case("an answer that is not one is unsettled");
	expect_answer(w, resolver, "garbage.fault.example", DNS_A, "unsettled");
	test_case("an answer that is cut off is unsettled");
	expect_answer(w, resolver, "cutoff.fault.example", DNS_A, "unsettled");
}

static void
test_silence(struct world *w, struct resolver *resolver)
{
	struct dns_answer answer;
	struct span took;

	test_case("a question without an answer ends after timeout times tries");
	answer = ask_one(w, resolver, "silent.fault.example", DNS_A, in_ms(w, 20000), &took);
	expect_int(answer.result, DNS_UNSETTLED);
	expect_text(answer.why, "no answer in time");
	expect_took(took, 890, 1400);

	test_case("or earlier, at the asker's deadline");
	answer = ask_one(w, resolver, "silent2.fault.example", DNS_A, in_ms(w, 150), &took);
	expect_int(answer.result, DNS_UNSETTLED);
	expect_took(took, 140, 500);

	test_case("a server that was silent for one name answers for another");
	for (int i = 0; i < 3; i++) {
		char name[40];

		snprintf(name, sizeof(name), "plain%d.fault.example", i);
		answer = ask_one(w, resolver, name, DNS_A, in_ms(w, 20000), &took);
		expect_int(answer.result, DNS_FOUND);
	}
}

struct waiter {
	struct world		*world;
	struct resolver		*resolver;
	const char		*name;
	struct dns_answer	 answer;
	struct span		 took;
};

static void
waiter_run(void *arg)
{
	struct waiter *waiter = arg;

	waiter->answer = ask_one(waiter->world, waiter->resolver, waiter->name, DNS_A, in_ms(waiter->world, 20000),
	    &waiter->took);
}

static void
test_cancel(struct world *w, struct resolver *resolver)
{
	struct waiter late = { .world = w, .resolver = resolver, .name = "late1.fault.example" };
	struct waiter unasked = { .world = w, .resolver = resolver, .name = "late2.fault.example" };
	struct fiber *fiber;

	test_case("a cancelled fiber stops waiting");
	fiber = fiber_start(w->loop, "late", waiter_run, &late);
	fiber_sleep(in_ms(w, 50));
	fiber_cancel(fiber);
	fiber = fiber_start(w->loop, "unasked", waiter_run, &unasked);
	fiber_cancel(fiber);
	fiber_sleep(in_ms(w, 50));
	expect_int(late.answer.result, DNS_UNSETTLED);
	expect_text(late.answer.why, "cancelled");
	expect_took(late.took, 40, 150);
	expect_text(unasked.answer.why, "cancelled");
	expect_took(unasked.took, 0, 50);

	test_case("and the late answer harms nobody");
	fiber_sleep(in_ms(w, 700));
	expect_int(ask_one(w, resolver, "plain.fault.example", DNS_A, in_ms(w, 5000), NULL).result, DNS_FOUND);
}

/* Nobody is there: the port is closed, then somebody comes back. */
static void
test_dead_server(struct world *w, struct resolver *resolver)
{
	struct dns_answer answer;
	struct span took;
	int n_asked = 0;

	test_case("questions to a dead server end in time");
	expect_int(ask_one(w, resolver, "plain100.fault.example", DNS_A, in_ms(w, 20000), NULL).result, DNS_FOUND);
	name_servers_say(&w->servers, "down");
	for (int i = 101; i < 110; i++) {
		char name[40];

		snprintf(name, sizeof(name), "plain%d.fault.example", i);
		answer = ask_one(w, resolver, name, DNS_A, in_ms(w, 20000), &took);
		expect_int(answer.result, DNS_UNSETTLED);
		expect_took(took, 0, 1400);
	}
	test_case("what is kept is still answered");
	expect_int(ask_one(w, resolver, "plain100.fault.example", DNS_A, in_ms(w, 20000), NULL).result, DNS_FOUND);

	test_case("a server that is back is asked again within some seconds");
	name_servers_say(&w->servers, "up");
	do {
		char name[40];

		snprintf(name, sizeof(name), "plain%d.fault.example", 200 + n_asked++);
		fiber_sleep(in_ms(w, 250));
		answer = ask_one(w, resolver, name, DNS_A, in_ms(w, 20000), NULL);
	} while (answer.result != DNS_FOUND && n_asked < 40);
	expect_int(answer.result, DNS_FOUND);
	expect(n_asked < 24);
	printf("# asked %d times\n", n_asked);
}

static void
leave_open(struct world *w, struct resolver *resolver)
{
	expect_int(ask_one(w, resolver, "silent3.fault.example", DNS_A, in_ms(w, 50), NULL).result, DNS_UNSETTLED);
}

int
main(void)
{
	struct world w = { .loop = NULL };
	struct resolver *resolver;

	setvbuf(stdout, NULL, _IOLBF, 0);
	name_servers_start(&w.servers);
	w.loop = loop_new(1000, NULL);

	test_case("a resolver that is not asked can be freed");
	resolver_free(resolver_for(&w, &w.servers.nsd, span_ms(1000), 3));
	expect(true);

	resolver = resolver_for(&w, &w.servers.nsd, span_ms(2000), 3);
	in_fiber(&w, resolver, test_known);
	in_fiber(&w, resolver, test_long_text);
	in_fiber(&w, resolver, test_many_at_once);
	test_crowd(&w, resolver);
	resolver_free(resolver);

	test_case("a server is asked over IPv6");
	resolver = resolver_for(&w, &w.servers.nsd_v6, span_ms(2000), 3);
	in_fiber(&w, resolver, test_long_text);
	resolver_free(resolver);

	resolver = resolver_for(&w, &w.servers.faulty, span_ms(1000), 3);
	in_fiber(&w, resolver, test_faults);
	resolver_free(resolver);

	resolver = resolver_for(&w, &w.servers.faulty, span_ms(300), 3);
	in_fiber(&w, resolver, test_silence);
	in_fiber(&w, resolver, test_cancel);
	in_fiber(&w, resolver, test_dead_server);
	test_case("a resolver with open questions can be freed");
	in_fiber(&w, resolver, leave_open);
	resolver_free(resolver);

	loop_free(w.loop);
	name_servers_stop(&w.servers);
	return test_end();
}
