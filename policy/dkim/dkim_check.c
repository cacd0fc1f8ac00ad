/*
 * dkim_check.c - whether a signature of a SHA-256 hash is right, by a public key
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "policy/dkim/dkim_check.h"

EVP_PKEY_CTX *
dkim_check_rsa_context(EVP_PKEY *pkey, int (*init)(EVP_PKEY_CTX *context))
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	if (context != NULL && init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1)
		return context;
	EVP_PKEY_CTX_free(context);
	return NULL;
}

bool
dkim_check_with(EVP_PKEY *pkey, const uint8_t hash[DKIM_HASH_BYTES], struct str signature)
{
	const unsigned char *bytes = (const unsigned char *)signature.at;
	bool is_right = false;

	if (EVP_PKEY_is_a(pkey, "RSA")) {
		EVP_PKEY_CTX *context = dkim_check_rsa_context(pkey, EVP_PKEY_verify_init);

		is_right = context != NULL && EVP_PKEY_verify(context, bytes, signature.len, hash, DKIM_HASH_BYTES) == 1;
		EVP_PKEY_CTX_free(context);
	} else {
		EVP_MD_CTX *context = EVP_MD_CTX_new();

		is_right = context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
		    EVP_DigestVerify(context, bytes, signature.len, hash, DKIM_HASH_BYTES) == 1;
		EVP_MD_CTX_free(context);
	}
	ERR_clear_error();
	return is_right;
}

EVP_PKEY *
dkim_check_parse(const struct dkim_public *key)
{
	const unsigned char *bytes = (const unsigned char *)key->bytes.at, *numbers = (const unsigned char *)key->numbers.at;
	EVP_PKEY *pkey = NULL;

	switch (key->type) {
	case DKIM_PUBLIC_RSA:
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &numbers, (long)key->numbers.len);
		break;
	case DKIM_PUBLIC_ED25519:
		pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, key->bytes.len);
		break;
	}
	ERR_clear_error();
	return pkey;
}

bool
dkim_check(const struct dkim_public *key, const uint8_t hash[DKIM_HASH_BYTES], struct str signature)
{
	EVP_PKEY *pkey = dkim_check_parse(key);
	bool is_right = pkey != NULL && dkim_check_with(pkey, hash, signature);

	EVP_PKEY_free(pkey);
	return is_right;
}
