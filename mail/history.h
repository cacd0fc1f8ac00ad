/*
 * history.h - the log lines in a mail's life: a fixed set, the mail's id first in each
 *
 * Who writes one says what happened; words and keys are chosen here, so that a life can be
 * read with grep.  Key names: id, from, to, client, nexthop (its name), remote (its endpoint),
 * reply (what it said), why (what we say), delay (since the mail came in), size, rcpts.
 */
#ifndef MAIL_HISTORY_H
#define MAIL_HISTORY_H

#include "base/endpoint.h"
#include "base/log.h"
#include "mail/envelope.h"
#include "mail/mail_id.h"
#include "mail/peer.h"
#include "mail/reply.h"

/* --- coming in --- */

/* A mail got its 250: who from, how many for, how large.  message_id: the field's value, or "". */
void	history_accepted(struct log *log, const struct mail_id *id, const struct peer *peer,
	    const struct envelope *envelope, uint64_t n_bytes, struct str message_id);

/* What the checks found of a whole mail, and what was decided, as words that are safe already (policy/stamp.h); id may be NULL. */
void	history_judged(struct log *log, const struct mail_id *id, struct str words);

/* The same of a mail in another server's queue, with its id there ("": it has none): who brought it, from whom, for how many. */
void	history_judged_for(struct log *log, struct str queue_id, const struct peer *peer, const struct envelope *envelope, struct str words);

/*
 * A mail or one recipient was refused.  stage: "connect", "mail", "rcpt", "data" ...; id may be
 * NULL (none yet), so may reverse_path and recipient (not yet known).  why adds what the client is
 * not told; NULL for nothing.
 */
void	history_rejected(struct log *log, const struct mail_id *id, const struct peer *peer,
	    const char *stage, const struct address *reverse_path, const struct address *recipient,
	    const struct reply *reply, const char *why);

/* A recipient that the client gave was an SRS address of ours, and is another one now. */
void	history_undone(struct log *log, const struct peer *peer, const struct address *reverse_path,
	    const struct address *srs, const struct address *recipient);

/*
 * Its client was to get the next hop's own answer, and gets ours, for the mail goes into the queue.  destination: whose
 * next hop it was.
 */
void	history_fell_back(struct log *log, const struct mail_id *id, struct str destination, const char *why);

/* --- in the queue --- */
void	history_held(struct log *log, const struct mail_id *id, const char *why);
void	history_released(struct log *log, const struct mail_id *id, const char *by);
void	history_removed(struct log *log, const struct mail_id *id, const char *by);	/* by an operator */

/* --- going out: one line per recipient --- */
struct history_attempt {
	const struct address	*recipient;
	const struct address	*srs;		/* what MAIL said instead of the reverse-path; NULL: nothing else */
	struct str		 next_hop;	/* as configured, or a host's name; "" before one was chosen */
	const struct endpoint	*remote;	/* NULL: no connection came about */
	const struct reply	*reply;		/* NULL: the next hop said nothing */
	const char		*why;		/* NULL: the reply says it all */
	struct span		 delay;		/* since the mail came in */
	struct str		 tls;		/* "TLSv1.3", "" for none */
	struct str		 identity;	/* how the next hop was told who the client is: "xclient" ..., "" for not at all */
};

void	history_delivering(struct log *log, const struct mail_id *id, const struct history_attempt *attempt,
	    int n_recipients);		/* debug level; attempt->recipient may be NULL */
void	history_delivered(struct log *log, const struct mail_id *id, const struct history_attempt *attempt);
void	history_deferred(struct log *log, const struct mail_id *id, const struct history_attempt *attempt,
	    struct span next_try);	/* in so long; 0: who writes this does not know */
void	history_failed(struct log *log, const struct mail_id *id, const struct history_attempt *attempt);
/* This next hop does not have the mailbox, and another one is asked for it. */
void	history_passed_on(struct log *log, const struct mail_id *id, const struct history_attempt *attempt);
void	history_expired(struct log *log, const struct mail_id *id, const struct history_attempt *attempt);

/* The connection broke after the final dot: the mail may arrive twice (RFC 5321 4.5.4.1, RFC 1047). */
void	history_ambiguous(struct log *log, const struct mail_id *id, const struct history_attempt *attempt,
	    int n_recipients);

/* --- reports --- */

/* kind: "failure", "delay", "success"; report: the new mail's id. */
void	history_reported(struct log *log, const struct mail_id *id, const char *kind,
	    const struct mail_id *report, const struct address *to, int n_recipients);

/* A report was owed but none is sent, and why: a null reverse-path, NOTIFY=NEVER ... */
void	history_unreported(struct log *log, const struct mail_id *id, const char *kind, const char *why);

#endif
