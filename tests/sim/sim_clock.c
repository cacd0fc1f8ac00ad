/*
 * sim_clock.c - time that moves only when everyone waits, and the poller that moves it
 */
#include <errno.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/sim/sim_poller.h"
#include "tests/sim/sim_world.h"

enum { IDLE_WAITS_MAX = 2000000 };	/* rounds of a loop at one point of time: more is a hang */

struct sim_call {			/* of sim_after */
	struct sim_due		 due;
	struct list_link	 link;
	void	(*call)(void *arg);
	void			*arg;
};

struct instant
os_now(void)
{
	return (struct instant){ .ns = sim_world()->now_ns };
}

struct timestamp
os_wall_clock(void)
{
	return (struct timestamp){ .us = sim_world()->sim->machine->wall_base_us + sim_world()->now_ns / 1000 };
}

void
sim_step_wall_clock(struct sim *sim, struct span by)
{
	sim->machine->wall_base_us += by.ns / 1000;
}

/* --- what will happen --- */

void
sim_due_at(struct sim_due *due, int64_t at_ns)
{
	struct sim_process *p = sim_world();

	if (at_ns < p->now_ns)
		at_ns = p->now_ns;
	if (heap_has(&due->room))
		heap_move(&p->due, &due->room, at_ns);
	else
		heap_add(&p->due, &due->room, at_ns);
}

void
sim_due_drop(struct sim_due *due)
{
	if (heap_has(&due->room))
		heap_remove(&sim_world()->due, &due->room);
}

/* Lets happen what is due by now; the clock stands still meanwhile. */
static void
happen_now(struct sim_process *p)
{
	struct heap_item *least;

	while ((least = heap_least(&p->due)) != NULL && least->key <= p->now_ns) {
		struct sim_due *due = HEAP_ITEM(least, struct sim_due, room);

		heap_remove(&p->due, &due->room);
		due->happen(due);
	}
}

void
sim_clock_run_until(int64_t at_ns)
{
	struct sim_process *p = sim_world();
	struct heap_item *least;

	while ((least = heap_least(&p->due)) != NULL && least->key <= at_ns) {
		if (least->key > p->now_ns)
			p->now_ns = least->key;
		happen_now(p);
	}
	if (at_ns > p->now_ns)
		p->now_ns = at_ns;
}

static void
call_happens(struct sim_due *due)
{
	struct sim_call *c = HEAP_ITEM(&due->room, struct sim_call, due.room);

	list_remove(&sim_world()->calls, &c->link);
	c->call(c->arg);
	mem_free(c);
}

void
sim_after(struct sim *sim, struct span wait, void (*call)(void *arg), void *arg)
{
	struct sim_call *c = mem_new(sizeof(*c));

	insist(sim->process == sim_world());
	c->due.happen = call_happens;
	c->call = call;
	c->arg = arg;
	list_append(&sim_world()->calls, &c->link);
	sim_due_at(&c->due, instant_after(os_now(), wait).ns);
}

void
sim_calls_free(struct sim_process *p)
{
	struct list_link *link;

	while ((link = list_take_first(&p->calls)) != NULL)
		mem_free(LIST_ITEM(link, struct sim_call, link));
}

/* --- the poller --- */

struct os_poller *
os_poller_new(void)
{
	struct os_poller *poller = mem_new(sizeof(*poller));

	list_init(&poller->changed);
	return poller;
}

void
os_poller_free(struct os_poller *poller)
{
	sim_network_forget_poller(poller);
	if (sim_world()->signal_poller == poller)
		sim_world()->signal_poller = NULL;
	mem_free(poller);
}

void
os_poller_wake(struct os_poller *poller)
{
	poller->is_woken = true;
}

int
os_poller_wait(struct os_poller *poller, struct instant until, struct os_event *events_out, int max_events)
{
	struct sim_process *p = sim_world();

	if (p->n_jobs_running != 0)
		sim_world_misused("a crew's job waits for events");
	for (;;) {
		struct heap_item *least;
		int64_t next = until.ns;
		bool was_woken;
		int n;

		happen_now(p);
		n = sim_network_collect(poller, events_out, max_events);
		was_woken = poller->is_woken;
		poller->is_woken = false;
		if (n > 0 || was_woken || until.ns <= p->now_ns) {
			if (++p->n_idle_waits > IDLE_WAITS_MAX)
				sim_world_misused("%d rounds of the loop and time has not moved: it spins", IDLE_WAITS_MAX);
			return n;
		}
		least = heap_least(&p->due);
		if (least != NULL && least->key < next)
			next = least->key;
		if (next == INT64_MAX)
			sim_world_misused("all wait without a deadline, and nothing will ever happen");
		p->now_ns = next;
		p->n_idle_waits = 0;
	}
}

/* --- signals --- */

int
os_signals_catch(struct os_poller *poller, const int *signals, int n_signals)
{
	for (int i = 0; i < n_signals; i++) {
		insist(signals[i] > 0 && signals[i] < 64);
		sim_world()->signals_caught |= (uint64_t)1 << signals[i];
	}
	sim_world()->signal_poller = poller;
	return 0;
}

void
sim_signal(struct sim *sim, int signal)
{
	struct sim_process *p = sim_world();

	insist(sim->process == p && signal > 0 && signal < 64);
	if (!(p->signals_caught & (uint64_t)1 << signal))
		sim_world_misused("signal %d came and nobody catches it", signal);
	p->signals_pending |= (uint64_t)1 << signal;
	if (p->signal_poller != NULL)
		os_poller_wake(p->signal_poller);
}

int
os_signal_take(void)
{
	struct sim_process *p = sim_world();

	for (int i = 1; i < 64; i++)
		if (p->signals_pending & (uint64_t)1 << i) {
			p->signals_pending &= ~((uint64_t)1 << i);
			return i;
		}
	return 0;
}
