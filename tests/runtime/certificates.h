/*
 * certificates.h - certificates for tests, signed by an authority that the test makes
 */
#ifndef TESTS_RUNTIME_CERTIFICATES_H
#define TESTS_RUNTIME_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

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

struct certificate_wish {		/* of a client; all may be left 0 */
	const char	*common_name;	/* NULL: none */
	const char	*names;		/* "DNS:app.example"; NULL: no alternative names at all */
	const char	*dns_bytes;	/* instead: one DNS name of any bytes */
	size_t		 n_dns_bytes;
	const char	*usage;		/* "clientAuth", "serverAuth"; NULL: any */
	int		 from_days, days;	/* valid from and until so many days from now; days 0: 10 */
	int		 padding_bytes;	/* it is larger by so much */
	bool		 is_self_signed;
};

/* Writes certificate and key into one PEM file. */
void	authority_issue_wish(const struct authority *authority, const struct certificate_wish *wish, const char *path);

#endif
