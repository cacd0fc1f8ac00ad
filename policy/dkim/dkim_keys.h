/*
 * dkim_keys.h - the public keys of signatures (DKIM's, ARC's): one look-up for all, and may each be used? (RFC 6376 6.1.2)
 */
#ifndef POLICY_DKIM_DKIM_KEYS_H
#define POLICY_DKIM_DKIM_KEYS_H

#include "base/dns.h"
#include "policy/dkim/dkim_public.h"
#include "policy/dkim/dkim_result.h"

struct dkim_key_wanted {
	/* What the signature says. */
	struct str	 domain, selector;	/* valid domain names; both empty: no key is asked for */
	struct str	 identity_domain;	/* of i=; empty: there is no such thing, as in ARC */
	enum dkim_public_type type;

	/* What the DNS says. */
	const char	*why_not;		/* lives as the arena; NULL: the key can be used */
	enum dkim_verdict verdict;		/* what RFC 8601 calls it, if it cannot */
	struct dkim_public key;			/* its flags are set wherever a record was read, its bits where it has a key */
	bool		 is_secure;		/* validated by DNSSEC */
};

/*
 * Asks for all keys, each name once, and sets what the DNS says.  Suspends until the deadline at most; a key that is not there
 * then is a temperror.  Not more than one answer to a name counts (3.6.2.2).  False at the arena's limit.
 */
bool	dkim_keys_ask(struct dkim_key_wanted *wanted, int n_wanted, struct resolver *resolver, struct instant deadline,
	    struct arena *arena);

#endif
