/*
 * transaction.h - one mail on its way in: from MAIL to the end of data, or to what cuts it short
 */
#ifndef RECEIVE_TRANSACTION_H
#define RECEIVE_TRANSACTION_H

#include "policy/class_bounds.h"
#include "smtpfwd/receive/allowance.h"
#include "smtpfwd/receive/content.h"
#include "smtpfwd/receive/forward.h"
#include "smtpfwd/receive/session.h"
#include "smtpfwd/receive/verify_rcpt.h"

struct transaction {
	struct arena		 arena;		/* the envelope's */
	struct envelope		 envelope;
	const struct policy	*policy;	/* held: today's when MAIL came, so that one mail is judged by one */
	int64_t			 n_bytes;	/* as counted in listeners->transactions_bytes */
	struct class_bounds	 bounds;	/* beside the listener's own */
	bool			 has_srs_wish;	/* the envelope has one; a next hop may have been told by it */
	int			 n_deferred;	/* recipients that were put off */
	int			 n_beyond;	/* recipients that were too many: one log line says it for all */
	struct forward		 forward;	/* what is asked of the next hop meanwhile */
	struct allowance	 allowance;	/* what the limits of its class let through */
	struct verify_rcpt	 verify;	/* what is asked of it for mail that is queued */
	struct content		 content;	/* is_begun from DATA or the first BDAT on */
};

/* MAIL, or all recipients so far, were put off: the rest of their round (RFC 2920 3.1), which was sent before that was known, is no error. */
bool	transaction_is_put_off(const struct session *session);

/* MAIL and RCPT (RFC 5321 3.3): answered, and the envelope grows. */
int	transaction_mail(struct session *session, const struct command_mail *mail);
int	transaction_rcpt(struct session *session, const struct recipient *rcpt);

/*
 * Weighs what the transaction holds in memory.  False: all sessions together hold more than they may, so it is not to
 * grow (451), or to let go of what it has.
 */
bool	transaction_fits(struct session *session);

/*
 * The header is whole, so the class is known: its bounds hold, and its wish for the reverse-path.  A next hop that was told another
 * one already does not get the mail in this session: it falls back to the queue.
 */
void	transaction_settle_class(struct session *session, const struct mail_class *class);

/* Whether so many bytes of content are too many, and then the answer, and for the log why: a constant, or NULL. */
bool	transaction_is_too_large(const struct session *session, uint64_t n_bytes, struct reply *reply_out, const char **why_out);

/* Forgets the transaction, if there is one; what has come of its content is discarded. */
void	transaction_drop(struct session *session);

#endif
