/*
 * talk_text.h - the words of dialogues: escapes, replies, spans; no connection
 */
#ifndef SIM_TALK_TEXT_H
#define SIM_TALK_TEXT_H

#include "base/buf.h"
#include "base/instant.h"

/* Appends the line as bytes; *is_whole_out: it ends in \n, \r or \c and gets no CRLF.  False: malformed. */
bool	talk_unescape(struct str line, struct buf *out, bool *is_whole_out);

size_t	talk_reply_bytes(struct str input);	/* of the whole reply at the start of input; 0: more must come */
bool	talk_reply_starts(struct str reply, struct str want);
bool	talk_reply_has(struct str reply, struct str text);	/* a line whose text starts so */
bool	talk_span(struct str text, struct span *span_out);	/* "5m" */
bool	talk_read_file(const char *path, struct buf *out);	/* or $srcdir/path */

#endif
