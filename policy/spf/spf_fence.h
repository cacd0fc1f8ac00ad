/*
 * spf_fence.h - libspf2 behind a fence: it says which mechanism matches, and sees no byte of the network
 *
 * The library is handed a record of our own making for the terms of a record that need the DNS:
 *
 *	v=spf1 mx:t0.x/24 exists:t1.x a:t2.x//64 exists:end.x
 *
 * t0, t1 ... are tokens.  The library asks for them by the lookup hook, and there they are mapped to
 * what the owner of the fence answers; hosts of an mx are tokens again, h0.x, h1.x.  Order, prefixes
 * and comparison of addresses are the library's; qualifiers, limits, include, redirect, ptr, macros
 * and the text of records never reach it.  "end.x" always exists, so every evaluation ends in a match.
 *
 * The library's compiler, its counts, its free pass for 127.0.0.0/8 and its explanations are out of
 * reach therefore; see CVE-2023-42118 for why.
 */
#ifndef POLICY_SPF_SPF_FENCE_H
#define POLICY_SPF_SPF_FENCE_H

#include "base/dns.h"

enum spf_fence_kind {
	FENCE_A,
	FENCE_MX,
	FENCE_EXISTS,			/* whatever is true or not: exists, include, ptr, a and mx with a prefix of 0 */
};

struct spf_fence_term {
	enum spf_fence_kind	 kind;
	int			 prefix_bits;	/* of the client's family, 1 or more; not of FENCE_EXISTS */
};

/*
 * Answers for terms, by their index.  Each may suspend, and may begin another evaluation.  False
 * ends this one: the owner knows why.
 */
struct spf_fence {
	bool	(*exists)(struct spf_fence *fence, int term, bool *exists_out);
	bool	(*hosts)(struct spf_fence *fence, int term, int *n_hosts_out);	/* of FENCE_MX; at most SPF_FENCE_HOSTS_MAX */
	/* Of FENCE_A, host is 0; of FENCE_MX one of the hosts said before.  Of the client's family. */
	bool	(*addresses)(struct spf_fence *fence, int term, int host, const struct dns_record **records_out,
		    int *n_records_out);
};

enum {
	SPF_FENCE_HOSTS_MAX = 10,	/* RFC 7208 4.6.4 */
	SPF_FENCE_TERMS_MAX = 11,	/* one more than may ever be evaluated; the library cuts records of 511 bytes unasked */

	SPF_FENCE_NONE = -1,		/* no term matches */
	SPF_FENCE_STOPPED = -2,		/* an answer was false */
	SPF_FENCE_BROKEN = -3,		/* the library failed; a temporary error of ours */
};

/*
 * Evaluates the terms in order for the client (IPv4 or IPv6).  The index of the first that matches,
 * or one of the above.  Suspends where the answers do.
 */
int	spf_fence_match(struct spf_fence *fence, const struct ip *client, const struct spf_fence_term *terms, int n_terms);

#endif
