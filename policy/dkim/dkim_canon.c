/*
 * dkim_canon.c - the canonical forms of a mail's fields and body (RFC 6376 3.4), as DKIM and ARC hash them
 */
#include <endian.h>

#include "base/insist.h"
#include "policy/dkim/dkim_canon.h"

enum {
	WORD_BYTES = sizeof(uint64_t),
	MARGIN_BYTES = 3,		/* a line end, and the byte behind it */
};

static const struct str line_end = { .at = "\r\n", .len = 2 };

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* --- c= --- */

static const char *const canon_texts[2][2] = {
	[DKIM_SIMPLE] = { [DKIM_SIMPLE] = "simple/simple", [DKIM_RELAXED] = "simple/relaxed" },
	[DKIM_RELAXED] = { [DKIM_SIMPLE] = "relaxed/simple", [DKIM_RELAXED] = "relaxed/relaxed" },
};

const char *
dkim_canon_text(enum dkim_canon header, enum dkim_canon body)
{
	return canon_texts[header][body];
}

bool
dkim_canon_read(struct str value, enum dkim_canon *header_out, enum dkim_canon *body_out)
{
	for (enum dkim_canon header = DKIM_SIMPLE; header <= DKIM_RELAXED; header++) {
		for (enum dkim_canon body = DKIM_SIMPLE; body <= DKIM_RELAXED; body++) {
			struct str text = str_of(canon_texts[header][body]), alone = str_sub(text, 0, (size_t)str_find(text, '/'));

			/* One word alone is the header's, and the body's is simple then. */
			if (!str_eq_nocase(value, text) && !(body == DKIM_SIMPLE && str_eq_nocase(value, alone)))
				continue;
			*header_out = header;
			*body_out = body;
			return true;
		}
	}
	return false;
}

/* --- the room --- */

static void
flush(struct dkim_canon_body *body)
{
	body->n_bytes += (int64_t)body->n_room;
	if (body->n_room > 0)
		body->sink.take(body->sink.context, str_n(body->room, body->n_room));
	body->n_room = 0;
}

static void
put(struct dkim_canon_body *body, struct str bytes)
{
	if (bytes.len > sizeof(body->room) - body->n_room)
		flush(body);
	if (bytes.len > sizeof(body->room)) {
		body->n_bytes += (int64_t)bytes.len;
		body->sink.take(body->sink.context, bytes);
		return;
	}
	if (bytes.len > 0)
		memcpy(body->room + body->n_room, bytes.at, bytes.len);
	body->n_room += bytes.len;
}

/* Something follows what was held back, so that counts after all. */
static void
put_held(struct dkim_canon_body *body)
{
	for (; body->n_line_ends > 0; body->n_line_ends--)
		put(body, line_end);
	if (body->has_blank)
		put(body, STR(" "));
	body->has_blank = false;
	if (body->has_cr)
		put(body, STR("\r"));
	body->has_cr = false;
}

static void
end_line(struct dkim_canon_body *body)
{
	body->has_cr = false;
	body->has_blank = false;	/* at the end of a line they are nothing */
	body->n_line_ends++;
}

/* --- bodies --- */

static bool
is_black(char c)
{
	return (unsigned char)c > ' ';
}

/*
 * Copies from the front of text into the room, eight bytes at a time, what stays as it is: bytes above 0x20, and a space or
 * a line end between two of them.  How many; it stops near the end of both, and at all else.
 */
static size_t
copy_black(struct dkim_canon_body *body, struct str text)
{
	const uint64_t ones = UINT64_MAX / 0xff, tops = ones << 7;
	const char *in = text.at, *in_end = text.at + text.len;
	char *out = body->room + body->n_room, *out_end = body->room + sizeof(body->room);

	while (in_end - in >= WORD_BYTES + MARGIN_BYTES && out_end - out >= WORD_BYTES + MARGIN_BYTES) {
		uint64_t word, found;
		size_t n = WORD_BYTES;

		memcpy(&word, in, WORD_BYTES);
		memcpy(out, &word, WORD_BYTES);
		word = le64toh(word);
		/* The top bits of bytes below 0x21; the lowest one is exact, and those behind are overwritten by what comes. */
		found = (word - 0x21 * ones) & ~word & tops;
		if (found != 0)
			n = (size_t)__builtin_ctzll(found) / 8;
		in += n;
		out += n;
		if (found == 0)
			continue;
		if (in[0] == ' ' && is_black(in[1])) {
			*out++ = *in++;
		} else if (in[0] == '\r' && in[1] == '\n' && is_black(in[2])) {
			*out++ = *in++;
			*out++ = *in++;
		} else {
			break;
		}
	}
	body->n_room = (size_t)(out - body->room);
	return (size_t)(in - text.at);
}

static void
add_relaxed(struct dkim_canon_body *body, struct str piece)
{
	size_t i = 0;

	while (i < piece.len) {
		char c = piece.at[i];

		if (c == '\n' && body->has_cr) {
			end_line(body);
			i++;
		} else if (c == '\r' && !body->has_cr) {
			body->has_cr = true;
			i++;
		} else if (is_blank(c) && !body->has_cr) {
			body->has_blank = true;
			i++;
		} else if (body->n_line_ends > 0 || body->has_blank || body->has_cr) {
			put_held(body);	/* and look at c again */
		} else {
			if (sizeof(body->room) - body->n_room < WORD_BYTES + MARGIN_BYTES + 1)
				flush(body);
			body->room[body->n_room++] = c;
			i++;
			i += copy_black(body, str_from(piece, i));
		}
	}
}

static void
add_simple(struct dkim_canon_body *body, struct str piece)
{
	while (piece.len > 0) {
		const char *cr;
		size_t n;

		if (body->has_cr && piece.at[0] == '\n') {
			end_line(body);
			piece = str_from(piece, 1);
			continue;
		}
		if (piece.at[0] != '\r' || body->has_cr)
			put_held(body);
		cr = memchr(piece.at, '\r', piece.len);
		n = cr != NULL ? (size_t)(cr - piece.at) : piece.len;
		put(body, str_sub(piece, 0, n));
		body->has_cr = cr != NULL;
		piece = str_from(piece, n + body->has_cr);
	}
}

void
dkim_canon_body_begin(struct dkim_canon_body *body, enum dkim_canon canon, struct dkim_sink sink)
{
	body->canon = canon;
	body->sink = sink;
	body->n_line_ends = 0;
	body->has_cr = body->has_blank = false;
	body->n_bytes = 0;
	body->n_room = 0;
}

void
dkim_canon_body_add(struct dkim_canon_body *body, struct str piece)
{
	switch (body->canon) {
	case DKIM_SIMPLE:
		add_simple(body, piece);
		break;
	case DKIM_RELAXED:
		add_relaxed(body, piece);
		break;
	}
}

void
dkim_canon_body_end(struct dkim_canon_body *body)
{
	bool is_empty;

	if (body->has_cr)
		put_held(body);		/* a last CR alone is no line end */
	is_empty = body->n_bytes == 0 && body->n_room == 0;
	if (!is_empty || body->canon == DKIM_SIMPLE)
		put(body, line_end);
	body->n_line_ends = 0;
	body->has_blank = false;
	flush(body);
}

/* --- fields --- */

static void
give(struct dkim_sink sink, struct str bytes)
{
	if (bytes.len > 0)
		sink.take(sink.context, bytes);
}

static struct str
without_line_end(struct str whole)
{
	if (whole.len > 0 && whole.at[whole.len - 1] == '\n')
		whole.len--;
	else
		return whole;
	if (whole.len > 0 && whole.at[whole.len - 1] == '\r')
		whole.len--;
	return whole;
}

static void
field_simple(struct str field, struct dkim_sink sink)
{
	ptrdiff_t lf;

	while ((lf = str_find(field, '\n')) >= 0) {
		give(sink, without_line_end(str_sub(field, 0, (size_t)lf + 1)));
		give(sink, line_end);
		field = str_from(field, (size_t)lf + 1);
	}
	give(sink, field);
}

/* Blank, or part of a line end within a field. */
static bool
is_folding(struct str value, size_t i)
{
	return is_blank(value.at[i]) || value.at[i] == '\n' || (value.at[i] == '\r' && i + 1 < value.len && value.at[i + 1] == '\n');
}

static void
field_relaxed(struct str field, struct dkim_sink sink)
{
	char room[256];
	size_t n = 0, i = 0;
	ptrdiff_t colon = str_find(field, ':');
	struct str name = str_trim(colon < 0 ? field : str_sub(field, 0, (size_t)colon));
	struct str value = colon < 0 ? STR_EMPTY : str_from(field, (size_t)colon + 1);
	bool is_begun = false;

	for (size_t k = 0; k < name.len; k++) {
		if (n == sizeof(room)) {
			give(sink, str_n(room, n));
			n = 0;
		}
		room[n++] = name.at[k] >= 'A' && name.at[k] <= 'Z' ? (char)(name.at[k] + ('a' - 'A')) : name.at[k];
	}
	give(sink, str_n(room, n));
	give(sink, STR(":"));
	n = 0;
	while (i < value.len) {
		bool was_folding = false;

		for (; i < value.len && is_folding(value, i); i++)
			was_folding = true;
		if (i == value.len)
			break;
		if (n + 2 > sizeof(room)) {
			give(sink, str_n(room, n));
			n = 0;
		}
		if (was_folding && is_begun)
			room[n++] = ' ';
		is_begun = true;
		room[n++] = value.at[i++];
	}
	give(sink, str_n(room, n));
}

void
dkim_canon_field(enum dkim_canon canon, struct str whole, bool with_line_end, struct dkim_sink sink)
{
	switch (canon) {
	case DKIM_SIMPLE:
		field_simple(without_line_end(whole), sink);
		break;
	case DKIM_RELAXED:
		field_relaxed(without_line_end(whole), sink);
		break;
	}
	if (with_line_end)
		give(sink, line_end);
}

int
dkim_canon_field_before(const struct header_section *section, struct str name, int before)
{
	insist(before <= section->n_fields);
	for (int i = before - 1; i >= 0; i--)
		if (str_eq_nocase(section->fields[i].name, name))
			return i;
	return -1;
}

void
dkim_canon_find_fields(const struct header_section *section, const struct str *names, int n_names, int *indexes_out)
{
	for (int i = 0; i < n_names; i++) {
		int before = section->n_fields, k = i - 1;

		while (k >= 0 && !str_eq_nocase(names[k], names[i]))
			k--;
		if (k >= 0)
			before = indexes_out[k];
		indexes_out[i] = before < 0 ? -1 : dkim_canon_field_before(section, names[i], before);
	}
}
