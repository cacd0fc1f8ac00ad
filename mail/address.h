/*
 * address.h - mail addresses and the paths they stand in (RFC 5321 4.1.2)
 *
 * A local part is opaque: it is kept exactly as it came, quotes and all, and never
 * taken apart.  Routing by the domain is elsewhere.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "base/arena.h"
#include "base/buf.h"

struct address {
	struct str	 local;		/* wire form; "" only in the null reverse-path */
	struct str	 domain;	/* as written, or a literal "[192.0.2.1]"; "" for null and for bare postmaster */
};

enum {
	/*
	 * RFC 5321 4.5.3.1.1 has 64, but wants no limit where there need be none, and
	 * VERP and SRS addresses in the wild are longer; what is too long is for the next hop to say.
	 */
	ADDRESS_LOCAL_MAX_BYTES = 255,
	ADDRESS_MAX_BYTES = ADDRESS_LOCAL_MAX_BYTES + 1 + 255,
};

enum path_kind {
	PATH_REVERSE,			/* of MAIL: may be <> */
	PATH_FORWARD,			/* of RCPT: may be <Postmaster> */
};

/*
 * Reads a path "<local@domain>" at the start of *text and moves *text behind it.  A source
 * route ("<@a,@b:user@c>") is read over.  UTF-8 is taken in both parts where allow_utf8
 * (RFC 6531).  The address points into the text.
 *
 * True, or false with *why_out (a constant) if what stands there is no path.
 */
bool	address_parse_path(struct str *text, enum path_kind kind, bool allow_utf8,
	    struct address *address_out, const char **why_out);

/* Reads "local@domain" without brackets, all of the text.  The address points into the text. */
bool	address_parse(struct str text, bool allow_utf8, struct address *address_out);

/* Appends "local@domain", or nothing for the null address; 0, or -1 when out is full. */
int	address_append(const struct address *address, struct buf *out);

/* The same as a str in the arena; false at its limit. */
bool	address_text(const struct address *address, struct arena *arena, struct str *text_out);

bool	address_copy(struct arena *arena, const struct address *address, struct address *copy_out);

bool	address_is_null(const struct address *address);		/* <> */
bool	address_is_ascii(const struct address *address);

/* Local parts compared exactly, domains without case. */
bool	address_eq(const struct address *a, const struct address *b);

/* True if text can stand as a local part (dot-string or quoted string) by itself. */
bool	address_local_is_valid(struct str local, bool allow_utf8);

#endif
