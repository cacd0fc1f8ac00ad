/*
 * place.h - where a program listens for others of its machine, as people write it
 *
 * As Postfix has it, "unix:/run/smtpfwd/socketmap" and "inet:127.0.0.1:8892", and as libmilter has it, "inet:8892@127.0.0.1".
 * Addresses, no names: nothing is looked up.
 */
#ifndef BASE_PLACE_H
#define BASE_PLACE_H

#include "base/endpoint.h"

enum { PLACE_PATH_MAX_BYTES = 107 };	/* a unix socket's address has room for so many, and a NUL */

struct place {
	struct str	 path;		/* of a unix socket, absolute, in the text; "" for TCP */
	struct endpoint	 at;		/* for TCP */
};

bool	place_parse(struct str text, struct place *place_out);

#endif
