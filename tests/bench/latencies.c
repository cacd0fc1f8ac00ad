/*
 * latencies.c - how long each mail of a measurement took
 */
#include "tests/bench/latencies.h"

#include <stdlib.h>

#include "base/mem.h"

void
latencies_init(struct latencies *latencies, long most)
{
	*latencies = (struct latencies){ .ms = mem_new((size_t)most * sizeof(double)), .room = most };
}

void
latencies_fini(struct latencies *latencies)
{
	mem_free(latencies->ms);
}

void
latencies_add(struct latencies *latencies, struct span took)
{
	if (latencies->n < latencies->room)
		latencies->ms[latencies->n++] = (double)took.ns / 1e6;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
latencies_sort(struct latencies *latencies)
{
	qsort(latencies->ms, (size_t)latencies->n, sizeof(double), by_size);
}

double
latencies_share(const struct latencies *latencies, double share)
{
	long at = (long)(share * (double)latencies->n);

	if (latencies->n == 0)
		return 0;
	return latencies->ms[at < latencies->n ? at : latencies->n - 1];
}
