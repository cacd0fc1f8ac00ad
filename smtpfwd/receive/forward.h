/*
 * forward.h - one transaction's mail goes on to its next hop while its client waits (deliver/online.h), or falls back to the queue
 *
 *	forward_rcpt	each recipient that policy accepts: asked of the next hop where the relay's mode is online
 *	forward_mail	the mail, judged and sealed, at its end
 *
 * The first recipient that is taken says whose mail it is: one transaction has one relay's next hop, unless "mixed" puts
 * all of it into the queue (policy.h).  What falls back is queued whole.  Of a relay that goes by the recipient all next hops
 * are asked, in their order, until one has the mailbox.
 */
#ifndef RECEIVE_FORWARD_H
#define RECEIVE_FORWARD_H

#include "smtpfwd/deliver/online.h"
#include "smtpfwd/receive/session.h"

enum { FORWARD_WHY_MAX_BYTES = 400, FORWARD_SOURCE_MAX_BYTES = 320 };

struct forward_way {			/* to one of the next hops of a relay that goes by the recipient */
	struct online		*online;
	int			 n_asked;
	bool			 is_out;
};

struct forward {			/* a transaction's; zero: nobody was asked yet */
	uint64_t		 size_bytes;	/* as MAIL said; 0: it did not */
	struct online		*online;	/* NULL: none yet, or it is of no more use */
	struct str		 destination;	/* of the recipients, if it is asked about them; the policy's; "": it is not */
	int			 n_asked;	/* recipients, so far */
	const struct forwarding	*forwarding;	/* its; NULL without one */
	bool			 is_out;	/* they cannot be asked in this transaction any more */
	bool			 falls_back;	/* the mail goes into the queue */
	char			 why[FORWARD_WHY_MAX_BYTES];	/* it does */
	char			 source[FORWARD_SOURCE_MAX_BYTES];
	const char		*refusal;	/* for the log, of the last FORWARD_REFUSED: who says it, or why; may be NULL */

	/* Where the relay goes by the recipient, online, destination, n_asked and is_out are of the way at hand: */
	int			 way;
	bool			 has_carrier;	/* then it is the carrier between calls */
	int			 carrier;	/* that has the first recipient, and gets the mail */
	struct forward_way	 others[FORWARDING_WAYS_MAX];	/* but the one at hand */
	char			 trouble[FORWARD_WHY_MAX_BYTES];	/* the last one of a next hop that could not be asked */
};

enum forward_end {
	FORWARD_TAKEN,			/* a recipient: the reply is 2xx, the envelope is the caller's to grow */
	FORWARD_REFUSED,		/* a recipient, or the mail: the reply is 4xx or 5xx */
	FORWARD_DELIVERED,		/* a mail: the reply is the next hop's 2xx */
	FORWARD_TO_QUEUE,		/* a mail: nobody has it yet, or maybe (that is in the log then) */
	FORWARD_ENDED,			/* the session is to end */
};

/*
 * Of a recipient that policy has accepted: what the client is to hear.  Replies are valid until the next call here.
 * Suspends, by the relay's online-timeout.
 */
enum forward_end forward_rcpt(struct session *session, const struct recipient *rcpt, struct reply *reply_out);

/* A recipient for whom FORWARD_TAKEN was said is not in the envelope after all: the mail falls back. */
void		 forward_spoil(struct session *session, const char *why);

struct forward_mail {
	struct draft	       **draft;		/* the caller's; NULL is put there when it is gone with FORWARD_ENDED */
	struct str		 prefix;
	const struct envelope	*envelope;	/* as it would be stored: marked by what the mail turned out to be */
	struct timestamp	 arrived;
	struct instant		 ended;		/* when the client had sent all of it: by then it counts its minutes */
};

/* The answer to the mail.  That it falls back is in the log then.  Suspends: never beyond FORWARD_FINAL_MAX_S after it ended. */
enum { FORWARD_FINAL_MAX_S = 300 };
enum forward_end forward_mail(struct session *session, const struct forward_mail *mail, struct reply *reply_out);

/* What it holds in memory. */
size_t		 forward_memory_bytes(const struct forward *forward);

/* The transaction ends, however it does: so does that with the next hop. */
void		 forward_drop(struct forward *forward);

#endif
