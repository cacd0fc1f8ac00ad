/*
 * prepare.h - names and passwords in the one form in which they are compared (SASLprep, RFC 4013)
 */
#ifndef AUTH_PREPARE_H
#define AUTH_PREPARE_H

#include "base/buf.h"

enum {
	LOGIN_MAX_BYTES = 255,		/* as an address's; also what a log line shows of one */
	PASSWORD_MAX_BYTES = 1024,	/* far above any; bounds what is hashed (RFC 7677 has no limit) */
};

/*
 * Appends the prepared form to out.  0, or -1 for what is no name or password: empty, not UTF-8, with control
 * characters, or longer than out may be.  stored: of what is kept (a users file); code points that Unicode 3.2 did
 * not have are allowed in queries only (RFC 3454 7).
 */
int	prepare(struct str text, bool is_stored, struct buf *out);

/* Overwrites what a buffer holds, whatever the compiler thinks of that, and frees it. */
void	prepare_wipe(struct buf *secret);

#endif
