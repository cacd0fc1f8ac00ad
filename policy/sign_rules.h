/*
 * sign_rules.h - which mail is signed, and by which signer: a pure function of where it came from and of its authors
 *
 * A signature says that the domain answers for the mail.  So mail that only claims one of our domains, from outside, is
 * never signed, whatever it claims; what came in with a right signature keeps that one.
 */
#ifndef POLICY_SIGN_RULES_H
#define POLICY_SIGN_RULES_H

#include "policy/dkim/dkim_sign.h"

enum sign_source {			/* where a mail came from, as far as signing goes */
	SIGN_SOURCE_OUTSIDE,		/* anybody; recipients in a relay domain do not make it ours */
	SIGN_SOURCE_TRUSTED,		/* a trusted peer (struct peer's is_trusted: networks, a login, a certificate) */
	SIGN_SOURCE_CLASS,		/* of a class for which signing is on */
	SIGN_SOURCE_CLASS_OFF,		/* of a class for which signing is off */
	SIGN_SOURCE_OWN,		/* our own reports */
};

struct sign_rule {			/* a sign section */
	const char		 *name;		/* the section's title */
	const char		 *domain;	/* canonical */
	bool			  is_by_name;	/* it signs for classes that name it, and not for its domain's authors */
	bool			  with_subdomains;	/* authors below it too, unless it is by name; DMARC's strict alignment (adkim=s) fails for them */
	const struct dkim_signer *signer;	/* outlives the rules */
};

struct sign_rules;

/* Copies the texts.  One domain in two rules that are not by name is an insist (the configuration refuses it). */
struct sign_rules *sign_rules_new(const struct sign_rule *rules, int n_rules, const uint64_t seed[2]);
void		   sign_rules_free(struct sign_rules *rules);		/* NULL is nothing */

struct sign_choice {
	const struct dkim_signer *signer;	/* NULL: the mail is not signed */
	const char		 *reason;	/* a constant word for the log: "exact", "parent", "named"; or why not: "outside", "class",
						 * "no-author", "no-rule", "authors-differ" */
};

/*
 * Chooses by the domains of all addresses in the mail's From (in any case, A- or U-labels): the rule of the very domain, else
 * the closest parent's that is for subdomains too.  Authors whom different signers serve, or whom none does, are not signed
 * for: a signature must not seem to be for an author that it is not for.  Bounded by the number of domains times labels.
 *
 * With a name (sign_as, else NULL) it is the rule of that name, for whatever authors: a class has said who answers for its mail.
 */
void	sign_rules_choose(const struct sign_rules *rules, enum sign_source source, const char *sign_as,
    const struct str *author_domains, int n_author_domains, struct sign_choice *choice_out);

/* Whether a domain, in any form, is of a rule, by name or not, or below one that is for authors there too. */
bool	sign_rules_have(const struct sign_rules *rules, struct str domain);

#endif
