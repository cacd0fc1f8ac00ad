/*
 * dkim_key_record.h - the DNS record of a signing key: its text, and whether a published one fits
 *
 * For who signs: what is compared is a record for a key of our own.  Who verifies mail of others reads records elsewhere.
 */
#ifndef POLICY_DKIM_DKIM_KEY_RECORD_H
#define POLICY_DKIM_DKIM_KEY_RECORD_H

#include "policy/dkim/dkim_key.h"

/* Appends "v=DKIM1; k=rsa; p=..." (RFC 6376 3.6.1, RFC 8463 4); 0, or -1 when out is full. */
int	dkim_key_record(const struct dkim_key *key, struct buf *out);

/*
 * Appends the record as a zone file has it (RFC 1035 5.1), in one statement of one or more lines: strings of at most 255
 * bytes, which the DNS joins (RFC 6376 3.6.2.2).  selector and domain are valid, domain canonical.  0, or -1 when out is full.
 */
int	dkim_key_zone_lines(const struct dkim_key *key, struct str selector, struct str domain, struct buf *out);

enum dkim_key_match {
	DKIM_KEY_FITS,
	DKIM_KEY_OTHER,			/* the record has another key */
	DKIM_KEY_OTHER_TYPE,		/* k= names another algorithm */
	DKIM_KEY_REVOKED,		/* p= is empty */
	DKIM_KEY_NO_SHA256,		/* h= does not allow it */
	DKIM_KEY_NOT_FOR_MAIL,		/* s= does not allow it */
	DKIM_KEY_MALFORMED,		/* no key record by RFC 6376 3.6.1 */
};

struct dkim_key_comparison {
	enum dkim_key_match	 match;
	bool			 is_testing;	/* t=y: verifiers may treat the mail as unsigned */
	bool			 is_strict;	/* t=s: i= must have the very domain of d= */
};

/* record: a TXT record's text, its strings joined. */
void	dkim_key_compare(const struct dkim_key *key, struct str record, struct dkim_key_comparison *comparison_out);

/* A match as a clause about the record: "has another key".  Constant. */
const char	*dkim_key_match_text(enum dkim_key_match match);

#endif
