/*
 * hosts.h - a resolver that knows the names of a hosts file, before another one
 *
 * For what an administrator writes (a next hop "localhost:25"), not for names that
 * strangers give.  Answers A and AAAA; all else, and all other names, go on below.
 */
#ifndef RUNTIME_HOSTS_H
#define RUNTIME_HOSTS_H

#include "base/dns.h"

/*
 * Reads the file once; one that cannot be read has no names.  localhost is known even
 * where the file lacks it (RFC 6761 6.3).  A name that is there with addresses of one
 * family only has DNS_NO_DATA of the other.  Blocks (the file).
 */
struct resolver	*hosts_resolver_new(const char *path, struct resolver *below);
struct resolver	*hosts_resolver_below(const struct resolver *resolver);
void		 hosts_resolver_free(struct resolver *resolver);	/* not the one below */

#endif
