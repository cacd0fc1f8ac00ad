/*
 * edits.h - changes to a header section as data: fields that go, and fields that come
 *
 * What tells of the mail itself (Received, results, signatures) goes on top of all, as text, and needs no place here.
 */
#ifndef MAIL_EDITS_H
#define MAIL_EDITS_H

#include "mail/header.h"

struct edits {
	bool	*removed;	/* by the index of the field in the section; NULL: none goes */
	int	 n_removed;
	const struct header_field *added;	/* the caller's: on top of those that stay, in this order */
	int	 n_added;
};

/* Marks a field of the section to go.  False at the arena's limit. */
bool	edits_remove(struct edits *edits, const struct header_section *section, int index, struct arena *arena);

/*
 * The section as it will be: the fields that come and those that stay, pointing to where they pointed; header_bytes is their sum.  body_at and
 * the flags are the old section's.  False at the arena's limit.
 */
bool	edits_apply(const struct edits *edits, const struct header_section *section, struct arena *arena,
	    struct header_section *edited_out);

#endif
