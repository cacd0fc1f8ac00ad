/*
 * allowance.h - whether a transaction's mail may come now, by the limits of rate of its class (policy/class_rates.h)
 *
 * Asked at MAIL and RCPT as soon as the class is settled, when the header section is whole, and at the end of data, where
 * it is taken, before anything of it is signed or any next hop is told of it.  Nothing here suspends.
 *
 * A verdict is ACTION_ACCEPT, or ACTION_DEFER with a reply that says which limit and when to come again; its texts are in the
 * transaction's arena.
 */
#ifndef RECEIVE_ALLOWANCE_H
#define RECEIVE_ALLOWANCE_H

#include "policy/classify.h"
#include "policy/verdict.h"
#include "smtpfwd/receive/session.h"

struct allowance {			/* a transaction's; zero: nothing was asked yet */
	struct mail_class	 class;		/* as far as it is known */
	bool			 is_settled;	/* it is the mail's */
	int			 look_at;	/* if it is not: again with so many recipients */
	bool			 is_used;	/* the mail was counted */
	struct rated_amount	 used;
};

/* MAIL: the transaction has its envelope without recipients. */
void	allowance_mail(struct session *session, struct verdict *verdict_out);

/* A recipient comes, behind those in the envelope. */
void	allowance_rcpt(struct session *session, const struct recipient *rcpt, struct verdict *verdict_out);

/* One was refused for good: it counts, for the class of mail to it. */
void	allowance_refused_rcpt(struct session *session, const struct recipient *rcpt);

/* The header section is whole, so this is the class; and with it the mail is asked for, before it is checked. */
void	allowance_settle(struct session *session, const struct mail_class *class);
void	allowance_ask(struct session *session, struct verdict *verdict_out);

/* The mail is whole: it is counted, or put off. */
void	allowance_use(struct session *session, struct verdict *verdict_out);

/* The transaction ends: what was not used is given back, and what was tried in vain counts. */
void	allowance_end(struct session *session);

#endif
