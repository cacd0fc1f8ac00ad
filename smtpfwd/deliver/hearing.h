/*
 * hearing.h - what next hops say of recipients, told to somebody who is no part of delivery
 */
#ifndef DELIVER_HEARING_H
#define DELIVER_HEARING_H

#include "base/str.h"
#include "mail/address.h"
#include "mail/reply.h"

struct recipient_reply {		/* said of one recipient of a mail of the queue; all of it is the teller's */
	struct str		 destination;
	const struct address	*recipient;
	const struct reply	*reply;		/* any but 421 */
	bool			 is_of_content;	/* the mail itself was refused, and it had this one recipient; else it is to RCPT, behind an accepted MAIL */
	bool			 is_to_us;	/* to our address, the null reverse-path and nobody beside this recipient: no one else can be meant */
};

struct hearing {			/* told NULL: nobody listens */
	void	(*told)(void *context, const struct recipient_reply *said);	/* does not suspend */
	void	 *context;
};

#endif
