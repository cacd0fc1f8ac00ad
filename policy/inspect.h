/*
 * inspect.h - front door of judgement: one mail through the checks, in the order SMTP brings them
 *
 * Sequential code without fibers, sockets or a clock; what it needs comes as arguments.
 */
#ifndef POLICY_INSPECT_H
#define POLICY_INSPECT_H

#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/peer.h"
#include "policy/policy.h"
#include "policy/verdict.h"

/* May this peer send to this recipient?  Only a trusted peer may relay outside of the relay domains (RFC 5321 7.8 codes). */
void	inspect_recipient(const struct policy *policy, const struct peer *peer, const struct envelope *envelope,
	    const struct address *recipient, struct verdict *verdict_out);

/*
 * The header section of a mail that came in: more than received_max hops, or several through here,
 * is a loop (RFC 5321 6.3).
 */
void	inspect_header(const struct policy *policy, const struct header_section *header, int received_max,
	    struct verdict *verdict_out);

#endif
