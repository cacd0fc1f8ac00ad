/*
 * rate.h - how much of something each of many may have in a window of time: messages a login, bytes a client ...
 *
 * One limit, one table: who has several limits asks each table, and takes of all or of none.  An allowance of `most` comes back
 * evenly over the window (the generic cell rate algorithm, ITU-T I.371): at once at most `most`, in any time t at most
 * most * (1 + t / window), and after a whole window without anything all of it again.
 *
 * The memory is bounded, and strangers choose keys.  When the table is full a new key takes the place of the one that has used
 * least, and what that one had used with it (Metwally's space-saving): so nobody is ever taken to have used less than he has,
 * and flooding the table with keys gives nobody a fresh start.  The other way round a key may be taken to have used more: at
 * most all that was taken of late, by all keys, divided by keys_max.
 *
 * Counts are in memory only.  The time is an argument; if it goes back nothing comes back.
 */
#ifndef POLICY_CLASS_RATE_H
#define POLICY_CLASS_RATE_H

#include "base/endpoint.h"
#include "base/instant.h"

enum { RATE_KEY_BYTES = 200 };		/* of memory for each key in the table, whatever its length: about */

#define RATE_WINDOW_MAX		(span_s((int64_t)30 * 24 * 60 * 60))
#define RATE_MOST_MAX		(INT64_C(1) << 50)

struct rate_limit {
	int64_t		 most;		/* 1 to RATE_MOST_MAX */
	struct span	 window;	/* 1 s to RATE_WINDOW_MAX */
};

struct rate;

/* keys_max > 0.  The seed keeps strangers from choosing keys that are one (base/map.h). */
struct rate	*rate_new(const struct rate_limit *limit, int keys_max, const uint64_t seed[2]);
void		 rate_free(struct rate *rate);		/* NULL is nothing */

/*
 * How long the key has to wait until it may have n more (n >= 0); 0: it may now.  What is more than the whole limit may be had when
 * nothing is used, so that it can be had at all; the debt is waited for by what comes next.
 */
struct span	 rate_wait(const struct rate *rate, struct str key, int64_t n, struct instant now);

/* The same as if `before` were taken already (>= 0): for what comes one by one and is taken together. */
struct span	 rate_wait_behind(const struct rate *rate, struct str key, int64_t before, int64_t n, struct instant now);

/* Uses n, allowed or not.  A debt is never more than RATE_DEBT_MAX_WINDOWS. */
enum { RATE_DEBT_MAX_WINDOWS = 100 };
void		 rate_take(struct rate *rate, struct str key, int64_t n, struct instant now);

/*
 * What was taken and allowed was not used after all: as if it had not been taken.  In a full table a key may keep some of it, as whoever
 * was put out counts as the least in the table.
 */
void		 rate_give_back(struct rate *rate, struct str key, int64_t n, struct instant now);

/*
 * Counts a refusal, for who tells of some only.  How many there were of the key since this last returned more than 0, if that
 * is `quiet` ago or never was; else 0.  Keys for which a full table has no place are counted together.
 */
int64_t		 rate_count_refusal(struct rate *rate, struct str key, struct instant now, struct span quiet);

int		 rate_n_keys(const struct rate *rate);

/* The key of a client: its address, of IPv6 the network of 64 bits, which is what one customer gets at least.  Points into the ip. */
struct str	 rate_client_key(const struct ip *ip);

#endif
