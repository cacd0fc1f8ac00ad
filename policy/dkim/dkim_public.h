/*
 * dkim_public.h - a key record of the DNS (RFC 6376 3.6.1, RFC 8463 4), read strictly
 *
 * Which record is looked for and who may use the key is for who asks; here the record is
 * text, and hostile.
 */
#ifndef POLICY_DKIM_DKIM_PUBLIC_H
#define POLICY_DKIM_DKIM_PUBLIC_H

#include "base/arena.h"

enum {
	DKIM_PUBLIC_RSA_BITS_MIN = 1024,		/* RFC 8301 3.2 */
	DKIM_PUBLIC_RSA_BITS_MAX = 4096,		/* what verifiers must know, RFC 8301 3.2; more costs too much */
	DKIM_PUBLIC_EXPONENT_MAX_BYTES = 8,	/* 65537 has 3; a long exponent makes verification slow */
	DKIM_PUBLIC_RECORD_MAX_BYTES = 8192,	/* 4096 bits are some 800 */
};

enum dkim_public_type {
	DKIM_PUBLIC_RSA,
	DKIM_PUBLIC_ED25519,
};

struct dkim_public {
	enum dkim_public_type	 type;
	int			 bits;
	int			 exponent_bits;		/* RSA: how long a check takes goes by both */
	/*
	 * RSA: a SubjectPublicKeyInfo (RFC 5280 4.1) in DER, made anew by us out of the numbers,
	 * so d2i_PUBKEY takes it; Ed25519: the 32 bytes.
	 */
	struct str		 bytes;
	struct str		 numbers;		/* RSA: the RSAPublicKey in it (RFC 8017 A.1.1), which OpenSSL 3 reads five times faster */
	bool			 is_for_email;		/* s= has "*" or "email", or is not there */
	bool			 is_for_sha256;		/* h= has it, or is not there */
	bool			 is_testing;		/* t=y: RFC 6376 3.6.1 */
	bool			 is_for_domain_only;	/* t=s: i= must have the domain of d= itself */
	bool			 is_revoked;		/* p= is empty; the fields above are set, not the key */
};

/*
 * Reads the text of a TXT record.  False with *why_out, a constant, if it holds no key that can
 * be used; a key of any size gives true, its bytes stand in the arena.  At the arena's limit: false.
 */
bool	dkim_public_read(struct str record, struct arena *arena, struct dkim_public *key_out, const char **why_out);

/* Whether a TXT record is meant as a key at all: a tag-list with a p=, or one that begins with v=DKIM1. */
bool	dkim_public_is_record(struct str record);

#endif
