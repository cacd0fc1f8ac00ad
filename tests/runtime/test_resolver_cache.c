/*
 * test_resolver_cache.c - what is known is not asked for again, as long as it holds
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/resolver_cache.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

enum { ARENA_MAX_BYTES = 1 << 20, LONG_BYTES = 7000 };

struct world {
	struct resolver		 below;
	struct resolver		*cache;
	struct loop		*loop;
	struct arena		 arena;
	struct dns_answer	 says;		/* to each question; a TXT or MX record is the test's */
	int			 n_asked;
};

static void
answer(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline, struct arena *arena,
    struct dns_answer *answers_out)
{
	struct world *w = (struct world *)(void *)resolver;

	(void)questions, (void)deadline;
	fiber_yield();
	for (int i = 0; i < n_questions; i++) {
		answers_out[i] = w->says;
		answers_out[i].records = arena_array(arena, (size_t)w->says.n_records, sizeof(struct dns_record));
		for (int j = 0; j < w->says.n_records; j++)
			answers_out[i].records[j] = w->says.records[j];
	}
	w->n_asked += n_questions;
}

static struct dns_answer
ask_type(struct world *w, const char *name, enum dns_type type)
{
	const struct dns_question question = { .name = str_of(name), .type = type };
	struct dns_answer answer;

	arena_fini(&w->arena);
	dns_ask(w->cache, &question, 1, INSTANT_NEVER, &w->arena, &answer);
	return answer;
}

static struct dns_answer
ask(struct world *w, const char *name)
{
	return ask_type(w, name, DNS_TXT);
}

static void
wait_s(struct world *w, int seconds)
{
	fiber_sleep(instant_after(loop_now(w->loop), span_s(seconds)));
}

static void
tell_all_of_it(struct world *w)
{
	struct dns_record records[] = { { .text = STR("v=spf1 -all"), .preference = 7 }, { .name = STR("mx.example"), .ip = { .family = IP_V4, .bytes = { 192, 0, 2, 1 } } } };
	struct dns_answer got;

	test_case("an answer comes again whole, and its TTL grows less");
	w->says = (struct dns_answer){ .result = DNS_FOUND, .is_secure = true, .ttl_s = 300, .records = records, .n_records = 2 };
	ask(w, "Example.ORG");
	wait_s(w, 10);
	got = ask(w, "exAmple.org");
	expect_int(w->n_asked, 1);
	expect_int(got.result, DNS_FOUND);
	expect(got.is_secure);
	expect_int(got.ttl_s, 290);
	expect_int(got.n_records, 2);
	expect_str(got.records[0].text, STR("v=spf1 -all"));
	expect_int(got.records[0].preference, 7);
	expect_str(got.records[1].name, STR("mx.example"));
	expect(ip_eq(&got.records[1].ip, &records[1].ip));

	test_case("another type, or another name, is another question");
	ask_type(w, "example.org", DNS_MX);
	ask(w, "www.example.org");
	expect_int(w->n_asked, 3);
}

static void
tell_how_long(struct world *w)
{
	test_case("an answer is kept for its TTL");
	w->says = (struct dns_answer){ .result = DNS_NO_NAME, .ttl_s = 5 };
	ask(w, "short.example");
	wait_s(w, 4);
	expect_int(ask(w, "short.example").result, DNS_NO_NAME);
	expect_int(w->n_asked, 4);
	wait_s(w, 1);
	ask(w, "short.example");
	expect_int(w->n_asked, 5);

	test_case("and for a minute at most");
	w->says = (struct dns_answer){ .result = DNS_NO_DATA, .ttl_s = 86400 };
	ask(w, "long.example");
	wait_s(w, 59);
	expect_int(ask(w, "long.example").ttl_s, 86400 - 59);
	expect_int(w->n_asked, 6);
	wait_s(w, 1);
	ask(w, "long.example");
	expect_int(w->n_asked, 7);

	test_case("not so what was not settled, and what is for now only");
	w->says = (struct dns_answer){ .result = DNS_UNSETTLED, .ttl_s = 100 };
	ask(w, "broken.example");
	ask(w, "broken.example");
	w->says = (struct dns_answer){ .result = DNS_NO_DATA, .ttl_s = 0 };
	ask(w, "now.example");
	ask(w, "now.example");
	expect_int(w->n_asked, 11);
}

static void
tell_several(struct world *w)
{
	const struct dns_question questions[] = { { .name = STR("one.example"), .type = DNS_A }, { .name = STR("two.example"), .type = DNS_A } };
	struct dns_answer answers[2];

	test_case("of several questions none is asked, or all are");
	w->says = (struct dns_answer){ .result = DNS_NO_DATA, .ttl_s = 50 };
	ask_type(w, "two.example", DNS_A);
	dns_ask(w->cache, questions, 2, INSTANT_NEVER, &w->arena, answers);
	expect_int(w->n_asked, 14);
	dns_ask(w->cache, questions, 2, INSTANT_NEVER, &w->arena, answers);
	expect_int(w->n_asked, 14);
	expect_int(answers[1].result, DNS_NO_DATA);
}

static void
tell_bounds(struct world *w)
{
	char text[LONG_BYTES], name[40];
	struct dns_record record = { .text = str_n(text, sizeof(text)) };
	struct dns_answer got;
	int n = 0;

	test_case("there is a bound, and what came first goes first");
	memset(text, 'x', sizeof(text));
	w->says = (struct dns_answer){ .result = DNS_FOUND, .ttl_s = 50, .records = &record, .n_records = 1 };
	w->n_asked = 0;
	for (; n < RESOLVER_CACHE_MAX_BYTES / LONG_BYTES + 10; n++) {
		snprintf(name, sizeof(name), "n%d.example", n);
		ask(w, name);
	}
	got = ask(w, name);
	expect_str(got.records[0].text, record.text);
	expect_int(w->n_asked, n);
	ask(w, "n0.example");
	expect_int(w->n_asked, n + 1);

	test_case("what is longer than usual is not kept");
	record.text = str_n(text, sizeof(text));
	w->says.records = (struct dns_record[]){ record, record };
	w->says.n_records = 2;
	ask(w, "two.long.example");
	ask(w, "two.long.example");
	expect_int(w->n_asked, n + 3);
}

static void
tell(void *arg)
{
	struct world *w = arg;

	tell_all_of_it(w);
	tell_how_long(w);
	tell_several(w);
	tell_bounds(w);
	loop_stop(w->loop);
}

int
main(void)
{
	struct world w = { .below.ask = answer };
	struct sim *sim = sim_new(&(struct sim_options){ .seed = 1 });

	sim_enter(sim);
	w.loop = loop_new(10, NULL);
	w.cache = resolver_cache_new(w.loop, &w.below);
	arena_init(&w.arena, ARENA_MAX_BYTES);
	insist(fiber_start(w.loop, "test", tell, &w) != NULL);
	loop_run(w.loop);
	expect(resolver_cache_below(w.cache) == &w.below);
	resolver_cache_free(w.cache);
	arena_fini(&w.arena);
	loop_free(w.loop);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
	return test_end();
}
