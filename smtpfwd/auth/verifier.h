/*
 * verifier.h - what is kept of a password: enough to know it again, not to say it
 *
 * Two kinds: crypt(3) hashes, and SCRAM-SHA-256 keys in the form of RFC 5803 that PostgreSQL made common:
 * SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey, in base64.  The second serves every mechanism, the first those
 * that bring the password itself.
 */
#ifndef AUTH_VERIFIER_H
#define AUTH_VERIFIER_H

#include "base/buf.h"

enum {
	SCRAM_KEY_BYTES = 32,
	SCRAM_SALT_MAX_BYTES = 64,	/* 16 are usual */
	SCRAM_ITERATIONS_MIN = 4096,	/* RFC 7677 4 */
	/*
	 * What a login may cost us, three quarters of a second.  A hostile server can ask a client for more: libgsasl
	 * would hash for an hour on i=4294967295, and take i=4294967297 for 1.
	 */
	SCRAM_ITERATIONS_MAX = 1000000,
	SCRAM_ITERATIONS_MADE = 32768,	/* of ours: 9 ms here, some 30 for a slow client */
	SCRAM_SALT_MADE_BYTES = 16,

	VERIFIER_TEXT_MAX_BYTES = 512,
};

struct scram_keys {			/* RFC 5802 3 */
	unsigned	 iterations;
	size_t		 n_salt_bytes;
	uint8_t		 salt[SCRAM_SALT_MAX_BYTES];
	uint8_t		 stored_key[SCRAM_KEY_BYTES];
	uint8_t		 server_key[SCRAM_KEY_BYTES];
};

enum verifier_kind { VERIFIER_CRYPT, VERIFIER_SCRAM };

struct verifier {
	enum verifier_kind	 kind;
	struct str		 hash;		/* crypt's whole text; a NUL stands behind it */
	struct scram_keys	 scram;
};

/*
 * Reads one; hash is a part of text, which must have a NUL behind its end.  0, or -1 with *why_out a constant:
 * malformed, a kind that is too weak (DES, MD5, SHA-1, clear text), or one that takes too long.
 */
int	verifier_parse(struct str text, struct verifier *verifier_out, const char **why_out);

/*
 * True if it is the password's, which is prepared.  Blocks for as long as the hash costs, some 2 to 1000 ms, so a
 * crew's thread is the place; compares in constant time.
 */
bool	verifier_fits(const struct verifier *verifier, struct str password);

/* Append a new one's text, for a prepared password.  salt: random.  0, or -1 when it cannot be made.  Block. */
int	verifier_make_scram(struct str password, const uint8_t salt[SCRAM_SALT_MADE_BYTES], unsigned iterations, struct buf *out);
int	verifier_make_crypt(struct str password, struct buf *out);	/* yescrypt */

#endif
