/*
 * resolver_sim.h - a struct resolver that answers from a small zone text, in simulated time
 *
 *	# comment
 *	example.com		MX 10 mx1.example.com
 *	mx1.example.com		A 192.0.2.1
 *	mx1.example.com		AAAA 2001:db8::1
 *	www.example.com		CNAME mx1.example.com
 *	example.com		TXT v=spf1 -all		the rest of the line
 *	_25._tcp.mx1.example.com TLSA 03 01 01 0123...	hex
 *	1.2.0.192.in-addr.arpa	PTR mx1.example.com
 *	slow.example		delay 5s		answers take so long (2ms else)
 *	broken.example		servfail
 *	forged.example		bogus
 *	lost.example		timeout			never answers
 *	signed.example		secure			answers are validated
 *	*.many.example		servfail		of all names that end so
 *
 * Names in any case.  A name with lines, but not of the type: DNS_NO_DATA; without: DNS_NO_NAME.
 */
#ifndef SIM_RESOLVER_SIM_H
#define SIM_RESOLVER_SIM_H

#include "base/dns.h"

struct resolver_sim {
	struct resolver	 resolver;	/* hand out &resolver_sim.resolver */
	const char	*zone;		/* the test's; may be set anew at any time */
	int		 n_questions;	/* asked so far */
};

/* Insists that the zone can be read. */
void	resolver_sim_init(struct resolver_sim *r, const char *zone);

#endif
