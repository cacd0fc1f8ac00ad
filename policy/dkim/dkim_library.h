/*
 * dkim_library.h - libopendkim for one mail: what its signatures sign of the header, canonicalized and hashed
 *
 * For dkim_verify only, which gives it nothing but signatures that were read strictly.  The library gets no keys: it would
 * parse each anew, which takes more than all the rest.  So its own verdicts are not asked for, and whether a hash is the signed
 * one is looked at by dkim_known.
 *
 * Nothing here suspends.  The library's handle for all mails is made once and serves all threads.
 */
#ifndef POLICY_DKIM_DKIM_LIBRARY_H
#define POLICY_DKIM_DKIM_LIBRARY_H

#include "mail/header.h"
#include "policy/dkim/dkim_key.h"

struct dkim_candidate {
	const struct header_field *field;	/* in the section */
	bool			 is_open;	/* its hash is wanted; else it only stands in the header */

	const char		*why_not;	/* a constant: the library does not understand it; NULL: it has the hash */
	uint8_t			 hash[DKIM_HASH_BYTES];		/* of the header */
};

enum { DKIM_CANDIDATES_MAX = 32 };

struct dkim_library;

struct dkim_library	*dkim_library_new(void);	/* NULL: not as we need it */
void			 dkim_library_free(struct dkim_library *library);

/*
 * Hashes the header for each open candidate (RFC 6376 3.7).  The candidates are in the order of the section; signature fields
 * that are not among them are left out.  False with *why_out, a constant, when the library has no memory or does not
 * understand what it should.  5 us of CPU for each KB and candidate; copies the header meanwhile.  On any thread.
 */
bool			 dkim_library_hash_header(struct dkim_library *library, const struct header_section *header,
			    struct dkim_candidate *candidates, int n_candidates, const char **why_out);

#endif
