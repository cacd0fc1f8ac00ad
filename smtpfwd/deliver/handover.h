/*
 * handover.h - one mail's recipients handed over in an open client session
 *
 * As many transactions as it takes: a server may take only so many recipients in one.
 * Knows the mail and the session; next hops, pools and retries are carry's.
 */
#ifndef DELIVER_HANDOVER_H
#define DELIVER_HANDOVER_H

#include "mail/mail_id.h"
#include "smtpfwd/deliver/exchange.h"
#include "smtpfwd/deliver/hearing.h"

struct offered {			/* a recipient on its way to a next hop */
	const struct recipient	*recipient;
	bool			 has_outcome;
	struct outcome		 outcome;
	bool			 is_elsewhere;	/* it failed, but maybe not at another server (outcome.h; or by SIZE, before the mailbox was asked for) */
	bool			 is_accepted;	/* handover's: RCPT got a 2xx in the transaction at hand */
};

struct handover {
	struct client		*client;
	bool			 was_idle;	/* the session waited for us: that it is gone says nothing about the next hop */
	const struct envelope	*envelope;	/* its recipients are not looked at */
	struct introduction	*introduction;	/* NULL: the next hop is not told who the client is */
	enum srs_mode		 srs_mode;
	struct content		*content;
	struct offered		*recipients;	/* those without an outcome are offered */
	int			 n_recipients;
	struct str		 remote_mta;	/* for outcomes; kept by the caller */
	struct hearing		 hearing;
	struct str		 destination;	/* for it */
	struct arena		*arena;		/* for what replies say */
	bool			 is_ahead;	/* its envelope is out already (ahead.h), with all recipients */
	struct sequel		*sequel;	/* what may go out with its end; NULL: nothing */
	const struct address	*srs;		/* out: what the last MAIL said instead of the reverse-path, the envelope's; NULL: nothing else */
	bool			 is_ahead_not_taken;	/* out: the server does not take an envelope so; nothing is said of this mail */
	bool			 is_slowed;	/* out: MAIL got a 4xx that asks us to slow down; trouble_out says which */
};

enum handover_end {
	HANDOVER_DONE,			/* all have an outcome */
	/* The session ended and nobody is to blame: an idle one that was gone, LIMITS, a means refused, an envelope ahead in vain */
	HANDOVER_SESSION_OVER,
	HANDOVER_TROUBLE,		/* the next hop's: who is left may be offered to another one */
	HANDOVER_LACKING,		/* the mail needs what it does not offer; the same */
	HANDOVER_UNREADABLE,		/* ours: the content could not be read */
	HANDOVER_CANCELLED,		/* our own fiber is to end; who is left was not delivered */
};

/*
 * trouble_out is set but for HANDOVER_DONE and HANDOVER_SESSION_OVER; *n_ambiguous_out: that many recipients were
 * deferred without knowing whether the server took the mail (RFC 1047), trouble_out says why.  Suspends.
 */
enum handover_end	handover_run(struct handover *h, struct instant deadline, struct trouble *trouble_out,
			    int *n_ambiguous_out);

#endif
