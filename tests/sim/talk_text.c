/*
 * talk_text.c - the words of dialogues
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/code.h"
#include "tests/sim/talk_text.h"

/* \{3 abc}: what stands behind the brace, up to the closing one. */
static bool
append_repeated(struct str *rest, struct buf *out)
{
	struct str inside, count;
	uint64_t n;

	if (str_find(*rest, '}') < 0 || !str_take_until(rest, '}', &inside) ||
	    !str_take_until(&inside, ' ', &count) || !str_to_u64(count, &n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (buf_append(out, inside) != 0)
			return false;
	return true;
}

bool
talk_unescape(struct str line, struct buf *out, bool *is_whole_out)
{
	struct str rest = line;

	*is_whole_out = false;
	while (rest.len > 0) {
		char c = rest.at[0], escape = rest.len > 1 ? rest.at[1] : '\0';
		bool is_fine = true;

		*is_whole_out = false;
		if (c != '\\') {
			rest = str_from(rest, 1);
			if (buf_append_char(out, c) != 0)
				return false;
			continue;
		}
		rest = str_from(rest, 2);
		switch (escape) {
		case 'r': is_fine = buf_append_char(out, '\r') == 0; break;
		case 'n': is_fine = buf_append_char(out, '\n') == 0; break;
		case 't': is_fine = buf_append_char(out, '\t') == 0; break;
		case '0': is_fine = buf_append_char(out, '\0') == 0; break;
		case '\\': is_fine = buf_append_char(out, '\\') == 0; break;
		case 'x':
			is_fine = rest.len >= 2 && hex_decode(str_sub(rest, 0, 2), out) == 0;
			rest = str_from(rest, 2);
			break;
		case '{': is_fine = append_repeated(&rest, out); break;
		case 'c': is_fine = rest.len == 0; break;
		default: is_fine = false; break;
		}
		if (!is_fine)
			return false;
		*is_whole_out = escape == 'r' || escape == 'n' || escape == 'c';
	}
	return true;
}

size_t
talk_reply_bytes(struct str input)
{
	struct str rest = input;

	for (;;) {
		ptrdiff_t end = str_find(rest, '\n');

		if (end < 0)
			return 0;
		if (end < 4 || rest.at[3] != '-')
			return input.len - rest.len + (size_t)end + 1;
		rest = str_from(rest, (size_t)end + 1);
	}
}

bool
talk_reply_starts(struct str reply, struct str want)
{
	if (want.len <= 3)
		return str_starts(reply, want);
	return str_starts(reply, str_sub(want, 0, 3)) && reply.len > 4 &&
	    (want.at[3] == reply.at[3] || (want.at[3] == ' ' && reply.at[3] == '-')) &&
	    str_starts(str_from(reply, 4), str_from(want, 4));
}

bool
talk_reply_has(struct str reply, struct str text)
{
	struct str line;

	while (str_take_until(&reply, '\n', &line))
		if (str_starts(str_from(line, 4), text))
			return true;
	return false;
}

bool
talk_span(struct str text, struct span *span_out)
{
	static const struct { const char *unit; int64_t ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct str unit = str_of(units[i].unit);
		uint64_t n;

		if (!str_ends_nocase(text, unit) || !str_to_u64(str_sub(text, 0, text.len - unit.len), &n))
			continue;
		*span_out = span_ms((int64_t)n * units[i].ms);
		return true;
	}
	return false;
}

bool
talk_read_file(const char *path, struct buf *out)
{
	const char *folder = getenv("srcdir");
	char long_path[600], *room;
	FILE *file = fopen(path, "r");
	size_t n;

	if (file == NULL && folder != NULL) {
		snprintf(long_path, sizeof(long_path), "%s/%s", folder, path);
		file = fopen(long_path, "r");
	}
	if (file == NULL)
		return false;
	while ((room = buf_room(out, 4096)) != NULL && (n = fread(room, 1, 4096, file)) > 0)
		buf_added(out, n);
	fclose(file);
	return room != NULL;
}
