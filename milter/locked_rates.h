/*
 * locked_rates.h - the counts of rate limits, for the loop and for libmilter's threads: the lock is held around each call of class_rates.h
 */
#ifndef MILTER_LOCKED_RATES_H
#define MILTER_LOCKED_RATES_H

#include <pthread.h>

#include "policy/class_rates.h"
#include "policy/policy.h"

struct locked_rates {
	pthread_mutex_t		 lock;
	struct class_rates	*rates;
};

void	locked_rates_init(struct locked_rates *locked);		/* nothing is used, and nothing limited */
void	locked_rates_fini(struct locked_rates *locked);

/* The limits of these classes from now on (class_rates_adopt). */
void	locked_rates_adopt(struct locked_rates *locked, const struct policy_classes *classes);

struct limit_wait {
	struct rated_wait	 rated;
	int64_t			 n_put_off;	/* as class_rates_put_off has it */
};

/* class_rates_wait, or class_rates_use; and class_rates_put_off where a limit is in the way. */
struct limit_wait	locked_rates_ask(struct locked_rates *locked, const struct rated_mail *mail, const struct rated_amount *amount, bool uses,
			    struct instant now);

bool	locked_rates_are_none(struct locked_rates *locked);	/* no class has a limit */

#endif
