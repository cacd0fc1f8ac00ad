/*
 * ahead.c - asks the DNS for what a mail's checks will ask for, before they do
 */
#include "mail/author.h"
#include "mail/domain.h"
#include "milter/ahead.h"
#include "policy/dmarc/dmarc_walk.h"

enum {
	ARENA_MAX_BYTES = 512 * 1024,	/* answers, which are thrown away; without room there is less to be asked ahead */
};

static void
add_question(struct str domain, struct arena *arena, struct dns_question *questions, int *n_questions)
{
	struct str name;

	if (!domain_is_literal(domain) && domain_canonical(domain, arena, &name))
		questions[(*n_questions)++] = (struct dns_question){ .name = name, .type = DNS_TXT, .is_strangers = true };
}

static void
ask_for_spf(const struct inspect_inputs *inputs, struct instant deadline, struct arena *arena)
{
	struct dns_question questions[2];
	struct dns_answer *answers = arena_array(arena, 2, sizeof(answers[0]));
	int n = 0;

	add_question(inputs->envelope->reverse_path.domain, arena, questions, &n);
	add_question(inputs->peer->helo, arena, questions, &n);
	if (answers != NULL && n > 0)
		dns_ask(inputs->resolver, questions, n, deadline, arena, answers);
}

void
ahead_ask_for_spf(const struct inspect_inputs *inputs, struct instant deadline)
{
	struct arena arena;

	arena_init(&arena, ARENA_MAX_BYTES);
	if (policy_verify_rules(inputs->policy)->spf)
		ask_for_spf(inputs, deadline, &arena);
	arena_fini(&arena);
}

/* Of one author: honest mail has no more. */
static bool
ask_for_dmarc(const struct inspect_inputs *inputs, struct instant deadline, struct arena *arena)
{
	struct dmarc_walk *walk = arena_alloc(arena, sizeof(*walk));
	struct authors *authors = arena_alloc(arena, sizeof(*authors));

	if (walk == NULL || authors == NULL || author_read(inputs->header, arena, authors) != 0 || authors->n_domains == 0)
		return true;
	dmarc_walk(authors->domains[0], inputs->resolver, deadline, arena, walk);
	for (int i = 0; i < walk->n_steps; i++)
		if (walk->steps[i].state == DMARC_STEP_UNSETTLED)
			return false;
	return true;
}

bool
ahead_ask_for_dmarc(const struct inspect_inputs *inputs, struct instant deadline)
{
	struct arena arena;
	bool is_settled = true;

	arena_init(&arena, ARENA_MAX_BYTES);
	if (policy_verify_rules(inputs->policy)->dmarc != DMARC_OFF)
		is_settled = ask_for_dmarc(inputs, deadline, &arena);
	arena_fini(&arena);
	return is_settled;
}
