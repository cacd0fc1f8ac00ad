/*
 * dkim_sign_inside.h - a signer's own, for dkim_signer.c, which makes it, and those who sign and write by it
 */
#ifndef POLICY_DKIM_SIGN_INSIDE_H
#define POLICY_DKIM_SIGN_INSIDE_H

#include <openssl/evp.h>

#include "policy/dkim_sign.h"

struct signed_name {
	struct str		 name;
	enum dkim_oversign	 oversign;
};

struct signer_selector {
	struct str		 name;
	const struct dkim_key	*key;
};

struct dkim_signer {
	struct arena		 arena;		/* of all names */
	struct str		 domain;
	struct str		 identity;	/* as i= has it; "" for none */
	struct signer_selector	 selectors[DKIM_SELECTORS_MAX];
	int			 n_selectors;
	struct str		 text;		/* "domain:selector,selector" */
	enum dkim_canon		 header_canon, body_canon;
	struct signed_name	 names[DKIM_SIGNED_NAMES_MAX + 1];	/* From first */
	int			 n_names;
	bool			 has_time;
	int64_t			 lifetime_s;	/* 0: none */
	EVP_MD			*sha256;	/* fetched once: a look-up for each hash costs more than hashing a field */
};

#endif
