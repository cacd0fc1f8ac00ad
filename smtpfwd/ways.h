/*
 * ways.h - at which of its relay's next hops a recipient's mail begins, by what is known of the mailbox
 *
 * For next-hop-by-recipient (policy.h); couriers go on to the others from there (deliver/carry_pass.c).  What is known saves
 * questions, and in an outage it stands in for the answer: it never decides that there is no such mailbox.
 */
#ifndef SMTPFWD_WAYS_H
#define SMTPFWD_WAYS_H

#include "policy/policy.h"
#include "smtpfwd/queue/queue.h"
#include "smtpfwd/recipients/knowledge.h"

enum {
	/*
	 * So long what a next hop said is its answer, though it could be asked: a mail that was asked for at its RCPT does
	 * not ask again.  The table writes a time anew only every 7 or 8 minutes.
	 */
	WAYS_FRESH_S = 15 * 60,
};

struct ways_known {			/* NULL: nothing is known yet */
	const struct knowledge	*knowledge;
	const struct queue	*queue;		/* which destinations it holds back */
};

/*
 * As policy_destination_of; but of a relay's ways the first whose next hop may have the mailbox: those before it said lately
 * that they have it not, or are down and what is known passes them by (split.h).  Without such a one the very first.
 */
struct str	ways_destination_of(const struct policy *policy, const struct ways_known *known, const struct address *mailbox,
		    char room[POLICY_DESTINATION_MAX]);

#endif
