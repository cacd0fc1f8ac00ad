/*
 * dkim_library.h - libopendkim for one mail: what its signatures sign of header and body, canonicalized and hashed
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
#include "policy/dkim/dkim_canon.h"
#include "policy/dkim/dkim_key.h"

struct dkim_candidate {
	const struct header_field *field;	/* in the section */
	bool			 is_open;	/* its hash is wanted; else it only stands in the header */

	const char		*why_not;	/* a constant: the library does not understand it; NULL: it has the hash */
	uint8_t			 hash[DKIM_HASH_BYTES];		/* of the header */
};

struct dkim_body_form {			/* what a signature wants of the body */
	enum dkim_canon		 canon;
	int64_t			 limit_bytes;	/* l=; -1: all of it */
};

enum {
	DKIM_CANDIDATES_MAX = 32,
	DKIM_BODY_FORMS_MAX = 6,	/* different ones */
};

struct dkim_library;
struct dkim_body_hashes;

struct dkim_library	*dkim_library_new(void);	/* NULL: not as we need it */
void			 dkim_library_free(struct dkim_library *library);

/*
 * Hashes the header for each open candidate (RFC 6376 3.7).  The candidates are in the order of the section; signature fields
 * that are not among them are left out.  False with *why_out, a constant, when the library has no memory or does not
 * understand what it should.  5 us of CPU for each KB and candidate; copies the header meanwhile.  On any thread.
 */
bool			 dkim_library_hash_header(struct dkim_library *library, const struct header_section *header,
			    struct dkim_candidate *candidates, int n_candidates, const char **why_out);

/* Begins to hash a body in 1 to DKIM_BODY_FORMS_MAX forms.  NULL with *why_out as above. */
struct dkim_body_hashes	*dkim_body_hashes_new(struct dkim_library *library, const struct dkim_body_form *forms, int n_forms,
			    const char **why_out);
void			 dkim_body_hashes_free(struct dkim_body_hashes *hashes);		/* NULL is nothing */
size_t			 dkim_body_hashes_memory_bytes(const struct dkim_body_hashes *hashes);	/* of NULL 0 */

/* False with *why_out when the library gives up. */
bool			 dkim_body_hashes_take(struct dkim_body_hashes *hashes, struct str chunk, const char **why_out);
bool			 dkim_body_hashes_end(struct dkim_body_hashes *hashes, const char **why_out);

/* Behind the end: of the i-th form.  NULL: the body is shorter than its limit. */
const uint8_t		*dkim_body_hashes_get(const struct dkim_body_hashes *hashes, int i);

#endif
