/*
 * zone.h - a struct resolver that answers from a small text at once: no fibers, no time
 *
 *	example.com A 192.0.2.1
 *	example.com MX 10 mail.example.com
 *	example.com TXT v=spf1 mx -all
 *	www.example.com CNAME example.com
 *	1.2.0.192.in-addr.arpa PTR mail.example.com
 *	slow.example timeout			of types that have no line
 *	empty.example exists			without a record
 *
 * Names without regard to case.  "\xHH" is a byte, in names and in TXT.
 */
#ifndef TESTS_POLICY_ZONE_H
#define TESTS_POLICY_ZONE_H

#include "base/dns.h"

struct zone {
	struct resolver	 resolver;	/* hand out &zone.resolver */
	struct str	 text;
	int		 n_questions;	/* asked so far */
	int		 n_asks;	/* waits for answers so far */
};

void	zone_init(struct zone *zone, struct str text);

#endif
