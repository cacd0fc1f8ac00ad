/*
 * dkim_library.h - libopendkim for one mail: header and body in, an opinion on each signature out
 *
 * For dkim_verify only, which gives it nothing but signatures and keys that were read strictly.
 * Nothing here suspends.  The library's handle for all mails is made once.
 */
#ifndef POLICY_DKIM_DKIM_LIBRARY_H
#define POLICY_DKIM_DKIM_LIBRARY_H

#include "base/arena.h"
#include "mail/header.h"

enum dkim_opinion {
	DKIM_OPINION_RIGHT,		/* header and body are as signed */
	DKIM_OPINION_HEADER_WRONG,	/* or the signature itself, or not the key's */
	DKIM_OPINION_BODY_WRONG,
	DKIM_OPINION_BODY_SHORT,	/* shorter than l= says */
	DKIM_OPINION_NONE,		/* the library would not check it; *why_out says more */
};

struct dkim_candidate {
	const struct header_field *field;	/* in the section */
	struct str		 record;	/* its key as a record, of 1024 bytes at most; empty: not to be checked */
};

struct dkim_library;
struct dkim_handle;

struct dkim_library	*dkim_library_new(void);	/* NULL: not as we need it */
void			 dkim_library_free(struct dkim_library *library);

/*
 * Takes the header; signature fields that are not among the candidates are left out.  The
 * candidates, in the order of the section, must stay until the end.  NULL with *why_out, a constant,
 * when the library has no memory or does not understand what it should.
 */
struct dkim_handle	*dkim_handle_new(struct dkim_library *library, const struct header_section *header,
			    const struct dkim_candidate *candidates, int n_candidates, struct arena *arena,
			    const char **why_out);
void			 dkim_handle_free(struct dkim_handle *handle);

/* What the library has allocated for it: copies of all fields, mostly. */
size_t			 dkim_handle_memory_bytes(const struct dkim_handle *handle);

/* False with *why_out when the library gives up. */
bool			 dkim_handle_body(struct dkim_handle *handle, struct str chunk, const char **why_out);
bool			 dkim_handle_end_body(struct dkim_handle *handle, const char **why_out);

/* On the i-th candidate.  Without the end of the body, DKIM_OPINION_NONE for what depends on it. */
enum dkim_opinion	 dkim_handle_opinion(const struct dkim_handle *handle, int i, const char **why_out);

#endif
