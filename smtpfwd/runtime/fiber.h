/*
 * fiber.h - sequential code that waits without holding up its thread
 *
 * A loop runs the fibers of one thread; loops share nothing, and a fiber never leaves
 * its loop.  No deadline, no suspension: a function can suspend only if it takes a
 * `deadline`.
 */
#ifndef RUNTIME_FIBER_H
#define RUNTIME_FIBER_H

#include "base/elsewhere.h"
#include "base/fault.h"
#include "base/heap.h"
#include "base/instant.h"
#include "base/list.h"
#include "smtpfwd/runtime/os.h"

struct loop;
struct fiber;

enum wake {
	WAKE_READY,			/* fiber_wake */
	WAKE_TIMED_OUT,
	WAKE_CANCELLED,			/* fiber_cancel: wind up; every later park says so at once */
};

/* --- loop --- */
struct loop		*loop_new(int max_fibers, struct fault *fault_out);
void			 loop_free(struct loop *loop);		/* no fiber may be left */
void			 loop_allow_fibers(struct loop *loop, int max_fibers);	/* another maximum; those that are more go on */
struct os_poller	*loop_poller(struct loop *loop);

/* Runs until loop_stop, or until no fiber is left. */
void			 loop_run(struct loop *loop);
void			 loop_stop(struct loop *loop);
int			 loop_n_fibers(const struct loop *loop);
struct instant		 loop_now(const struct loop *loop);	/* read once a round: cheap */

/*
 * What the loop calls, on its own stack, when an event comes: OS_READABLE and so on.  An
 * event tells of a change, once, so read or write until -EAGAIN.  The first comes at once
 * if the fd is ready already.  One watch an fd.
 */
struct watch {
	void	(*notice)(struct watch *watch, unsigned what);
};
int	 loop_watch(struct loop *loop, int fd, struct watch *watch);	/* 0 or -errno */
void	 loop_unwatch(struct loop *loop, int fd, struct watch *watch);
/* The same, and the descriptor is closed; for one that is in no other process and has no copy (os_poller_close). */
void	 loop_close(struct loop *loop, int fd, struct watch *watch);

/*
 * Signals of the process, told on the loop's own stack.  One loop of the process does
 * this, once.  0 or -errno.
 */
struct signal_watch {
	void	(*notice)(struct signal_watch *watch, int signal);
};
int	 loop_watch_signals(struct loop *loop, const int *signals, int n_signals, struct signal_watch *watch);

/* A call on the loop's own stack at a time, not before the next round; zeroed at first; re-arm with timer_set, drop with timer_clear. */
struct timer {
	struct heap_item	 room;
	void	(*ring)(struct timer *timer);
};
void	 timer_set(struct loop *loop, struct timer *timer, struct instant at);
void	 timer_clear(struct loop *loop, struct timer *timer);

/*
 * A call on the loop's own stack when a round ends: all ready fibers have run, and the loop is about to wait.  For what
 * comes up many times in a round and can be settled once: lines of a log.  Zeroed at first, but for the call.  True: the
 * loop that runs on this thread will make the call, also when this round is its last; asking again before is nothing.
 * False: no loop runs here, or one of another thread has been asked and has not called yet.  Whoever is called must not
 * ask anew from there.
 */
struct round_end {
	struct list_link	 link;
	_Atomic(struct loop *)	 loop;		/* that was asked; NULL: none */
	void	(*call)(struct round_end *end);
};
bool	 round_end_ask(struct round_end *end);

/* --- fibers --- */

/*
 * Starts a fiber; it first runs in the loop's next round.  NULL when the loop has max_fibers
 * or there is no memory for a stack.  The name is not copied.  A fiber ends when run returns;
 * its pointer must not be used after that, so whoever keeps one is told of the end by it.
 */
struct fiber	*fiber_start(struct loop *loop, const char *name, void (*run)(void *arg), void *arg);

struct fiber	*fiber_self(void);	/* NULL on a loop's own stack */
struct loop	*fiber_loop(void);	/* of the running fiber */

/*
 * Suspends until woken, cancelled or the deadline.  Wakes are remembered (one), so none is
 * lost; the other way round, a wake may come that was meant for an earlier wait: look again.
 */
enum wake	 fiber_park(struct instant deadline);
void		 fiber_wake(struct fiber *fiber);	/* of the same loop */
void		 fiber_cancel(struct fiber *fiber);
bool		 fiber_is_cancelled(void);		/* the running one */

/* Lets the others run once; for long work without I/O. */
void		 fiber_yield(void);
enum wake	 fiber_sleep(struct instant until);	/* WAKE_TIMED_OUT is the good end; a wake does not end it, but is remembered */

/*
 * Runs a job on a crew's thread and waits for its end, however long and even if cancelled:
 * what it uses stays valid.  The loop takes back all that the crew has done, so such a
 * crew gets jobs in no other way.
 */
void		 fiber_run_on_crew(struct os_crew *crew, struct os_job *job);

/* The same of a call that may fail, for what it returns; without a crew (NULL) it is made here. */
int		 fiber_call_on_crew(struct os_crew *crew, int (*call)(void *context, struct fault *fault_out), void *context,
		    struct fault *fault_out);

/* A crew, for who knows neither; without one (NULL) work is done here. */
struct fiber_elsewhere {
	struct elsewhere	 elsewhere;
	struct os_crew		*crew;
	int			 n_uses;	/* so far; who owns it may set it */
};
void		 fiber_elsewhere_init(struct fiber_elsewhere *elsewhere, struct os_crew *crew);

#endif
