/*
 * dsn.h - a delivery status notification: its parts but for the returned mail (RFC 3464, RFC 6522)
 *
 * Text for a person first, then the status for programs.  What is returned of the mail goes between
 * dsn_append_opening and dsn_append_closing; the caller copies it.
 *
 * A report is written so that every server on its way back takes it: all ASCII, addresses and fields of an
 * internationalised mail encoded (RFC 6533 allows it).  Only where the sender's own address leaves no choice is
 * the report internationalised itself, and only where a mail must be returned as it is (message/rfc822 is never
 * encoded, RFC 2046 5.2.1) is it 8-bit.
 */
#ifndef REPORT_DSN_H
#define REPORT_DSN_H

#include "base/buf.h"
#include "smtpfwd/report/returned.h"

struct dsn {
	const struct owed	*owed;
	const struct returned	*returned;
	struct mail_id		 id;		/* the report's own */
	struct address		 to;		/* dsn_address's */
	bool			 is_utf8;	/* dsn_address's: SMTPUTF8 is needed */
	struct str		 hostname;	/* the reporting MTA */
	struct timestamp	 now;
};

/*
 * The address a report goes to: the reverse-path, its domain in A-labels if that makes it ASCII.  True if it is not,
 * so that only SMTPUTF8 can bring it there.  *to_out points into the arena or the reverse-path.
 */
bool	dsn_address(const struct address *reverse_path, struct arena *arena, struct address *to_out);

bool	dsn_is_8bit(const struct dsn *dsn);		/* BODY=8BITMIME is to be asked for */
bool	dsn_is_quoted(const struct dsn *dsn);		/* what is returned goes in quoted-printable */

/* Appends all up to the first byte of the returned mail, or behind its last.  0, or -1 when out is full. */
int	dsn_append_opening(const struct dsn *dsn, struct buf *out);
int	dsn_append_closing(const struct dsn *dsn, struct buf *out);

#endif
