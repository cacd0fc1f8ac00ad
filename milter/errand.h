/*
 * errand.h - work that threads give to the loop: a fiber there does it, and they may wait for its end
 *
 * libmilter calls us on threads of its own.  What waits for the DNS is done by fibers of the one loop, thousands at once, by the
 * same code as the relay's, so that a thread waits only for what it cannot go on without.
 */
#ifndef MILTER_ERRAND_H
#define MILTER_ERRAND_H

#include <pthread.h>

#include "base/dns.h"
#include "smtpfwd/runtime/fiber.h"

enum {
	/* At once; each has a fiber and its stack in the loop.  Three for each of the sessions that there can be (max-sessions), and some. */
	ERRANDS_MAX = 32000,
};

struct errands;

struct errand {				/* owned by who starts it, until it is done; zeroed but for the two functions */
	/* In a fiber of the loop. */
	void		(*run)(struct errand *errand);
	/* On the loop, when that has returned: nobody waits for it any more, and it may be freed. */
	void		(*end)(struct errand *errand);

	/* Of errand.c: */
	struct errands	*owner;
	struct errand	*next;
	pthread_mutex_t	 lock;		/* of the flags; its own, as thousands wait at once */
	pthread_cond_t	 changed;
	bool		 is_done, is_forgotten, is_refused;
};

/* On the loop's thread, before it runs.  NULL and a fault. */
struct errands	*errands_new(struct loop *loop, struct fault *fault_out);
/*
 * From now on every errand is refused, and those that run are cancelled; when all have ended nothing of it keeps the loop
 * running.  On the loop's thread.
 */
void		 errands_stop(struct errands *errands);
bool		 errands_are_stopped(struct errands *errands);	/* any thread: what it finds out is not to be believed */
void		 errands_free(struct errands *errands);		/* behind the loop's end; NULL is nothing */

/* Before there are other threads: what one of them calls that has begun to wait long.  It must not block. */
void		 errands_on_wait(struct errands *errands, void (*call)(void *context), void *context);

/* Any thread but the loop's.  It always comes to its end, be it that it was refused and never ran. */
void		 errand_start(struct errands *errands, struct errand *errand);
/* Blocks the thread until it is done; false: it was refused, or cancelled. */
bool		 errand_wait(struct errand *errand);
/* For each that was started, once: who did goes.  True: it is done, and his again; false: its end will be called. */
bool		 errand_forget(struct errand *errand);

/*
 * A resolver for any thread: in a fiber of the loop it is the one below, in another thread it blocks until the answers or the
 * deadline.
 */
struct resolver	*errands_resolver(struct errands *errands, struct resolver *below);

#endif
