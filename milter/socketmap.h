/*
 * socketmap.h - Postfix's socketmap protocol: a look-up in a table, asked and answered in netstrings (socketmap_table(5))
 *
 * The syntax only; what a table says is not known here.
 */
#ifndef MILTER_SOCKETMAP_H
#define MILTER_SOCKETMAP_H

#include "milter/netstring.h"

enum {
	SOCKETMAP_REQUEST_MAX_BYTES = 16 * 1024,	/* a name and an address; Postfix's own lines are shorter */
	SOCKETMAP_REPLY_MAX_BYTES = 100000,		/* Postfix takes no more by its default */
};

struct socketmap_request {		/* points into what was read */
	struct str	 map;		/* never empty */
	struct str	 key;		/* all behind the first blank: it may have blanks, or be empty */
};

/*
 * The request at the front of what came so far; *n_bytes_out is what it took.  NETSTRING_BROKEN also for one without a map's name, or
 * with bytes that no key has (NUL, line ends): the connection is to be closed.
 */
enum netstring_state	socketmap_read(struct str bytes, struct socketmap_request *request_out, size_t *n_bytes_out);

enum socketmap_status {
	SOCKETMAP_OK,			/* the text is what was looked up; not empty */
	SOCKETMAP_NOTFOUND,		/* no text */
	SOCKETMAP_TEMP,			/* the text is why; of these three it is cut to fit */
	SOCKETMAP_TIMEOUT,
	SOCKETMAP_PERM,
};

/*
 * Appends the reply.  Control characters become blanks: Postfix logs the text.  A text for OK that is empty or too long is answered
 * with PERM: a part of it would lead mail astray.  0, or -1 and nothing appended when out is full.
 */
int	socketmap_reply(enum socketmap_status status, struct str text, struct buf *out);

#endif
