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

/* There is no such mailbox here: 5.1.1, 5.1.6 (it has moved; RFC 3463 3.2), 5.1.10 (RFC 7505 4.2; Exchange says it for any). */
static inline bool
status_is_no_mailbox(struct status status)
{
	return status.class == 5 && status.subject == 1 && (status.detail == 1 || status.detail == 6 || status.detail == 10);
}

#endif
