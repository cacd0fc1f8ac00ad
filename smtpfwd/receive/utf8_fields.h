/*
 * utf8_fields.h - are there bytes beyond ASCII in the header fields of a mail, at any level of its MIME structure?
 *
 * Then it is an internationalised one, for servers with SMTPUTF8 only (RFC 6531 3.2); one whose text alone is 8-bit is not,
 * whatever its client asked for (3.6).  The structure is not parsed: what stands behind a line that may be a boundary, up to
 * an empty line, is taken for a part's fields, and so is what follows these if they name message/ .  Text may be taken for
 * fields that way, fields never for text.
 */
#ifndef RECEIVE_UTF8_FIELDS_H
#define RECEIVE_UTF8_FIELDS_H

#include "base/str.h"

struct utf8_fields {			/* zero: the mail begins */
	bool	 are_found;

	/* private */
	bool	 is_in_text;		/* the line is none of a header section */
	bool	 has_message;		/* the section names message/ */
	int	 n_matched;		/* bytes of that, at the end of what came */
	size_t	 n_line_bytes;		/* without CR */
	int	 n_dashes;		/* at the line's start, two at most */
	bool	 is_boundary;		/* it may be one: behind two there is more than blanks */
};

/* The next piece of the content, of any length; line ends are CRLF. */
void	utf8_fields_take(struct utf8_fields *f, struct str piece);

#endif
