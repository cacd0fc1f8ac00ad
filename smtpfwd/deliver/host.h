/*
 * host.h - the addresses of a next hop, in the order to try them
 */
#ifndef DELIVER_HOST_H
#define DELIVER_HOST_H

#include "base/dns.h"
#include "smtpfwd/deliver/outcome.h"

enum {
	/* Of one name; who publishes more gets no more than so many connects from us in a try. */
	HOST_ADDRESSES_MAX = 16,
};

struct host_addresses {
	struct ip	 ips[HOST_ADDRESSES_MAX];
	int		 n_ips;
};

/*
 * Asks for AAAA and A at once.  Families take turns, IPv6 first (RFC 8305 4 in spirit), so that a family without a
 * route costs one connect and not all; within a family in the resolver's order.
 *
 * is_strangers: the name is none of the configuration, and not to be looked for in /etc/hosts.
 *
 * 0, or -1 with trouble: always temporary, for a name that does not exist too, since names in a
 * configuration are mended.  Suspends.
 */
int	host_find(struct resolver *resolver, struct str name, bool is_strangers, struct instant deadline,
	    struct host_addresses *addresses_out, struct trouble *trouble_out);

#endif
