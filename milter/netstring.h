/*
 * netstring.h - messages as D. J. Bernstein's netstrings: "5:hello,"
 */
#ifndef MILTER_NETSTRING_H
#define MILTER_NETSTRING_H

#include "base/buf.h"

enum netstring_state {
	NETSTRING_PART,			/* more is to come */
	NETSTRING_WHOLE,
	NETSTRING_BROKEN,		/* it is none, or longer than it may be; what follows has no meaning */
};

/*
 * Looks at what came so far, from the first byte of a message on.  Whole: *inside_out is in the bytes, and *n_bytes_out is how many
 * of them it took.  A length has no sign, no blanks and no leading zero, so that a message has one form.
 */
enum netstring_state	netstring_read(struct str bytes, size_t max_bytes, struct str *inside_out, size_t *n_bytes_out);

/* 0, or -1 and nothing appended when out is full. */
int			netstring_append(struct str inside, struct buf *out);

#endif
