/*
 * field_changes.c - what we do to a header section, and which signatures that breaks
 */
#include "base/insist.h"
#include "policy/dkim/dkim_tags.h"
#include "policy/field_changes.h"

void
field_changes_add(struct field_changes *changes, const struct header_section *section, const struct edits *edits,
    struct str name)
{
	int depth = 0, changed_at = 0;

	for (int i = 0; i < changes->n; i++)
		if (str_eq_nocase(changes->at[i].name, name))
			return;
	insist(changes->n < FIELD_CHANGES_MAX);
	for (int i = section->n_fields - 1; i >= 0; i--) {
		if (!str_eq_nocase(section->fields[i].name, name))
			continue;
		depth++;
		if (changed_at == 0 && edits->removed != NULL && edits->removed[i])
			changed_at = depth;
	}
	changes->at[changes->n++] = (struct field_change){ .name = name, .depth = changed_at > 0 ? changed_at : depth + 1 };
}

bool
field_changes_break(const struct field_changes *changes, struct str h)
{
	for (int i = 0; i < changes->n; i++) {
		struct str rest = h, item;
		int n_covered = 0;

		while (dkim_tags_take_item(&rest, &item))
			n_covered += str_eq_nocase(item, changes->at[i].name) ? 1 : 0;
		if (n_covered >= changes->at[i].depth)
			return true;
	}
	return false;
}
