/*
 * plan.h - courier settings made ready: routes with their TLS contexts, timeouts; not for others
 *
 * Immutable.  Couriers that adopt another plan leave the old one to who still works by it: next hops, sites and
 * sessions each count as a user, and the last one out frees it.
 */
#ifndef DELIVER_PLAN_H
#define DELIVER_PLAN_H

#include "base/arena.h"
#include "base/map.h"
#include "smtpfwd/deliver/client.h"
#include "smtpfwd/deliver/courier.h"
#include "smtpfwd/deliver/identity.h"
#include "smtpfwd/deliver/login.h"
#include "smtpfwd/deliver/tls_policy.h"

struct hop_plan {			/* a next hop as configured */
	struct str	 written;	/* for logs and people */
	struct str	 host;		/* name or IP without brackets and port: for TLS and as Remote-MTA; a domain if is_mx */
	struct ip	 ip;		/* family IP_NONE: host is a name */
	uint16_t	 port;
	bool		 is_mx;		/* the MX hosts of the domain; of the recipient's domain if there is none */
};

struct route {				/* a relay section or a route section */
	struct courier_plan	*plan;
	struct str		 destination;	/* "relay:NAME", or of one of its next hops alone "relay:NAME/NEXT-HOP" */
	struct str		 section;	/* "relay:NAME" in any case */
	const struct route	*ring;		/* those of all next hops that have each some of its mailboxes, in their order; NULL: one has all */
	int			 n_ring;
	int			 place;		/* in that */
	const struct hop_plan	*hops;
	int			 n_hops;
	bool			 is_by_domain;	/* each recipient domain is a destination of its own: "route:NAME/DOMAIN" */
	bool			 may_use_loopback;
	enum balance		 balance;
	struct tls_policy	 tls;
	struct login		 login;
	struct identity_rule	 identity;
	enum srs_mode		 srs;
	int			 connections_max;	/* per next hop */
	struct span		 check_interval;
	const struct ip		*sources;
	int			 n_sources;
};

struct courier_plan {
	struct arena		 arena;		/* of all below */
	struct route		*routes;
	int			 n_routes;
	struct map		 by_destination;	/* of the routes */
	struct tls_context	*contexts;
	int			 n_contexts;
	struct client_settings	 client_settings;
	const struct endpoint	*ours;		/* where we listen ourselves */
	int			 n_ours;
	struct span		 idle_max;
	int			 deliveries_max;
	int			 n_users;
	bool			 is_retired;	/* the couriers have another one */
};

/* The route of a destination, by domain too; NULL: not configured.  domain_out: what stands behind the route's name, or "". */
const struct route	*plan_find(const struct courier_plan *plan, struct str destination, struct str *domain_out);

bool			 plan_has_login(const struct courier_plan *plan);	/* one of its routes has */

void			 plan_use(struct courier_plan *plan);
void			 plan_leave(struct courier_plan *plan);		/* may free it */
void			 plan_retire(struct courier_plan *plan);	/* may free it */

/* The plan that a session was opened by. */
struct courier_plan	*plan_of(const struct client *client);

#endif
