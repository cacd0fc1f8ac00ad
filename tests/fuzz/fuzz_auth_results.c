/*
 * fuzz_auth_results.c - Authentication-Results: what is written reads back, and what is ours goes in one sweep
 *
 * A stranger's fields are looked through twice: what was not taken for ours at first is not at
 * second, and the id by itself is always found.  Ours are written of a stranger's values, and read
 * by a reader of this file.
 */
#include "mail/auth_results.h"
#include "mail/lexical.h"
#include "tests/fuzz/fuzz.h"

#define ID	"mx.example.org"

/* The fields that are not ours, one behind the other. */
static int
sweep(struct str header, struct arena *arena, struct buf *left)
{
	struct header_section section;
	const char *why;
	int n_ours = 0;

	if (header_read(header, arena, &section) != 0)
		return 0;
	for (int i = 0; i < section.n_fields; i++) {
		if (auth_results_is_ours(&section.fields[i], STR(ID), arena, &why)) {
			insist(why != NULL);
			n_ours++;
		} else {
			insist(why == NULL);
			insist(buf_append(left, section.fields[i].whole) == 0);
		}
	}
	return n_ours;
}

static void
check_sweep(struct str input, struct arena *arena)
{
	struct buf header, left, again;

	buf_init(&header, FUZZ_ROOM_MAX_BYTES);
	buf_init(&left, FUZZ_ROOM_MAX_BYTES);
	buf_init(&again, FUZZ_ROOM_MAX_BYTES);
	insist(buf_printf(&header, "Authentication-Results: ") == 0 && buf_append(&header, input) == 0);
	sweep(buf_str(&header), arena, &left);
	insist(sweep(buf_str(&left), arena, &again) == 0);
	insist(str_eq(buf_str(&left), buf_str(&again)));

	buf_clear(&header);
	buf_clear(&left);
	insist(buf_printf(&header, "Authentication-Results: " ID ";") == 0 && buf_append(&header, input) == 0);
	insist(sweep(buf_str(&header), arena, &left) >= 1);
	buf_fini(&again);
	buf_fini(&left);
	buf_fini(&header);
}

static void
take(struct str *rest, struct str what)
{
	insist(str_starts(*rest, what));
	*rest = str_from(*rest, what.len);
}

/* value = token / quoted-string, or an address as it is. */
static struct str
take_value(struct str *rest, struct arena *arena)
{
	struct str inside, value, start = *rest;

	if (lexical_take_quoted(rest, &inside) && (rest->len == 0 || rest->at[0] != '@')) {
		insist(lexical_unquote(inside, arena, &value));
		return value;
	}
	while (rest->len > 0 && strchr(" \t\r\n;", rest->at[0]) == NULL)
		*rest = str_from(*rest, 1);
	return str_sub(start, 0, start.len - rest->len);
}

/* As it may stand in a field of ASCII. */
static struct str
cleaned(struct str text, struct arena *arena)
{
	char *room = arena_alloc(arena, text.len + 1);

	insist(room != NULL);
	for (size_t i = 0; i < text.len; i++)
		room[i] = text.at[i] < ' ' || text.at[i] >= 0x7f ? '?' : text.at[i];
	return str_n(room, text.len);
}

static void
check_written(struct str first, struct str second, struct str reason, struct arena *arena)
{
	struct auth_property properties[] = { { "smtp", "mailfrom", first }, { "smtp", "helo", second } };
	struct auth_result results[] = { { "spf", "pass", reason, properties, 2 }, { "iprev", "fail", STR_EMPTY, NULL, 0 } };
	struct header_section section;
	struct str rest, line;
	struct buf out;
	const char *why;

	buf_init(&out, FUZZ_ROOM_MAX_BYTES);
	insist(auth_results_append(STR(ID), results, 2, false, &out) == 0);
	insist(header_read(buf_str(&out), arena, &section) == 0 && section.n_fields == 1 && section.header_bytes == out.len);
	insist(auth_results_is_ours(&section.fields[0], STR(ID), arena, &why));
	insist(str_is_ascii(buf_str(&out)));
	for (rest = buf_str(&out); str_take_until(&rest, '\n', &line);)
		insist(line.len <= 999 && line.at[line.len - 1] == '\r' && str_trim(line).len > 0);

	rest = section.fields[0].value;
	take(&rest, STR(" " ID ";"));
	insist(lexical_skip_cfws(&rest));
	take(&rest, STR("spf=pass"));
	insist(lexical_skip_cfws(&rest));
	if (str_starts(rest, STR("reason="))) {
		take(&rest, STR("reason="));
		take_value(&rest, arena);
		insist(lexical_skip_cfws(&rest));
	}
	for (int i = 0; i < 2; i++) {
		struct str value = properties[i].value, got;

		if (value.len == 0)
			continue;
		take(&rest, i == 0 ? STR("smtp.mailfrom=") : STR("smtp.helo="));
		got = take_value(&rest, arena);
		insist(str_starts(cleaned(value, arena), got));
		insist(value.len > AUTH_VALUE_MAX_BYTES / 2 - 2 || got.len == value.len);
		insist(lexical_skip_cfws(&rest) || i == 1);
	}
	take(&rest, STR(";"));
	insist(lexical_skip_cfws(&rest));
	insist(str_eq(rest, STR("iprev=fail")));
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct arena arena;
	struct fuzz f;
	unsigned choice;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	if (choice & 1) {
		struct str first = fuzz_line(&f), second = fuzz_line(&f);

		check_written(first, second, f.rest, &arena);
	} else {
		check_sweep(f.rest, &arena);
	}
	arena_fini(&arena);
	fuzz_end(&f);
	return 0;
}
