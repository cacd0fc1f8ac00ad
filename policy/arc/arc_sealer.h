/*
 * arc_sealer.h - a sealer's own, for arc_sealer.c, which makes it, and arc_seal.c, which seals by it
 */
#ifndef POLICY_ARC_ARC_SEALER_H
#define POLICY_ARC_ARC_SEALER_H

#include "policy/arc/arc_seal.h"
#include "policy/dkim/dkim_sign_inside.h"

struct arc_sealer {
	struct dkim_signer	*signer;	/* domain, selector, key, hash; its names, if there are none here */
	struct str		 names[DKIM_SIGNED_FIELDS_MAX];	/* in the signer's arena */
	int			 n_names;
};

/* The names of h= for this mail.  0, or -1 with a permanent fault: it is a mail that is not sealed. */
int	arc_sealer_names(const struct arc_sealer *sealer, const struct header_section *header,
	    struct str names_out[DKIM_SIGNED_FIELDS_MAX], int *n_out, struct fault *fault_out);

#endif
