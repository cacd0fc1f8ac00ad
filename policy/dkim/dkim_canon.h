/*
 * dkim_canon.h - the canonical forms of a mail's fields and body (RFC 6376 3.4), as DKIM and ARC hash them
 *
 * Knows no signature and no hash: canonical bytes go to a sink, a few KB at a time.  A body comes in pieces of any
 * lengths; memory does not grow with it.
 */
#ifndef POLICY_DKIM_DKIM_CANON_H
#define POLICY_DKIM_DKIM_CANON_H

#include "mail/header.h"

enum dkim_canon {
	DKIM_SIMPLE,
	DKIM_RELAXED,
};

/* The value of c= (3.5): false for none that there is.  What it means in full: "relaxed/simple" and the like. */
bool		 dkim_canon_read(struct str value, enum dkim_canon *header_out, enum dkim_canon *body_out);
const char	*dkim_canon_text(enum dkim_canon header, enum dkim_canon body);

struct dkim_sink {			/* where canonical bytes go; the bytes are valid during the call */
	void		(*take)(void *context, struct str bytes);
	void		*context;
};

enum { DKIM_CANON_ROOM_BYTES = 4096 };	/* gathered for the sink, so that a hash is not called for every word */

struct dkim_canon_body {			/* the caller's, 4 KB; nothing to free */
	enum dkim_canon	 canon;
	struct dkim_sink sink;
	int64_t		 n_line_ends;	/* CRLFs held back: they count only if something follows */
	bool		 has_cr;	/* a CR held back: the LF of the line's end may follow */
	bool		 has_blank;	/* relaxed: blanks held back, which are one if something of the line follows */
	int64_t		 n_bytes;	/* canonical ones so far */
	size_t		 n_room;	/* bytes in room */
	char		 room[DKIM_CANON_ROOM_BYTES];
};

/*
 * Simple drops the empty lines at the end and ends in CRLF, always (3.4.3); relaxed drops blanks at the ends of lines
 * too, makes one space of each run of others, and nothing of an empty body (3.4.4).  A line ends in CRLF; a lone CR
 * or LF is a byte like others.
 */
void	dkim_canon_body_begin(struct dkim_canon_body *body, enum dkim_canon canon, struct dkim_sink sink);
void	dkim_canon_body_add(struct dkim_canon_body *body, struct str piece);
void	dkim_canon_body_end(struct dkim_canon_body *body);

/*
 * One field (3.4.1, 3.4.2), given whole: with its name and line end, or without a line end.  with_line_end: CRLF is
 * put behind it; the signature's own field is hashed without one (3.7).  Bare LFs, as a milter sees them, count as CRLF.
 */
void	dkim_canon_field(enum dkim_canon canon, struct str whole, bool with_line_end, struct dkim_sink sink);

/*
 * The index of the field that a name in h= means: the first time a name stands there the last field of that name, then
 * the one before it, and so on (5.4.2).  before: what the same name's previous turn gave, or section->n_fields.  -1: there
 * is no further one; it counts as the empty string, and so do all later turns.
 */
int	dkim_canon_field_before(const struct header_section *section, struct str name, int before);

/* The same for all names of an h=, in order: an index or -1 for each. */
void	dkim_canon_find_fields(const struct header_section *section, const struct str *names, int n_names, int *indexes_out);

#endif
