/*
 * proxy.h - the PROXY protocol's header, versions 1 and 2, read strictly
 *
 * By HAProxy's doc/proxy-protocol.txt.  Whom to believe is for receive/.
 */
#ifndef SMTP_PROXY_H
#define SMTP_PROXY_H

#include "base/buf.h"
#include "base/endpoint.h"

enum {
	/* v1 has 107; v2 could say 64 KB, TLVs included, but none in use comes near this */
	PROXY_HEADER_MAX_BYTES = 4096,
};

enum proxy_kind {
	PROXY_LOCAL,			/* the proxy itself, a health check: the connection's own addresses hold */
	PROXY_UNKNOWN,			/* on behalf of somebody whose address it does not tell: trust nothing */
	PROXY_TCP,			/* source and destination are told */
};

struct proxy_header {
	enum proxy_kind	 kind;
	struct endpoint	 source;	/* the client */
	struct endpoint	 destination;	/* what it connected to */
	size_t		 n_bytes;	/* take so many off the input */
};

enum proxy_step { PROXY_MORE, PROXY_DONE, PROXY_MALFORMED };

/* Reads the header at the start of the input, all of which came so far; call again with more. */
enum proxy_step	proxy_read(struct str input, struct proxy_header *header_out);

/*
 * Appends a header of version 2; n_bytes is not looked at.  PROXY_TCP wants both addresses of one family; the unknown
 * are written as LOCAL, with which a server goes by the connection itself: many refuse UNSPEC.  0, or -1 when out is full.
 */
int	proxy_write(const struct proxy_header *header, struct buf *out);

#endif
