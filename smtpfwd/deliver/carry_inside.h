/*
 * carry_inside.h - one delivery under way; not for others
 *
 *	carry.c		brings it to a next hop of its destination, and settles it
 *	carry_pass.c	whom that one does not have is passed on to the next one, where the relay goes by the recipient
 */
#ifndef DELIVER_CARRY_INSIDE_H
#define DELIVER_CARRY_INSIDE_H

#include "smtpfwd/deliver/ahead.h"
#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/handover.h"

struct errand {
	struct couriers		*c;
	struct delivery		*delivery;
	struct site		*home;		/* of the delivery's destination; NULL: it is not configured */
	struct site		*site;		/* where it is tried; home, or one that it was passed on to */
	struct choices		*choices;	/* those we began with; NULL: none */
	struct held		*held;
	struct ahead		*ahead;		/* the courier's */
	bool			 is_large;
	struct next_hop		*large_at;	/* that counts it */
	struct content		 content;
	struct offered		*offered;
	uint64_t		 tried;		/* choices, a bit each */
	int			 n_tried;
	struct instant		 deadline;
	bool			 was_reached;	/* a session came about */
	bool			 is_cancelled;
	bool			 is_unfound;	/* where it goes cannot be told now */
	bool			 is_wanting;	/* we ran out of something of our own */
	bool			 is_crowded;	/* what could be tried has no room for it now */
	bool			 is_means_refused;	/* to tell the client's identity by: what is left is used */
	int			 n_means_refused;	/* so often, each time by another next hop than before */
	struct next_hop		*next_hop;	/* the last one tried; used */
	struct instant		 sought_at;	/* when a session there was asked for */
	const struct address	*srs;		/* what the last MAIL said instead of the reverse-path; NULL: nothing else */
	struct trouble		 trouble;

	/* carry_pass.c's */
	struct courier_plan	*plan;		/* of the ring; used; NULL: there is none */
	const struct route	*route;		/* of it, where it is tried */
	uint64_t		 asked;		/* places in it, a bit each; this one too */
	bool			 is_again;	/* all were asked before */
	bool			 has_left_home;
	bool			 has_waited;	/* for room */
	struct instant		 waits_until;	/* elsewhere, for room */
	struct outcome		*refusals;	/* of each recipient that was passed on, what is to be said of it if all refuse */
};

/* For the mail's history: the next hop at hand, and without an outcome of its own also the trouble. */
struct history_attempt	errand_attempt(const struct errand *e);

/* The outcomes name it, and it may be forgotten meanwhile; NULL: none. */
void	errand_turn_to(struct errand *e, struct next_hop *next_hop);

/* What the trouble has for the ith recipient, who has no outcome. */
struct outcome	errand_outcome_left(const struct errand *e, int i);

/* Who is left without an outcome gets that one. */
void	errand_end_left(struct errand *e);

/* --- carry_pass.c --- */

void	pass_begin(struct errand *e);		/* may turn to another site */
void	pass_end(struct errand *e);

/* True if the recipient's failure here is not the end: another next hop may have the mailbox, and is asked. */
bool	pass_is_due(const struct errand *e, const struct offered *offered);

/* The ith recipient failed for good: by the reply that says most. */
void	pass_conclude(const struct errand *e, int i);

/* Away from home it has the place of a mail whose client waits: others stand in line for theirs. */
enum line	pass_line(const struct errand *e);
bool	pass_open(struct errand *e, struct next_hop *next_hop);		/* as held_open */
bool	pass_is_behind_others(const struct errand *e);			/* who wait for room there already */
/* Waits for room there, at home as if it were away if others were asked before; false: not (any more).  Suspends. */
bool	pass_waits_for_room(struct errand *e);

/*
 * When all was said where it is tried.  True: who is passed on is without an outcome, the others have theirs, what is
 * delivered is settled, and the site is the next one to ask.  False: nobody is; or it cannot be now, and they are
 * without an outcome, with trouble.
 */
bool	pass_on(struct errand *e);

#endif
