/*
 * loop_inside.h - what loop.c, fiber.c and the streams of this folder know of each other; for nobody else
 */
#ifndef RUNTIME_LOOP_INSIDE_H
#define RUNTIME_LOOP_INSIDE_H

#include "base/list.h"
#include "smtpfwd/runtime/fiber.h"
#include "smtpfwd/runtime/fiber_stack.h"
#include "smtpfwd/runtime/fiber_switch.h"

enum {
	LOOP_EVENTS_MAX = 256,		/* taken from the poller at once; more come in the next round */
	LOOP_CREWS_MAX = 8,		/* crews with jobs of fibers under way: disk, and a few more */
	LOOP_SCRATCH_BYTES = 64 * 1024,	/* one read of a stream, before it is known how much came */
	FIBER_UNPARKED_MAX = 32,	/* reads or writes that did not wait, before the others have a turn */
	FIBER_ENDED_KEPT = 256,		/* records of ended fibers not yet used again, so that a late wake is caught */
};

enum fiber_state {
	FIBER_READY,			/* in loop->ready or loop->running */
	FIBER_RUNNING,
	FIBER_PARKED,
	FIBER_ENDED,			/* in loop->ended */
};

struct fiber {
	struct list_link	 link;
	struct loop		*loop;
	const char		*name;		/* for debuggers */
	void			(*run)(void *arg);
	void			*arg;
	struct fiber_context	 context;
	struct fiber_stack	*stack;
	void			*sanitizer_keep;

	struct timer		 alarm;		/* may ring before the deadline: then it is set anew */
	struct instant		 deadline;	/* of the park */

	enum fiber_state	 state;
	int			 n_unparked;	/* FIBER_UNPARKED_MAX */
	bool			 has_wake;
	bool			 is_cancelled;
	bool			 is_on_crew;	/* parked until its job is done, whatever happens */
};

struct loop_crew {
	struct os_crew		*crew;
	int			 n_jobs;	/* of fibers, under way */
};

struct loop {
	struct os_poller	*poller;
	struct instant		 now;
	bool			 is_running;
	bool			 is_stopping;

	int			 n_fibers, max_fibers;
	struct fiber		*current;	/* NULL: the loop's own stack */
	struct list		 ready;		/* for the next round */
	struct list		 ended;		/* records to use again, oldest first */
	struct fiber_stack_pool	 stacks;
	struct fiber_context	 context;	/* of the loop's own stack */
	void			*sanitizer_keep;
	const void		*own_stack_low;	/* for the sanitizer */
	size_t			 own_stack_bytes;

	struct heap		 timers;
	struct list		 round_ends;	/* struct round_end: to call when this round ends */
	struct loop_crew	 crews[LOOP_CREWS_MAX];
	int			 n_crews;
	struct signal_watch	*signal_watch;

	struct os_event		 events[LOOP_EVENTS_MAX];
	int			 n_events, i_event;	/* being told; n_events is 0 otherwise */
	char			*scratch;	/* LOOP_SCRATCH_BYTES; nobody keeps it over a suspension */
};

/* fiber.c: lets a ready fiber run until it suspends or ends. */
void	fiber_resume(struct loop *loop, struct fiber *fiber);

/* fiber.c: a job came back from a crew. */
void	fiber_job_done(struct os_job *job);

/* Counts an I/O that did not wait; yields when there were many without a park.  Suspends. */
void	fiber_breathe(void);

/* Gives back stack that deep calls (a TLS handshake) have touched and that will not be needed soon. */
void	fiber_trim_stack(void);

/* Of the loop that runs on this thread; NULL outside of loop_run. */
struct loop	*loop_of_thread(void);

#endif
