/*
 * envelope.c - an envelope in memory: copies that die with an arena
 */
#include "mail/envelope.h"

enum { FIRST_CAP = 4 };			/* most mails have one or two recipients */

/* The old array stays in the arena: at most as much again as is in use. */
static bool
make_room(struct envelope *envelope, struct arena *arena)
{
	int cap = envelope->cap_recipients == 0 ? FIRST_CAP : 2 * envelope->cap_recipients;
	struct recipient *grown;

	if (envelope->n_recipients < envelope->cap_recipients)
		return true;
	if (envelope->n_recipients >= ENVELOPE_RECIPIENTS_MAX)
		return false;
	grown = arena_array(arena, (size_t)cap, sizeof(grown[0]));
	if (grown == NULL)
		return false;
	if (envelope->n_recipients > 0)
		memcpy(grown, envelope->recipients, (size_t)envelope->n_recipients * sizeof(grown[0]));
	envelope->recipients = grown;
	envelope->cap_recipients = cap;
	return true;
}

bool
envelope_add_recipient(struct envelope *envelope, const struct recipient *recipient,
    struct arena *arena)
{
	struct recipient copy = { .notify = recipient->notify };

	if (envelope->n_recipients >= ENVELOPE_RECIPIENTS_MAX || !make_room(envelope, arena) ||
	    !address_copy(arena, &recipient->address, &copy.address) ||
	    !arena_copy(arena, recipient->orcpt, &copy.orcpt))
		return false;
	envelope->recipients[envelope->n_recipients++] = copy;
	return true;
}

struct envelope
envelope_alone(const struct envelope *envelope, struct recipient *recipient)
{
	struct envelope alone = *envelope;

	alone.recipients = recipient;
	alone.n_recipients = alone.cap_recipients = 1;
	return alone;
}

bool
envelope_copy(const struct envelope *envelope, bool is_whole, struct arena *arena,
    struct envelope *copy_out)
{
	struct envelope copy = *envelope;

	copy.recipients = NULL;
	copy.n_recipients = copy.cap_recipients = 0;
	if (!address_copy(arena, &envelope->reverse_path, &copy.reverse_path) ||
	    !address_copy(arena, &envelope->srs_path, &copy.srs_path) ||
	    !arena_copy(arena, envelope->envid, &copy.envid))
		return false;
	for (int i = 0; is_whole && i < envelope->n_recipients; i++) {
		if (!envelope_add_recipient(&copy, &envelope->recipients[i], arena))
			return false;
	}
	*copy_out = copy;
	return true;
}
