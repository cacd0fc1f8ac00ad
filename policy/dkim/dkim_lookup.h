/*
 * dkim_lookup.h - the keys of a mail's signatures, asked for and written as the library reads them
 */
#ifndef POLICY_DKIM_DKIM_LOOKUP_H
#define POLICY_DKIM_DKIM_LOOKUP_H

#include "base/dns.h"
#include "mail/header.h"
#include "policy/dkim/dkim_field.h"

struct dkim_signature {			/* one under verification */
	struct dkim_field	 field;
	int			 place;		/* among all signatures of the mail, from the top */
	const struct header_field *from;	/* the caller's; for the beginning only */
	struct str		 key_record;	/* written by us, with nothing but type and key; under 1024 bytes */
	int			 candidate;	/* its number at the library; -1: the library does not see it */
};

/*
 * Asks for the keys of all signatures that are not refused, each name once, and sets their
 * records or refuses them.  Suspends until the deadline at most.  False at the arena's limit.
 */
bool	dkim_lookup_keys(struct dkim_signature *signatures, int n_signatures, struct resolver *resolver, struct instant deadline,
	    struct arena *arena);

#endif
