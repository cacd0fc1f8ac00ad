/*
 * class_bounds.h - how large a mail may be, and for how many, by its class: while that is found step by step, and then
 *
 * Of the classes that a mail may still turn out to be of, the one that allows most counts: who is refused early would be refused in
 * the end.  With the header the class is known, and its own bounds hold.
 */
#ifndef POLICY_CLASS_BOUNDS_H
#define POLICY_CLASS_BOUNDS_H

#include "mail/reply.h"
#include "policy/classify.h"

#define CLASS_BOUNDS_TOO_LARGE	REPLY(552, 5, 3, 4, "Message is larger than mail of its class may be")

struct class_bounds {			/* zero: as much as the listener takes */
	int64_t	message_max_bytes;	/* of content, as received; 0: no bound by class */
	int	recipients_max;		/* the same */
	bool	has_route;		/* mail may go by a route of its class */
	int	look_at;		/* with so many recipients more may be known of it; 0: never */
	int	recipients_floor;	/* so many each of its classes takes */
};

/* At MAIL; the evidence has the envelope. */
void	class_bounds_begin(struct class_bounds *bounds, const struct policy *policy, const struct class_evidence *evidence);

/* Whether one more recipient may be taken behind those of the evidence.  Looks again where more may be known: at most about as often as the number doubles. */
bool	class_bounds_take_recipient(struct class_bounds *bounds, const struct policy *policy, const struct class_evidence *evidence);

/*
 * Whether that may be this recipient.  Some alone make a mail one of a class that takes fewer than it has by then: such a one is to come in a
 * mail of its own, or all would be refused in the end.
 */
bool	class_bounds_take_this(const struct class_bounds *bounds, const struct policy *policy, const struct class_evidence *evidence,
	    const struct recipient *recipient);

/* The class is known. */
void	class_bounds_settle(struct class_bounds *bounds, const struct class_actions *actions);

static inline bool
class_bounds_is_too_large(const struct class_bounds *bounds, uint64_t n_bytes)
{
	return bounds->message_max_bytes > 0 && n_bytes > (uint64_t)bounds->message_max_bytes;
}

#endif
