/*
 * onward.h - what is known of the way that a mail will go, while its client still waits: whose address its next hops see
 */
#ifndef RECEIVE_ONWARD_H
#define RECEIVE_ONWARD_H

#include "smtpfwd/receive/session.h"

struct onward {
	enum client_view view;		/* the best that one of the next hops has: what is lost there is lost for all recipients */
	bool		 is_rewritten;	/* in that one's view MAIL will say the SRS form of the reverse-path */
};

/* Of the transaction's mail, whose recipients are all there. */
struct onward	onward_look(const struct session *session);

#endif
