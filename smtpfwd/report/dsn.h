/*
 * dsn.h - a delivery status notification: its parts but for the returned mail (RFC 3464, RFC 6522)
 *
 * Text for a person first, then the status for programs.  What is returned of the mail
 * goes between dsn_append_opening and dsn_append_closing; the caller copies it.  Where the mail
 * asked for SMTPUTF8 the types of RFC 6533 are used.
 */
#ifndef REPORT_DSN_H
#define REPORT_DSN_H

#include "base/buf.h"
#include "smtpfwd/queue/queue.h"

struct dsn {
	const struct owed	*owed;
	struct mail_id		 id;		/* the report's own */
	struct str		 hostname;	/* the reporting MTA */
	struct timestamp	 now;
	bool			 is_full;	/* the whole mail is returned, not only its header section */
};

/* Appends all up to the first byte of the returned mail, or behind its last.  0, or -1 when out is full. */
int	dsn_append_opening(const struct dsn *dsn, struct buf *out);
int	dsn_append_closing(const struct dsn *dsn, struct buf *out);

#endif
