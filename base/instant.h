/*
 * instant.h - points and spans of time as types that cannot be mixed up
 *
 * An instant is a point of the monotonic clock: deadlines and waits.  A timestamp
 * is a point of the calendar: what is written to disk or shown to people.  A span
 * is a length of time.  Nothing here reads a clock.
 */
#ifndef BASE_INSTANT_H
#define BASE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

struct instant {
	int64_t	 ns;			/* since some fixed point, the machine's start say */
};

struct timestamp {
	int64_t	 us;			/* since 1970-01-01 00:00 UTC */
};

struct span {
	int64_t	 ns;
};

#define INSTANT_NEVER	((struct instant){ .ns = INT64_MAX })

static inline struct span span_ms(int64_t ms) { return (struct span){ ms * 1000000 }; }
static inline struct span span_s(int64_t s) { return (struct span){ s * 1000000000 }; }
static inline int64_t span_to_ms(struct span s) { return s.ns / 1000000; }
static inline int64_t span_to_s(struct span s) { return s.ns / 1000000000; }

/* Sums stop at the ends of the range; INSTANT_NEVER stays never. */
static inline struct instant
instant_after(struct instant i, struct span s)
{
	int64_t sum;

	if (i.ns == INT64_MAX || __builtin_add_overflow(i.ns, s.ns, &sum))
		return INSTANT_NEVER;
	return (struct instant){ sum };
}

static inline struct instant
instant_min(struct instant a, struct instant b)
{
	return a.ns < b.ns ? a : b;
}

static inline bool instant_is_before(struct instant a, struct instant b) { return a.ns < b.ns; }

/* From a to b; negative when b is the earlier. */
static inline struct span instant_diff(struct instant a, struct instant b) { return (struct span){ b.ns - a.ns }; }

/* Timestamps may come from a file: what is beyond all clocks ends at the last of them, and differences at 73 years. */
#define TIMESTAMP_DIFF_MAX	((struct span){ INT64_MAX / 4 })

static inline struct timestamp
timestamp_after(struct timestamp t, struct span s)
{
	int64_t us;

	if (__builtin_add_overflow(t.us, s.ns / 1000, &us))
		us = s.ns < 0 ? INT64_MIN : INT64_MAX;
	return (struct timestamp){ us };
}

static inline struct span
timestamp_diff(struct timestamp a, struct timestamp b)
{
	int64_t us, ns;

	if (__builtin_sub_overflow(b.us, a.us, &us) || __builtin_mul_overflow(us, 1000, &ns) || ns > TIMESTAMP_DIFF_MAX.ns ||
	    ns < -TIMESTAMP_DIFF_MAX.ns)
		ns = b.us < a.us ? -TIMESTAMP_DIFF_MAX.ns : TIMESTAMP_DIFF_MAX.ns;
	return (struct span){ ns };
}

#endif
