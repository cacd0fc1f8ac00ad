/*
 * route.h - from a destination's name to the next hops that take its mail
 *
 * A relay section ("relay:NAME") or a route section ("route:NAME").  Immutable once made, but for
 * its next hops' state and turn.
 */
#ifndef DELIVER_ROUTE_H
#define DELIVER_ROUTE_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/instant.h"
#include "base/str.h"

enum tls_mode { TLS_OFF, TLS_OPPORTUNISTIC, TLS_REQUIRED, TLS_VERIFY };
enum balance { BALANCE_FAILOVER, BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS };

struct next_hop_settings {
	const char	*written;	/* as in the configuration: "mail.example.net:25", "[192.0.2.1]:25" */
	const char	*host;		/* name, or NULL when ip is given */
	struct ip	 ip;
	uint16_t	 port;
};

enum { ROUTE_NEXT_HOPS_MAX = 64 };	/* a bit each while a mail tries them */

struct route_settings {
	const char			*destination;	/* "relay:NAME" or "route:NAME" */
	const struct next_hop_settings	*next_hops;
	int				 n_next_hops;	/* 1 to ROUTE_NEXT_HOPS_MAX */
	enum balance			 balance;
	enum tls_mode			 tls;
	const char			*tls_name;	/* NULL: the next hop as written */
	const char			*ca_file;	/* NULL: the system's */
	int				 connections_max;	/* per next hop; 0: the default, 20 */
	struct span			 check_interval;	/* how often a next hop that is down is tried; 0: 15 s */
	const struct ip			*sources;	/* local addresses to send from, by family; may be none */
	int				 n_sources;
	const char			*login;		/* for AUTH, only with TLS_REQUIRED or TLS_VERIFY; NULL: none */
	const char			*password_file;	/* its first line; not NULL with a login */
};

struct route;
struct routes;
struct next_hop;

/* Copies the settings, reads CA and password files (blocks).  NULL and a fault that names what is wrong. */
struct routes	*routes_new(const struct route_settings *settings, int n_routes, struct fault *fault_out);
/* No connection and no idle one may be left. */
void		 routes_free(struct routes *routes);

int		 routes_n(const struct routes *routes);
struct route	*routes_at(const struct routes *routes, int i);
bool		 routes_have_login(const struct routes *routes);	/* one of them has */
struct route	*routes_find(const struct routes *routes, struct str destination);	/* NULL: not configured */

enum route_choice {
	ROUTE_CHOSEN,
	ROUTE_ALL_BUSY,			/* who is left has no connection free: wait for route->freed */
	ROUTE_NONE_LEFT,		/* all are down or tried */
};

/* The next hop whose turn it is, by the route's balance; bit i of tried: not next hop i. */
enum route_choice	 route_choose(struct route *route, uint64_t tried, struct next_hop **next_hop_out);

bool		 route_is_down(const struct route *route);	/* all its next hops are */

/* How many deliveries can be under way at once. */
int		 route_connections_max(const struct route *route);

#endif
