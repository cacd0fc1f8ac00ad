/*
 * edits.c - changes to a header section as data
 */
#include "base/insist.h"
#include "mail/edits.h"

bool
edits_remove(struct edits *edits, const struct header_section *section, int index, struct arena *arena)
{
	insist(index >= 0 && index < section->n_fields);
	if (edits->removed == NULL)
		edits->removed = arena_array(arena, (size_t)section->n_fields, sizeof(*edits->removed));
	if (edits->removed == NULL)
		return false;
	if (!edits->removed[index])
		edits->n_removed++;
	edits->removed[index] = true;
	return true;
}

bool
edits_apply(const struct edits *edits, const struct header_section *section, struct arena *arena,
    struct header_section *edited_out)
{
	int n = 0;

	*edited_out = *section;
	if (edits->n_removed == 0 && edits->n_added == 0)
		return true;
	edited_out->fields = arena_array(arena, (size_t)edits->n_added + (size_t)section->n_fields, sizeof(*edited_out->fields));
	if (edited_out->fields == NULL)
		return false;
	for (int i = 0; i < edits->n_added; i++)
		edited_out->fields[n++] = edits->added[i];
	for (int i = 0; i < section->n_fields; i++)
		if (edits->removed == NULL || !edits->removed[i])
			edited_out->fields[n++] = section->fields[i];
	edited_out->n_fields = n;
	edited_out->header_bytes = 0;
	for (int i = 0; i < n; i++)
		edited_out->header_bytes += edited_out->fields[i].whole.len;
	return true;
}
