/*
 * dkim_key.h - a private key that signs mail: parsed once, kept, and its public half as the DNS shows it
 *
 * Files are read by the caller.  A key is immutable: any number of threads may sign with it at a time.
 */
#ifndef POLICY_DKIM_DKIM_KEY_H
#define POLICY_DKIM_DKIM_KEY_H

#include "base/buf.h"
#include "base/fault.h"

enum dkim_algorithm {
	DKIM_RSA_SHA256,		/* RFC 6376 3.3.1 */
	DKIM_ED25519_SHA256,		/* RFC 8463 */
};

enum {
	DKIM_HASH_BYTES = 32,		/* SHA-256; SHA-1 is not used (RFC 8301 3.1) */
	DKIM_RSA_MIN_BITS = 1024,	/* RFC 8301 3.2: no signer may use less */
	DKIM_RSA_GOOD_BITS = 2048,	/* the same: and should not use less than this */
	DKIM_RSA_MAX_BITS = 4096,	/* the same: what all verifiers must take */
	DKIM_SIGNATURE_MAX_BYTES = DKIM_RSA_MAX_BITS / 8,
	DKIM_PEM_MAX_BYTES = 64 * 1024,	/* of a key file: a key is 4 KB at most, and people write comments */
	DKIM_RECORD_MAX_BYTES = 4096,	/* of a key record that we read or write; one for 4096 bits has 800 */
};

struct dkim_key;

/*
 * A key of a PEM text, PKCS#8 or "RSA PRIVATE KEY"; what stands around it is skipped.  It is tried, so that a key which
 * cannot sign is found here.  NULL with a permanent fault that names no file: no key, one behind a password, one of
 * another kind, RSA of too few or too many bits, or one whose halves do not fit.  Takes about a millisecond.
 */
struct dkim_key	*dkim_key_new(struct str pem, struct fault *fault_out);
void		 dkim_key_free(struct dkim_key *key);		/* NULL is nothing */

/* A new key; bits are for RSA, within the bounds above.  Takes up to seconds.  NULL with a temporary fault. */
struct dkim_key	*dkim_key_make(enum dkim_algorithm algorithm, int bits, struct fault *fault_out);

/* Appends its PEM (PKCS#8), a secret; 0, or -1 when out is full. */
int		 dkim_key_pem(const struct dkim_key *key, struct buf *out);

enum dkim_algorithm dkim_key_algorithm(const struct dkim_key *key);
const char	*dkim_key_algorithm_text(const struct dkim_key *key);	/* "rsa-sha256", "ed25519-sha256": for a= */
int		 dkim_key_bits(const struct dkim_key *key);		/* of RSA; below DKIM_RSA_GOOD_BITS is worth a warning */
struct str	 dkim_key_public(const struct dkim_key *key);		/* base64, for p=; the key's */

/*
 * The private-key operation: the signature of a SHA-256 hash.  20 to 1,500 us of CPU (RSA of 2048 bits: 250), so a
 * loop may want it done by a crew.  0, or -1 with a temporary fault.
 */
int		 dkim_key_sign(const struct dkim_key *key, const uint8_t hash[DKIM_HASH_BYTES],
		    uint8_t signature_out[DKIM_SIGNATURE_MAX_BYTES], size_t *n_bytes_out, struct fault *fault_out);

/* Whether the public half says that a signature is right; for tests and for trying a key. */
bool		 dkim_key_verify(const struct dkim_key *key, const uint8_t hash[DKIM_HASH_BYTES], struct str signature);

#endif
