/*
 * ehlo.h - what a server says it can do, read from its reply to EHLO and written as ours
 */
#ifndef SMTP_EHLO_H
#define SMTP_EHLO_H

#include "base/buf.h"
#include "mail/domain.h"
#include "mail/reply.h"

enum auth_mechanism {			/* bits; others are passed over */
	AUTH_PLAIN	   = 1,
	AUTH_LOGIN	   = 2,
	AUTH_SCRAM_SHA_256 = 4,
};

enum xclient_attribute {		/* XCLIENT, in Postfix's order; bits are 1 << these */
	XCLIENT_NAME, XCLIENT_ADDR, XCLIENT_PROTO, XCLIENT_HELO, XCLIENT_REVERSE_NAME,
	XCLIENT_PORT, XCLIENT_LOGIN, XCLIENT_DESTADDR, XCLIENT_DESTPORT,
	XCLIENT_N_ATTRIBUTES,
};

enum xforward_attribute {		/* bits are 1 << these */
	XFORWARD_NAME, XFORWARD_ADDR, XFORWARD_PORT, XFORWARD_PROTO, XFORWARD_HELO,
	XFORWARD_IDENT, XFORWARD_SOURCE,
	XFORWARD_N_ATTRIBUTES,
};

struct ehlo {
	char		 domain[DOMAIN_MAX_BYTES + 1];	/* the server's name as it says, printable; "" if unusable */
	bool		 has_extensions;	/* it was EHLO that was answered, and not HELO: what is not told below is not there */
	bool		 has_pipelining;
	bool		 has_size;
	uint64_t	 size_max_bytes;	/* 0: no fixed limit */
	bool		 has_8bitmime;
	bool		 has_smtputf8;
	bool		 has_dsn;
	bool		 has_chunking;
	bool		 has_starttls;
	bool		 has_enhancedstatuscodes;
	unsigned	 auth_mechanisms;	/* bits of enum auth_mechanism; 0: no AUTH we know */
	unsigned	 xclient_attributes;	/* bits; 0: no XCLIENT */
	unsigned	 xforward_attributes;	/* bits; 0: no XFORWARD */
	uint64_t	 limit_mailmax;		/* RFC 9422 LIMITS; 0: not told */
	uint64_t	 limit_rcptmax;
	uint64_t	 limit_rcptdomainmax;
};

/* As on the wire: "REVERSE_NAME" ... */
struct str	xclient_attribute_name(enum xclient_attribute attribute);
struct str	xforward_attribute_name(enum xforward_attribute attribute);

/*
 * Reads the text of a 250 reply to EHLO (lines parted by \n).  Never fails: what is malformed is
 * not offered.
 */
void	ehlo_read(struct str reply_text, struct ehlo *ehlo_out);

/* Appends our whole 250 reply, greeting the client by the name it gave.  0, or -1 when out is full. */
int	ehlo_write(const struct ehlo *ehlo, struct str client_helo, struct buf *out);

#endif
