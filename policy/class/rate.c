/*
 * rate.c - limits of rate for many keys in bounded memory
 *
 * All that is known of a key is the instant at which it will have used nothing again.  These instants do not change as time
 * passes, so their order is that of who has used least, and a heap finds the one whose place is taken.  Whoever is not in a
 * full table has used no more than the least in it: it was so when he was put out, and the least only grows.
 */
#include "base/heap.h"
#include "base/insist.h"
#include "base/map.h"
#include "base/mem.h"
#include "policy/class/rate.h"

enum {
	DIGEST_BYTES = 16,		/* a key's: of one length, and no one's choosing */
	FORGOTTEN_AT_ONCE = 2,		/* with each that comes, so that the table shrinks as it grew */
};

__extension__ typedef unsigned __int128 wide;

struct rate_refusals {
	int64_t			 n_untold;
	int64_t			 told_ns;	/* the instant; 0: never */
};

struct rate_key {
	struct heap_item	 unused_at;	/* its key: ns of the instant */
	char			 digest[DIGEST_BYTES];
	struct rate_refusals	 refusals;
};

struct rate {
	struct rate_limit	 limit;
	size_t			 keys_max;
	uint64_t		 seeds[2][2];
	struct map		 by_digest;	/* struct rate_key, owned */
	struct heap		 by_use;
	struct rate_refusals	 others;	/* of keys that are not in the table */
};

struct rate *
rate_new(const struct rate_limit *limit, int keys_max, const uint64_t seed[2])
{
	struct rate *rate = mem_new(sizeof(*rate));

	insist(limit->most >= 1 && limit->most <= RATE_MOST_MAX);
	insist(limit->window.ns >= span_s(1).ns && limit->window.ns <= RATE_WINDOW_MAX.ns);
	insist(keys_max > 0);
	rate->limit = *limit;
	rate->keys_max = (size_t)keys_max;
	for (int i = 0; i < 2; i++) {
		rate->seeds[i][0] = seed[0] ^ (uint64_t)i;
		rate->seeds[i][1] = seed[1];
	}
	map_init(&rate->by_digest, seed);
	heap_init(&rate->by_use);
	return rate;
}

static struct str
digest_text(const char digest[DIGEST_BYTES])
{
	return str_n(digest, DIGEST_BYTES);
}

static struct rate_key *
least_used(const struct rate *rate)
{
	struct heap_item *item = heap_least(&rate->by_use);

	return item != NULL ? HEAP_ITEM(item, struct rate_key, unused_at) : NULL;
}

static void
forget(struct rate *rate, struct rate_key *key)
{
	heap_remove(&rate->by_use, &key->unused_at);
	map_remove(&rate->by_digest, digest_text(key->digest));
	mem_free(key);
}

void
rate_free(struct rate *rate)
{
	struct rate_key *key;

	if (rate == NULL)
		return;
	while ((key = least_used(rate)) != NULL)
		forget(rate, key);
	map_fini(&rate->by_digest);
	heap_fini(&rate->by_use);
	mem_free(rate);
}

static void
make_digest(const struct rate *rate, struct str key, char digest[DIGEST_BYTES])
{
	for (size_t i = 0; i < 2; i++) {
		uint64_t half = siphash(rate->seeds[i], key);

		memcpy(digest + i * sizeof(half), &half, sizeof(half));
	}
}

/* The time in which n come back. */
static int64_t
cost_ns(const struct rate *rate, int64_t n)
{
	wide window = (wide)rate->limit.window.ns, most = (wide)rate->limit.most;
	wide cost = (wide)n * window / most;

	insist(n >= 0);
	if (cost > window * RATE_DEBT_MAX_WINDOWS)
		return rate->limit.window.ns * RATE_DEBT_MAX_WINDOWS;
	return n > 0 && cost == 0 ? 1 : (int64_t)cost;
}

/* When a key will have used nothing again, seen from now. */
static int64_t
unused_at_ns(const struct rate *rate, const struct rate_key *key, struct instant now)
{
	if (key == NULL && rate->by_digest.n >= rate->keys_max)
		key = least_used(rate);
	return key != NULL && key->unused_at.key > now.ns ? key->unused_at.key : now.ns;
}

struct span
rate_wait_behind(const struct rate *rate, struct str key, int64_t before, int64_t n, struct instant now)
{
	char digest[DIGEST_BYTES];
	int64_t cost = cost_ns(rate, n), used, free_ns;

	make_digest(rate, key, digest);
	used = unused_at_ns(rate, map_get(&rate->by_digest, digest_text(digest)), now) - now.ns + cost_ns(rate, before);
	free_ns = cost < rate->limit.window.ns ? rate->limit.window.ns - cost : 0;
	return (struct span){ used > free_ns ? used - free_ns : 0 };
}

struct span
rate_wait(const struct rate *rate, struct str key, int64_t n, struct instant now)
{
	return rate_wait_behind(rate, key, 0, n, now);
}

static struct rate_key *
add_key(struct rate *rate, const char digest[DIGEST_BYTES])
{
	struct rate_key *key;

	if (rate->by_digest.n >= rate->keys_max) {
		key = least_used(rate);
		map_remove(&rate->by_digest, digest_text(key->digest));
	} else {
		key = mem_new(sizeof(*key));
		heap_add(&rate->by_use, &key->unused_at, INT64_MIN);
	}
	memcpy(key->digest, digest, DIGEST_BYTES);
	key->refusals = (struct rate_refusals){ .n_untold = 0 };
	map_set(&rate->by_digest, digest_text(digest), key);
	return key;
}

/* In the order of the heap: so whoever is not in the table has used nothing by now either. */
static void
forget_unused(struct rate *rate, struct instant now)
{
	for (int i = 0; i < FORGOTTEN_AT_ONCE; i++) {
		struct rate_key *key = least_used(rate);

		if (key == NULL || key->unused_at.key > now.ns)
			return;
		forget(rate, key);
	}
}

void
rate_take(struct rate *rate, struct str key_text, int64_t n, struct instant now)
{
	int64_t cost = cost_ns(rate, n), debt_max = rate->limit.window.ns * RATE_DEBT_MAX_WINDOWS, unused_at;
	char digest[DIGEST_BYTES];
	struct rate_key *key;

	if (n == 0)
		return;
	make_digest(rate, key_text, digest);
	forget_unused(rate, now);
	key = map_get(&rate->by_digest, digest_text(digest));
	unused_at = unused_at_ns(rate, key, now);
	if (unused_at - now.ns < debt_max)
		unused_at = cost < debt_max - (unused_at - now.ns) ? unused_at + cost : now.ns + debt_max;
	if (key == NULL)
		key = add_key(rate, digest);
	heap_move(&rate->by_use, &key->unused_at, unused_at);
}

/*
 * Who is not in a full table has used no more than the least in it: so that must not become less.  In one that is not full who is not
 * there has used nothing.
 */
void
rate_give_back(struct rate *rate, struct str key_text, int64_t n, struct instant now)
{
	bool is_full = rate->by_digest.n >= rate->keys_max;
	int64_t floor_ns = is_full ? least_used(rate)->unused_at.key : now.ns, unused_at;
	char digest[DIGEST_BYTES];
	struct rate_key *key;

	make_digest(rate, key_text, digest);
	key = map_get(&rate->by_digest, digest_text(digest));
	if (key == NULL || key->unused_at.key <= floor_ns)
		return;
	unused_at = key->unused_at.key - cost_ns(rate, n);
	heap_move(&rate->by_use, &key->unused_at, unused_at > floor_ns ? unused_at : floor_ns);
}

int64_t
rate_count_refusal(struct rate *rate, struct str key_text, struct instant now, struct span quiet)
{
	struct rate_refusals *refusals = &rate->others;
	char digest[DIGEST_BYTES];
	struct rate_key *key;
	int64_t n;

	make_digest(rate, key_text, digest);
	key = map_get(&rate->by_digest, digest_text(digest));
	if (key != NULL)
		refusals = &key->refusals;
	n = ++refusals->n_untold;
	if (refusals->told_ns != 0 && now.ns - refusals->told_ns < quiet.ns)
		return 0;
	*refusals = (struct rate_refusals){ .told_ns = now.ns };
	return n;
}

int
rate_n_keys(const struct rate *rate)
{
	return (int)rate->by_digest.n;
}

struct str
rate_client_key(const struct ip *ip)
{
	enum { V4_BYTES = 4, V6_NETWORK_BYTES = 8 };

	return str_n(ip->bytes, ip->family == IP_V6 ? V6_NETWORK_BYTES : V4_BYTES);
}
