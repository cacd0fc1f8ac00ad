/*
 * fields.h - header fields between the milter protocol and mail/: as they come from the server, and changes as it wants to be told
 *
 * A server that was asked to keep leading space (SMFIP_HDR_LEADSPC) gives a value as it stands behind the colon, with LF for each
 * line end of its folding, and wants values given so.
 */
#ifndef MILTER_FIELDS_H
#define MILTER_FIELDS_H

#include "base/buf.h"
#include "mail/edits.h"

/*
 * Appends the field as it stands in the mail, with CRLF, so that one field is read there; what is none is made one (odd bytes in the name, a line that no
 * blank begins).  The name is not empty.  0, or -1 and nothing appended when out is full.
 */
int	fields_append(struct str name, struct str value, struct buf *section);

struct field_removal {			/* an argument of smfi_chgheader, with no value */
	const char	*name;
	int		 nth;		/* of that name, in any case; from 1 */
};

/* In an order in which none changes what another one counts.  The list is in the arena, and of edits->n_removed.  NULL at its limit. */
const struct field_removal *fields_removals(const struct header_section *section, const struct edits *edits, struct arena *arena);

struct field_insertion {		/* arguments of smfi_insheader */
	const char	*name, *value;
};

/*
 * Whole fields with their line ends, to stand on top of all in this order: each is to be inserted at 0, in the order of the list.
 * In the arena; NULL at its limit.
 */
const struct field_insertion *fields_insertions(struct str text, struct arena *arena, int *n_out);

#endif
