/*
 * fuzz_header.c - a header section: its fields are its bytes, in order, none lost
 */
#include "mail/header.h"
#include "tests/fuzz/fuzz.h"

static void
check_field(const struct header_field *field)
{
	struct buf line;

	buf_init(&line, FUZZ_ROOM_MAX_BYTES);
	insist(field->name.len > 0 && str_is_printable(field->name) && str_find(field->name, ' ') < 0);
	insist(field->whole.at == field->name.at && field->value.len < field->whole.len);
	insist(header_unfold(field->value, &line) == 0);
	insist(str_find(buf_str(&line), '\n') < 0 && str_find(buf_str(&line), '\r') < 0);
	buf_fini(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct str input = str_n(bytes, n_bytes);
	struct header_section section, more;
	struct arena arena;
	size_t at = 0;

	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	if (header_read(input, &arena, &section) == 0) {
		for (int i = 0; i < section.n_fields; i++) {
			insist(section.fields[i].whole.at == input.at + at);
			at += section.fields[i].whole.len;
			check_field(&section.fields[i]);
			insist(header_find(&section, section.fields[i].name, i) == i);
		}
		insist(at == section.header_bytes && section.body_at <= input.len);
		insist(section.has_empty_line == (section.body_at > section.header_bytes));
		/* What stands behind the empty line says nothing of the section. */
		if (section.has_empty_line) {
			insist(!section.is_cut);
			insist(header_read(str_sub(input, 0, section.body_at), &arena, &more) == 0);
			insist(more.n_fields == section.n_fields && more.body_at == section.body_at);
		}
	}
	arena_fini(&arena);
	return 0;
}
