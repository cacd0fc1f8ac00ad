/*
 * resolver_switch.c - a resolver whose answers come from another one, which can be exchanged at any time
 */
#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "smtpfwd/runtime/resolver_switch.h"

struct behind {				/* one that answers, or did */
	struct list_link	 link;		/* in old */
	struct resolver		*resolver;
	int			 n_asking;	/* fibers */
};

struct resolver_switch {
	struct resolver		 resolver;
	struct loop		*loop;
	struct behind		*now;
	struct list		 old;		/* have questions still, or wait for the timer to end them */
	struct timer		 sweep;
	void		       (*end)(struct resolver *resolver);
};

static struct behind *
behind_new(struct resolver *resolver)
{
	struct behind *behind = mem_new(sizeof(*behind));

	behind->resolver = resolver;
	return behind;
}

static void
behind_free(struct resolver_switch *s, struct behind *behind)
{
	insist(behind->n_asking == 0);
	s->end(behind->resolver);
	mem_free(behind);
}

static void
sweep(struct timer *timer)
{
	struct resolver_switch *s = HEAP_ITEM(timer, struct resolver_switch, sweep);

	LIST_EACH(link, &s->old) {
		struct behind *behind = LIST_ITEM(link, struct behind, link);

		if (behind->n_asking > 0)
			continue;
		list_remove(&s->old, link);
		behind_free(s, behind);
	}
}

static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct resolver_switch *s = (struct resolver_switch *)(void *)resolver;
	struct behind *behind = s->now;

	behind->n_asking++;
	dns_ask(behind->resolver, questions, n_questions, deadline, arena, answers_out);
	if (--behind->n_asking == 0 && behind != s->now)
		timer_set(s->loop, &s->sweep, loop_now(s->loop));
}

struct resolver *
resolver_switch_new(struct loop *loop, struct resolver *now, void (*end)(struct resolver *resolver))
{
	struct resolver_switch *s = mem_new(sizeof(*s));

	*s = (struct resolver_switch){
		.resolver.ask = ask, .loop = loop, .now = behind_new(now), .sweep.ring = sweep, .end = end,
	};
	list_init(&s->old);
	return &s->resolver;
}

void
resolver_switch_to(struct resolver *resolver, struct resolver *now)
{
	struct resolver_switch *s = (struct resolver_switch *)(void *)resolver;

	list_append(&s->old, &s->now->link);
	s->now = behind_new(now);
	timer_set(s->loop, &s->sweep, loop_now(s->loop));
}

void
resolver_switch_free(struct resolver *resolver)
{
	struct resolver_switch *s = (struct resolver_switch *)(void *)resolver;
	struct list_link *link;

	if (s == NULL)
		return;
	timer_clear(s->loop, &s->sweep);
	while ((link = list_take_first(&s->old)) != NULL)
		behind_free(s, LIST_ITEM(link, struct behind, link));
	behind_free(s, s->now);
	mem_free(s);
}
