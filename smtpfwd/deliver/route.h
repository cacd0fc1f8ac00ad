/*
 * route.h - from a destination's name to the next hops that take its mail
 *
 * A relay section ("relay:NAME") or a route section ("route:NAME").  Immutable once made.
 */
#ifndef DELIVER_ROUTE_H
#define DELIVER_ROUTE_H

#include "base/endpoint.h"
#include "base/instant.h"

enum tls_mode { TLS_OFF, TLS_OPPORTUNISTIC, TLS_REQUIRED, TLS_VERIFY };
enum balance { BALANCE_FAILOVER, BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS };

struct next_hop_settings {
	const char	*written;	/* as in the configuration: "mail.example.net:25", "[192.0.2.1]:25" */
	const char	*host;		/* name, or NULL when ip is given */
	struct ip	 ip;
	uint16_t	 port;
};

struct route_settings {
	const char			*destination;	/* "relay:NAME" or "route:NAME" */
	const struct next_hop_settings	*next_hops;
	int				 n_next_hops;
	enum balance			 balance;
	enum tls_mode			 tls;
	const char			*tls_name;	/* NULL: the next hop as written */
	const char			*ca_file;	/* NULL: the system's */
	int				 connections_max;	/* per next hop */
	struct span			 check_interval;	/* how often a next hop that is down is tried */
	const struct ip			*sources;	/* local addresses to send from, by family; may be none */
	int				 n_sources;
};

#endif
