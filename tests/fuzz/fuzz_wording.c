/*
 * fuzz_wording.c - texts of others on their way into a report: in their place, one line where one is meant, and back
 */
#include "base/code.h"
#include "smtpfwd/report/wording.h"
#include "tests/fuzz/fuzz.h"

enum { QUOTED_LINE_MAX_BYTES = 76 };	/* RFC 2045 6.7 (5) */

/* No line end, no control character; what is not ASCII is whole characters. */
static void
check_one_line(const struct buf *out, bool is_ascii)
{
	for (size_t i = 0; i < out->len; i++)
		insist((unsigned char)out->at[i] >= ' ' && out->at[i] != 0x7f);
	insist(is_ascii ? str_is_ascii(buf_str(out)) : str_is_utf8(buf_str(out)));
}

static void
check_words(struct str text, bool keep_utf8, struct buf *out)
{
	struct reply reply = { .code = 550, .status = STATUS(5, 1, 1), .text = text };

	buf_clear(out);
	insist(wording_exact(text, keep_utf8, out) == 0);
	check_one_line(out, !keep_utf8);
	insist(!wording_is_safe(text, keep_utf8) || text.len > WORDING_MAX_BYTES || str_eq(buf_str(out), text));
	buf_clear(out);
	insist(wording_reply(&reply, keep_utf8, out) == 0 && out->len <= 2 * WORDING_MAX_BYTES);
	check_one_line(out, !keep_utf8);
	buf_clear(out);
	insist(wording_utf8_xtext(text, keep_utf8, out) == 0);
	check_one_line(out, true);
	insist(str_find(buf_str(out), ' ') < 0);
}

/* A simple decoder of quoted-printable, by the letter. */
static void
unquote(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] != '=') {
			insist(buf_append_char(out, text.at[i]) == 0);
		} else if (str_starts(str_from(text, i + 1), STR("\r\n"))) {
			i += 2;
		} else {
			struct buf byte;

			buf_init(&byte, 1);
			insist(i + 2 < text.len && hex_decode(str_sub(text, i + 1, 2), &byte) == 0);
			insist(buf_append(out, buf_str(&byte)) == 0);
			buf_fini(&byte);
			i += 2;
		}
	}
}

static void
check_quoted(struct fuzz *f, struct str text, size_t piece_max_bytes)
{
	struct quoted quoted = { .column = 0 };
	struct str rest = text, piece, line;
	struct buf out, back;

	buf_init(&out, FUZZ_ROOM_MAX_BYTES);
	buf_init(&back, FUZZ_ROOM_MAX_BYTES);
	while (fuzz_piece(f, piece_max_bytes, &rest, &piece))
		insist(quoted_append(&quoted, piece, &out) == 0);
	insist(quoted_end(&quoted, &out) == 0);
	unquote(buf_str(&out), &back);
	/* A last line without an end may get one. */
	insist(str_starts(buf_str(&back), text) && back.len <= text.len + 2);
	insist(str_is_ascii(buf_str(&out)));
	for (rest = buf_str(&out); str_take_until(&rest, '\n', &line);) {
		insist(line.len <= QUOTED_LINE_MAX_BYTES + 1);
		insist(line.len < 2 || line.at[line.len - 1] != '\r' || (line.at[line.len - 2] != ' ' && line.at[line.len - 2] != '\t'));
	}
	buf_fini(&out);
	buf_fini(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	struct buf out;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	buf_init(&out, FUZZ_ROOM_MAX_BYTES);
	check_words(f.rest, choice & 1, &out);
	buf_clear(&out);
	insist(wording_encoded(f.rest, &out) == 0);
	insist(str_is_ascii(buf_str(&out)));
	check_quoted(&f, f.rest, choice & 2 ? 5 : 1000);
	buf_fini(&out);
	fuzz_end(&f);
	return 0;
}
