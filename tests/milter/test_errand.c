/*
 * test_errand.c - many threads have errands done by one loop, and none waits for another's
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "milter/errand.h"
#include "tests/expect.h"

enum {
	THREADS = 100,
	SLOW_MS = 100,
	LOOK_MS = 5,
	ROOM = 4096,
};

/* Answers after SLOW_MS, or not: the address is what the name's number says. */
static void
answer_slowly(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline, struct arena *arena,
    struct dns_answer *answers_out)
{
	struct instant ready = instant_after(os_now(), span_ms(SLOW_MS));
	bool is_late = instant_is_before(deadline, ready);

	(void)resolver;
	is_late |= fiber_sleep(instant_min(ready, deadline)) == WAKE_CANCELLED;
	for (int i = 0; i < n_questions; i++) {
		struct dns_record *record = arena_alloc(arena, sizeof(*record));
		uint64_t number = 0;

		answers_out[i] = (struct dns_answer){ .result = DNS_UNSETTLED };
		if (is_late || record == NULL || !str_to_u64(questions[i].name, &number))
			continue;
		record->preference = (uint16_t)number;
		answers_out[i] = (struct dns_answer){ .result = DNS_FOUND, .records = record, .n_records = 1 };
	}
}

/* A loop on this thread, for threads that say when they are done. */
struct stage {
	struct resolver	 slow;
	struct loop	*loop;
	struct errands	*errands;
	struct resolver	*door;
	int		 n_threads;
	atomic_int	 n_done;
};

static void
await_threads(void *arg)
{
	struct stage *stage = arg;

	while (atomic_load(&stage->n_done) < stage->n_threads)
		fiber_sleep(instant_after(os_now(), span_ms(LOOK_MS)));
	errands_stop(stage->errands);
}

static bool
set_up(struct stage *stage, int n_threads)
{
	struct fault fault;

	*stage = (struct stage){ .slow.ask = answer_slowly, .n_threads = n_threads };
	stage->loop = loop_new(ERRANDS_MAX, &fault);
	stage->errands = stage->loop != NULL ? errands_new(stage->loop, &fault) : NULL;
	if (!expect(stage->errands != NULL))
		return false;
	stage->door = errands_resolver(stage->errands, &stage->slow);
	return fiber_start(stage->loop, "await", await_threads, stage) != NULL;
}

static void
run_and_free(struct stage *stage)
{
	loop_run(stage->loop);
	errands_free(stage->errands);
	loop_free(stage->loop);
}

/* --- questions --- */

struct asker {
	struct stage	*stage;
	pthread_t	 thread;
	struct span	 within;
	int		 number;
	bool		 is_right, is_unsettled;
};

static void *
ask_twice(void *arg)
{
	struct asker *asker = arg;
	struct dns_question questions[2];
	struct dns_answer answers[2];
	char names[2][12];
	struct arena arena;

	arena_init(&arena, ROOM);
	for (int i = 0; i < 2; i++) {
		int len = snprintf(names[i], sizeof(names[i]), "%d", asker->number * 2 + i);

		questions[i] = (struct dns_question){ .name = str_n(names[i], (size_t)len), .type = DNS_MX };
	}
	dns_ask(asker->stage->door, questions, 0, INSTANT_NEVER, &arena, answers);	/* who asks nothing does not wait */
	dns_ask(asker->stage->door, questions, 2, instant_after(os_now(), asker->within), &arena, answers);
	asker->is_right = asker->is_unsettled = true;
	for (int i = 0; i < 2; i++) {
		asker->is_right &= answers[i].result == DNS_FOUND && answers[i].records[0].preference == asker->number * 2 + i;
		asker->is_unsettled &= answers[i].result == DNS_UNSETTLED;
	}
	arena_fini(&arena);
	atomic_fetch_add(&asker->stage->n_done, 1);
	return NULL;
}

static void
test_many(void)
{
	struct asker askers[THREADS];
	struct stage stage;
	struct instant began = os_now();
	int n_right = 0, n_unsettled = 0;

	test_case("a hundred threads get their own answers, in the time of one");
	if (!set_up(&stage, THREADS))
		return;
	for (int i = 0; i < THREADS; i++) {
		askers[i] = (struct asker){ .stage = &stage, .number = i, .within = i % 10 == 0 ? span_ms(1) : span_s(30) };
		expect_int(pthread_create(&askers[i].thread, NULL, ask_twice, &askers[i]), 0);
	}
	run_and_free(&stage);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(askers[i].thread, NULL);
		n_right += askers[i].is_right;
		n_unsettled += askers[i].is_unsettled;
	}
	expect_int(n_right, THREADS / 10 * 9);
	/* One behind the other they would take ten seconds. */
	expect(instant_diff(began, os_now()).ns < span_s(5).ns);
	test_case("what is not there by the deadline is unsettled");
	expect_int(n_unsettled, THREADS / 10);
}

/* --- errands that nobody waits for --- */

struct sleeper {
	struct errand	 errand;
	struct span	 within;
	atomic_int	*n_ended;
	bool		 was_cancelled;
};

static void
sleep_long(struct errand *errand)
{
	struct sleeper *sleeper = (struct sleeper *)(void *)errand;

	sleeper->was_cancelled = fiber_sleep(instant_after(os_now(), sleeper->within)) == WAKE_CANCELLED;
}

static void
end_sleeper(struct errand *errand)
{
	struct sleeper *sleeper = (struct sleeper *)(void *)errand;

	atomic_fetch_add(sleeper->n_ended, 1);
	mem_free(sleeper);
}

static struct sleeper *
start_sleeper(struct stage *stage, struct span within, atomic_int *n_ended)
{
	struct sleeper *sleeper = mem_new(sizeof(*sleeper));

	*sleeper = (struct sleeper){ .errand = { .run = sleep_long, .end = end_sleeper }, .within = within, .n_ended = n_ended };
	errand_start(stage->errands, &sleeper->errand);
	return sleeper;
}

struct leaver {
	struct stage	*stage;
	atomic_int	 n_ended;
	bool		 was_his, is_first_done, is_last_refused, is_long_cancelled;
};

static void *
leave(void *arg)
{
	struct leaver *leaver = arg;
	struct sleeper *sleeper = start_sleeper(leaver->stage, span_ms(1), &leaver->n_ended);

	leaver->is_first_done = errand_wait(&sleeper->errand) && errand_wait(&sleeper->errand);
	leaver->was_his = errand_forget(&sleeper->errand);
	mem_free(sleeper);
	sleeper = start_sleeper(leaver->stage, span_ms(50), &leaver->n_ended);
	leaver->was_his &= !errand_forget(&sleeper->errand);
	sleeper = start_sleeper(leaver->stage, span_s(3600), &leaver->n_ended);
	atomic_fetch_add(&leaver->stage->n_done, 1);	/* now all is stopped */
	errand_wait(&sleeper->errand);
	leaver->is_long_cancelled = sleeper->was_cancelled;
	errand_forget(&sleeper->errand);
	mem_free(sleeper);
	sleeper = start_sleeper(leaver->stage, span_ms(1), &leaver->n_ended);
	leaver->is_last_refused = !errand_wait(&sleeper->errand);
	leaver->was_his &= errand_forget(&sleeper->errand);
	mem_free(sleeper);
	return NULL;
}

static void
test_leaving(void)
{
	struct stage stage;
	struct leaver leaver = { .stage = &stage };
	pthread_t thread;

	if (!set_up(&stage, 1))
		return;
	expect_int(pthread_create(&thread, NULL, leave, &leaver), 0);
	loop_run(stage.loop);
	pthread_join(thread, NULL);
	errands_free(stage.errands);
	loop_free(stage.loop);
	test_case("one that was waited for is the thread's again");
	expect(leaver.is_first_done);
	expect(leaver.was_his);
	test_case("one that nobody waits for is ended by the loop");
	expect_int(atomic_load(&leaver.n_ended), 1);
	test_case("a stop cancels those that run, and refuses others");
	expect(leaver.is_long_cancelled);
	expect(leaver.is_last_refused);
}

int
main(void)
{
	test_many();
	test_leaving();
	return test_end();
}
