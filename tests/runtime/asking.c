/*
 * asking.c - questions of a test's fibers, and answers as a line of text
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/expect.h"
#include "tests/runtime/asking.h"

struct resolver *
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

struct instant
in_ms(int64_t ms)
{
	return instant_after(os_now(), span_ms(ms));
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct str
answer_line(const struct dns_answer *answer, enum dns_type type, struct arena *arena)
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
	return line;
}

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

void
in_fiber(struct world *w, struct resolver *resolver, void (*run)(struct world *w, struct resolver *resolver))
{
	struct job job = { w, resolver, run };

	fiber_start(w->loop, "test", job_run, &job);
	loop_run(w->loop);
}

void
expect_answer(struct resolver *resolver, const char *name, enum dns_type type, const char *want)
{
	struct dns_question question = { .name = str_of(name), .type = type };
	struct dns_answer answer;
	struct arena arena;
	struct str line;

	arena_init(&arena, ANSWERS_MAX_BYTES);
	dns_ask(resolver, &question, 1, in_ms(20000), &arena, &answer);
	line = answer_line(&answer, type, &arena);
	expect_str(line, str_of(want));
	arena_fini(&arena);
}

struct dns_answer
ask_one(struct resolver *resolver, const char *name, enum dns_type type, struct instant deadline,
    struct span *took_out)
{
	struct dns_question question = { .name = str_of(name), .type = type };
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

void
expect_took(struct span took, int64_t least_ms, int64_t most_ms)
{
	if (!expect(span_to_ms(took) >= least_ms && span_to_ms(took) <= most_ms))
		printf("# took %d ms\n", (int)span_to_ms(took));
}
