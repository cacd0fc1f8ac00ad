/*
 * ways.c - at which of its relay's next hops a recipient's mail begins, by what is known of the mailbox
 */
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/recipients/split.h"
#include "smtpfwd/ways.h"

/* What it said lately is its answer; what it said before that, and what others said, only while it is down. */
static bool
is_passed_by(const struct split *split, int i, bool is_down, const struct address *mailbox, struct timestamp now)
{
	struct known_record record;

	if (is_down)
		return split_passes_by(split, i, mailbox, now);
	return knowledge_look_up(split->knowledge, split->names[i], mailbox, now, &record) && record.known == KNOWN_BAD &&
	    timestamp_diff(record.told, now).ns <= span_s(WAYS_FRESH_S).ns;
}

struct str
ways_destination_of(const struct policy *policy, const struct ways_known *known, const struct address *mailbox,
    char room[POLICY_DESTINATION_MAX])
{
	struct str destination = policy_destination_of(policy, mailbox, room);
	const struct forwarding *forwarding;
	struct str names[FORWARDING_WAYS_MAX];
	struct split split;

	/* Only a way has a "/" there. */
	if (known->knowledge == NULL || known->queue == NULL || !str_starts(destination, STR("relay:")) ||
	    str_find(destination, '/') < 0)
		return destination;
	forwarding = policy_forwarding_of(policy, mailbox->domain);
	split = (struct split){ .knowledge = known->knowledge, .names = names, .n = forwarding->n_ways };
	for (int i = 0; i < forwarding->n_ways; i++)
		names[i] = forwarding_name(str_of(forwarding->ways[i]));
	for (int i = 0; i < forwarding->n_ways; i++)
		if (!is_passed_by(&split, i, queue_is_held_back(known->queue, str_of(forwarding->ways[i])), mailbox, os_wall_clock()))
			return str_of(forwarding->ways[i]);
	return destination;
}
