/*
 * mailboxes.c - does the next hop have a mailbox?  What its answers tell is kept, for when it cannot be asked
 */
#include "smtpfwd/receive/mailboxes.h"
#include "smtpfwd/receive/transaction.h"
#include "smtpfwd/recipients/outage.h"

enum known
mailboxes_tell(struct session *session, const struct address *mailbox, const struct recipient_answer *answer)
{
	struct knowledge *knowledge = session->listener->world->knowledge;
	const char *relay = policy_relay_of(session->transaction->policy, mailbox->domain);

	if (knowledge == NULL || relay == NULL)
		return KNOWN_NOT;
	return knowledge_tell(knowledge, str_of(relay), mailbox, answer, os_wall_clock());
}

bool
mailboxes_is_fresh(const struct session *session, const struct address *mailbox)
{
	const struct knowledge *knowledge = session->listener->world->knowledge;
	const char *relay = policy_relay_of(session->transaction->policy, mailbox->domain);

	return knowledge != NULL && relay != NULL && knowledge_is_fresh(knowledge, str_of(relay), mailbox, os_wall_clock());
}

bool
mailboxes_own_accepted(const struct session *session, const struct address *mailbox, struct arena *arena,
    struct address *accepted_out)
{
	const struct knowledge *knowledge = session->listener->world->knowledge;
	const char *relay = policy_relay_of(session->transaction->policy, mailbox->domain);
	struct address accepted;

	return knowledge != NULL && relay != NULL && knowledge_own_accepted(knowledge, str_of(relay), os_wall_clock(), &accepted) &&
	    address_copy(arena, &accepted, accepted_out);
}

struct reply
mailboxes_outage_reply(const struct session *session, const struct address *mailbox)
{
	const struct knowledge *knowledge = session->listener->world->knowledge;
	const struct policy *policy = session->transaction->policy;
	const struct forwarding *forwarding = policy_forwarding_of(policy, mailbox->domain);
	const char *relay = policy_relay_of(policy, mailbox->domain);
	enum known known = KNOWN_NOT;

	if (knowledge != NULL && relay != NULL)
		known = knowledge_ask(knowledge, str_of(relay), mailbox, os_wall_clock());
	return outage_reply(known, forwarding != NULL && forwarding->accepts_unknown ? OUTAGE_ACCEPT : OUTAGE_DEFER);
}
