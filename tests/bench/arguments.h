/*
 * arguments.h - "--name number" words of the bench programs, and a run's few constants
 */
#ifndef BENCH_ARGUMENTS_H
#define BENCH_ARGUMENTS_H

#include <stdbool.h>

struct argument {
	const char	*name;		/* "--port" */
	long		*value;		/* its default stands there before */
	long		 least, most;
};

/* Reads pairs; says on stderr what is wrong and returns false. */
bool	arguments_read(int argc, char **argv, const struct argument *arguments, int n_arguments);

/* As many descriptors as this process may have. */
void	arguments_raise_limits(void);

#endif
