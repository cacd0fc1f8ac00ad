/*
 * decide_srs.h - SRS where it meets mail: which recipient is undone, and the form of a reverse-path (pure, as decide.h)
 */
#ifndef POLICY_DECIDE_SRS_H
#define POLICY_DECIDE_SRS_H

#include "mail/envelope.h"
#include "policy/policy.h"
#include "policy/verdict.h"

/*
 * A recipient that may be an SRS address of ours: a report on its way back.  False: it is an address as any other, for
 * decide_recipient, and nothing is set.  True: the verdict is whole, whoever the peer is; if it accepts, *undone_out is
 * who gets the mail instead: the original sender's address, in the arena, with the SRS address as ORCPT where the client
 * gave none (RFC 3461 5.2.1: what it was when it came).
 */
bool	decide_srs_recipient(const struct policy *policy, const struct envelope *envelope, const struct recipient *recipient,
	    struct timestamp now, struct arena *arena, struct recipient *undone_out, struct verdict *verdict_out);

/*
 * Sets srs_path and is_sender_ours by the envelope's reverse-path; both stay unset where there is no srs section or no form
 * (srs.h).  Whether it is used is for each connection (smtpfwd/deliver/sender.h).  Ours (policy_is_ours),
 * whoever sends.  False at the arena's limit.
 */
bool	decide_srs_sender(const struct policy *policy, struct timestamp now, struct arena *arena, struct envelope *envelope);

#endif
