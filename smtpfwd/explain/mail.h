/*
 * mail.h - a mail in a file as the daemon would have received it
 */
#ifndef EXPLAIN_MAIL_H
#define EXPLAIN_MAIL_H

#include "base/fault.h"
#include "smtpfwd/receive/listener.h"
#include "smtpfwd/smtp/data.h"

struct explain_mail {
	struct buf		 content;	/* lines end in CRLF */
	struct data_decoder	 decoder;	/* what it found */
	bool			 is_too_large;	/* for the listener: the content is a part of it */
};

/*
 * Reads a file ("-": stdin) whose lines end in LF or CRLF, up to what the listener takes; a last line without an end gets one, as
 * clients do it.  Blocks, but for a file that is none: a directory, a FIFO and a device are permanent faults, as is
 * what cannot be opened.  The mail is to be freed in any case.
 */
int	explain_mail_read(const char *path, const struct listener_settings *listener, struct explain_mail *mail_out,
	    struct fault *fault_out);
void	explain_mail_free(struct explain_mail *mail);

#endif
