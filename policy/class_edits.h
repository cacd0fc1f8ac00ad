/*
 * class_edits.h - the fields that a class takes away from a mail and puts on top of it (class_actions.h)
 *
 * Behind seal_edits, which takes what nobody else may say; the signature is over what is left and what came.
 */
#ifndef POLICY_CLASS_EDITS_H
#define POLICY_CLASS_EDITS_H

#include "mail/edits.h"
#include "policy/class/class_actions.h"
#include "policy/field_changes.h"

/* Adds to the edits.  False at the arena's limit. */
bool	class_edits(const struct class_actions *actions, const struct header_section *header, struct arena *arena, struct edits *edits);

/* What those of the edits change, as far as signatures can tell; behind seal_changes.  The actions outlive the changes. */
void	class_edits_change(const struct class_actions *actions, const struct header_section *header, const struct edits *edits,
	    struct field_changes *changes);

#endif
