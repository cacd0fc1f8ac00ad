/*
 * reply_read.h - replies off the wire, from bytes that come in any pieces, and onto it
 */
#ifndef SMTP_REPLY_READ_H
#define SMTP_REPLY_READ_H

#include "base/buf.h"
#include "base/fault.h"
#include "mail/reply.h"

struct reply_reader {			/* private */
	struct buf	 line;		/* of the line at hand, if it came in pieces */
	struct buf	 text;		/* of the lines so far */
	int		 code;
	int		 n_lines;
	struct status	 status;
	bool		 is_taken;	/* the reply was handed out: start anew */
};

enum reply_step {
	REPLY_MORE,			/* all input is taken; feed more */
	REPLY_DONE,			/* a whole reply; *input stands behind it */
	REPLY_MALFORMED,		/* fault set; nothing more can be read here */
};

void		reply_reader_init(struct reply_reader *r);
void		reply_reader_fini(struct reply_reader *r);

/*
 * Takes from *input.  Tolerated: a lone LF as line end, "250" without a text, bytes that are not
 * ASCII.  Not: other codes within one reply, no digits, lines or replies without end (limits.h).
 * An enhanced status of the code's class is taken off the text.  The text is the reader's, until
 * its next call.
 */
enum reply_step	reply_read(struct reply_reader *r, struct str *input, struct reply *reply_out,
		    struct fault *fault_out);

/*
 * Appends a reply for the wire: one line for each of its text, with code and status (if it has
 * one and with_status), long lines split, other than printable ASCII as "?".  0, or -1 when
 * out is full.
 */
int		reply_write(const struct reply *reply, bool with_status, struct buf *out);

#endif
