/*
 * test_resolver.c - many threads ask through one loop, and none waits for another's answer
 */
#include <pthread.h>
#include <stdio.h>

#include "milter/resolver.h"
#include "tests/expect.h"

enum {
	THREADS = 100,
	SLOW_MS = 100,
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
	fiber_sleep(instant_min(ready, deadline));
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

static struct resolver slow = { .ask = answer_slowly };
static int n_closed;

static struct resolver *
open_slow(void *context, struct loop *loop, struct fault *fault_out)
{
	(void)context;
	(void)loop;
	(void)fault_out;
	return &slow;
}

static void
close_slow(struct resolver *resolver)
{
	(void)resolver;
	n_closed++;
}

static struct resolver *
open_nothing(void *context, struct loop *loop, struct fault *fault_out)
{
	(void)context;
	(void)loop;
	fault_temporary(fault_out, "no server");
	return NULL;
}

static const struct resolver_source slow_source = { .open = open_slow, .close = close_slow };

struct asker {
	pthread_t	 thread;
	struct resolver	*door;
	int		 number;
	bool		 is_right;
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
	dns_ask(asker->door, questions, 2, instant_after(os_now(), span_s(30)), &arena, answers);
	asker->is_right = true;
	for (int i = 0; i < 2; i++)
		asker->is_right &= answers[i].result == DNS_FOUND && answers[i].records[0].preference == asker->number * 2 + i;
	arena_fini(&arena);
	return NULL;
}

static void
test_many(void)
{
	struct asker askers[THREADS];
	struct fault fault;
	struct thread_resolver *resolver = thread_resolver_new(&slow_source, &fault);
	struct instant began = os_now();
	int n_right = 0;

	test_case("a hundred threads get their own answers, in the time of one");
	if (!expect(resolver != NULL))
		return;
	for (int i = 0; i < THREADS; i++) {
		askers[i] = (struct asker){ .door = thread_resolver_door(resolver), .number = i };
		expect_int(pthread_create(&askers[i].thread, NULL, ask_twice, &askers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(askers[i].thread, NULL);
		n_right += askers[i].is_right;
	}
	expect_int(n_right, THREADS);
	/* One behind the other they would take ten seconds. */
	expect(instant_diff(began, os_now()).ns < span_s(5).ns);
	thread_resolver_free(resolver);
	expect_int(n_closed, 1);
}

static void
test_deadline(void)
{
	struct dns_question question = { .name = STR("1"), .type = DNS_MX };
	struct fault fault;
	struct thread_resolver *resolver = thread_resolver_new(&slow_source, &fault);
	struct dns_answer answer;
	struct arena arena;

	test_case("what is not there by the deadline is unsettled");
	if (!expect(resolver != NULL))
		return;
	arena_init(&arena, ROOM);
	dns_ask(thread_resolver_door(resolver), &question, 1, instant_after(os_now(), span_ms(5)), &arena, &answer);
	expect_int(answer.result, DNS_UNSETTLED);
	test_case("who asks nothing does not wait");
	dns_ask(thread_resolver_door(resolver), &question, 0, INSTANT_NEVER, &arena, &answer);
	expect_int(answer.result, DNS_UNSETTLED);
	arena_fini(&arena);
	thread_resolver_free(resolver);
}

static void
test_failure(void)
{
	const struct resolver_source source = { .open = open_nothing, .close = close_slow };
	struct fault fault;

	test_case("who cannot ask tells why at the start");
	expect(thread_resolver_new(&source, &fault) == NULL);
	expect_text(fault.text, "no server");
	test_case("one that was never asked can be freed");
	thread_resolver_free(thread_resolver_new(&slow_source, &fault));
	thread_resolver_free(NULL);
	expect(true);
}

int
main(void)
{
	test_many();
	test_deadline();
	test_failure();
	return test_end();
}
