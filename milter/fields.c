/*
 * fields.c - header fields between the milter protocol and mail/
 */
#include "base/insist.h"
#include "milter/fields.h"

/*
 * What would end the name, the field or the header, so that forged fields behind it would not be seen: no server has such a field, but who
 * speaks the protocol may say anything.
 */
static int
append_name(struct str name, struct buf *section)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < name.len; i++) {
		char c = name.at[i];

		result = buf_append_char(section, c <= ' ' || c >= 0x7f || c == ':' ? '?' : c);
	}
	return result;
}

static int
append_all(struct str name, struct str value, struct buf *section)
{
	struct str line;
	bool is_first = true;

	if (append_name(str_trim(name), section) != 0 || buf_append_char(section, ':') != 0)
		return -1;
	while (str_take_until(&value, '\n', &line)) {
		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		/* A line that no blank begins would be a field, or the end of all, and every count behind it wrong. */
		if (!is_first && buf_append(section, line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t') ? STR("\r\n") : STR("\r\n ")) != 0)
			return -1;
		is_first = false;
		if (buf_append(section, line) != 0)
			return -1;
	}
	return buf_append(section, STR("\r\n"));
}

int
fields_append(struct str name, struct str value, struct buf *section)
{
	size_t before = section->len;

	if (append_all(name, value, section) == 0)
		return 0;
	section->len = before;
	return -1;
}

static int
nth_of_name(const struct header_section *section, int index)
{
	int nth = 0;

	for (int i = header_find(section, section->fields[index].name, 0); i >= 0 && i <= index;
	    i = header_find(section, section->fields[index].name, i + 1))
		nth++;
	return nth;
}

const struct field_removal *
fields_removals(const struct header_section *section, const struct edits *edits, struct arena *arena)
{
	struct field_removal *removals = arena_array(arena, (size_t)edits->n_removed + 1, sizeof(*removals));
	int n = 0;

	if (removals == NULL)
		return NULL;
	/* From the bottom: those above keep their numbers. */
	for (int i = section->n_fields - 1; i >= 0 && n < edits->n_removed; i--) {
		struct str name;

		if (!edits->removed[i])
			continue;
		if (!arena_copy(arena, section->fields[i].name, &name))
			return NULL;
		removals[n++] = (struct field_removal){ .name = name.at, .nth = nth_of_name(section, i) };
	}
	insist(n == edits->n_removed);
	return removals;
}

/* Folding with LF alone; ends in a NUL. */
static const char *
value_text(struct str value, struct arena *arena)
{
	char *text = arena_alloc(arena, value.len + 1);
	size_t n = 0;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] != '\r' || i + 1 == value.len || value.at[i + 1] != '\n')
			text[n++] = value.at[i];
	return text;
}

const struct field_insertion *
fields_insertions(struct str text, struct arena *arena, int *n_out)
{
	struct header_section section;
	struct field_insertion *insertions;

	*n_out = 0;
	if (header_read(text, arena, &section) != 0)
		return NULL;
	insertions = arena_array(arena, (size_t)section.n_fields + 1, sizeof(*insertions));
	if (insertions == NULL)
		return NULL;
	for (int i = 0; i < section.n_fields; i++) {
		const struct header_field *field = &section.fields[section.n_fields - 1 - i];
		struct str name;

		insertions[i].value = value_text(field->value, arena);
		if (insertions[i].value == NULL || !arena_copy(arena, field->name, &name))
			return NULL;
		insertions[i].name = name.at;
	}
	*n_out = section.n_fields;
	return insertions;
}
