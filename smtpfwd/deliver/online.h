/*
 * online.h - a mail goes to its next hop while its client waits: asked at each RCPT, sent at the end of data
 *
 * One transaction of a client of ours is one transaction at the next hop.  The session for it, fresh or pooled, is claimed
 * at the first RCPT; MAIL goes with that.  Nothing is queued and nothing synced here: what did not come to an answer is
 * told as such, and the caller has the mail still, to be queued.
 *
 * The session is held while the client thinks, but not for long (idle_max, or a second where others want its place),
 * for it counts at the next hop: then it is given back.  What comes later has the envelope said again in another session, as
 * it has when the session was lost; if the next hop answers otherwise then, that is no answer for a client who was told 250,
 * and it is unavailable.
 *
 * Who may have how many connections is next_hop's: mail of clients that wait goes before mail of the queue, with half of
 * all while the queue has some; and a client that has half of those lets others go first.  Of the couriers' share (room.h) it
 * takes nothing; there may be as many onlines at work as there may be couriers, and half as many may be asking for one
 * destination.
 *
 * The work is done on a fiber of its own, that the couriers know of: couriers_stop waits for what is being asked or sent, and
 * cuts it off at its deadline, so the caller gets its end and goes on.  After couriers_free only online_drop is left.
 */
#ifndef DELIVER_ONLINE_H
#define DELIVER_ONLINE_H

#include "mail/identity.h"
#include "smtpfwd/deliver/courier.h"
#include "smtpfwd/deliver/outcome.h"

struct online;

struct online_settings {
	struct couriers		*couriers;
	struct str		 destination;
	/* As MAIL gave it; its recipients are not looked at, nor is is_8bit: nobody knows before the data. */
	const struct envelope	*envelope;
	uint64_t		 size_bytes;	/* as MAIL said; 0: it did not */
	struct span		 idle_max;	/* how long a session is held while nothing is asked; 0: the default, 10 s */
	const struct identity	*identity;	/* of the client, told as the route says (identity.h); NULL: it is not told */
	struct ip		 client;	/* that waits, also where it is not told; only to see whose trouble it is, and whose
					 * turn; IP_NONE: identity's, if there is one; an IPv6 /64 is one client */
	struct mail_id		 id;		/* the mail's, if it is known already: for the next hop's log; else none */
};

enum online_end {
	ONLINE_ANSWERED,		/* by the next hop, or in its place where what it offers is no: online_reply, any code */
	ONLINE_UNAVAILABLE,		/* not now, whoever is to blame; nothing was taken: online_trouble */
	ONLINE_AMBIGUOUS,		/* the mail went out whole, and no answer came (RFC 1047): online_trouble */
	ONLINE_CANCELLED,		/* the caller's fiber is to end: nothing is known, and only online_drop is left */
};

struct online_mail {
	struct draft		*draft;		/* its id is the mail's in the history */
	struct str		 prefix;	/* on top of it; copied */
	struct timestamp	 arrived;
	bool			 is_8bit, is_smtputf8;	/* as the mail turned out to be (see struct envelope) */
};

/* Copies the settings.  Asks nothing yet. */
struct online		*online_new(const struct online_settings *settings);

/*
 * Asks the next hop for a recipient.  After a 2xx it is one of the mail's.  A refused MAIL is the answer to all
 * recipients.  A 452 (4.5.3) says that it is to come in another transaction.  Suspends.
 */
enum online_end		 online_rcpt(struct online *online, const struct recipient *recipient, struct instant deadline);

/*
 * The client has said already that its mail comes behind the next recipient: DATA may go with that one if it is the first, where
 * the next hop takes commands together and the mails before went on.
 */
void			 online_announce_mail(struct online *online);

/*
 * Sends the mail to the recipients that were accepted (there is one), and gives what the next hop says of it.  deadline: for
 * all up to the final dot; final_deadline, later, for the answer to that: what is not waited for costs a second copy.
 * Where a report of success is wanted and the next hop does no DSN, it is unavailable: the report is the queue's to make
 * (RFC 3461 5.2.2).  The draft stays the caller's, but for ONLINE_CANCELLED: then it is gone.  Once.  Suspends.
 */
enum online_end		 online_send(struct online *online, const struct online_mail *mail, struct instant deadline,
			    struct instant final_deadline);

/* Valid until the next call of online_rcpt, online_send or online_drop. */
const struct reply	*online_reply(const struct online *online);
const struct trouble	*online_trouble(const struct online *online);
struct str		 online_next_hop(const struct online *online);	/* the one that answered last, as configured; "": none */

/* The last answer to online_rcpt was the next hop's to that very RCPT; else it was to MAIL, or it is ours. */
bool			 online_was_rcpt_answered(const struct online *online);

/* It takes us for the client and not only in its log: the client's own reverse-path passes SPF there. */
bool			 online_is_seen(const struct online *online);

/* What it holds, but for its fiber and its session. */
size_t			 online_memory_bytes(const struct online *online);

/* The end, at any time, of the transaction if it still stands (RSET there), and of the online.  NULL: nothing. */
void			 online_drop(struct online *online);

#endif
