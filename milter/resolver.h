/*
 * resolver.h - a struct resolver for threads that block: one loop in a thread of its own asks for all of them
 *
 * libmilter calls us on threads of its own, and a mail's checks wait there; the fibers of the loop do the asking, by the same
 * resolver as the relay's.
 */
#ifndef MILTER_RESOLVER_H
#define MILTER_RESOLVER_H

#include "base/dns.h"
#include "smtpfwd/runtime/fiber.h"

enum {
	/* Threads that wait at once; each has a fiber and its stack in the loop.  What comes beyond is DNS_UNSETTLED at once. */
	THREAD_RESOLVER_WAITS_MAX = 2000,
};

struct thread_resolver;

struct resolver_source {		/* who answers: called with the loop that will run it; open may fail with a fault, and blocks */
	struct resolver	*(*open)(void *context, struct loop *loop, struct fault *fault_out);
	void		 (*close)(struct resolver *resolver);
	void		  *context;
};

/* Starts the thread; not before a fork.  NULL and a fault. */
struct thread_resolver	*thread_resolver_new(const struct resolver_source *source, struct fault *fault_out);

/* For any number of threads at a time; dns_ask blocks the one that calls it until the answers or the deadline (of os_now). */
struct resolver		*thread_resolver_door(struct thread_resolver *resolver);

/* Waits for those who still ask; nobody may begin to.  NULL is nothing. */
void			 thread_resolver_free(struct thread_resolver *resolver);

#endif
