/*
 * decide.h - what is done with a mail: pure functions of rules and of what is known
 *
 * Nothing is looked up here; findings are made by inspect.h.
 */
#ifndef POLICY_DECIDE_H
#define POLICY_DECIDE_H

#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/peer.h"
#include "policy/classify.h"
#include "policy/findings.h"
#include "policy/policy.h"
#include "policy/survive.h"
#include "policy/verdict.h"

/*
 * May this peer send to this recipient?  Only a trusted peer may relay outside of the relay domains (RFC 5321 7.8 codes), and only
 * where there is a route: outbound, or that of a class which the mail may still turn out to be of (classify_outlook).
 */
void	decide_recipient(const struct policy *policy, const struct peer *peer, const struct envelope *envelope,
	    const struct address *recipient, bool has_class_route, struct verdict *verdict_out);

/*
 * The header section is whole, so the class is known: may it have as many recipients as were accepted, and do all of them have a way?
 * No for good (554): the same mail would be of the same class the next time, and who accepted them cannot take that back.
 */
void	decide_class(const struct policy *policy, const struct mail_class *class, const struct envelope *envelope,
	    struct verdict *verdict_out);

/* The first of these questions alone, for who does not know the ways. */
void	decide_class_recipients(const struct mail_class *class, const struct envelope *envelope, struct verdict *verdict_out);

/* A mail that was accepted, of a class whose mail waits for an operator, is held. */
void	decide_hold(const struct mail_class *class, struct verdict *verdict);

/*
 * The header section of a mail that came in: more than received_max hops, or several through here,
 * is a loop (RFC 5321 6.3).
 */
void	decide_header(const struct policy *policy, const struct header_section *header, int received_max,
	    struct verdict *verdict_out);

/*
 * The whole mail, by what was found.  Only DMARC decides: with enforce a fail by a policy of reject is refused (550 5.7.26,
 * RFC 7372 3.3), one of quarantine marked, and what the DNS could not say deferred (451) unless the policy is known to be none; with stamp
 * or off nothing is.  The reply's text is in the arena; at its limit a constant.
 */
void	decide_mail(const struct verify_rules *rules, const struct findings *findings, struct arena *arena,
	    struct verdict *verdict_out);

/*
 * A mail that decide_mail accepted and that is doomed where it goes (survive.h): refused, with a code of RFC 7372 3.1 that says
 * which signature is missing, held, or sent all the same; as decide_mail.
 */
void	decide_doomed(const struct verify_rules *rules, const struct findings *findings, const struct survival *survival,
	    struct arena *arena, struct verdict *verdict);

#endif
