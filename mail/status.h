/*
 * status.h - enhanced status codes (RFC 3463)
 */
#ifndef MAIL_STATUS_H
#define MAIL_STATUS_H

#include "base/str.h"

struct status {
	uint8_t		 class;		/* 2, 4, 5; 0: no status */
	uint16_t	 subject;	/* 0 to 999 */
	uint16_t	 detail;	/* 0 to 999 */
};

#define STATUS(c, s, d)	((struct status){ .class = (c), .subject = (s), .detail = (d) })
#define STATUS_NONE	((struct status){ .class = 0 })

enum { STATUS_TEXT_MAX = 12 };		/* bytes, with the NUL */

/* Takes a status and the blanks behind it off the start of *rest; false (and *rest as it was) if none is there. */
bool		status_take(struct str *rest, struct status *status_out);

struct str	status_text(struct status status, char room[STATUS_TEXT_MAX]);	/* "" for none */
bool		status_eq(struct status a, struct status b);

#endif
