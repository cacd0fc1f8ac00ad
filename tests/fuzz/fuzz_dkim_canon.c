/*
 * fuzz_dkim_canon.c - canonical bodies and fields: pieces mean what one piece means, and what a slow way of twenty lines says
 */
#include "policy/dkim/dkim_canon.h"
#include "tests/fuzz/fuzz.h"

static void
gather(void *context, struct str bytes)
{
	insist(buf_append(context, bytes) == 0);
}

/* The rules of RFC 6376 3.4.3 and 3.4.4 one after the other, on lines. */
static void
body_slowly(enum dkim_canon canon, struct str text, struct buf *out)
{
	size_t n_kept = 0;		/* bytes up to the end of the last line that is not empty */

	while (text.len > 0) {
		ptrdiff_t end = str_find_str(text, STR("\r\n"));
		struct str line = end < 0 ? text : str_sub(text, 0, (size_t)end);
		size_t before = out->len;

		text = end < 0 ? STR_EMPTY : str_from(text, (size_t)end + 2);
		for (size_t i = 0; i < line.len; i++) {
			bool is_blank = line.at[i] == ' ' || line.at[i] == '\t';

			if (canon == DKIM_SIMPLE || !is_blank)
				buf_append_char(out, line.at[i]);
			else if (i + 1 < line.len && line.at[i + 1] != ' ' && line.at[i + 1] != '\t')
				buf_append_char(out, ' ');
		}
		if (out->len > before)
			n_kept = out->len + 2;
		buf_append(out, STR("\r\n"));
	}
	out->len = n_kept;
	if (n_kept == 0 && canon == DKIM_SIMPLE)
		insist(buf_append(out, STR("\r\n")) == 0);
}

static void
check_body(struct fuzz *f, enum dkim_canon canon, struct str text)
{
	struct buf slow, fast;
	struct dkim_canon_body body;
	struct str rest = text, piece;

	buf_init(&slow, FUZZ_ROOM_MAX_BYTES);
	buf_init(&fast, FUZZ_ROOM_MAX_BYTES);
	body_slowly(canon, text, &slow);
	dkim_canon_body_begin(&body, canon, (struct dkim_sink){ gather, &fast });
	dkim_canon_body_add(&body, text);
	dkim_canon_body_end(&body);
	insist(str_eq(buf_str(&slow), buf_str(&fast)) && body.n_bytes == (int64_t)fast.len);
	buf_clear(&fast);
	dkim_canon_body_begin(&body, canon, (struct dkim_sink){ gather, &fast });
	while (fuzz_piece(f, 40, &rest, &piece))
		dkim_canon_body_add(&body, piece);
	dkim_canon_body_end(&body);
	insist(str_eq(buf_str(&slow), buf_str(&fast)));
	buf_fini(&slow);
	buf_fini(&fast);
}

/* A canonical field stays what it is, has no folding, and no line end but the last. */
static void
check_field(const struct header_field *field)
{
	struct buf once, twice;

	buf_init(&once, FUZZ_ROOM_MAX_BYTES);
	buf_init(&twice, FUZZ_ROOM_MAX_BYTES);
	dkim_canon_field(DKIM_RELAXED, field->whole, true, (struct dkim_sink){ gather, &once });
	insist(str_ends_nocase(buf_str(&once), STR("\r\n")) && str_find(buf_str(&once), '\n') == (ptrdiff_t)once.len - 1);
	insist(str_find_str(buf_str(&once), STR("  ")) < 0 && str_find(buf_str(&once), '\t') < 0);
	dkim_canon_field(DKIM_RELAXED, buf_str(&once), true, (struct dkim_sink){ gather, &twice });
	insist(str_eq(buf_str(&once), buf_str(&twice)));
	buf_clear(&twice);
	dkim_canon_field(DKIM_SIMPLE, field->whole, true, (struct dkim_sink){ gather, &twice });
	buf_clear(&once);
	dkim_canon_field(DKIM_SIMPLE, buf_str(&twice), true, (struct dkim_sink){ gather, &once });
	insist(str_eq(buf_str(&once), buf_str(&twice)) && once.len >= field->whole.len);
	buf_fini(&once);
	buf_fini(&twice);
}

/* The same over and over, so that the room is full at every place of it. */
static void
check_long_body(struct fuzz *f, struct str text)
{
	struct buf many;

	buf_init(&many, FUZZ_ROOM_MAX_BYTES);
	while (text.len > 0 && many.len < 3 * DKIM_CANON_ROOM_BYTES)
		insist(buf_append(&many, text) == 0);
	check_body(f, DKIM_RELAXED, buf_str(&many));
	check_body(f, DKIM_SIMPLE, buf_str(&many));
	buf_fini(&many);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct header_section section;
	struct arena arena;
	struct fuzz f;
	unsigned choice;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	if (header_read(f.rest, &arena, &section) == 0) {
		for (int i = 0; i < section.n_fields; i++)
			check_field(&section.fields[i]);
		check_body(&f, DKIM_SIMPLE, str_from(f.rest, section.body_at));
		check_body(&f, DKIM_RELAXED, str_from(f.rest, section.body_at));
	}
	check_body(&f, DKIM_RELAXED, f.rest);
	if (choice % 8 == 0)
		check_long_body(&f, f.rest);
	arena_fini(&arena);
	fuzz_end(&f);
	return 0;
}
