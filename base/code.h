/*
 * code.h - bytes as text and back, and checksums
 */
#ifndef BASE_CODE_H
#define BASE_CODE_H

#include "base/buf.h"

/* Appends to out, without line breaks; 0, or -1 when out is at its maximum. */
int	base64_encode(struct str bytes, struct buf *out);

/* 0, or -1 for a malformed text or a full buffer.  Strict: padding needed, no blanks.  Hex in either case. */
int	base64_decode(struct str text, struct buf *out);
int	hex_decode(struct str text, struct buf *out);
int	hex_value(char digit);		/* -1 if it is none */

/* Castagnoli's CRC, chained: start with 0.  Uses the processor's instruction where there is one. */
uint32_t	crc32c(uint32_t crc, const void *bytes, size_t n_bytes);
uint32_t	crc32c_by_table(uint32_t crc, const void *bytes, size_t n_bytes);	/* the same, without it */

/*
 * Shows bytes of others safely on one line: printable ASCII stays, a backslash is
 * doubled, all else is \xHH; well-formed UTF-8 stays too if keep_utf8, but for the
 * control, line and direction characters among it.  Stops with "..." before more than
 * max_bytes are appended.  -1 and nothing appended when out is at its maximum.
 */
int	escape_append(struct str bytes, bool keep_utf8, size_t max_bytes, struct buf *out);

enum { ESCAPED_MAX_BYTES = 4 };

/* Takes the first character of *rest, which is not empty; gives what shows it. */
struct str	escape_next(struct str *rest, bool keep_utf8, char room[ESCAPED_MAX_BYTES]);

#endif
