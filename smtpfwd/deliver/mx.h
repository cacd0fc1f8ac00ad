/*
 * mx.h - which hosts take mail for a domain, by its MX records (RFC 5321 5.1, RFC 7505)
 *
 * Everything here was written by strangers: hosts are bounded in number, and none may lead to ourselves, in a circle,
 * or to an address that is no one's in particular.
 */
#ifndef DELIVER_MX_H
#define DELIVER_MX_H

#include "base/dns.h"
#include "mail/status.h"

enum {
	MX_HOSTS_MAX = 20,		/* more than any provider has; each costs two questions and, down, a connect */
	MX_TTL_MIN_S = 300,		/* what strangers publish does not make us ask at every mail ... */
	MX_TTL_MAX_S = 3600,		/* ... nor keep for days what they have changed */
};

struct mx_query {
	struct str		 domain;	/* any form, a literal too */
	uint16_t		 port;		/* that we will connect to */
	bool			 may_use_loopback;
	struct str		 hostname;	/* ours */
	const struct endpoint	*ours;		/* where we listen */
	int			 n_ours;
};

struct mx_host {
	struct str	 name;		/* canonical; of a literal the address */
	struct ip	 ip;		/* of a literal; else family IP_NONE */
	uint16_t	 preference;
};

enum mx_result {
	MX_FOUND,
	MX_NEVER,			/* by what the domain's owner says no mail can go there */
	MX_UNSETTLED,			/* ask again later */
};

struct mx_hosts {
	enum mx_result	 result;
	struct mx_host	 hosts[MX_HOSTS_MAX];	/* MX_FOUND: best first, equal ones in random order */
	int		 n;
	struct span	 ttl;		/* ask again after this; within the bounds above */
	struct status	 status;	/* unless MX_FOUND: 5.x.x or 4.x.x */
	char		 why[240];	/* printable, escaped */
};

/*
 * A domain with an address but no MX is its own host.  Hosts that are no names, that have no address, or none that may
 * be connected to, are left out; so are, where one host is ourselves, all of its preference and worse.  With
 * addresses that the DNS could not tell now a host stays.  Where nothing is left because of us, it is a mistake here and unsettled.  Names live in the arena.  Suspends.
 */
void	mx_find(struct resolver *resolver, const struct mx_query *query, struct instant deadline, struct arena *arena,
	    struct mx_hosts *hosts_out);

/* False for an address that no strangers' name may lead us to: 0.0.0.0/8, multicast, broadcast, and loopback. */
bool	mx_may_use(const struct ip *ip, bool may_use_loopback);

#endif
