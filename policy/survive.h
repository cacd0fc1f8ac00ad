/*
 * survive.h - which of a mail's proofs still hold at the next hop, and whether DMARC has it refused there
 *
 * Pure functions of what was found and of what is known of the way on.  A signature goes along with the mail; SPF is for an
 * address, and the next hop may see ours (RFC 7960 3.2, RFC 9989 7).  What is done with a mail that is doomed is decide.h's.
 */
#ifndef POLICY_SURVIVE_H
#define POLICY_SURVIVE_H

#include "mail/envelope.h"
#include "mail/identity.h"
#include "policy/field_changes.h"
#include "policy/findings.h"
#include "policy/policy.h"

struct survival_inputs {
	const struct policy		*policy;
	const struct findings		*findings;
	const struct envelope		*envelope;
	const struct field_changes	*changes;	/* what we do to the header section */
	enum client_view		 view;
	bool				 is_rewritten;	/* MAIL will say the SRS form of the reverse-path */
	struct str			 signer;	/* d= of a signature that we add; "": none */
	bool				 is_sealed;	/* a set of ARC comes on top, for who trusts it */
};

enum spf_survival { SPF_IS_LOST, SPF_MAY_SURVIVE, SPF_SURVIVES };

struct survival {
	enum spf_survival spf;		/* a pass of MAIL FROM; lost also where it did not pass here */
	struct str	 signature;	/* d= of a signature that is right there too: an aligned one if there is one; "": none */
	bool		 is_doomed;	/* who does what the author's DMARC policy says must refuse it, though it passes here */
	const char	*reason;	/* a constant word, below */
};

/*
 * Doomed, where a policy of reject applies: "spf-only", nothing but SPF is aligned and the next hop sees our address;
 * "spf-rewritten", or MAIL will not say the domain that is aligned; "signature-broken", the signature that is aligned covers
 * fields that we must take away or put on top.
 *
 * Not: "unchecked"; "no-dmarc", no record, or DMARC is off; "policy", one that does not reject; "no-pass", it fails here
 * already, which is decide_mail's; "unsettled", the DNS did not tell; "unclear", what cannot be judged, or is not sure to be
 * lost; "dkim"; "signed", by us; "arc", sealed for who
 * believes our results; "seen", the next hop will ask SPF for the client's address, or may; "ours", SPF
 * of a domain of ours, which may name us, or of the SRS address, in the author's organization; "null", a null reverse-path: a report that nobody could be told about.
 */
void	survive(const struct survival_inputs *inputs, struct survival *survival_out);

/* Whether a signature that is right here is so there. */
bool	survive_dkim(const struct dkim_result *result, const struct field_changes *changes);

/* How much of SPF is left by such a way, from 0 on: where there are several, the best one dooms no mail that another does. */
int	survive_hope(enum client_view view, bool is_rewritten);

/* "dkim:example.com,spf", "spf?" where it only may, "none": for a log line; bytes of others made safe. */
void	survive_words(const struct survival *survival, struct buf *out);

#endif
