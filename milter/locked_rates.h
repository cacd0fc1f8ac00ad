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

#endif
