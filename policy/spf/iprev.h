/*
 * iprev.h - a client's name by the DNS: its reverse names, and those that lead back (RFC 8601 3, RFC 7208 5.5)
 *
 * Names are in the arena, canonical; reverse names that are no domain names are passed over.
 */
#ifndef POLICY_SPF_IPREV_H
#define POLICY_SPF_IPREV_H

#include "base/dns.h"

enum {
	IPREV_NAMES_MAX = 10,		/* PTR records that are followed, RFC 7208 4.6.4 */
	/* "4.3.2.1.in-addr.arpa" or nibbles (RFC 1035 3.5, RFC 3596 2.5), with a NUL. */
	IPREV_QUESTION_MAX_BYTES = sizeof("0.") * 32 + sizeof("ip6.arpa"),
};

enum iprev_value {
	IPREV_PASS,			/* a name leads back to the address */
	IPREV_FAIL,			/* there are names and they have addresses, but not this one */
	IPREV_TEMPERROR,		/* the DNS could not say */
	IPREV_PERMERROR,		/* there are no names, or they have no addresses */
};

struct iprev_result {
	enum iprev_value	 value;
	enum dns_result		 reverse;	/* of the PTR question */
	struct str		 reverse_name;	/* the first that the address says it has, unproven; "" for none */
	struct str		 names[IPREV_NAMES_MAX];	/* proven, in the order of the answer */
	int			 n_names;
	char			 problem[120];	/* printable; "" when it passes */
};

/* "pass", "fail", "temperror", "permerror" */
const char	*iprev_value_word(enum iprev_value value);

/* What to ask for the names of an address. */
struct str	 iprev_question(const struct ip *ip, char room[IPREV_QUESTION_MAX_BYTES]);

/* Asks for names, then for the addresses of all of them at once.  Suspends, twice at most. */
void		 iprev_check(const struct ip *ip, struct resolver *resolver, struct instant deadline, struct arena *arena,
		    struct iprev_result *result_out);

#endif
