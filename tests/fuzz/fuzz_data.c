/*
 * fuzz_data.c - mail data: the decoder against a simple one, whole against pieces, and what was encoded comes back
 *
 * The simple decoder goes byte by byte and knows RFC 5321 4.5.2 and 4.1.1.4 only.
 */
#include "smtpfwd/smtp/data.h"
#include "tests/fuzz/fuzz.h"

enum { LINE_MAX_BYTES = 64 };

struct decoded {
	struct buf	 content;
	bool		 has_ended;	/* CRLF.CRLF came */
	size_t		 n_taken;	/* of the input, with the end */
	unsigned	 found;
};

/* --- by the letter --- */

static void
simple_line_end(struct decoded *d)
{
	insist(buf_append(&d->content, STR("\r\n")) == 0);
}

static void
simple_decode(struct str input, bool is_dotted, struct decoded *d)
{
	bool is_line_start = true;
	size_t i = 0;

	while (i < input.len) {
		struct str rest = str_from(input, i);

		if (is_dotted && is_line_start && str_starts(rest, STR(".\r\n"))) {
			d->has_ended = true;
			d->n_taken = i + 3;
			return;
		}
		if (is_dotted && is_line_start && rest.at[0] == '.') {
			is_line_start = false;
			i++;
			continue;
		}
		is_line_start = str_starts(rest, STR("\r\n"));
		if (is_line_start) {
			simple_line_end(d);
			i += 2;
		} else if (rest.at[0] == '\r' || rest.at[0] == '\n') {
			d->found |= rest.at[0] == '\r' ? DATA_FOUND_BARE_CR : DATA_FOUND_BARE_LF;
			simple_line_end(d);
			i++;
		} else {
			d->found |= rest.at[0] == '\0' ? DATA_FOUND_NUL : (uint8_t)rest.at[0] >= 0x80 ? DATA_FOUND_8BIT : 0;
			insist(buf_append_char(&d->content, rest.at[0]) == 0);
			i++;
		}
	}
	d->n_taken = input.len;
}

static bool
has_long_line(struct str content)
{
	struct str line;

	while (content.len > 0) {
		ptrdiff_t end = str_find(content, '\n');

		line = end < 0 ? content : str_sub(content, 0, (size_t)end + 1);
		if (line.len > LINE_MAX_BYTES)
			return true;
		content = str_from(content, line.len);
	}
	return false;
}

/* --- by the decoder --- */

static void
decode(struct fuzz *f, struct str input, const struct data_settings *settings, size_t piece_max_bytes, struct decoded *d)
{
	size_t n_all = input.len;
	struct data_decoder decoder;
	enum data_step step = DATA_MORE;
	struct str piece = STR_EMPTY, span;

	data_decoder_init(&decoder, settings);
	while (step == DATA_MORE && fuzz_piece(f, piece_max_bytes, &input, &piece)) {
		while ((step = data_decode(&decoder, &piece, &span)) == DATA_SPAN)
			insist(span.len > 0 && buf_append(&d->content, span) == 0);
	}
	d->has_ended = step == DATA_END;
	d->n_taken = n_all - input.len - (d->has_ended ? piece.len : 0);
	if (settings->kind == DATA_COUNTED)
		while (data_decode_finish(&decoder, &span))
			insist(buf_append(&d->content, span) == 0);
	d->found = decoder.found;
	insist(decoder.n_bytes == d->content.len);
}

static void
check_decoder(struct fuzz *f, struct str input, enum data_kind kind, enum data_line_ends line_ends, size_t piece_max_bytes)
{
	struct data_settings settings = { .kind = kind, .line_ends = line_ends, .line_max_bytes = LINE_MAX_BYTES };
	struct decoded want = { .found = 0 }, got = { .found = 0 };
	unsigned bare = DATA_FOUND_BARE_CR | DATA_FOUND_BARE_LF;

	buf_init(&want.content, FUZZ_ROOM_MAX_BYTES);
	buf_init(&got.content, FUZZ_ROOM_MAX_BYTES);
	simple_decode(input, kind == DATA_DOTTED, &want);
	decode(f, input, &settings, piece_max_bytes, &got);
	insist(got.has_ended == want.has_ended);
	insist(got.n_taken == want.n_taken);
	if (want.has_ended || kind == DATA_COUNTED) {
		insist((got.found & bare) == (want.found & bare) || line_ends == DATA_LINE_ENDS_STRICT);
		insist(((got.found & bare) != 0) == ((want.found & bare) != 0));
		if ((want.found & bare) == 0 || line_ends == DATA_LINE_ENDS_REPAIR) {
			insist(str_eq(buf_str(&got.content), buf_str(&want.content)));
			insist((got.found & (DATA_FOUND_NUL | DATA_FOUND_8BIT)) == (want.found & (DATA_FOUND_NUL | DATA_FOUND_8BIT)));
			insist(((got.found & DATA_FOUND_LONG_LINE) != 0) == has_long_line(buf_str(&want.content)));
		}
	}
	buf_fini(&want.content);
	buf_fini(&got.content);
}

/* --- there and back --- */

static void
check_encoder(struct fuzz *f, struct str input, size_t piece_max_bytes)
{
	struct data_settings settings = { .kind = DATA_DOTTED };
	struct data_encoder encoder = { .is_inside_line = false };
	struct decoded content = { .found = 0 }, back = { .found = 0 };
	struct str rest, piece, span;
	struct buf wire;

	buf_init(&content.content, FUZZ_ROOM_MAX_BYTES);
	buf_init(&back.content, FUZZ_ROOM_MAX_BYTES);
	buf_init(&wire, FUZZ_ROOM_MAX_BYTES);
	simple_decode(input, false, &content);		/* any content as it is stored: its line ends are right */
	rest = buf_str(&content.content);
	while (fuzz_piece(f, piece_max_bytes, &rest, &piece))
		while (data_encode(&encoder, &piece, &span))
			insist(span.len > 0 && buf_append(&wire, span) == 0);
	insist(buf_append(&wire, data_encode_end(&encoder)) == 0);
	decode(f, buf_str(&wire), &settings, piece_max_bytes, &back);
	insist(back.has_ended && back.n_taken == wire.len && (back.found & (DATA_FOUND_BARE_CR | DATA_FOUND_BARE_LF)) == 0);
	if (content.content.len > 0 && content.content.at[content.content.len - 1] != '\n')
		simple_line_end(&content);
	insist(str_eq(buf_str(&back.content), buf_str(&content.content)));
	buf_fini(&content.content);
	buf_fini(&back.content);
	buf_fini(&wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	static const size_t pieces[] = { SIZE_MAX / 2, 1, 3, 17, 70, 200, 1000, 5 };
	struct fuzz f;
	unsigned choice;
	size_t piece;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	piece = pieces[choice % 8];
	for (int kind = DATA_DOTTED; kind <= DATA_COUNTED; kind++)
		for (int ends = DATA_LINE_ENDS_STRICT; ends <= DATA_LINE_ENDS_REPAIR; ends++)
			check_decoder(&f, f.rest, (enum data_kind)kind, (enum data_line_ends)ends, piece);
	check_encoder(&f, f.rest, piece);
	fuzz_end(&f);
	return 0;
}
