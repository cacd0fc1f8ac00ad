/*
 * judge.h - what the end of a try says of the next hop: it bears more, it bears less, it is down, or nothing
 *
 *	a connection that was turned away	full of us, if it serves others of ours meanwhile: the limit is lowered;
 *						else it is down
 *	a mail that was answered for		it bears what it is given, whatever the answer was
 *	a mail that ended in 421, in a lost	one mail may do that to a server that all others pass, so one proves
 *	connection, or in "slow down"		nothing, however often it comes; the next one in a row lowers the limit,
 *						and STRIKES_MAX in a row are a server that only looks up
 *
 * What was refused for a mailbox, or for the mail itself, is an answer.  What came to the end of a client's patience, and not of the
 * next hop's time, is none of these, but tells the next clients something (await.h).
 */
#ifndef DELIVER_JUDGE_H
#define DELIVER_JUDGE_H

#include "smtpfwd/deliver/next_hop.h"

enum { STRIKES_MAX = 5 };

/* No session came about.  Sets trouble->is_full. */
void	judge_dialling(struct next_hop *next_hop, struct instant began, struct trouble *trouble);

void	judge_answer(struct next_hop *next_hop, struct instant began);
/*
 * client: who waits for the mail's answer, or whom the next hop sees, NULL: nobody; it may make the trouble, or be what the next
 * hop means, so all its mails in a row are one.
 */
void	judge_strike(struct next_hop *next_hop, const struct mail_id *mail, const struct ip *client, struct instant began,
	    const struct trouble *trouble);

/*
 * The same of a "slow down" to a mail whose client waits, but that the next hop is down it never comes to: the client is told and
 * is the one to come back later, and it may be all for a sender that one client made up.
 */
void	judge_slowed(struct next_hop *next_hop, const struct mail_id *mail, struct instant began, const struct trouble *trouble);

/* A mail's client waited for its answer to the end of its time; or it had it in time. */
void	judge_in_vain(struct next_hop *next_hop, const struct await_try *tried, const struct trouble *trouble);
void	judge_in_time(struct next_hop *next_hop, enum await_step step);

/* Counts a recipient. */
void	judge_outcome(struct next_hop *next_hop, enum outcome_kind kind);

#endif
