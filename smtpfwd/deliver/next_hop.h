/*
 * next_hop.h - the state of one next hop of a route: up or down, and its connections
 *
 * Keeps count, decides nothing that takes time: dialling is dial's, checking probe's.
 */
#ifndef DELIVER_NEXT_HOP_H
#define DELIVER_NEXT_HOP_H

#include "smtpfwd/deliver/login.h"
#include "smtpfwd/deliver/outcome.h"
#include "smtpfwd/deliver/route.h"
#include "smtpfwd/deliver/tls_policy.h"
#include "smtpfwd/runtime/sync.h"

struct next_hop {
	struct route	*route;
	struct str	 written;	/* as in the configuration: for logs and people */
	struct str	 host;		/* name or IP without brackets and port: for TLS and as Remote-MTA */
	struct ip	 ip;		/* family IP_NONE: host is a name */
	uint16_t	 port;

	bool		 is_up;
	bool		 is_checked;	/* a probe is on it */
	struct signal_list check_now;	/* the probe waits here for its next check */
	char		 last_trouble[400];	/* "" if none */
	int		 n_connections;	/* open or being opened, idle ones too */
	int		 n_sessions;	/* of these past EHLO */
	struct list	 idle;		/* of struct client, the one that waits longest first */
	struct timer	 expiry;	/* of the idle one that waits longest */
	int64_t		 n_delivered, n_deferred, n_failed;	/* recipients */
	struct span	 latency;	/* of the last mail that it answered for; 0: none */
};

struct couriers;

struct route {
	struct str		 destination;
	struct next_hop		*next_hops;
	int			 n_next_hops;
	enum balance		 balance;
	unsigned		 turn;		/* of round-robin, and between equals */
	struct tls_policy	 tls;
	struct login		 login;
	int			 connections_max;	/* per next hop */
	struct span		 check_interval;
	const struct ip		*sources;
	int			 n_sources;
	struct signal_list	 freed;		/* a connection ended or became idle, or a next hop is back */
	struct couriers		*couriers;	/* whose route it is */
	bool			 is_held_back;	/* the queue keeps its mail until a next hop is back */
};

/* Room for one more mail now: an idle connection, or one to be opened. */
bool	next_hop_has_room(const struct next_hop *next_hop);

/* A connection begins (before it is dialled) and ends; ending signals route->freed. */
void	next_hop_claim(struct next_hop *next_hop);
void	next_hop_unclaim(struct next_hop *next_hop);

/* Up and down; each says whether that is new. */
bool	next_hop_went_down(struct next_hop *next_hop, const struct trouble *trouble);
bool	next_hop_came_up(struct next_hop *next_hop);
void	next_hop_note_trouble(struct next_hop *next_hop, const struct trouble *trouble);	/* for people */

/* The local address to connect from; false: none is set for the family, any will do. */
bool	next_hop_source(const struct next_hop *next_hop, enum ip_family family, struct endpoint *from_out);

#endif
