/*
 * exchange.h - the steps of a transaction in an open client session, and what their ends mean
 *
 * Between client, which knows the wire, and who has a mail: handover, with a delivery of the queue, and online, with
 * one whose client waits.  Knows no recipients.
 */
#ifndef DELIVER_EXCHANGE_H
#define DELIVER_EXCHANGE_H

#include "smtpfwd/deliver/identity.h"
#include "smtpfwd/deliver/outcome.h"

struct content {			/* where a mail's bytes come from */
	int64_t	 n_bytes;
	/* Bytes read at the offset, 0 at the end, -1 with a fault.  Suspends. */
	ssize_t	(*read)(struct content *content, int64_t offset, void *room, size_t n_bytes,
		    struct instant deadline, struct fault *fault_out);
};

struct sequel {				/* commands that may go out in the same write as the end of a mail */
	/* Before the last piece of the content.  True: there are some.  Suspends. */
	bool	(*find)(struct sequel *sequel);
	/* Behind the final dot, by client_write_...; -1 with a fault.  Their replies are for whoever comes next. */
	int	(*write)(struct sequel *sequel, struct instant deadline, struct fault *fault_out);
};

struct exchange {
	struct client	*client;
	struct instant	 deadline;
	int		 n_replies_before;	/* of a session that was idle, as we came to it; -1: it was not */
	struct trouble	*trouble;		/* set with all ends but for ANSWERED */
	struct sequel	*sequel;		/* to the mail's end; NULL: nothing goes out with it */
};

enum exchange_end {
	EXCHANGE_ANSWERED,		/* by a reply that is not 421 */
	EXCHANGE_GONE,			/* the idle session was gone: that says nothing about the next hop */
	EXCHANGE_TROUBLE,		/* the next hop's; 421 too */
	EXCHANGE_AMBIGUOUS,		/* no answer to the final dot: who knows (RFC 1047) */
	EXCHANGE_UNREADABLE,		/* ours: the content could not be read */
	EXCHANGE_CANCELLED,		/* our own fiber is to end; nothing was taken */
};

struct introduction {			/* who a mail's client is, for one session */
	const struct identity	*identity;	/* NULL: nobody */
	struct identity_rule	 rule;		/* goes down to what is left where a means is refused */
	struct str		 ident;		/* the mail's id, for their log; "" for none */
	bool			 is_means_refused;	/* out: the route's was; a session after this is to begin with what is left */
};

/* What a fault of a client step means. */
enum exchange_end	exchange_fault(struct exchange *x, const struct fault *fault, const char *context);

/* The next reply; name: of its command.  Suspends. */
enum exchange_end	exchange_read(struct exchange *x, enum client_step step, const char *name, struct reply *reply_out);

/*
 * Between EHLO and MAIL, of every mail: XCLIENT once for a session, XFORWARD each time, as the rule has it.
 * ANSWERED: go on, unless *is_turned_away_out: the reply is the answer to the client, as one to MAIL, and the session is
 * over.  GONE: to be said otherwise, in a fresh session.  TROUBLE with is_to_client: it hung up on the client.  Suspends.
 */
enum exchange_end	exchange_introduce(struct exchange *x, struct introduction *introduction, bool *is_turned_away_out,
			    struct reply *reply_out);

enum ahead_reading {			/* what the replies to an envelope say that went out with the end of the mail before */
	/* A 354 ends them, and only DATA is answered so: each belongs to its command. */
	AHEAD_IN_STEP,
	/* No 354.  A reply too many before would have put each in another one's place, so none is believed; the mail is offered once more. */
	AHEAD_AGAIN,
	AHEAD_ELSEWHERE,		/* the same, but for that a session is needed in which nothing is open; trouble is set */
	AHEAD_NOT_TAKEN,		/* silence, an end, nonsense: the server does not take an envelope so; trouble is set */
	AHEAD_ENDED,			/* by what may come at any time: *end_out */
};

/*
 * Reads the replies to MAIL, RCPTs and DATA (n_recipients + 2 in replies_out, texts in the arena), whose mail before was answered.
 * Unless ELSEWHERE, NOT_TAKEN or ENDED the session goes on.  Suspends.
 */
enum ahead_reading	exchange_ahead(struct exchange *x, int n_recipients, struct arena *arena, struct reply *replies_out,
				enum exchange_end *end_out);

/*
 * Sends the content after a 354, and the dot, and waits for the answer until final_deadline.  A refusal that came
 * before the end is an answer too; then the client is not reusable.  Suspends.
 */
enum exchange_end	exchange_content(struct exchange *x, struct content *content, struct instant final_deadline,
			    struct reply *reply_out);

#endif
