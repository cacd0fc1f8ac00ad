/*
 * arguments.c - numbers from the command line
 */
#include "tests/bench/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const struct argument *
find(const struct argument *arguments, int n_arguments, const char *name)
{
	for (int i = 0; i < n_arguments; i++)
		if (strcmp(arguments[i].name, name) == 0)
			return &arguments[i];
	return NULL;
}

bool
arguments_read(int argc, char **argv, const struct argument *arguments, int n_arguments)
{
	for (int i = 1; i < argc; i += 2) {
		const struct argument *a = find(arguments, n_arguments, argv[i]);
		char *end = NULL;
		long value = a != NULL && i + 1 < argc ? strtol(argv[i + 1], &end, 10) : 0;

		if (end == NULL || end == argv[i + 1] || *end != '\0' || value < a->least || value > a->most) {
			fprintf(stderr, "%s: %s wants a number it can be\n", argv[0], argv[i]);
			for (int j = 0; j < n_arguments; j++)
				fprintf(stderr, "\t%s N\t%ld to %ld, usually %ld\n", arguments[j].name, arguments[j].least,
				    arguments[j].most, *arguments[j].value);
			return false;
		}
		*a->value = value;
	}
	return true;
}

void
arguments_raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}
