/*
 * expect.h - what a test says is true; a miss is printed with name, got and want
 *
 * Ours and not a library's because a miss must not jump: tests run inside fibers,
 * and a longjmp between stacks ends badly.  Prints TAP, one line per case.
 */
#ifndef TESTS_EXPECT_H
#define TESTS_EXPECT_H

#include "base/str.h"

/* Begins a case; the one before it ends.  The name says what is true. */
void	test_case(const char *name, ...) __attribute__((format(printf, 1, 2)));

/* Ends the last case, prints the plan; the exit status of main: 0 only if all held and at least one case asserted. */
int	test_end(void);

/* What the open case has counted; a child process's counts are added by its parent. */
struct test_counts { int n_held, n_missed; };
struct test_counts	test_counts(void);
void			test_add_counts(struct test_counts counts);

#define expect(condition)		expect_true((condition), #condition, __FILE__, __LINE__)
#define expect_int(got, want)		expect_int_at((got), (want), #got, __FILE__, __LINE__)
#define expect_str(got, want)		expect_str_at((got), (want), #got, __FILE__, __LINE__)
#define expect_text(got, want)		expect_str_at(str_of(got), str_of(want), #got, __FILE__, __LINE__)

/* Each returns whether it held. */
bool	expect_true(bool held, const char *what, const char *file, int line);
bool	expect_int_at(int64_t got, int64_t want, const char *what, const char *file, int line);
bool	expect_str_at(struct str got, struct str want, const char *what, const char *file, int line);

#endif
