/*
 * couriers.h - what the fibers of deliver/ share; not for others
 */
#ifndef DELIVER_COURIERS_H
#define DELIVER_COURIERS_H

#include "smtpfwd/deliver/again.h"
#include "smtpfwd/deliver/courier.h"
#include "smtpfwd/deliver/dial.h"
#include "smtpfwd/deliver/plan.h"
#include "smtpfwd/deliver/pool.h"
#include "smtpfwd/deliver/room.h"
#include "smtpfwd/deliver/site.h"

enum {
	/* All addresses of a next hop together; each step has its own timeout below that. */
	DIAL_MAX_S = 600,
	/* For the reply to QUIT: a courtesy (RFC 5321 4.1.1.10), not a reason to wait. */
	QUIT_MAX_S = 5,
};

enum tended_kind {
	TENDED_SERVICE,			/* no mail in its hands: ended at once when the couriers stop */
	TENDED_ONLINE,			/* has a mail whose client waits: may finish */
	TENDED_COURIER,			/* has a delivery: may finish */
	TENDED_QUIT,			/* ends a session */
	TENDED_N_KINDS
};

struct couriers {
	struct loop		*loop;
	struct queue		*queue;
	struct log		*log;
	struct hearing		 hearing;
	struct courier_plan	*plan;		/* owned */
	struct map		 sites;		/* by destination */
	struct map		 next_hops;	/* by route and name */
	struct list		 all_next_hops;	/* the same, as they came */
	struct list		 unused;	/* sites that nobody works for, the longest first */
	struct list		 sharing;	/* sites that wait for a free courier */
	int			 n_out;		/* couriers at work for a site */
	int			 n_idle;	/* sessions in pools */
	int			 n_checks;	/* of next hops, under way */
	struct list		 onlines;	/* struct online: those that have a fiber */
	struct again		 again;
	struct dialer		 dialer;
	bool			 is_stopping;	/* take nothing new */
	struct list		 tended[TENDED_N_KINDS];	/* fibers */
	struct signal_list	 changed;	/* a fiber ended */
};

/* Starts a fiber that couriers_stop knows of; false: the loop has no room for it. */
bool	couriers_start(struct couriers *c, enum tended_kind kind, const char *name,
	    void (*run)(struct couriers *c, void *arg), void *arg);

/* --- adopt.c --- */

void	couriers_end_idle(struct couriers *c);		/* of all next hops */
void	couriers_drop_sites(struct couriers *c);	/* no courier is left */

/* --- held.c: a session in somebody's hands --- */

struct history_attempt;

struct held {			/* client NULL: none */
	struct site	*site;		/* for whose mail of the queue; NULL: a probe's, or is_online */
	struct next_hop	*next_hop;
	struct client	*client;
	bool		 was_idle;	/* it carried a mail or waited in the pool before */
	bool		 is_online;	/* for a mail whose client waits, or that was passed on */
};

/*
 * An idle session that still stands, or a new one.  Trouble of the next hop takes it down, or lowers its limit, whichever
 * it means.  False with trouble.  Suspends.
 */
bool	held_open(struct couriers *c, struct site *site, struct next_hop *next_hop, const struct identity *identity, struct instant deadline,
	    struct held *held_out, struct trouble *trouble_out);

/*
 * The same for a mail whose client waits.  That the deadline passes while it is opened says nothing about the next hop,
 * nor does a refusal there of a client that it was told of by PROXY.  identity may be NULL.  Suspends.
 */
bool	held_open_online(struct couriers *c, struct next_hop *next_hop, const struct identity *identity, struct instant deadline,
	    struct held *held_out, struct trouble *trouble_out);

/* A new session, claimed; NULL with trouble, and the claim is the caller's to end.  identity: NULL for our own and for checks.  Suspends. */
struct client	*held_dial(struct couriers *c, struct next_hop *next_hop, const struct identity *identity, struct instant deadline,
		    struct trouble *trouble_out);

/* For the mail's history; next_hop and client may be NULL. */
struct history_attempt	held_attempt(const struct next_hop *next_hop, const struct client *client, struct timestamp arrived);

void	held_drop(struct held *held);	/* closes it at once */
void	held_keep(struct couriers *c, struct held *held);	/* to the pool, or QUIT if it cannot be used again */
void	held_expire(struct timer *timer);		/* of a next hop: idle sessions whose time is over are ended */
void	held_end_idle(struct couriers *c, struct next_hop *next_hop);

/* --- probe.c --- */

/* The next hop cannot take mail: other ones are used, it is checked, and with the last one the destination waits. */
void	probe_went_down(struct couriers *c, struct next_hop *next_hop, const struct trouble *trouble);

/* One that is down is checked now and not when it is its time; a client may try one that is silent. */
void	probe_now(struct couriers *c, struct next_hop *next_hop);
void	probe_ring(struct timer *timer);

/* An eighth more or less, so that many that went down together are not checked together. */
struct span	probe_jitter(struct span wait);

/* --- online.c --- */

/* Those that hold a session while nothing is asked of them give it back now. */
void	onlines_wake(struct couriers *c);

/* --- carry.c --- */

/*
 * Brings one delivery to a next hop of its site (NULL: there is none) and settles it, or gives it back where there is no
 * room.  held: a session to begin with, and what is left.  ahead: of its courier (ahead.h).  Suspends.
 */
struct ahead;
void	carry(struct couriers *c, struct site *site, struct delivery *delivery, struct held *held, struct ahead *ahead);

#endif
