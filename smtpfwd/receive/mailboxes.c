/*
 * mailboxes.c - does the next hop have a mailbox?  What its answers tell is kept, for when it cannot be asked
 */
#include "smtpfwd/receive/mailboxes.h"
#include "smtpfwd/receive/transaction.h"
#include "smtpfwd/recipients/outage.h"
#include "smtpfwd/recipients/split.h"

enum known
mailboxes_tell(struct session *session, struct str destination, const struct address *mailbox, const struct recipient_answer *answer)
{
	struct knowledge *knowledge = session->listener->world->knowledge;

	if (knowledge == NULL || !str_starts(destination, STR("relay:")))
		return KNOWN_NOT;
	return knowledge_tell(knowledge, forwarding_name(destination), mailbox, answer, os_wall_clock());
}

/* Of a relay that goes by the recipient all its next hops; of any other one is all. */
static struct split
split_of(const struct session *session, const struct address *mailbox, struct str names[FORWARDING_WAYS_MAX])
{
	const struct policy *policy = session->transaction->policy;
	const struct forwarding *forwarding = policy_forwarding_of(policy, mailbox->domain);
	struct split split = { .knowledge = session->listener->world->knowledge, .names = names };

	if (split.knowledge == NULL || forwarding == NULL)
		return split;
	for (; split.n < forwarding->n_ways; split.n++)
		names[split.n] = forwarding_name(str_of(forwarding->ways[split.n]));
	if (!forwarding->is_by_recipient)
		names[split.n++] = str_of(policy_relay_of(policy, mailbox->domain));
	return split;
}

bool
mailboxes_is_fresh(const struct session *session, const struct address *mailbox)
{
	struct str names[FORWARDING_WAYS_MAX];
	struct split split = split_of(session, mailbox, names);

	return split.n > 0 && split_is_fresh(&split, mailbox, os_wall_clock());
}

bool
mailboxes_own_accepted(const struct session *session, struct str destination, struct arena *arena, struct address *accepted_out)
{
	const struct knowledge *knowledge = session->listener->world->knowledge;
	struct address accepted;

	return knowledge != NULL && str_starts(destination, STR("relay:")) &&
	    knowledge_own_accepted(knowledge, forwarding_name(destination), os_wall_clock(), &accepted) &&
	    address_copy(arena, &accepted, accepted_out);
}

bool
mailboxes_is_known(const struct session *session, const struct address *mailbox)
{
	struct str names[FORWARDING_WAYS_MAX];
	struct split split = split_of(session, mailbox, names);

	return split.n > 0 && split_ask(&split, mailbox, os_wall_clock()) == KNOWN_GOOD;
}

bool
mailboxes_passes_by(const struct session *session, int way, const struct address *mailbox)
{
	struct str names[FORWARDING_WAYS_MAX];
	struct split split = split_of(session, mailbox, names);

	return split.n > way && split_passes_by(&split, way, mailbox, os_wall_clock());
}

struct reply
mailboxes_outage_reply(const struct session *session, const struct address *mailbox)
{
	const struct forwarding *forwarding = policy_forwarding_of(session->transaction->policy, mailbox->domain);
	struct str names[FORWARDING_WAYS_MAX];
	struct split split = split_of(session, mailbox, names);
	enum known known = split.n > 0 ? split_ask(&split, mailbox, os_wall_clock()) : KNOWN_NOT;

	return outage_reply(known, forwarding != NULL && forwarding->accepts_unknown ? OUTAGE_ACCEPT : OUTAGE_DEFER);
}
