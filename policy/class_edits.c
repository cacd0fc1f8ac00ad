/*
 * class_edits.c - the fields that a class takes away from a mail and puts on top of it
 */
#include "policy/class_edits.h"

bool
class_edits(const struct class_actions *actions, const struct header_section *header, struct arena *arena, struct edits *edits)
{
	bool has_room = true;

	for (int i = 0; i < actions->n_removed; i++)
		for (int at = header_find(header, str_of(actions->removed[i]), 0); at >= 0 && has_room;
		    at = header_find(header, str_of(actions->removed[i]), at + 1))
			has_room = edits_remove(edits, header, at, arena);
	edits->added = actions->added;
	edits->n_added = actions->n_added;
	return has_room;
}

static bool
is_there(const struct header_section *header, const char *name)
{
	return header_find(header, str_of(name), 0) >= 0;
}

void
class_edits_change(const struct class_actions *actions, const struct header_section *header, const struct edits *edits,
    struct field_changes *changes)
{
	for (int i = 0; i < actions->n_removed; i++)
		if (is_there(header, actions->removed[i]))
			field_changes_add(changes, header, edits, str_of(actions->removed[i]));
	for (int i = 0; i < actions->n_added; i++)
		field_changes_add(changes, header, edits, actions->added[i].name);
}
