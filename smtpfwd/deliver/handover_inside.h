/*
 * handover_inside.h - one mail's transactions under way; not for others
 *
 *	handover.c		the transactions one after the other, the mail, and what becomes of recipients
 *	handover_envelope.c	from RSET to the answer to DATA
 */
#ifndef DELIVER_HANDOVER_INSIDE_H
#define DELIVER_HANDOVER_INSIDE_H

#include "smtpfwd/deliver/handover.h"

/* A step's end while a transaction runs.  GO_ON: look at the reply. */
enum progress { GO_ON, STOP };

struct transaction_run {
	struct handover	*h;
	struct exchange	 x;
	int		*n_ambiguous;
	int		*batch;			/* indexes of recipients in this transaction */
	int		 n_batch;
	int		 n_accepted;
	bool		 is_reset_due;		/* this transaction began with a RSET */
	bool		 is_ahead;		/* its envelope went out with the mail before */
	bool		 was_in_vain;		/* ... and is to be said again */
	bool			 is_doubted;		/* behind that: whether all replies to it were read is not known */
	const struct reply *replies;		/* to that envelope, the next one first; NULL: they are to be read */
	enum handover_end end;			/* with STOP */
};

/* --- handover.c: ends --- */

enum progress	run_stop(struct transaction_run *t, enum handover_end end);
enum progress	run_stop_by_end(struct transaction_run *t, enum exchange_end end);	/* of a step that got no answer; trouble is set */
enum progress	run_stop_by_fault(struct transaction_run *t, const struct fault *fault, const char *context);
void		run_settle_one(struct transaction_run *t, int i, const struct outcome *outcome);

/* The same outcome for all of the batch who have none yet; with only_accepted for those whose RCPT was accepted. */
void		run_settle_batch(struct transaction_run *t, const struct outcome *outcome, bool only_accepted);
struct outcome	run_outcome(const struct transaction_run *t, const struct reply *reply, enum outcome_stage stage);
void		run_tell(const struct transaction_run *t, const struct recipient *recipient, const struct reply *reply, bool is_of_content);

/* --- handover_envelope.c --- */

/* *is_go_out: mail data must follow. */
enum progress	run_envelope(struct transaction_run *t, bool *is_go_out);

#endif
