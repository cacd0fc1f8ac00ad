/*
 * dkim_known.c - the public keys that were used lately, parsed
 *
 * The lock is held for a look into the table; keys are parsed and used without it.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/insist.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "policy/dkim/dkim_known.h"

struct known_key {
	struct list_link	 link;
	EVP_PKEY		*pkey;		/* a reference */
	size_t			 n_bytes;
	char			 bytes[];	/* those of RSA and of Ed25519 differ in length */
};

struct dkim_known {
	CRYPTO_RWLOCK		*lock;
	struct map		 by_bytes;	/* struct known_key */
	struct list		 by_use;	/* the same, last used last */
	size_t			 n_max;
};

static struct str
bytes_of(const struct known_key *key)
{
	return str_n(key->bytes, key->n_bytes);
}

static void
drop_oldest(struct dkim_known *known)
{
	struct known_key *oldest = LIST_ITEM(list_take_first(&known->by_use), struct known_key, link);

	insist(map_remove(&known->by_bytes, bytes_of(oldest)) == oldest);
	EVP_PKEY_free(oldest->pkey);
	mem_free(oldest);
}

struct dkim_known *
dkim_known_new(int n_max)
{
	struct dkim_known *known = mem_new(sizeof(*known));
	uint64_t seed[2];

	insist(n_max > 0);
	known->n_max = (size_t)n_max;
	known->lock = CRYPTO_THREAD_lock_new();
	insist(known->lock != NULL && RAND_bytes((unsigned char *)seed, sizeof(seed)) == 1);
	map_init(&known->by_bytes, seed);
	list_init(&known->by_use);
	return known;
}

void
dkim_known_free(struct dkim_known *known)
{
	if (known == NULL)
		return;
	while (!list_is_empty(&known->by_use))
		drop_oldest(known);
	map_fini(&known->by_bytes);
	CRYPTO_THREAD_lock_free(known->lock);
	mem_free(known);
}

/* A reference for the caller, or NULL. */
static EVP_PKEY *
find(struct dkim_known *known, struct str bytes)
{
	EVP_PKEY *pkey = NULL;
	struct known_key *key;

	insist(CRYPTO_THREAD_write_lock(known->lock) == 1);
	key = map_get(&known->by_bytes, bytes);
	if (key != NULL) {
		list_remove(&known->by_use, &key->link);
		list_append(&known->by_use, &key->link);
		pkey = key->pkey;
		insist(EVP_PKEY_up_ref(pkey) == 1);
	}
	insist(CRYPTO_THREAD_unlock(known->lock) == 1);
	return pkey;
}

/* Another thread may have been faster. */
static void
keep(struct dkim_known *known, struct str bytes, EVP_PKEY *pkey)
{
	struct known_key *key;

	insist(CRYPTO_THREAD_write_lock(known->lock) == 1);
	if (map_get(&known->by_bytes, bytes) == NULL) {
		if (known->by_use.n == known->n_max)
			drop_oldest(known);
		key = mem_new(sizeof(*key) + bytes.len);
		key->pkey = pkey;
		key->n_bytes = bytes.len;
		memcpy(key->bytes, bytes.at, bytes.len);
		insist(EVP_PKEY_up_ref(pkey) == 1);
		map_set(&known->by_bytes, bytes, key);
		list_append(&known->by_use, &key->link);
	}
	insist(CRYPTO_THREAD_unlock(known->lock) == 1);
}

bool
dkim_known_check(struct dkim_known *known, const struct dkim_public *key, const uint8_t hash[DKIM_HASH_BYTES], struct str signature)
{
	EVP_PKEY *pkey;
	bool is_right;

	if (known == NULL)
		return dkim_check(key, hash, signature);
	pkey = find(known, key->bytes);
	if (pkey == NULL) {
		pkey = dkim_check_parse(key);
		if (pkey == NULL)
			return false;
		keep(known, key->bytes, pkey);
	}
	is_right = dkim_check_with(pkey, hash, signature);
	EVP_PKEY_free(pkey);
	return is_right;
}

int
dkim_known_count(struct dkim_known *known)
{
	int n;

	insist(CRYPTO_THREAD_read_lock(known->lock) == 1);
	n = (int)known->by_use.n;
	insist(CRYPTO_THREAD_unlock(known->lock) == 1);
	return n;
}
