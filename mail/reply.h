/*
 * reply.h - what an SMTP server says to a command (RFC 5321 4.2)
 *
 * The noun only; the wire form is smtpfwd/smtp/reply_read.
 */
#ifndef MAIL_REPLY_H
#define MAIL_REPLY_H

#include "base/buf.h"
#include "mail/status.h"

struct reply {
	int		 code;		/* 200 to 599; 0: no reply */
	struct status	 status;	/* class 0: none */
	struct str	 text;		/* without codes; lines are parted by \n; bytes of a stranger if it came from one */
};

/* A reply of constant text: REPLY(550, 5, 1, 1, "no such user") */
#define REPLY(c, class_, subject_, detail_, literal) \
	((struct reply){ .code = (c), .status = STATUS(class_, subject_, detail_), .text = STR(literal) })

static inline bool reply_is_positive(const struct reply *r) { return r->code >= 200 && r->code < 400; }
static inline bool reply_is_temporary(const struct reply *r) { return r->code >= 400 && r->code < 500; }
static inline bool reply_is_permanent(const struct reply *r) { return r->code >= 500 && r->code < 600; }

/*
 * Appends it on one line, safe to show: "550 5.1.1 no such user", its lines parted by a blank,
 * bytes of others escaped, at most max_bytes.  0, or -1 when out is full.
 */
int	reply_append_line(const struct reply *reply, size_t max_bytes, struct buf *out);

#endif
