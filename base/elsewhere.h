/*
 * elsewhere.h - long work without I/O, done where it keeps nobody waiting but who asked for it
 *
 * For code that knows neither fibers nor threads; who calls it has some, or gives NULL.
 */
#ifndef BASE_ELSEWHERE_H
#define BASE_ELSEWHERE_H

#include <stddef.h>

struct elsewhere {
	/* Calls work(arg) once, perhaps on another thread, and returns when that has; others run meanwhile. */
	void	(*run)(struct elsewhere *elsewhere, void (*work)(void *arg), void *arg);
};

/* work touches only what the caller has to itself and what any thread may touch.  elsewhere NULL: it is done here. */
static inline void
elsewhere_run(struct elsewhere *elsewhere, void (*work)(void *arg), void *arg)
{
	if (elsewhere != NULL)
		elsewhere->run(elsewhere, work, arg);
	else
		work(arg);
}

#endif
