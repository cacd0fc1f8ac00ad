/*
 * site.h - where the mail of one destination goes: next hops of its route, or a domain's mail hosts
 *
 * One for each configured destination, as long as it is configured; and one for each domain that goes by MX, made when
 * mail for it is given out and forgotten when it was not used for a while.
 */
#ifndef DELIVER_SITE_H
#define DELIVER_SITE_H

#include "smtpfwd/deliver/choices.h"

enum {
	/* Of domains that nobody sends to just now; their mail hosts are asked for again when somebody does. */
	SITES_IDLE_MAX = 10000,
	/* The waits of a domain whose name servers do not answer: one question stands for all its mail. */
	UNFOUND_WAIT_MIN_S = 60,
	UNFOUND_WAIT_MAX_S = 1800,
};

enum site_hold {			/* does the queue keep its mail back */
	SITE_NOT_HELD,
	SITE_HELD_DOWN,			/* until a next hop is back */
	SITE_HELD_UNFOUND,		/* for a while: its hosts cannot be found out */
};

struct site {
	struct couriers		*couriers;
	struct str		 destination;	/* owned */
	struct str		 domain;	/* of it; "" if the route names its next hops itself */
	const struct route	*route;
	bool			 is_gone;	/* not configured any more; lives for who works for it */

	struct choices		*choices;	/* NULL: not found yet, or there are none */
	struct instant		 found_until;	/* then they are asked for again */
	bool			 is_finding;
	struct signal_list	 found;
	struct status		 status;	/* class 5: no mail can go there; class 4: not known now; else STATUS_NONE */
	char			*why;		/* owned; NULL with STATUS_NONE */
	enum site_hold		 hold;
	struct span		 unfound_wait;	/* of the next hold of that kind */

	int			 n_out;		/* couriers that are at work for it */
	int			 n_holding;	/* of these: with a connection */
	int			 n_large;	/* mails they carry */
	int			 n_online;	/* mails whose clients wait, that look for a session; and those passed on: no deliveries of its queue */
	int			 n_clients;	/* of these: whose clients wait */
	int			 n_online_waiting;	/* of these: for room */
	struct signal_list	 online_room;
	struct list_link	 waits_for_share;	/* of couriers->sharing */
	struct list_link	 unused;	/* of couriers->unused */
	struct instant		 unused_since;
};

/* The site of a destination, made if it can be; NULL: the destination is not configured. */
struct site	*site_get(struct couriers *c, struct str destination);

/* A courier begins to work for it, and ends.  The last end may free it. */
void		 site_enter(struct site *site);
void		 site_leave(struct site *site);

/* The same for a mail that is not of its queue: whose client waits, or that was passed on. */
void		 site_enter_online(struct site *site);
void		 site_leave_online(struct site *site);

/* Waits until there may be room for it at one of the choices; they may be others then.  Suspends. */
enum wake	 site_wait_for_room(struct site *site, struct instant deadline);

/*
 * Sees to it that its choices are there and fresh; asks the DNS where they are not.  True with site->choices, false with
 * site->status and why, or cancelled.  Suspends.
 */
bool		 site_find(struct site *site, struct instant deadline);

/* Goes by these choices, its own then (NULL: none), and no more by those of before. */
void		 site_take_choices(struct site *site, struct choices *choices);

/* It is kept back, and what is known of its hosts is old: one mail is let through, and asks for them. */
void		 site_refresh(struct site *site);

/* Nobody works for it: after a while it is forgotten, unless mail waits for it. */
void		 site_is_idle(struct site *site);

/* Those that were not used for longest go first; what was found out for one is good for an hour at most. */
void		 sites_forget_unused(struct couriers *c);

/* All it could go by are down: the queue keeps its mail back.  And: one is up (again). */
void		 site_hold_if_down(struct site *site, const char *why);
void		 site_release(struct site *site);

/* --- for adopt.c and the end --- */
void		 site_find_configured(struct site *site);	/* at once, where no question is needed for that */
void		 site_set_route(struct site *site, const struct route *route, struct str domain);
void		 site_go(struct site *site);		/* not configured any more; may free it */

#endif
