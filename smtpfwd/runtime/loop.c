/*
 * loop.c - rounds: wait for something to happen, tell who waits for it, let the ready fibers run
 */
#include <errno.h>
#include <stdatomic.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/loop_inside.h"

/*
 * The one variable of a thread: which loop runs on it.  fiber_self and fiber_park are called
 * from code that has no loop at hand (a lock, a library's callback), and which stack the
 * processor is on is a fact of the thread, not of any argument.  Fibers never change threads,
 * so its address may be cached across a switch.
 */
static _Thread_local struct loop *loop_here;

struct loop *
loop_of_thread(void)
{
	return loop_here;
}

struct loop *
loop_new(int max_fibers, struct fault *fault_out)
{
	struct loop *loop;

	loop = mem_new(sizeof(*loop));
	loop->poller = os_poller_new();
	if (loop->poller == NULL) {
		fault_temporary(fault_out, "the system gives no poller (too many open files?)");
		mem_free(loop);
		return NULL;
	}
	loop->max_fibers = max_fibers;
	loop->now = os_now();
	loop->scratch = mem_new(LOOP_SCRATCH_BYTES);
	list_init(&loop->ready);
	list_init(&loop->ended);
	list_init(&loop->round_ends);
	heap_init(&loop->timers);
	return loop;
}

void
loop_allow_fibers(struct loop *loop, int max_fibers)
{
	loop->max_fibers = max_fibers;
}

void
loop_free(struct loop *loop)
{
	struct list_link *link;

	if (loop == NULL)
		return;
	insist(!loop->is_running);
	insist(loop->n_fibers == 0);
	while ((link = list_take_first(&loop->ended)) != NULL)
		mem_free(LIST_ITEM(link, struct fiber, link));
	fiber_stack_pool_fini(&loop->stacks);
	heap_fini(&loop->timers);
	os_poller_free(loop->poller);
	mem_free(loop->scratch);
	mem_free(loop);
}

struct os_poller *
loop_poller(struct loop *loop)
{
	return loop->poller;
}

int
loop_n_fibers(const struct loop *loop)
{
	return loop->n_fibers;
}

struct instant
loop_now(const struct loop *loop)
{
	return loop->is_running ? loop->now : os_now();
}

void
loop_stop(struct loop *loop)
{
	loop->is_stopping = true;
}

int
loop_watch(struct loop *loop, int fd, struct watch *watch)
{
	return os_poller_add(loop->poller, fd, watch);
}

static void
forget_events(struct loop *loop, const struct watch *watch)
{
	/* A notice may end another watch whose event is in the same batch. */
	for (int i = loop->i_event; i < loop->n_events; i++) {
		if (loop->events[i].tag == watch)
			loop->events[i].tag = NULL;
	}
}

void
loop_unwatch(struct loop *loop, int fd, struct watch *watch)
{
	os_poller_remove(loop->poller, fd);
	forget_events(loop, watch);
}

void
loop_close(struct loop *loop, int fd, struct watch *watch)
{
	os_poller_close(loop->poller, fd);
	forget_events(loop, watch);
}

int
loop_watch_signals(struct loop *loop, const int *signals, int n_signals, struct signal_watch *watch)
{
	insist(loop->signal_watch == NULL);
	loop->signal_watch = watch;
	return os_signals_catch(loop->poller, signals, n_signals);
}

void
timer_set(struct loop *loop, struct timer *timer, struct instant at)
{
	if (at.ns == INSTANT_NEVER.ns)
		timer_clear(loop, timer);
	else if (heap_has(&timer->room))
		heap_move(&loop->timers, &timer->room, at.ns);
	else
		heap_add(&loop->timers, &timer->room, at.ns);
}

void
timer_clear(struct loop *loop, struct timer *timer)
{
	if (heap_has(&timer->room))
		heap_remove(&loop->timers, &timer->room);
}

bool
round_end_ask(struct round_end *end)
{
	struct loop *none = NULL;

	if (loop_here == NULL)
		return false;
	if (!atomic_compare_exchange_strong(&end->loop, &none, loop_here))
		return none == loop_here;
	list_append(&loop_here->round_ends, &end->link);
	return true;
}

static void
end_round(struct loop *loop)
{
	struct list_link *link;
	struct round_end *end;

	while ((link = list_take_first(&loop->round_ends)) != NULL) {
		end = LIST_ITEM(link, struct round_end, link);
		atomic_store(&end->loop, NULL);		/* from here on another loop may have it */
		end->call(end);
	}
}

static void
tell_events(struct loop *loop, int n_events)
{
	struct watch *watch;

	loop->n_events = n_events;
	for (loop->i_event = 0; loop->i_event < loop->n_events; loop->i_event++) {
		watch = loop->events[loop->i_event].tag;
		if (watch != NULL)
			watch->notice(watch, loop->events[loop->i_event].what);
	}
	loop->n_events = loop->i_event = 0;
}

static void
tell_signals(struct loop *loop)
{
	int signal;

	if (loop->signal_watch == NULL)
		return;
	while ((signal = os_signal_take()) != 0)
		loop->signal_watch->notice(loop->signal_watch, signal);
}

static void
take_jobs_back(struct loop *loop)
{
	struct os_job *job, *next;

	for (int i = 0; i < loop->n_crews; i++) {
		for (job = os_crew_take_done(loop->crews[i].crew); job != NULL; job = next) {
			next = job->next;
			fiber_job_done(job);
			loop->crews[i].n_jobs--;
		}
		insist(loop->crews[i].n_jobs >= 0);
	}
	/* A crew without jobs is forgotten, so that it can be freed before the loop. */
	for (int i = 0; i < loop->n_crews; ) {
		if (loop->crews[i].n_jobs == 0)
			loop->crews[i] = loop->crews[--loop->n_crews];
		else
			i++;
	}
}

static void
ring_timers(struct loop *loop)
{
	struct heap_item *item;
	struct timer *timer;

	/* A timer that sets itself for now rings in the next round, not for ever in this one. */
	for (size_t n = loop->timers.n; n > 0; n--) {
		item = heap_least(&loop->timers);
		if (item == NULL || item->key > loop->now.ns)
			return;
		timer = HEAP_ITEM(item, struct timer, room);
		heap_remove(&loop->timers, item);
		timer->ring(timer);
	}
}

static void
run_ready(struct loop *loop)
{
	struct list_link *link;

	/* Who becomes ready meanwhile, or yields, waits for the next round. */
	for (size_t n = loop->ready.n; n > 0; n--) {
		link = list_take_first(&loop->ready);
		fiber_resume(loop, LIST_ITEM(link, struct fiber, link));
	}
}

static struct instant
wait_until(const struct loop *loop)
{
	struct heap_item *item;

	if (!list_is_empty(&loop->ready) || loop->is_stopping)
		return (struct instant){ 0 };
	item = heap_least(&loop->timers);
	return item != NULL ? (struct instant){ item->key } : INSTANT_NEVER;
}

void
loop_run(struct loop *loop)
{
	int n_events;

	insist(loop_here == NULL);
	loop_here = loop;
	loop->is_running = true;
	loop->now = os_now();
	while (!loop->is_stopping && loop->n_fibers > 0) {
		n_events = os_poller_wait(loop->poller, wait_until(loop), loop->events, LOOP_EVENTS_MAX);
		loop->now = os_now();
		tell_events(loop, n_events);
		tell_signals(loop);
		take_jobs_back(loop);
		ring_timers(loop);
		run_ready(loop);
		end_round(loop);
	}
	loop->is_running = loop->is_stopping = false;
	loop_here = NULL;
}
