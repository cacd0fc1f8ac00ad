/*
 * online_inside.h - struct online, and what its files ask of each other; not for others
 *
 *	online.c	its owner's side and its fiber: orders, the session while nothing is asked, the end
 *	online_seek.c	a session of one of the destination's next hops
 *	online_talk.c	what is said in it
 */
#ifndef DELIVER_ONLINE_INSIDE_H
#define DELIVER_ONLINE_INSIDE_H

#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/exchange.h"
#include "smtpfwd/deliver/online.h"

enum online_order { ORDER_NONE, ORDER_RCPT, ORDER_SEND };

enum { ONLINE_NEXT_HOP_MAX_BYTES = 300 };

struct online {
	/* --- the owner's, who is one as long as it is not dropped --- */
	struct couriers		*c;
	struct arena		 arena;		/* of destination and envelope */
	struct str		 destination;
	struct envelope		 envelope;	/* recipients: those that were accepted */
	uint64_t		 size_bytes;
	struct span		 idle_max;
	bool			(*introduce)(void *context, struct client *client, struct instant deadline,
				    struct trouble *trouble_out);
	void			(*forget)(void *context);
	void			*context;
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
	bool			 has_dsn;

	/* --- the fiber's --- */
	bool			 is_running;	/* there is one */
	struct fiber		*fiber;		/* NULL: it did not begin yet */
	struct list_link	 link;		/* of couriers->onlines, while it is running */
	struct mail_id		 id;		/* for judge: one mail, whatever its own id will be */
	struct held		 held;
	int			 n_replies_before;	/* of the held session, if it was idle as the order came; else -1 */
	bool			 is_open;	/* our transaction stands in the held session: MAIL was accepted */
	bool			 is_refused;	/* MAIL was refused: reply is the answer to all recipients */
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

/* Sees to it that a session is held.  False with trouble.  Suspends: deadline is the order's, as for all below. */
bool	online_seek(struct online *o);

/* The next hop of the held session is not to be tried again for this order; the session is kept or closed by the caller. */
void	online_pass_over(struct online *o);

void	online_seek_end(struct online *o);	/* of the order */

enum online_end	online_ask(struct online *o);
enum online_end	online_hand_over(struct online *o);

#endif
