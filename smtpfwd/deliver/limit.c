/*
 * limit.c - how many connections a next hop is trusted with: up with success, down with trouble
 */
#include "smtpfwd/deliver/limit.h"

static int
at_least_one(int n)
{
	return n < 1 ? 1 : n;
}

void
limit_init(struct limit *limit, int max)
{
	*limit = (struct limit){
		.now = max < LIMIT_START ? max : LIMIT_START, .max = max, .threshold = max, .patience = 1,
		.lowered = { INT64_MIN },
	};
}

void
limit_set_max(struct limit *limit, int max)
{
	limit->max = max;
	if (limit->now > max)
		limit->now = max;
	/* One that has never seen trouble may go on to the new maximum as it would have begun. */
	if (limit->threshold > max || limit->lowered.ns == INT64_MIN)
		limit->threshold = max;
}

bool
limit_succeed(struct limit *limit, int n_busy)
{
	if (limit->now >= limit->max || n_busy < limit->now)
		return false;
	if (limit->now >= limit->threshold && ++limit->n_successes < limit->now * limit->patience)
		return false;
	limit->n_successes = 0;
	if (++limit->now > limit->threshold + 2)
		limit->patience = 1;
	return true;
}

void
limit_lower(struct limit *limit, struct instant began, struct instant now, int n_served)
{
	if (began.ns <= limit->lowered.ns)
		return;
	limit->now = at_least_one(limit->now / 2);
	if (n_served >= 0 && n_served < limit->now)
		limit->now = at_least_one(n_served);
	limit->threshold = limit->now;
	if (limit->patience < LIMIT_PATIENCE_MAX)
		limit->patience *= 2;
	limit->n_successes = 0;
	limit->lowered = now;
}

void
limit_restart(struct limit *limit)
{
	/* What has never been too much for it was not found out either. */
	int had = limit->lowered.ns == INT64_MIN ? limit->max : limit->now;

	if (had > 1)
		limit->threshold = at_least_one(had / 2);
	limit->now = 1;
	limit->n_successes = 0;
}
