/*
 * sender.h - was the sender of a mail verified, so that a report to the reverse-path reaches who sent it?
 *
 * A pure function of what was found.  A report to a forged reverse-path is backscatter; what is done with one is the queue's.
 */
#ifndef POLICY_SENDER_H
#define POLICY_SENDER_H

#include "mail/envelope.h"
#include "mail/peer.h"
#include "policy/findings.h"

struct sender_proof {
	bool		 is_verified;
	const char	*reason;	/* a constant word, below */
};

/*
 * Verified: "trusted", a peer that may relay; "spf", a pass of MAIL FROM; "dkim", a pass by the domain of the reverse-path or
 * one that it is below; "null", a null reverse-path, which no report goes to anyway; "unchecked", neither SPF nor DKIM is
 * looked at by configuration: who asked for no checks has all mail failed by the letter of RFC 5321 6.1, rather than none.
 *
 * Not: "temperror", the DNS did not tell, and nothing else passed; "class", its class is not checked where others are; "no-pass".
 */
struct sender_proof	sender_prove(const struct findings *findings, const struct envelope *envelope, const struct peer *peer);

#endif
