/*
 * dkim_lookup.h - the keys of a mail's signatures, asked for
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
	struct dkim_public	 key;		/* unless it is refused */
	int			 candidate;	/* its number at the library; -1: the library does not see it */
	int			 body_form;	/* that of the body's hashes which is its; where its header is right */
};

/*
 * Asks for the keys of all signatures that are not refused, each name once, and sets their
 * keys or refuses them.  Suspends until the deadline at most.  False at the arena's limit.
 */
bool	dkim_lookup_keys(struct dkim_signature *signatures, int n_signatures, struct resolver *resolver, struct instant deadline,
	    struct arena *arena);

#endif
