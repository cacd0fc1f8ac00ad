/*
 * field_changes.h - what we do to a header section, and which signatures that breaks
 *
 * A signature covers fields by name, from the bottom (RFC 6376 5.4.2): one on top of all breaks it only where h= has the name
 * once more than there are fields; one that goes breaks it where it was among those covered.
 */
#ifndef POLICY_FIELD_CHANGES_H
#define POLICY_FIELD_CHANGES_H

#include "mail/edits.h"
#include "policy/class/class_actions.h"

enum { FIELD_CHANGES_MAX = 8 + 2 * CLASS_FIELDS_MAX };	/* names: ours, and those of a class */

struct field_change {
	struct str	 name;		/* a constant, or the policy's */
	int		 depth;		/* the first field of the name, counted from the bottom, from 1, that is another one afterwards */
};

struct field_changes {			/* zero: nothing changes */
	struct field_change	 at[FIELD_CHANGES_MAX];
	int			 n;
};

/* A field of the name comes on top, and of those that stand there some may go.  What was said of a name is not said again. */
void	field_changes_add(struct field_changes *changes, const struct header_section *section, const struct edits *edits,
	    struct str name);

/* h: names with colons between them, as in a signature's h=. */
bool	field_changes_break(const struct field_changes *changes, struct str h);

#endif
