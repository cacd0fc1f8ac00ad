/*
 * verify_rcpt.h - has the next hop this mailbox?  Asked before a client hears 250 for mail that goes into the queue
 *
 * Mail for a mailbox that is none is best refused at once: the queue could only report it, maybe to somebody who never sent
 * it.  The question is our own, a transaction with the null reverse-path that is never ended: nothing of the client is in it, so the
 * answer is about the mailbox, unless it is about us.  An answer that does not tell (a 4xx, a 5xx that is not about the
 * mailbox) is none.  Without one what is known decides, and else the relay's setting: mail is never refused for
 * what the next hop thinks of us: where it says 550 and no more, one that it accepted before is asked about, too.
 *
 * Who was answered for lately, for whatever mail, is not asked about (knowledge_is_fresh).  Recipients of one transaction
 * are asked about in one session there, as long as nobody pauses for long.
 *
 * Where the relay goes by the recipient, its next hops are asked in their order until one has it.
 */
#ifndef RECEIVE_VERIFY_RCPT_H
#define RECEIVE_VERIFY_RCPT_H

#include "smtpfwd/deliver/online.h"
#include "smtpfwd/receive/session.h"

enum { VERIFY_RCPT_WHY_MAX_BYTES = 500, VERIFY_RCPT_TEXT_MAX_BYTES = 1000 };

struct verify_rcpt {			/* a transaction's; zero: nothing was asked yet */
	struct online		*online;	/* NULL: none, or it is of no more use */
	struct str		 destination;	/* of the questions, the policy's */
	int			 n_asked;	/* by this online */
	struct instant		 asked_at;	/* the last question was answered */
	bool			 is_out;	/* no answer can be had for that destination in this transaction any more */
	struct span		 waited;	/* for answers, in all */
	struct reply		 refusal;	/* the last one, its text below */
	char			 refusal_text[VERIFY_RCPT_TEXT_MAX_BYTES];
	char			 why[VERIFY_RCPT_WHY_MAX_BYTES];	/* for the log, of the last reply that is not 2xx; "": nothing to say */
};

/*
 * What the client is to hear of a recipient that policy accepts, and whose relay wants it verified (policy.h).  The reply is
 * valid until the next call here.  0, or -1: the session is to end.  Suspends, for seconds.
 */
int	verify_rcpt(struct session *session, const struct address *mailbox, struct reply *reply_out);

/* What it holds in memory. */
size_t	verify_rcpt_memory_bytes(const struct verify_rcpt *verify);

/* The transaction ends, or there will be no more questions. */
void	verify_rcpt_drop(struct verify_rcpt *verify);

#endif
