/*
 * dkim_sign_inside.h - a signer's own, for dkim_signer.c, which makes it, and those who sign and write by it
 */
#ifndef POLICY_DKIM_DKIM_SIGN_INSIDE_H
#define POLICY_DKIM_DKIM_SIGN_INSIDE_H

#include <openssl/evp.h>

#include "policy/dkim/dkim_sign.h"

enum { DKIM_SIGNER_NAMES_MAX = DKIM_SIGNED_NAMES_MAX + 1 };	/* From, and those of the settings */

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
	struct signed_name	 names[DKIM_SIGNER_NAMES_MAX];	/* From first */
	int			 n_names;
	bool			 has_time;
	int64_t			 lifetime_s;	/* 0: none */
	EVP_MD			*sha256;	/* fetched once: a look-up for each hash costs more than hashing a field */
};

/* Whether it can stand in h=: ftext (RFC 5322 3.6.8) without what parts names and tags, not too long. */
bool	dkim_signer_is_name(struct str name);

/* The mail has the one From that it must have (RFC 5322 3.6): 0, or -1 with a permanent fault. */
int	dkim_signer_check_author(const struct header_section *header, struct fault *fault_out);

/* How often each of its names stands in h= for this mail.  0, or -1 with a permanent fault: it is a mail that is not signed. */
int	dkim_signer_count_names(const struct dkim_signer *signer, const struct header_section *header,
	    uint8_t times_out[DKIM_SIGNER_NAMES_MAX], struct fault *fault_out);

#endif
