/*
 * sync.c - fibers of one loop waiting for each other
 */
#include "smtpfwd/runtime/sync.h"

struct waiter {				/* on the stack of the fiber that waits */
	struct list_link	 link;
	struct fiber		*fiber;
};

void
signal_init(struct signal_list *s)
{
	list_init(&s->waiting);
}

enum wake
signal_wait(struct signal_list *s, struct instant deadline)
{
	struct waiter waiter = { .fiber = fiber_self() };
	enum wake wake;

	list_append(&s->waiting, &waiter.link);
	do
		wake = fiber_park(deadline);
	while (wake == WAKE_READY && list_has_link(&waiter.link));	/* that wake was for another wait */
	if (!list_has_link(&waiter.link))
		return WAKE_READY;	/* chosen by signal_one: whatever else came, nobody else was told */
	list_remove(&s->waiting, &waiter.link);
	return wake;
}

void
signal_one(struct signal_list *s)
{
	struct list_link *link = list_take_first(&s->waiting);

	if (link != NULL)
		fiber_wake(LIST_ITEM(link, struct waiter, link)->fiber);
}

void
signal_all(struct signal_list *s)
{
	while (!list_is_empty(&s->waiting))
		signal_one(s);
}
