/*
 * class_bounds.c - how large a mail may be, and for how many, by its class
 */
#include "policy/class_bounds.h"

void
class_bounds_begin(struct class_bounds *bounds, const struct policy *policy, const struct class_evidence *evidence)
{
	struct class_outlook outlook = classify_outlook(policy, evidence);
	int n = evidence->envelope->n_recipients;

	*bounds = (struct class_bounds){ .message_max_bytes = outlook.message_max_bytes, .recipients_max = outlook.recipients_max,
	    .has_route = outlook.has_route, .recipients_floor = outlook.recipients_floor };
	/* Asked with each recipient, all of them would be compared each time. */
	if (outlook.recipients_floor > 0 && outlook.recipients_floor != outlook.recipients_max)
		bounds->look_at = n < outlook.recipients_floor ? outlook.recipients_floor : 2 * n;
}

bool
class_bounds_take_recipient(struct class_bounds *bounds, const struct policy *policy, const struct class_evidence *evidence)
{
	int n = evidence->envelope->n_recipients;

	if (bounds->look_at > 0 && n >= bounds->look_at)
		class_bounds_begin(bounds, policy, evidence);
	return bounds->recipients_max == 0 || n < bounds->recipients_max;
}

/* A mail that has it with others is of none of the classes that it could not be of with it alone. */
bool
class_bounds_take_this(const struct class_bounds *bounds, const struct policy *policy, const struct class_evidence *evidence,
    const struct recipient *recipient)
{
	struct recipient only = *recipient;
	struct envelope alone = envelope_alone(evidence->envelope, &only);
	struct class_evidence evidence_of_it = *evidence;
	int most;

	if (bounds->look_at == 0 || evidence->envelope->n_recipients < bounds->recipients_floor)
		return true;
	evidence_of_it.envelope = &alone;
	most = classify_outlook(policy, &evidence_of_it).recipients_max;
	return most == 0 || evidence->envelope->n_recipients < most;
}

void
class_bounds_settle(struct class_bounds *bounds, const struct class_actions *actions)
{
	*bounds = (struct class_bounds){ .message_max_bytes = actions->message_max_bytes, .recipients_max = actions->recipients_max,
	    .has_route = actions->route != NULL };
}
