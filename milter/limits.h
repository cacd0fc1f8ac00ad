/*
 * limits.h - the limits of rate of one of Postfix's mails: asked when its class is known, and counted at its end
 *
 * As smtpfwd/receive/allowance.h for the relay's own.  For one thread at a time; what is used is in common to all (locked_rates.h).
 * Postfix tells nothing of recipients that it has refused, nor what becomes of the mail behind us.
 */
#ifndef MILTER_LIMITS_H
#define MILTER_LIMITS_H

#include "milter/locked_rates.h"
#include "policy/classify.h"

struct limits {				/* a mail's */
	struct locked_rates	*rates;		/* NULL: they are not kept here */
	bool			 is_used;	/* the mail was counted */
	struct rated_amount	 used;
};

struct limited_mail {			/* as far as it is known */
	const struct mail_class	*class;		/* actions NULL: not at all */
	const struct peer	*peer;
	const struct envelope	*envelope;
	int64_t			 n_bytes;	/* > 0 */
};

/* Is a limit in the way, the verdict becomes ACTION_DEFER (class_rates_verdict); else it is as it was. */
void	limits_ask(struct limits *limits, const struct limited_mail *mail, struct arena *arena, struct verdict *verdict);

/* The mail is whole: the same, or it is counted. */
void	limits_use(struct limits *limits, const struct limited_mail *mail, struct arena *arena, struct verdict *verdict);

/* It is decided: what is put off does not count, what is refused for good does. */
void	limits_settle(const struct limits *limits, const struct limited_mail *mail, enum action action);

/* Whether all of the mail must be seen. */
bool	limits_count_bytes(const struct limits *limits, const struct mail_class *class);

#endif
