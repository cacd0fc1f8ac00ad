/*
 * dkim_field.h - a DKIM-Signature field (RFC 6376 3.5), read strictly before the library sees it
 *
 * What libopendkim 2.11 reads wrongly is kept from it here: it takes tag names in any case
 * and the last of two, l= near 2^64 as no limit, cuts long h= lists, and reads behind the end of
 * an i= that ends in "=".  Nothing here looks at the mail or the key.
 */
#ifndef POLICY_DKIM_DKIM_FIELD_H
#define POLICY_DKIM_DKIM_FIELD_H

#include "base/arena.h"
#include "base/instant.h"
#include "policy/dkim/dkim_key.h"
#include "policy/dkim/dkim_public.h"
#include "policy/dkim/dkim_result.h"

enum {
	DKIM_FIELD_READ_MAX_BYTES = 16 * 1024,	/* z= may copy a header; the library cuts at 64 KB */
	DKIM_FIELD_NAMES_MAX = 256,		/* in h=; real ones have 10 to 40 */
	DKIM_FIELD_H_MAX_BYTES = 4000,		/* the library cuts at 4096 */
	DKIM_FIELD_B_MAX_BYTES = 1024,		/* base64 of RSA-4096 is 684 */
	DKIM_FIELD_I_MAX_BYTES = 254,		/* an address, RFC 5321 4.5.3.1.3; the library cuts at 256 */
	DKIM_B_PREFIX_BYTES = 8,		/* at least, RFC 6008 4 */
	DKIM_LIBRARY_DRIFT_S = 1000000000,	/* what the library is told; see SIGNED_AT_MIN_S in dkim_field.c */
};

struct dkim_field {
	struct dkim_result	 result;	/* what the field says of itself; also its verdict, once refused */
	bool			 is_refused;	/* its verdict stands without key and mail */
	bool			 is_well_formed;	/* safe for the library, refused or not */
	enum dkim_public_type	 key_type;	/* that a= wants */
	struct str		 b;		/* without blanks */
	struct str		 signature;	/* its bytes; empty: it is no base64 */
	uint8_t			 body_hash[DKIM_HASH_BYTES];	/* bh=, where it is well-formed and a= wants SHA-256 */
	struct str		 h;		/* as written; each item is a name */
	struct str		 identity_domain;	/* of i=; the domain of d= if there is none */
	int			 n_names;	/* in it */
	int			 n_signatures_covered;	/* how often h= names DKIM-Signature */
	int			 n_authors_covered;	/* and From */
};

/*
 * Reads what stands behind the colon.  drift_s: by how many seconds clocks may differ.  All is in
 * the arena.  False only at the arena's limit; a field that is no good is refused with a reason.
 */
bool	dkim_field_read(struct str value, struct timestamp now, int drift_s, struct arena *arena,
	    struct dkim_field *field_out);

/* Settles it before the library is asked; the reason is a constant.  The first one stands. */
void	dkim_field_refuse(struct dkim_field *field, enum dkim_verdict verdict, const char *reason);

#endif
