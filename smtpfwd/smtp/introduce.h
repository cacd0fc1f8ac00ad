/*
 * introduce.h - the commands that tell a server on whose behalf we speak: XCLIENT, XFORWARD, and the name for EHLO
 *
 * By Postfix's XCLIENT_README and XFORWARD_README.  Syntax only: who may be told what is for deliver.
 */
#ifndef SMTP_INTRODUCE_H
#define SMTP_INTRODUCE_H

#include "mail/identity.h"
#include "smtpfwd/smtp/ehlo.h"

enum {
	INTRODUCE_LINE_MAX_BYTES = 512,		/* with CRLF; the READMEs hold to RFC 5321 4.5.3.1.4 */
	INTRODUCE_VALUE_MAX_BYTES = 255,	/* of a value as it is sent, encoded */
	INTRODUCE_XCLIENT_LINES_MAX = 3,	/* NAME; REVERSE_NAME; all the rest */
	INTRODUCE_XFORWARD_LINES_MAX = 3,
	INTRODUCE_MAX_BYTES = 3 * INTRODUCE_LINE_MAX_BYTES,	/* of either */
	INTRODUCE_HELO_MAX_BYTES = 255,
};

/*
 * The client's name for our EHLO.  What could not stand there (blanks, control characters, other bytes than ASCII) is
 * a '?', as Postfix would show it; without any name it is the address literal (RFC 5321 4.1.4); "" without that too.
 */
struct str	introduce_helo(const struct identity *identity, char room[INTRODUCE_HELO_MAX_BYTES + 1]);

/*
 * Appends XCLIENT commands, one a line with CRLF, to be said one after the other.  attributes: what the server
 * announced, ADDR among it.  The last one has ADDR and whatever ADDR would reset: HELO, PROTO, LOGIN; names go before
 * it when it has no room for them.  with_login: LOGIN may be told.  0, or -1 when out is full.
 */
int	introduce_xclient(const struct identity *identity, unsigned attributes, bool with_login, struct buf *out);

/* The same of XFORWARD; ident: the mail's id here, "" for none. */
int	introduce_xforward(const struct identity *identity, unsigned attributes, struct str ident, struct buf *out);

#endif
