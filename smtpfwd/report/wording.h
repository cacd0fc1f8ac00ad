/*
 * wording.h - bytes of others in the places a report has for them: shown, folded, encoded
 *
 * What is appended never holds a line end but those made here.  All return 0, or -1 when out is full.
 */
#ifndef REPORT_WORDING_H
#define REPORT_WORDING_H

#include "mail/address.h"
#include "mail/reply.h"
#include "base/buf.h"

enum {
	WORDING_MAX_BYTES = 900,	/* of one foreign text: a line has 998 (RFC 5322 2.1.1) */
};

/* As escape_append, but a backslash is left alone: for what programs compare byte by byte (an ENVID, an address). */
int	wording_exact(struct str text, bool keep_utf8, struct buf *out);

/* The address for a person: as it stands in a path, control and direction characters escaped. */
int	wording_address(const struct address *address, struct buf *out);

/* True if wording_exact would change nothing, however long it is. */
bool	wording_is_safe(struct str text, bool keep_utf8);

/* utf-8-addr-xtext (RFC 6533 3): ASCII only, \x{HHHH} for other characters.  with_raw_signs: "+" and "=" are there by right. */
int	wording_utf8_xtext(struct str text, bool with_raw_signs, struct buf *out);

/* One line of words, broken at blanks before column 76; column: where the first stands; each further line begins with indent. */
int	wording_fold(struct str text, size_t column, const char *indent, struct buf *out);

/* "550 5.1.1 no such user", on one line. */
int	wording_reply(const struct reply *reply, bool keep_utf8, struct buf *out);

/* Encoded-words (RFC 2047) where the text is not ASCII, else the text itself. */
int	wording_encoded(struct str text, struct buf *out);

/* Quoted-printable (RFC 2045 6.7) of text with CRLF line ends, piece by piece; starts zero. */
struct quoted {
	size_t	column;
	char	held;			/* a blank or CR whose next byte is not known yet; 0: none */
};

int	quoted_append(struct quoted *quoted, struct str piece, struct buf *out);
int	quoted_end(struct quoted *quoted, struct buf *out);

#endif
