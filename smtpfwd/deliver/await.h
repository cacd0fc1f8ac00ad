/*
 * await.h - is a next hop worth the wait of one more client?  What those before had of it says so
 *
 * One that takes connections and is silent then is not known as down for minutes (RFC 5321 4.5.3.2), and the queue has the
 * patience; a client has less, and that it ran out proves little.  So this is no judgement of the next hop (judge.h): mail goes on
 * to it from the queue.  But when AWAIT_STRIKES mails in a row waited in vain to the end of their time it is vain, and mail
 * whose client waits goes another way, or into the queue at once.  After a rest one at a time tries, with all its time, and the
 * first one that is answered ends it; so does the queue's mail, if it was answered as soon as a client might wait.
 *
 * What hung behind RCPT is not made up for by an answer to RCPT.  Mail of one client is one mail where the next hop sees the
 * client: it may be silent to that one alone.
 *
 * Knows no clock but what it is given.
 */
#ifndef DELIVER_AWAIT_H
#define DELIVER_AWAIT_H

#include "base/endpoint.h"
#include "base/instant.h"
#include "mail/mail_id.h"

enum {
	AWAIT_STRIKES = 5,
	AWAIT_LEAST_S = 15,		/* who had less time than this did not wait in vain: many a server greets late, or looks at a mail for longer */
	AWAIT_SOON_S = 40,		/* for a mail of the queue, from the greeting on: clients that wait would have their answers */
	AWAIT_REST_MIN_S = 30,		/* doubled each time */
	AWAIT_REST_MAX_S = 120,
};

enum await_step { AWAIT_RCPT, AWAIT_MAIL };	/* up to the answer to RCPT; behind it */

struct await_try {			/* that was in vain */
	struct mail_id	 mail;
	struct ip	 client;	/* that the next hop sees; IP_NONE: it sees us */
	enum await_step	 step;		/* where it hung */
};

struct await {				/* zero: nothing is known */
	int		 n_in_vain;	/* mails in a row */
	struct await_try last;		/* of them */
	struct span	 rest;		/* 0: it is not vain */
	struct instant	 rest_until;
};

/* A mail's client waited to the end of its time.  True: the next hop is vain, and was not before. */
bool	await_failed(struct await *await, const struct await_try *tried, struct instant now);

/* It answered in time.  True: it was vain. */
bool	await_answered(struct await *await, enum await_step step);

/* There is reason to think that it is well again: the rest is over. */
void	await_rested(struct await *await);

/* One more client is not to wait for it.  is_free: no other one has it in hand, and there is room. */
bool	await_is_vain(const struct await *await, bool is_free, struct instant now);

#endif
