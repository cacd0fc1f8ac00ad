/*
 * test_resolver_switch.c - a resolver is exchanged while questions are open
 */
#include "base/mem.h"
#include "smtpfwd/runtime/resolver_switch.h"
#include "tests/expect.h"

enum { RESOLVERS = 3, FIBERS_MAX = 100 };

struct slow {				/* answers when it may, with a ttl that says by whom */
	struct resolver	 resolver;
	uint32_t	 ttl_s;
	int		 n_asking, n_asked, n_ended;
	bool		 may_answer;
	bool		 was_in_fiber;	/* at its end */
};

struct stage {
	struct loop	*loop;
	struct slow	 slow[RESOLVERS];
	struct resolver	*resolver;	/* the switch */
	int		 n_right;
};

static void
answer_slowly(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct slow *slow = (struct slow *)(void *)resolver;

	(void)questions;
	(void)arena;
	slow->n_asking++;
	while (!slow->may_answer && instant_is_before(os_now(), deadline))
		fiber_sleep(instant_after(os_now(), span_ms(1)));
	slow->n_asking--;
	slow->n_asked++;
	for (int i = 0; i < n_questions; i++)
		answers_out[i] = (struct dns_answer){ .result = DNS_NO_DATA, .ttl_s = slow->ttl_s };
}

static void
end_slow(struct resolver *resolver)
{
	struct slow *slow = (struct slow *)(void *)resolver;

	slow->n_ended++;
	slow->was_in_fiber = fiber_self() != NULL;
	expect_int(slow->n_asking, 0);
}

struct asking {
	struct stage	*stage;
	uint32_t	 want;
};

static void
ask_one(void *arg)
{
	struct asking *asking = arg;
	struct dns_question question = { .name = STR("example.org"), .type = DNS_A };
	struct dns_answer answer = { .result = DNS_UNSETTLED };
	struct arena arena;

	arena_init(&arena, 4096);
	dns_ask(asking->stage->resolver, &question, 1, instant_after(os_now(), span_s(10)), &arena, &answer);
	asking->stage->n_right += answer.ttl_s == asking->want;
	arena_fini(&arena);
	mem_free(asking);
}

static void
start_asking(struct stage *stage, int n, uint32_t want)
{
	for (int i = 0; i < n; i++) {
		struct asking *asking = mem_new(sizeof(*asking));

		*asking = (struct asking){ .stage = stage, .want = want };
		fiber_start(stage->loop, "asking", ask_one, asking);
	}
}

static void
nap(int ms)
{
	fiber_sleep(instant_after(os_now(), span_ms(ms)));
}

static void
play(void *arg)
{
	struct stage *stage = arg;

	test_case("questions that are open are answered by whom they were put to");
	start_asking(stage, 10, 1);
	nap(2);
	expect_int(stage->slow[0].n_asking, 10);
	resolver_switch_to(stage->resolver, &stage->slow[1].resolver);
	start_asking(stage, 10, 2);
	nap(2);
	expect_int(stage->slow[0].n_asking, 10);
	expect_int(stage->slow[1].n_asking, 10);
	expect_int(stage->slow[0].n_ended, 0);
	stage->slow[0].may_answer = stage->slow[1].may_answer = true;
	nap(20);
	expect_int(stage->n_right, 20);

	test_case("the old one ends once, on the loop's own stack, when the last of them is answered");
	expect_int(stage->slow[0].n_ended, 1);
	expect(!stage->slow[0].was_in_fiber);
	expect_int(stage->slow[1].n_ended, 0);

	test_case("one that nobody asks ends soon");
	resolver_switch_to(stage->resolver, &stage->slow[2].resolver);
	nap(2);
	expect_int(stage->slow[1].n_ended, 1);
	expect(!stage->slow[1].was_in_fiber);
	expect_int(stage->slow[2].n_ended, 0);
}

int
main(void)
{
	struct stage stage = { .loop = loop_new(FIBERS_MAX, NULL) };

	for (int i = 0; i < RESOLVERS; i++)
		stage.slow[i] = (struct slow){ .resolver.ask = answer_slowly, .ttl_s = (uint32_t)i + 1 };
	stage.resolver = resolver_switch_new(stage.loop, &stage.slow[0].resolver, end_slow);
	fiber_start(stage.loop, "play", play, &stage);
	loop_run(stage.loop);
	test_case("the last one ends with the switch");
	resolver_switch_free(stage.resolver);
	for (int i = 0; i < RESOLVERS; i++)
		expect_int(stage.slow[i].n_ended, 1);
	loop_free(stage.loop);
	return test_end();
}
