/*
 * guesses.c - wrong passwords counted, and who must wait before the next try
 */
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "smtpfwd/auth/guesses.h"
#include "smtpfwd/auth/prepare.h"

enum {
	KEY_MAX_BYTES = 1 + 8 + LOGIN_MAX_BYTES,
	KEY_V4_BYTES = 4, KEY_V6_BYTES = 8, KEY_SITE_BYTES = 6,
	BEYOND_MAX = 10,		/* of a count over what is free: it fades in reasonable time, and shifts stay small */
	ONE = 1000,			/* a wrong password, in thousandths: counts fade smoothly */
	KNOWN_FOR_S = 30 * 86400,	/* since the last right password */
	LOGIN_PAUSE_S = 10,
};

struct kind {				/* of a count */
	int	 free;
	int64_t	 fades_ms;		/* so long for one wrong password */
	int64_t	 first_wait_ms;
	int64_t	 longest_wait_ms;
};

static const struct kind pair_kind = { GUESSES_PAIR_FREE, 10 * 60000, 60000, 15 * 60000 };
static const struct kind address_kind = { GUESSES_ADDRESS_FREE, 3 * 60000, 60000, 60 * 60000 };
static const struct kind site_kind = { GUESSES_SITE_FREE, 45000, 60000, 60 * 60000 };
static const struct kind login_kind = { GUESSES_LOGIN_FREE, 60000, LOGIN_PAUSE_S * 1000, LOGIN_PAUSE_S * 1000 };

struct count {
	struct list_link	 link;		/* in table->recent */
	int64_t			 n;		/* in thousandths, as of at */
	struct instant		 at;
	struct instant		 until;		/* no try before */
	size_t			 n_key_bytes;
	char			 key[];
};

struct table {
	struct map	 by_key;	/* struct count */
	struct list	 recent;	/* the one not heard of for longest first */
};

struct guesses {
	struct table	 pairs, addresses, sites, logins;
	struct table	 known;		/* pairs that had the right password */
};

/* --- tables --- */

static void
table_init(struct table *table, const uint64_t seed[2])
{
	map_init(&table->by_key, seed);
	list_init(&table->recent);
}

static void
table_drop(struct table *table, struct count *count)
{
	map_remove(&table->by_key, str_n(count->key, count->n_key_bytes));
	list_remove(&table->recent, &count->link);
	mem_free(count);
}

static void
table_fini(struct table *table)
{
	while (!list_is_empty(&table->recent))
		table_drop(table, LIST_ITEM(list_first(&table->recent), struct count, link));
	map_fini(&table->by_key);
}

static struct count *
table_find(const struct table *table, struct str key)
{
	return map_get(&table->by_key, key);
}

static struct count *
table_touch(struct table *table, struct str key, struct instant now)
{
	struct count *count = table_find(table, key);

	if (count == NULL) {
		if (table->by_key.n >= GUESSES_MAX)
			table_drop(table, LIST_ITEM(list_first(&table->recent), struct count, link));
		count = mem_new(sizeof(*count) + key.len);
		count->at = count->until = now;
		count->n_key_bytes = key.len;
		memcpy(count->key, key.at, key.len);
		map_set(&table->by_key, key, count);
	} else
		list_remove(&table->recent, &count->link);
	list_append(&table->recent, &count->link);
	return count;
}

/* --- keys --- */

struct key {
	size_t	 n_site_bytes;			/* 0: not of IPv6 */
	size_t	 n_address_bytes;
	size_t	 n_bytes;
	char	 bytes[KEY_MAX_BYTES];
};

/* The address in front, so that a part of a pair's key is the address's. */
static void
make_key(const struct guesser *guesser, struct key *key_out)
{
	size_t n_ip = guesser->ip.family == IP_V6 ? KEY_V6_BYTES : KEY_V4_BYTES;

	key_out->bytes[0] = (char)guesser->ip.family;
	memcpy(key_out->bytes + 1, guesser->ip.bytes, n_ip);
	key_out->n_site_bytes = guesser->ip.family == IP_V6 ? 1 + KEY_SITE_BYTES : 0;
	key_out->n_address_bytes = 1 + n_ip;
	key_out->n_bytes = key_out->n_address_bytes;
	if (guesser->login.len > 0 && guesser->login.len <= LOGIN_MAX_BYTES) {
		memcpy(key_out->bytes + key_out->n_bytes, guesser->login.at, guesser->login.len);
		key_out->n_bytes += guesser->login.len;
	}
}

static struct str key_of_pair(const struct key *key) { return str_n(key->bytes, key->n_bytes); }
static struct str key_of_site(const struct key *key) { return str_n(key->bytes, key->n_site_bytes); }
static struct str key_of_address(const struct key *key) { return str_n(key->bytes, key->n_address_bytes); }
static struct str key_of_login(const struct key *key) { return str_from(key_of_pair(key), key->n_address_bytes); }

static bool
has_login(const struct key *key)
{
	return key->n_bytes > key->n_address_bytes;
}

/* --- counting --- */

static int64_t
faded(const struct count *count, const struct kind *kind, struct instant now)
{
	int64_t n = count->n - span_to_ms(instant_diff(count->at, now)) * ONE / kind->fades_ms;

	return n > 0 ? n : 0;
}

static void
count_wrong(struct table *table, struct str key, const struct kind *kind, struct instant now)
{
	struct count *count = table_touch(table, key, now);
	int64_t most = (int64_t)(kind->free + BEYOND_MAX) * ONE, beyond, wait_ms;

	count->n = faded(count, kind, now) + ONE;
	if (count->n > most)
		count->n = most;
	count->at = now;
	beyond = (count->n + ONE / 2) / ONE - kind->free;	/* what faded in a second is no free one more */
	if (beyond < 0)
		return;
	wait_ms = kind->first_wait_ms << beyond;
	count->until = instant_after(now, span_ms(wait_ms < kind->longest_wait_ms ? wait_ms : kind->longest_wait_ms));
}

static bool
must_wait(const struct table *table, struct str key, struct instant now)
{
	const struct count *count = table_find(table, key);

	return count != NULL && instant_is_before(now, count->until);
}

static bool
is_known(const struct guesses *guesses, const struct key *key, struct instant now)
{
	const struct count *count = table_find(&guesses->known, key_of_pair(key));

	return count != NULL && instant_is_before(now, count->until);
}

static bool
place_must_wait(const struct guesses *guesses, const struct key *key, struct instant now)
{
	return must_wait(&guesses->addresses, key_of_address(key), now) ||
	    (key->n_site_bytes > 0 && must_wait(&guesses->sites, key_of_site(key), now));
}

struct guesses *
guesses_new(const uint64_t seed[2])
{
	struct guesses *guesses = mem_new(sizeof(*guesses));

	table_init(&guesses->pairs, seed);
	table_init(&guesses->addresses, seed);
	table_init(&guesses->sites, seed);
	table_init(&guesses->logins, seed);
	table_init(&guesses->known, seed);
	return guesses;
}

void
guesses_free(struct guesses *guesses)
{
	if (guesses == NULL)
		return;
	table_fini(&guesses->pairs);
	table_fini(&guesses->addresses);
	table_fini(&guesses->sites);
	table_fini(&guesses->logins);
	table_fini(&guesses->known);
	mem_free(guesses);
}

enum guess
guesses_judge(const struct guesses *guesses, const struct guesser *guesser, struct instant now)
{
	struct key key;

	make_key(guesser, &key);
	if (!guesser->is_inside && place_must_wait(guesses, &key, now) && !(has_login(&key) && is_known(guesses, &key, now)))
		return GUESS_ADDRESS_WAITS;
	if (!has_login(&key))
		return GUESS_MAY;
	if (must_wait(&guesses->pairs, key_of_pair(&key), now))
		return GUESS_PAIR_WAITS;
	if (must_wait(&guesses->logins, key_of_login(&key), now) && !is_known(guesses, &key, now))
		return GUESS_LOGIN_WAITS;
	return GUESS_MAY;
}

bool
guesses_knows(const struct guesses *guesses, const struct guesser *guesser, struct instant now)
{
	struct key key;

	make_key(guesser, &key);
	return has_login(&key) && is_known(guesses, &key, now);
}

void
guesses_begin(struct guesses *guesses, const struct guesser *guesser, struct instant now)
{
	struct count *count;
	struct key key;

	make_key(guesser, &key);
	count = has_login(&key) ? table_find(&guesses->logins, key_of_login(&key)) : NULL;
	/* A login under attack: the pause begins with the try, or all that come before its end would be heard too. */
	if (count != NULL && faded(count, &login_kind, now) >= (int64_t)GUESSES_LOGIN_FREE * ONE && !is_known(guesses, &key, now))
		count->until = instant_after(now, span_s(LOGIN_PAUSE_S));
}

void
guesses_end(struct guesses *guesses, const struct guesser *guesser, bool was_right, struct instant now)
{
	struct key key;

	make_key(guesser, &key);
	if (!was_right) {
		if (!guesser->is_inside)
			count_wrong(&guesses->addresses, key_of_address(&key), &address_kind, now);
		if (!guesser->is_inside && key.n_site_bytes > 0)
			count_wrong(&guesses->sites, key_of_site(&key), &site_kind, now);
		if (has_login(&key)) {
			count_wrong(&guesses->pairs, key_of_pair(&key), &pair_kind, now);
			count_wrong(&guesses->logins, key_of_login(&key), &login_kind, now);
		}
	} else if (has_login(&key)) {
		struct count *count = table_find(&guesses->pairs, key_of_pair(&key));

		if (count != NULL)
			table_drop(&guesses->pairs, count);
		count = table_touch(&guesses->known, key_of_pair(&key), now);
		count->until = instant_after(now, span_s(KNOWN_FOR_S));
	}
}
