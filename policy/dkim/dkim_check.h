/*
 * dkim_check.h - whether a signature of a SHA-256 hash is right, by a public key (RFC 6376 3.3.1, RFC 8463 3)
 */
#ifndef POLICY_DKIM_DKIM_CHECK_H
#define POLICY_DKIM_DKIM_CHECK_H

#include <openssl/types.h>

#include "policy/dkim/dkim_key.h"
#include "policy/dkim/dkim_public.h"

/* With a key of the DNS, which is in order and of an allowed size.  0.03 to 0.1 ms of CPU. */
bool	dkim_check(const struct dkim_public *key, const uint8_t hash[DKIM_HASH_BYTES], struct str signature);

/* A key of the library, the caller's; NULL if it will not have it. */
EVP_PKEY	*dkim_check_parse(const struct dkim_public *key);

/* The same with a key of the library, RSA or Ed25519. */
bool	dkim_check_with(EVP_PKEY *pkey, const uint8_t hash[DKIM_HASH_BYTES], struct str signature);

/* A context for PKCS #1 v1.5 and SHA-256; init is EVP_PKEY_sign_init or the like.  NULL if the library will not. */
EVP_PKEY_CTX	*dkim_check_rsa_context(EVP_PKEY *pkey, int (*init)(EVP_PKEY_CTX *context));

#endif
