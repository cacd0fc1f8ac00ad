/*
 * ahead.h - the next mail's envelope goes out in the same write as the end of the mail before
 *
 * RFC 2920 3.1 lets message content be the first of a group of commands.  So where PIPELINING is offered, MAIL, RCPTs and DATA of the
 * next mail follow the final dot, and a mail costs one write and one read instead of two and two.
 *
 * Which mail.  The one that the courier would take next anyway, by the same rules (its turn, the site's share, the limits, clients that
 * wait), but a round trip earlier: before the last piece of the mail at hand.  It has that mail's place among those that are out, so no
 * limit is exceeded; but where there is room beside it and the next hop takes longer than AHEAD_SOON_MS for a mail, it is left to whoever
 * comes, who may have another connection.
 *
 * When not.  Nothing goes ahead of an introduction (XCLIENT, XFORWARD) or in a session that stands for one client (PROXY), nor behind a
 * mail that more transactions or other next hops may follow (too many recipients, a relay that goes by the recipient); nor behind
 * refusals, until a mail is taken again: their envelopes cost twice.  A mail that the server cannot take, that has too many recipients
 * for one transaction, or that is to be tried elsewhere first, follows as ever, and so does one where LIMITS MAILMAX is reached.
 *
 * What comes of it.  The answer to the dot is of the mail at hand alone: without it only that one is ambiguous, and the final timeout
 * runs from the dot.  When the session ends with that mail (421, lost, silent) the next one was not tried: it goes back to the queue as
 * its destination's first.  The replies to an envelope that went ahead are read when its mail's turn has come, and believed only as a
 * whole, behind a 354 (exchange_ahead): a reply that nobody asked for would put each in another one's place, and must not bounce
 * mail, nor say anything of a recipient.  Else the mail is offered once more as ever, where that is found out.  When they do not come at
 * all the session is closed, the mail goes by another one, and for AHEAD_REST_H hours nothing goes ahead to that next hop; one line of
 * log says so.  It counts as no try of the mail and as no strike against the next hop.
 *
 * From the moment the mail is taken it is in delivery: who removes or holds it then comes too late by as much as with any other, and it
 * is among what is under way at a stop or reload if its envelope is out.
 */
#ifndef DELIVER_AHEAD_H
#define DELIVER_AHEAD_H

#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/exchange.h"

enum {
	AHEAD_RECIPIENTS_MAX = 20,	/* of a mail that goes ahead: its commands fit the stream's room beside a small mail */
	AHEAD_SOON_MS = 100,		/* to wait so long behind another mail is no loss to one that could begin at once */
	AHEAD_REST_H = 1,		/* it may only have been restarted just then; else it costs one mail said twice */
};

struct ahead {				/* a courier's */
	struct sequel	 sequel;	/* first, see ahead.c */
	struct couriers	*c;
	struct site	*site;
	struct held	*held;
	struct delivery	*delivery;	/* at hand */
	int		 n_mails;	/* in this courier's hands so far */
	struct delivery	*next;		/* taken; NULL: none */
	bool		 is_written;	/* its envelope is out in the held session */
	bool		 is_begun;	/* the delivery at hand had its envelope written with the one before */
};

void	ahead_init(struct ahead *ahead, struct couriers *c, struct site *site, struct held *held);

/* The next delivery for the held session, or NULL; the one at hand is over.  Suspends only to read. */
struct delivery	*ahead_next(struct ahead *ahead);

/* The one at hand is not over, but its session is: it goes on elsewhere, and the next one goes back to the queue at once. */
void	ahead_leave(struct ahead *ahead);

/* For a handover in the held session: what may go out with its end; NULL: nothing. */
struct sequel	*ahead_sequel(struct ahead *ahead, struct delivery *delivery);

/* True if the delivery at hand went ahead in the held session; false from then on. */
bool	ahead_take_begun(struct ahead *ahead);

/* The session is over, and the delivery at hand may go on elsewhere for long: the next mail does not wait for that. */
void	ahead_let_go(struct ahead *ahead);

/* True if the next mail's envelope is out in the session, which goes on. */
bool	ahead_stands(const struct ahead *ahead);

/* The next hop does not take envelopes ahead. */
void	ahead_rest(struct next_hop *next_hop, const struct trouble *trouble);

#endif
