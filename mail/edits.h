/*
 * edits.h - changes to a header section as data: fields that go
 *
 * What comes goes on top, as text, and needs no place here.
 */
#ifndef MAIL_EDITS_H
#define MAIL_EDITS_H

#include "mail/header.h"

struct edits {
	bool	*removed;	/* by the index of the field in the section; NULL: none goes */
	int	 n_removed;
};

/* Marks a field of the section to go.  False at the arena's limit. */
bool	edits_remove(struct edits *edits, const struct header_section *section, int index, struct arena *arena);

/*
 * The section as it will be: the fields that stay, pointing to where they pointed; header_bytes is their sum.  body_at and
 * the flags are the old section's.  False at the arena's limit.
 */
bool	edits_apply(const struct edits *edits, const struct header_section *section, struct arena *arena,
	    struct header_section *edited_out);

#endif
