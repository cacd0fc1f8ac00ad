/*
 * online_inside.h - struct online, and what its files ask of each other; not for others
 *
 *	online.c	its owner's side and its fiber: orders, the session while nothing is asked, the end
 *	online_seek.c	a session of one of the destination's next hops
 *	online_envelope.c  who the client is, and the envelope, as far as the session does not know it yet
 *	online_talk.c	RCPT, the mail, and their answers
 */
#ifndef DELIVER_ONLINE_INSIDE_H
#define DELIVER_ONLINE_INSIDE_H

#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/exchange.h"
#include "smtpfwd/deliver/online.h"

enum online_order { ORDER_NONE, ORDER_RCPT, ORDER_SEND };

enum {
	ONLINE_NEXT_HOP_MAX_BYTES = 300,
	/*
	 * After so many mails in a row that went on to a next hop when their recipients were accepted, the next ones' DATA goes
	 * with RCPT.  What we refuse then for its content costs the session, as DATA cannot be taken back: some ms, with TLS, and
	 * each DATA saves some 20 us and a round trip.  So where one mail in ten is refused, one DATA in ten goes along.
	 */
	ONLINE_SURE_MAILS = 20,
};

struct online {
	/* --- the owner's, who is one as long as it is not dropped --- */
	struct couriers		*c;
	struct arena		 arena;		/* of destination and envelope */
	struct str		 destination;
	struct envelope		 envelope;	/* recipients: those that were accepted */
	uint64_t		 size_bytes;
	struct span		 idle_max;
	struct identity		 identity;	/* strings in the arena */
	bool			 has_identity;
	struct ip		 client;	/* for judge, and for turns; IP_NONE: not known */
	struct mail_id		 mail_id;	/* none: not known */
	bool			 is_announced;	/* the mail comes behind the recipient that is asked for */
	bool			 is_dropped;	/* it is the fiber's to free */
	bool			 is_abandoned;	/* nobody takes the answer */

	/* --- the order at hand --- */
	enum online_order	 order;
	struct signal_list	 ordered;	/* the fiber waits here: for orders, and the end */
	struct signal_list	 answered;
	struct instant		 deadline, final_deadline;
	struct arena		 asked_arena;
	struct recipient	 asked;		/* in that arena */
	struct online_mail	 mail;		/* draft NULL: none is in our hands */
	struct buf		 prefix;
	struct content		 content;	/* of the two */

	/* --- the answer --- */
	enum online_end		 end;
	struct reply		 reply;
	char			 reply_text[OUTCOME_REPLY_MAX_BYTES];
	struct trouble		 trouble;
	char			 next_hop_name[ONLINE_NEXT_HOP_MAX_BYTES];
	bool			 is_seen, was_rcpt_answered;

	/* --- the fiber's --- */
	bool			 is_running;	/* there is one */
	struct fiber		*fiber;		/* NULL: it did not begin yet */
	struct list_link	 link;		/* of couriers->onlines, while it is running */
	struct mail_id		 id;		/* for judge: one mail, whatever its own id will be */
	struct held		 held;
	bool			 is_opening;	/* it has a place at a next hop, and no session yet */
	bool			 is_waiting;	/* for a place */
	struct instant		 asked_at;	/* since then it waits for the held session's next hop, in this order */
	struct identity_rule	 rule;		/* for the held session */
	bool			 is_means_refused;	/* of the route's: what is left is used */
	const struct next_hop	*means_refused_by;	/* to be compared only */
	int			 n_means_refused;	/* so often, each time by another next hop than before */
	int			 n_replies_before;	/* of the held session, if it was idle as the order came; else -1 */
	const struct address	*srs;		/* what the last MAIL said instead of the reverse-path; NULL: nothing else */
	bool			 is_open;	/* our transaction stands in the held session: MAIL was accepted */
	bool			 is_refused;	/* MAIL was refused: reply is the answer to all recipients */
	bool			 is_turned_away;	/* before MAIL, by what was told of the client */
	bool			 is_changed;	/* it says otherwise now, with trouble */

	/* online_seek.c's, for one order */
	struct site		*site;		/* entered */
	struct choices		*choices;	/* used */
	uint64_t		 tried;
	int			 n_tried, n_lacking;
};

static inline bool
online_is_late(const struct online *o)
{
	return !instant_is_before(loop_now(o->c->loop), o->deadline);
}

/* DATA was said behind the only recipient, and its reply is not read: nothing but the mail may follow in the held session. */
static inline bool
online_is_data_said(const struct online *o)
{
	return o->held.client != NULL && o->held.client->n_outstanding > 0;
}

/* Sees to it that a session is held.  False with trouble.  Suspends: deadline is the order's, as for all below. */
bool	online_seek(struct online *o);

/* The next hop of the held session is not to be tried again for this order; the session is kept or closed by the caller. */
void	online_pass_over(struct online *o);

/* All there are, those that are down too, were found to lack what is needed. */
bool	online_all_lack(const struct online *o);

/* Its client waited for this next hop to the end of its time, if it had any worth that name; trouble is at hand. */
void	online_in_vain(struct online *o, struct next_hop *next_hop, const struct mail_id *id);
void	online_seek_end(struct online *o);	/* of the order */

/*
 * Lets go of the session, if there is one.  The transaction is ended there too: nobody likes one that stands open, and the
 * pool's next mail begins at once.  Suspends, for seconds.
 */
void	online_give_back(struct online *o);

/*
 * A client that is turned away for who it is, by the trouble at hand: that is the answer to it, as one to MAIL would be, and is
 * kept as such.  False where recipients were accepted before.
 */
bool	online_is_turned_away(struct online *o);

/* Keeps what the next hop said for online_reply. */
void	online_keep_reply(struct online *o, const struct reply *reply);

struct exchange	online_exchange(struct online *o);	/* in the held session */

/*
 * What of the envelope the session does not know yet; together where the next hop takes that.  ANSWERED: see is_refused,
 * is_changed, and with_asked the reply is to that; with_data behind that, where commands go together: see online_is_data_said.
 */
enum exchange_end	online_say_envelope(struct online *o, bool with_asked, bool with_data);

/*
 * After another end than an answer, the session is over.  True: look for another one and try again.  What the budget cut
 * short proves nothing of the next hop but that its client waited in vain.  id: of the mail, for judge.
 */
bool	online_goes_on(struct online *o, enum exchange_end end, const struct mail_id *id, struct instant began);

enum online_end	online_ask(struct online *o);
enum online_end	online_hand_over(struct online *o);

#endif
