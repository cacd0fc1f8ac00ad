/*
 * expect.c - counts what held and prints TAP
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/code.h"
#include "tests/expect.h"

enum { NAME_MAX_BYTES = 200, SHOWN_MAX_BYTES = 2000 };

static struct {
	char	 name[NAME_MAX_BYTES];
	bool	 is_open;
	int	 n_cases, n_failed;
	int	 n_held, n_missed;	/* in the open case */
} run;

static void
end_case(void)
{
	if (!run.is_open)
		return;
	run.is_open = false;
	run.n_cases++;
	if (run.n_held + run.n_missed == 0) {
		printf("# nothing was expected in this case\n");
		run.n_missed = 1;
	}
	if (run.n_missed != 0)
		run.n_failed++;
	printf("%s %d - %s\n", run.n_missed != 0 ? "not ok" : "ok", run.n_cases, run.name);
	fflush(stdout);
}

void
test_case(const char *name, ...)
{
	va_list args;

	end_case();
	va_start(args, name);
	vsnprintf(run.name, sizeof(run.name), name, args);
	va_end(args);
	run.is_open = true;
	run.n_held = run.n_missed = 0;
}

int
test_end(void)
{
	end_case();
	printf("1..%d\n", run.n_cases);
	return run.n_failed != 0 || run.n_cases == 0;
}

struct test_counts
test_counts(void)
{
	return (struct test_counts){ .n_held = run.n_held, .n_missed = run.n_missed };
}

void
test_add_counts(struct test_counts counts)
{
	run.n_held += counts.n_held;
	run.n_missed += counts.n_missed;
}

static bool
count(bool held, const char *file, int line)
{
	if (held) {
		run.n_held++;
		return true;
	}
	run.n_missed++;
	printf("# %s: %s:%d\n", run.name, file, line);
	return false;
}

bool
expect_true(bool held, const char *what, const char *file, int line)
{
	if (!count(held, file, line))
		printf("#   not true: %s\n", what);
	return held;
}

bool
expect_int_at(int64_t got, int64_t want, const char *what, const char *file, int line)
{
	if (!count(got == want, file, line))
		printf("#   %s\n#   got  %lld\n#   want %lld\n", what, (long long)got, (long long)want);
	return got == want;
}

bool
expect_str_at(struct str got, struct str want, const char *what, const char *file, int line)
{
	struct buf shown;
	bool held = str_eq(got, want);

	if (count(held, file, line))
		return true;
	buf_init(&shown, 4 * 2 * SHOWN_MAX_BYTES + 100);
	buf_printf(&shown, "#   %s\n#   got  ", what);
	escape_append(got, false, SHOWN_MAX_BYTES, &shown);
	buf_append(&shown, STR("\n#   want "));
	escape_append(want, false, SHOWN_MAX_BYTES, &shown);
	printf("%.*s\n", STR_ARG(buf_str(&shown)));
	buf_fini(&shown);
	return held;
}
