/*
 * ways.h - where a recipient's mailbox is thought to be, of its relay's next hops, by what is known of it
 *
 * For next-hop-by-recipient (policy.h).  Couriers ask the next hops in their order all the same (deliver/carry_pass.c): this
 * says whose line the mail waits in, and which of those that are down it need not wait for.
 */
#ifndef SMTPFWD_WAYS_H
#define SMTPFWD_WAYS_H

#include "policy/policy.h"
#include "smtpfwd/recipients/knowledge.h"

/*
 * As policy_destination_of, of mail of a class; but of a relay's ways the first that is not passed by for what is known of the mailbox (split.h);
 * the very first if all are.  knowledge NULL: nothing is known yet.
 */
struct str	ways_destination_of(const struct policy *policy, const struct knowledge *knowledge, struct str class_name,
		    const struct address *mailbox, struct timestamp now, char room[POLICY_DESTINATION_MAX]);

#endif
