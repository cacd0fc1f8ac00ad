/*
 * certificates.h - certificates for tests, signed by an authority that the test makes
 */
#ifndef TESTS_RUNTIME_CERTIFICATES_H
#define TESTS_RUNTIME_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/x509.h>

struct authority {
	EVP_PKEY	*key;
	X509		*certificate;
};

void	authority_init(struct authority *authority);
void	authority_fini(struct authority *authority);

/* Writes the authority's certificate as PEM. */
void	authority_write(const struct authority *authority, const char *path);

/* Writes a certificate for names ("DNS:mx.example,IP:127.0.0.1") and its key as PEM; valid for days from now, or past. */
void	authority_issue(const struct authority *authority, const char *names, int days,
	    const char *certificate_path, const char *key_path);

#endif
