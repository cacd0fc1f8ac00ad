/*
 * log_sim.c - log lines kept in memory
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/log_sim.h"

enum { LINES_MAX_BYTES = 16 << 20 };

static void
keep(struct log *log, enum log_level level, struct str line)
{
	struct log_sim *l = (struct log_sim *)(void *)log;	/* its first member */

	if (buf_append(&l->lines, line) == 0)
		buf_append_char(&l->lines, '\n');
	if (l->is_shown)
		printf("# log: %.*s\n", STR_ARG(line));
}

void
log_sim_init(struct log_sim *l, enum log_level level)
{
	*l = (struct log_sim){ .log = { .level = level, .write = keep }, .is_shown = getenv("SIM_LOG") != NULL };
	buf_init(&l->lines, LINES_MAX_BYTES);
}

void
log_sim_fini(struct log_sim *l)
{
	buf_fini(&l->lines);
}

int
log_sim_n(const struct log_sim *l, const char *event, const char *part)
{
	struct str rest = buf_str(&l->lines), line;
	int n = 0;

	while (str_take_until(&rest, '\n', &line))
		n += str_starts(line, str_of(event)) && str_find_str(line, str_of(part)) >= 0;
	return n;
}

bool
log_sim_has(const struct log_sim *l, const char *event, const char *part)
{
	return log_sim_n(l, event, part) > 0;
}
