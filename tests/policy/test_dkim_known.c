/*
 * test_dkim_known.c - the public keys that are kept: each still says right and wrong as it is, those of long ago go, threads share them
 *
 * That a signature is right is known from dkim_key, which made it; what it says is held against dkim_check, which keeps nothing.
 */
#include <openssl/err.h>
#include <pthread.h>

#include "base/insist.h"
#include "policy/dkim/dkim_key_record.h"
#include "policy/dkim/dkim_known.h"
#include "tests/expect.h"

enum { N_KEYS = 6, N_THREADS = 4, CHECKS_A_THREAD = 300, KEPT = 3 };

struct signer {
	struct dkim_public	 key;
	uint8_t			 signature[DKIM_SIGNATURE_MAX_BYTES];
	size_t			 n_bytes;
};

static const uint8_t signed_hash[DKIM_HASH_BYTES] = { 1 }, other_hash[DKIM_HASH_BYTES] = { 2 };

static void
make_signer(struct signer *signer, enum dkim_algorithm algorithm, struct arena *arena)
{
	struct dkim_key *key = dkim_key_make(algorithm, 1024, NULL);
	const char *why;
	struct buf record;

	insist(key != NULL);
	buf_init(&record, DKIM_RECORD_MAX_BYTES);
	insist(dkim_key_record(key, &record) == 0 && dkim_public_read(buf_str(&record), arena, &signer->key, &why));
	insist(dkim_key_sign(key, signed_hash, signer->signature, &signer->n_bytes, NULL) == 0);
	buf_fini(&record);
	dkim_key_free(key);
}

static bool
check(struct dkim_known *known, const struct signer *signer, const uint8_t hash[DKIM_HASH_BYTES])
{
	struct str signature = str_n(signer->signature, signer->n_bytes);
	bool is_right = dkim_known_check(known, &signer->key, hash, signature);

	expect(is_right == dkim_check(&signer->key, hash, signature));
	return is_right;
}

static void
test_kept(const struct signer *signers)
{
	struct dkim_known *known = dkim_known_new(KEPT);

	test_case("a key says the same the first time and when it is kept");
	for (int times = 0; times < 3; times++) {
		expect(check(known, &signers[0], signed_hash));
		expect(!check(known, &signers[0], other_hash));
		expect(check(known, &signers[1], signed_hash));
		expect(!check(known, &signers[1], other_hash));
		expect_int(dkim_known_count(known), 2);
	}
	test_case("another one's signature is wrong, and leaves no error behind");
	expect(!dkim_known_check(known, &signers[0].key, signed_hash, str_n(signers[2].signature, signers[2].n_bytes)));
	expect(!dkim_known_check(known, &signers[1].key, signed_hash, str_n(signers[3].signature, signers[3].n_bytes)));
	expect(!dkim_known_check(known, &signers[0].key, signed_hash, STR("")));
	expect_int((int64_t)ERR_peek_error(), 0);
	test_case("no more are kept than may be, and all say what they said");
	for (int i = 0; i < 5 * N_KEYS; i++) {
		expect(check(known, &signers[i % N_KEYS], signed_hash));
		expect(!check(known, &signers[i % N_KEYS], other_hash));
		expect(dkim_known_count(known) <= KEPT);
	}
	expect_int(dkim_known_count(known), KEPT);
	dkim_known_free(known);
	dkim_known_free(NULL);
	test_case("nothing need be kept");
	expect(dkim_known_check(NULL, &signers[0].key, signed_hash, str_n(signers[0].signature, signers[0].n_bytes)));
}

static void
test_no_key(void)
{
	struct dkim_known *known = dkim_known_new(KEPT);
	struct dkim_public key = { .type = DKIM_PUBLIC_RSA, .bits = 1024, .bytes = STR("no key"), .numbers = STR("no key") };

	test_case("what OpenSSL does not take is not kept, and nothing is right by it");
	expect(!dkim_known_check(known, &key, signed_hash, STR("signature")));
	expect_int(dkim_known_count(known), 0);
	expect_int((int64_t)ERR_peek_error(), 0);
	dkim_known_free(known);
}

struct sharer {
	struct dkim_known	*known;
	const struct signer	*signers;
	int			 n_wrong;
};

static void *
check_many(void *arg)
{
	struct sharer *sharer = arg;

	for (int i = 0; i < CHECKS_A_THREAD; i++) {
		const struct signer *signer = &sharer->signers[i % N_KEYS];
		struct str signature = str_n(signer->signature, signer->n_bytes);

		sharer->n_wrong += !dkim_known_check(sharer->known, &signer->key, signed_hash, signature) ||
		    dkim_known_check(sharer->known, &signer->key, other_hash, signature);
	}
	return NULL;
}

/* With room for all of them, and with keys that go while others use them. */
static void
test_threads(const struct signer *signers, int n_max)
{
	struct dkim_known *known = dkim_known_new(n_max);
	struct sharer sharers[N_THREADS];
	pthread_t threads[N_THREADS];

	test_case("several threads use %d kept keys", n_max);
	for (int i = 0; i < N_THREADS; i++) {
		sharers[i] = (struct sharer){ .known = known, .signers = signers };
		insist(pthread_create(&threads[i], NULL, check_many, &sharers[i]) == 0);
	}
	for (int i = 0; i < N_THREADS; i++) {
		insist(pthread_join(threads[i], NULL) == 0);
		expect_int(sharers[i].n_wrong, 0);
	}
	expect_int(dkim_known_count(known), n_max < N_KEYS ? n_max : N_KEYS);
	dkim_known_free(known);
}

int
main(void)
{
	struct signer signers[N_KEYS];
	struct arena arena;

	arena_init(&arena, 1 << 20);
	for (int i = 0; i < N_KEYS; i++)
		make_signer(&signers[i], i % 2 == 0 ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256, &arena);
	test_kept(signers);
	test_no_key();
	test_threads(signers, N_KEYS + 1);
	test_threads(signers, KEPT);
	arena_fini(&arena);
	return test_end();
}
