/*
 * insist.c - the end of a process in which one of our own conditions broke
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"

void
insist_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: a bug: this should hold: %s\n", file, line, condition);
	fflush(stderr);
	abort();
}
