/*
 * route.h - what is configured of a relay section ("relay:NAME") or a route section ("route:NAME")
 */
#ifndef DELIVER_ROUTE_H
#define DELIVER_ROUTE_H

#include "base/endpoint.h"
#include "base/instant.h"

enum tls_mode { TLS_OFF, TLS_OPPORTUNISTIC, TLS_REQUIRED, TLS_VERIFY };

enum identity_means {			/* how a next hop is told who the client is; see identity.h */
	IDENTITY_NONE,
	IDENTITY_AUTO,			/* XCLIENT, else XFORWARD, else none */
	IDENTITY_PROXY,			/* each connection begins with a PROXY header, version 2: the port takes nothing else */
	IDENTITY_XCLIENT,
	IDENTITY_XFORWARD,
};

enum balance { BALANCE_FAILOVER, BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS };

enum srs_mode {				/* is the reverse-path rewritten?  See sender.h */
	SRS_AUTO,			/* where the next hop sees our address and the sender's domain is not ours */
	SRS_ALWAYS,
	SRS_NEVER,
};

struct next_hop_settings {
	const char	*written;	/* as in the configuration: "mail.example.net:25", "[192.0.2.1]:25" */
	const char	*host;		/* name, or NULL when ip is given; with is_mx a domain, or NULL for the recipient's */
	struct ip	 ip;
	uint16_t	 port;
	bool		 is_mx;		/* not this host but those that the MX records name */
};

enum { ROUTE_NEXT_HOPS_MAX = 64 };	/* a bit each while a mail tries them */

struct route_settings {
	const char			*destination;	/* "relay:NAME" or "route:NAME" */
	const struct next_hop_settings	*next_hops;
	int				 n_next_hops;	/* 1 to ROUTE_NEXT_HOPS_MAX */
	enum balance			 balance;
	/*
	 * Each next hop is a destination of its own, "relay:NAME/NEXT-HOP" as it is written; whom that one does not have is
	 * asked for at the one behind it, and behind the last at the first.  None is_mx; by BALANCE_FAILOVER.
	 */
	bool				 is_by_recipient;
	enum tls_mode			 tls;
	const char			*tls_name;	/* NULL: the next hop as written */
	const char			*ca_file;	/* NULL: the system's */
	int				 connections_max;	/* per next hop; 0: the default, 20 */
	struct span			 check_interval;	/* how often a next hop that is down is tried; 0: 15 s */
	const struct ip			*sources;	/* local addresses to send from, by family; may be none */
	int				 n_sources;
	const char			*login;		/* for AUTH, only with TLS_REQUIRED or TLS_VERIFY; NULL: none */
	const char			*password_file;	/* its first line; not NULL with a login */
	enum srs_mode			 srs;
	enum identity_means		 identity;	/* how the next hop is told who the client is */
	bool				 tells_login;	/* and by what login it came */
	bool				 may_use_loopback;	/* MX hosts at loopback addresses are connected to */
};

#endif
