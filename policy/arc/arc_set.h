/*
 * arc_set.h - a mail's fields of ARC put together: its sets, and whether they make a chain (RFC 8617 4.2, 5.2 steps 1 to 3)
 *
 * Structure only; signatures are for arc_verify.
 */
#ifndef POLICY_ARC_ARC_SET_H
#define POLICY_ARC_ARC_SET_H

#include "policy/arc/arc_field.h"

enum {
	ARC_HEADER_MAX_BYTES = 256 * 1024,	/* a header section that is looked at, as for DKIM */
	ARC_HEADER_FIELDS_MAX = 1000,
};

struct arc_set {
	struct arc_field fields[ARC_KINDS];	/* by enum arc_kind; from is NULL: there is none */
};

struct arc_chain {
	struct arc_set	*sets;		/* in the arena: that of instance i is sets[i - 1]; all but the highest may have gaps if there is trouble */
	int		 n_sets;	/* the highest instance that a field has; 0: the mail has no field of ARC, or with trouble none in order */
	bool		 has_fields;
	/* Why it is no chain, printable; empty: it is one, or there is none.  A message signature may still have trouble of its own. */
	struct str	 trouble;
	bool		 is_closed;	/* nobody adds to it: the newest seal says cv=fail (5.1 step 2), or it was too large to be read */
};

/* The chain points into the header section and the arena.  False only at the arena's limit. */
bool	arc_chain_read(const struct header_section *header, struct timestamp now, int drift_s, struct arena *arena,
	    struct arc_chain *chain_out);

#endif
