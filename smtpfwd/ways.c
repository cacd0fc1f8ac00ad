/*
 * ways.c - at which of its relay's next hops a recipient's mail begins, by what is known of the mailbox
 */
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/ways.h"

struct str
way_name(const char *way)
{
	return str_from(str_of(way), strlen("relay:"));
}

static bool
is_passed_by(const char *way, const struct ways_known *known, const struct address *mailbox, struct timestamp now)
{
	struct known_record record;

	if (!knowledge_look_up(known->knowledge, way_name(way), mailbox, now, &record) || record.known != KNOWN_BAD)
		return false;
	return timestamp_diff(record.told, now).ns <= span_s(WAYS_FRESH_S).ns || queue_is_held_back(known->queue, str_of(way));
}

struct str
ways_destination_of(const struct policy *policy, const struct ways_known *known, const struct address *mailbox,
    char room[POLICY_DESTINATION_MAX])
{
	struct str destination = policy_destination_of(policy, mailbox, room);
	const struct forwarding *forwarding;
	struct timestamp now;

	/* Only a way has a "/" there. */
	if (known->knowledge == NULL || known->queue == NULL || !str_starts(destination, STR("relay:")) ||
	    str_find(destination, '/') < 0)
		return destination;
	forwarding = policy_forwarding_of(policy, mailbox->domain);
	now = os_wall_clock();
	for (int i = 0; i < forwarding->n_ways; i++)
		if (!is_passed_by(forwarding->ways[i], known, mailbox, now))
			return str_of(forwarding->ways[i]);
	return destination;
}
