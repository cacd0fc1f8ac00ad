/*
 * next_hop.h - the state of one host that mail goes to: up or down, its connections, what it bears
 *
 * Keeps count, decides nothing that takes time: dialling is dial's, checking probe's.  A next hop belongs to one route;
 * within it all sites share the one of a name and port, so a thousand domains at one provider count together.  It
 * outlives plans: it lives as long as a site lists it, a connection to it stands or a check of it is under way.
 */
#ifndef DELIVER_NEXT_HOP_H
#define DELIVER_NEXT_HOP_H

#include "mail/mail_id.h"
#include "smtpfwd/deliver/await.h"
#include "smtpfwd/deliver/limit.h"
#include "smtpfwd/deliver/outcome.h"
#include "smtpfwd/deliver/plan.h"
#include "smtpfwd/runtime/sync.h"

struct couriers;

enum line {				/* of who waits for room at a next hop, each kind in one of its own */
	LINE_MAIL,			/* sites, for a mail of the queue */
	LINE_LARGE,			/* sites, for a large one */
	LINE_ONLINE,			/* sites, for mails whose clients wait */
	LINE_N_KINDS
};

struct next_hop {
	struct couriers	*couriers;
	struct list_link in_all;	/* of couriers->all_next_hops, as they came */
	const struct route *route;	/* of the plan that is in force, or of the last one that had it */
	struct str	 written, host;	/* see struct hop_plan; owned, with the key */
	struct str	 key;
	struct ip	 ip;		/* family IP_NONE: host is a name */
	uint16_t	 port;
	bool		 is_by_mx;	/* strangers named it, and not the administrator */

	int		 n_users;
	struct list	 listed;	/* struct choice: of the sites whose mail it takes */
	struct list	 waiting[LINE_N_KINDS];	/* of those: whose site waits for room here, the longest first */

	bool		 is_up;
	bool		 is_checked;	/* a check is under way */
	struct timer	 check;		/* of the next one, while it is down */
	struct span	 check_wait;	/* before that; grows until a mail gets through; never below the route's interval */
	char		 last_trouble[400];	/* "" if none */
	struct instant	 proxied[IP_V6 + 1];	/* by family: when it greeted a client last that it was told of by PROXY; 0: never */
	struct instant	 ahead_rests_until;	/* it did not take an envelope with the end of the mail before; see ahead.h */
	struct instant	 last_sign;	/* of life: a session opened, a mail answered for */

	struct limit	 limit;		/* of connections that carry mail */
	int		 n_connections;	/* open or being opened, idle ones too */
	int		 n_sessions;	/* of these past EHLO */
	int		 n_large;	/* large mails on their way over them */
	int		 n_online;	/* connections in the hands of mails whose clients wait */
	bool		 was_online_last;	/* such a mail had the turn before; else one of the queue */
	int		 n_sent_in_row;	/* of such mails, those that went on when their recipients were accepted; online's */
	struct list	 idle;		/* of struct client, the one that waits longest first */
	struct timer	 expiry;	/* of the idle one that waits longest */

	int		 n_strikes;	/* mails in a row, each another one, that ended in trouble and not in an answer */
	struct mail_id	 last_struck;
	struct ip	 last_struck_by;	/* its client, if that waited or was seen; else IP_NONE */
	struct await	 await;		/* what clients that waited had of it */

	int64_t		 n_delivered, n_deferred, n_failed;	/* recipients */
	enum client_view view;		/* in the session that a client's mail came in last; not known: none did yet, or it refused that client */
	enum identity_means told;	/* how it was told of that client */
	struct span	 latency;	/* of the last mail that it answered for; 0: none */
};

/* The one of this key, or a new one that nobody uses yet.  It goes by the route from here on. */
struct next_hop	*next_hop_get(struct couriers *c, const struct route *route, const struct hop_plan *plan, bool is_by_mx);
void		 next_hop_set_route(struct next_hop *next_hop, const struct route *route);
void		 next_hop_use(struct next_hop *next_hop);
void		 next_hop_leave(struct next_hop *next_hop);	/* the last one frees it */

/* How many mails more it may be given now, and how many large ones among them (at most half of all, so that small ones pass). */
int		 next_hop_room(const struct next_hop *next_hop);
int		 next_hop_room_large(const struct next_hop *next_hop);

/*
 * The same for mails whose clients wait: they go before those of the queue, but while it has some for here they have half of
 * all connections at most, for a client may dawdle in the middle of one.  Where there is one connection the two take turns.
 */
int		 next_hop_room_online(const struct next_hop *next_hop);

/* One more of them is better off without it (await.h). */
bool		 next_hop_is_vain(const struct next_hop *next_hop);

/* Such mails wait, and when a connection comes free it is theirs. */
bool		 next_hop_is_awaited(const struct next_hop *next_hop);

int		 next_hop_n_busy(const struct next_hop *next_hop);

/* A connection begins, and ends; ending makes room. */
void		 next_hop_claim(struct next_hop *next_hop);
void		 next_hop_unclaim(struct next_hop *next_hop);

/* Up and down; each says whether that is new. */
bool		 next_hop_went_down(struct next_hop *next_hop, const struct trouble *trouble);
bool		 next_hop_came_up(struct next_hop *next_hop);
void		 next_hop_note_trouble(struct next_hop *next_hop, const struct trouble *trouble);	/* for people */

/* It answered for a mail of this client, in this session: how it was told of it, and whom it sees.  Not of those it is not told of anyway. */
void		 next_hop_note_told(struct next_hop *next_hop, const struct client *client, const struct identity *identity);

/* The local address to connect from; false: none is set for the family, any will do. */
bool		 next_hop_source(const struct next_hop *next_hop, enum ip_family family, struct endpoint *from_out);

#endif
