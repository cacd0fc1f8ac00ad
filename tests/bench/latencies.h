/*
 * latencies.h - how long each mail of a measurement took
 */
#ifndef BENCH_LATENCIES_H
#define BENCH_LATENCIES_H

#include "base/instant.h"

struct latencies {			/* owns its memory */
	double	*ms;
	long	 n, room;
};

void	latencies_init(struct latencies *latencies, long most);
void	latencies_fini(struct latencies *latencies);

/* More than there is room for are not kept. */
void	latencies_add(struct latencies *latencies, struct span took);

/* Sorts them; then what a share of them (0.5, 0.99, 1) did not go beyond, in ms; 0: there are none. */
void	latencies_sort(struct latencies *latencies);
double	latencies_share(const struct latencies *latencies, double share);

#endif
