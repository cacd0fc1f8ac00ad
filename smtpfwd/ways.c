/*
 * ways.c - where a recipient's mailbox is thought to be, of its relay's next hops, by what is known of it
 */
#include "smtpfwd/recipients/split.h"
#include "smtpfwd/ways.h"

struct str
ways_destination_of(const struct policy *policy, const struct knowledge *knowledge, struct str class_name,
    const struct address *mailbox, struct timestamp now, char room[POLICY_DESTINATION_MAX])
{
	struct str destination = policy_destination_of(policy, class_name, mailbox, room);
	struct str names[FORWARDING_WAYS_MAX];
	struct split split = { .knowledge = knowledge, .names = names };
	const struct forwarding *forwarding;

	/* Only a way has a "/" there. */
	if (knowledge == NULL || !str_starts(destination, STR("relay:")) || str_find(destination, '/') < 0)
		return destination;
	forwarding = policy_forwarding_of(policy, mailbox->domain);
	for (; split.n < forwarding->n_ways; split.n++)
		names[split.n] = forwarding_name(str_of(forwarding->ways[split.n]));
	for (int i = 0; i < split.n; i++)
		if (!split_passes_by(&split, i, mailbox, now))
			return str_of(forwarding->ways[i]);
	return destination;
}
