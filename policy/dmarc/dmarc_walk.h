/*
 * dmarc_walk.h - a walk up the DNS from a domain, for DMARC records on the way (RFC 9989 4.10)
 */
#ifndef POLICY_DMARC_DMARC_WALK_H
#define POLICY_DMARC_DMARC_WALK_H

#include "policy/dmarc/dmarc.h"

enum dmarc_step_state {
	DMARC_STEP_NOTHING,		/* no record, or several, which count as none */
	DMARC_STEP_RECORD,
	DMARC_STEP_UNSETTLED,		/* DNS did not tell */
};

struct dmarc_step {
	struct str		 domain;	/* an end of the domain the walk began at */
	enum dmarc_step_state	 state;
	struct dmarc_record	 record;	/* its texts live in the arena */
	bool			 name_exists;	/* the answer shows that the domain exists */
};

struct dmarc_walk {
	struct dmarc_step	 steps[DMARC_WALK_MAX];	/* from the domain itself up, to the first psd=y or psd=n if there is one */
	int			 n_steps;
	int			 n_queries;
};

/*
 * Walks from a canonical domain.  All its questions go out at once: the eight are a bound of what
 * one mail may cost, and a round trip for each label costs the sender more.  Suspends.  At the arena's limit all is unsettled.
 */
void	dmarc_walk(struct str domain, struct resolver *resolver, struct instant deadline, struct arena *arena,
	    struct dmarc_walk *walk_out);

/* The organizational domain by a walk (4.10.2).  False if a step that did not settle could change it. */
bool	dmarc_walk_organization(const struct dmarc_walk *walk, struct str *organization_out);

enum dmarc_alignment { DMARC_NOT_ALIGNED, DMARC_ALIGNED, DMARC_ALIGNMENT_UNSETTLED };

/* Whether the domains that two walks began at are of one organization (relaxed alignment, 4.4). */
enum dmarc_alignment	dmarc_walks_align(const struct dmarc_walk *a, const struct dmarc_walk *b);

/*
 * The step whose record is the policy of the domain that the walk began at (4.10.1): its own, its
 * organization's, its public suffix's.  NULL: there is none, or, with *is_unsettled_out, nobody knows.
 */
const struct dmarc_step	*dmarc_walk_policy(const struct dmarc_walk *walk, bool *is_unsettled_out);

#endif
