/*
 * admit.h - how many connections a listener serves at once, in total and of one address
 *
 * Counts only; who is exempt, and what is said to who is too many, is the session's.
 */
#ifndef RECEIVE_ADMIT_H
#define RECEIVE_ADMIT_H

#include "base/endpoint.h"
#include "base/map.h"

struct admit {
	struct map	 by_address;	/* struct admit_count; an address without connections has none */
	int		 n_connections;
	int		 connections_max;	/* 0: no limit, both */
	int		 per_address_max;
};

void	admit_init(struct admit *a, int connections_max, int per_address_max, const uint64_t seed[2]);
void	admit_fini(struct admit *a);

/* False: there are too many already, nothing is counted.  What is counted is to be released. */
bool	admit_connection(struct admit *a);
void	admit_release_connection(struct admit *a);

/*
 * An IPv6 network of 64 bits counts as one: that is what one customer gets at least.  One of 48 bits, the most that a
 * site gets (RFC 6177), has the limit of four: its 65,536 networks are not as many clients.
 */
bool	admit_address(struct admit *a, const struct ip *ip);
void	admit_release_address(struct admit *a, const struct ip *ip);

#endif
