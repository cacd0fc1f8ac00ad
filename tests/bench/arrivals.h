/*
 * arrivals.h - what came to the sink of a measurement: each number counted once, some mails looked into, some kept
 */
#ifndef BENCH_ARRIVALS_H
#define BENCH_ARRIVALS_H

#include "base/instant.h"
#include "tests/bench/mails.h"

struct arrivals {			/* for the life of the process; what is to be set is set before */
	long		 n_wanted;	/* numbers 0 to n_wanted - 1 are; others are not counted */
	long		 n_enough;	/* so many of them are all that is waited for; 0: n_wanted */
	long		 n_bytes;	/* mails are message.h's of this size, */
	long		 has_mails;	/* or those of mails.h, */
	struct mails	 mails;
	long		 sample;	/* and every mail this divides is held against what was sent; 0: none */
	long		 keep;		/* every mail this divides is written to NUMBER.eml in the working directory; 0: none */
	uint8_t		*seen;		/* by number */
	long		 n_arrived, n_twice, n_damaged, n_others;
	struct instant	 first, last;
};

/* False, and a line on stderr: there are no such mails as it is told of. */
bool	arrivals_init(struct arrivals *arrivals);

/* A mail has come whole: looks into it.  Returns its number; -1: it is none of ours. */
long	arrivals_look(struct arrivals *arrivals, struct str mail);

/* One number is there: a mail's, or that of one of its recipients. */
void	arrivals_count(struct arrivals *arrivals, long number);

bool	arrivals_are_all(const struct arrivals *arrivals);

/* A line of JSON on stdout. */
void	arrivals_print(const struct arrivals *arrivals);

#endif
