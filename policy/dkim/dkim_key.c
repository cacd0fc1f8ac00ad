/*
 * dkim_key.c - a private key that signs mail: parsed once, kept, and its public half as the DNS shows it
 *
 * Errors of OpenSSL are taken off its queue here: TLS on the same thread must not find them.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/code.h"
#include "base/insist.h"
#include "base/mem.h"
#include "policy/dkim/dkim_check.h"
#include "policy/dkim/dkim_key.h"

struct dkim_key {
	enum dkim_algorithm	 algorithm;
	EVP_PKEY		*pkey;
	int			 bits;
	struct buf		 public_text;	/* base64 */
};

static int
refuse_password(char *room, int room_bytes, int is_writing, void *context)
{
	(void)room;
	(void)room_bytes;
	(void)is_writing;
	(void)context;
	return -1;			/* or OpenSSL asks at the terminal */
}

/* --- what a key is --- */

static int
learn_kind(struct dkim_key *key, struct fault *fault_out)
{
	if (EVP_PKEY_is_a(key->pkey, "ED25519")) {
		key->algorithm = DKIM_ED25519_SHA256;
		key->bits = 256;
		return 0;
	}
	if (!EVP_PKEY_is_a(key->pkey, "RSA"))
		return fault_permanent(fault_out, "the key is neither RSA nor Ed25519");
	key->algorithm = DKIM_RSA_SHA256;
	key->bits = EVP_PKEY_get_bits(key->pkey);
	if (key->bits < DKIM_RSA_MIN_BITS || key->bits > DKIM_RSA_MAX_BITS)
		return fault_permanent(fault_out, "an RSA key of %d bits: %d to %d are allowed (RFC 8301)", key->bits,
		    DKIM_RSA_MIN_BITS, DKIM_RSA_MAX_BITS);
	return 0;
}

/* RSA as SubjectPublicKeyInfo (RFC 6376 3.6.1), Ed25519 as its 32 bytes (RFC 8463 4). */
static int
learn_public(struct dkim_key *key)
{
	uint8_t raw[32];
	size_t n_raw = sizeof(raw);
	unsigned char *der = NULL;
	int n_der, result;

	if (key->algorithm == DKIM_ED25519_SHA256)
		return EVP_PKEY_get_raw_public_key(key->pkey, raw, &n_raw) == 1 ?
		    base64_encode(str_n(raw, n_raw), &key->public_text) : -1;
	n_der = i2d_PUBKEY(key->pkey, &der);
	if (n_der <= 0)
		return -1;
	result = base64_encode(str_n(der, (size_t)n_der), &key->public_text);
	OPENSSL_free(der);
	return result;
}

static bool
is_sound(const struct dkim_key *key)
{
	uint8_t hash[DKIM_HASH_BYTES] = { 1 }, signature[DKIM_SIGNATURE_MAX_BYTES];
	size_t n_bytes;

	return dkim_key_sign(key, hash, signature, &n_bytes, NULL) == 0 && dkim_key_verify(key, hash, str_n(signature, n_bytes));
}

/* Takes the pkey. */
static struct dkim_key *
key_of(EVP_PKEY *pkey, struct fault *fault_out)
{
	struct dkim_key *key = mem_new(sizeof(*key));

	key->pkey = pkey;
	buf_init(&key->public_text, DKIM_RECORD_MAX_BYTES);
	if (learn_kind(key, fault_out) != 0)
		goto failed;
	if (learn_public(key) != 0 || !is_sound(key)) {
		fault_permanent(fault_out, "the key cannot sign: its parts do not fit");
		goto failed;
	}
	return key;
failed:
	ERR_clear_error();
	dkim_key_free(key);
	return NULL;
}

/* --- from outside --- */

struct dkim_key *
dkim_key_new(struct str pem, struct fault *fault_out)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio;

	if (pem.len > DKIM_PEM_MAX_BYTES) {
		fault_permanent(fault_out, "is too long for a key");
		return NULL;
	}
	bio = BIO_new_mem_buf(pem.len > 0 ? pem.at : "", (int)pem.len);
	insist(bio != NULL);
	pkey = PEM_read_bio_PrivateKey(bio, NULL, refuse_password, NULL);
	BIO_free(bio);
	if (pkey != NULL)
		return key_of(pkey, fault_out);
	ERR_clear_error();
	if (str_find_str(pem, STR("ENCRYPTED")) >= 0)
		fault_permanent(fault_out, "the key needs a password: write it without one");
	else
		fault_permanent(fault_out, "no private key in PEM form");
	return NULL;
}

void
dkim_key_free(struct dkim_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	buf_fini(&key->public_text);
	mem_free(key);
}

struct dkim_key *
dkim_key_make(enum dkim_algorithm algorithm, int bits, struct fault *fault_out)
{
	EVP_PKEY *pkey = NULL;

	switch (algorithm) {
	case DKIM_RSA_SHA256:
		insist(bits >= DKIM_RSA_MIN_BITS && bits <= DKIM_RSA_MAX_BITS);
		pkey = EVP_RSA_gen((unsigned)bits);
		break;
	case DKIM_ED25519_SHA256:
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	}
	if (pkey != NULL)
		return key_of(pkey, fault_out);
	ERR_clear_error();
	fault_temporary(fault_out, "no key could be made");
	return NULL;
}

int
dkim_key_pem(const struct dkim_key *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());	/* wiped when it is freed */
	int result = -1;
	char *text;
	long n;

	insist(bio != NULL);
	if (PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1 && (n = BIO_get_mem_data(bio, &text)) > 0)
		result = buf_append(out, str_n(text, (size_t)n));
	BIO_free(bio);
	ERR_clear_error();
	return result;
}

enum dkim_algorithm
dkim_key_algorithm(const struct dkim_key *key)
{
	return key->algorithm;
}

const char *
dkim_key_algorithm_text(const struct dkim_key *key)
{
	return key->algorithm == DKIM_RSA_SHA256 ? "rsa-sha256" : "ed25519-sha256";
}

int
dkim_key_bits(const struct dkim_key *key)
{
	return key->bits;
}

struct str
dkim_key_public(const struct dkim_key *key)
{
	return buf_str(&key->public_text);
}

/* --- signing --- */

static bool
sign_rsa(const struct dkim_key *key, const uint8_t *hash, uint8_t *signature, size_t *n_bytes)
{
	EVP_PKEY_CTX *context = dkim_check_rsa_context(key->pkey, EVP_PKEY_sign_init);
	bool is_done = context != NULL && EVP_PKEY_sign(context, signature, n_bytes, hash, DKIM_HASH_BYTES) == 1;

	EVP_PKEY_CTX_free(context);
	return is_done;
}

/* The hash is what is signed, as a message: PureEdDSA has a hash of its own (RFC 8463 3). */
static bool
sign_ed25519(const struct dkim_key *key, const uint8_t *hash, uint8_t *signature, size_t *n_bytes)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool is_done = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
	    EVP_DigestSign(context, signature, n_bytes, hash, DKIM_HASH_BYTES) == 1;

	EVP_MD_CTX_free(context);
	return is_done;
}

int
dkim_key_sign(const struct dkim_key *key, const uint8_t hash[DKIM_HASH_BYTES],
    uint8_t signature_out[DKIM_SIGNATURE_MAX_BYTES], size_t *n_bytes_out, struct fault *fault_out)
{
	bool is_done = false;

	*n_bytes_out = DKIM_SIGNATURE_MAX_BYTES;
	switch (key->algorithm) {
	case DKIM_RSA_SHA256:
		is_done = sign_rsa(key, hash, signature_out, n_bytes_out);
		break;
	case DKIM_ED25519_SHA256:
		is_done = sign_ed25519(key, hash, signature_out, n_bytes_out);
		break;
	}
	if (is_done)
		return 0;
	ERR_clear_error();
	return fault_temporary(fault_out, "the key did not sign");
}

bool
dkim_key_verify(const struct dkim_key *key, const uint8_t hash[DKIM_HASH_BYTES], struct str signature)
{
	return dkim_check_with(key->pkey, hash, signature);
}
