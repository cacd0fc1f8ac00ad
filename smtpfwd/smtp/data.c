/*
 * data.c - mail data between the wire and its stored form, incrementally and strictly
 *
 * The decoder runs over plain content 64 bytes at a time and stops at what needs a thought: a
 * dot at a line's start, a CR or LF without the other, a CR that is the last byte so far.  Those
 * are taken one by one by state.
 */
#include "base/insist.h"
#include "smtpfwd/smtp/data.h"
#include "smtpfwd/smtp/data_scan.h"

enum state {
	STATE_LINE_START,		/* behind CRLF, or at the very start */
	STATE_INSIDE,			/* inside a line, or behind a repaired line end */
	STATE_CR,			/* a CR is held back */
	STATE_DOT,			/* a dot at a line's start is held back */
	STATE_DOT_CR,			/* and a CR behind it */
};

static const struct str crlf = { .at = "\r\n", .len = 2 };

void
data_decoder_init(struct data_decoder *d, const struct data_settings *settings)
{
	insist(settings->line_max_bytes == 0 || settings->line_max_bytes >= SCAN_BLOCK_BYTES);
	*d = (struct data_decoder){ .settings = *settings, .state = STATE_LINE_START };
}

bool
data_is_refused(const struct data_decoder *d)
{
	return d->settings.line_ends == DATA_LINE_ENDS_STRICT &&
	    (d->found & (DATA_FOUND_BARE_CR | DATA_FOUND_BARE_LF)) != 0;
}

/* A byte before the first that needs a thought is to be noted. */
static void
note_odd(struct data_decoder *d, const char *block, uint64_t plain)
{
	if ((scan_find(block, '\0') & plain) != 0)
		d->found |= DATA_FOUND_NUL;
	if ((scan_high(block) & plain) != 0)
		d->found |= DATA_FOUND_8BIT;
}

/* Lines that end in this block: all but the first are shorter than the block. */
static inline void
measure_lines(struct data_decoder *d, uint64_t block_at, uint64_t lfs)
{
	uint64_t first_end, max = d->settings.line_max_bytes;

	if (lfs == 0 || data_is_refused(d))
		return;
	first_end = block_at + (uint64_t)__builtin_ctzll(lfs) + 1;
	if (max != 0 && first_end - d->line_at > max)
		d->found |= DATA_FOUND_LONG_LINE;
	d->line_at = block_at + (uint64_t)(64 - __builtin_clzll(lfs));
}

/*
 * How many bytes at the start are plain content; the rest starts with what needs a thought.
 * Leaves the state at LINE_START or INSIDE, and finds NUL, 8-bit and long lines in passing.
 */
static size_t
scan_plain(struct data_decoder *d, struct str input)
{
	bool is_dotted = d->settings.kind == DATA_DOTTED;
	uint64_t is_behind_cr = 0, is_line_start = d->state == STATE_LINE_START;
	size_t at = 0;

	while (at < input.len) {
		size_t n = input.len - at < SCAN_BLOCK_BYTES ? input.len - at : SCAN_BLOCK_BYTES;
		bool is_lf_next = input.len - at > SCAN_BLOCK_BYTES && input.at[at + SCAN_BLOCK_BYTES] == '\n';
		uint64_t behind_cr, line_ends, line_starts, odd, plain = UINT64_MAX;
		char room[SCAN_BLOCK_BYTES];
		const char *block = scan_block(input.at + at, n, room);
		struct scan_lines m;

		scan_lines(block, &m);
		behind_cr = m.cr << 1 | is_behind_cr;
		line_ends = m.lf & behind_cr;
		line_starts = line_ends << 1 | is_line_start;
		odd = (m.lf ^ line_ends) | (m.cr & ~(m.lf >> 1 | (uint64_t)is_lf_next << 63));
		if (is_dotted && line_starts != 0)
			odd |= scan_find(block, '.') & line_starts;
		if (odd != 0) {
			n = (size_t)__builtin_ctzll(odd);
			plain = ((uint64_t)1 << n) - 1;
			is_line_start = line_starts >> n & 1;
		} else {
			is_behind_cr = m.cr >> 63;
			is_line_start = n == SCAN_BLOCK_BYTES ? line_ends >> 63 : line_starts >> n & 1;
		}
		if (m.has_odd)
			note_odd(d, block, plain);
		measure_lines(d, d->n_bytes + at, m.lf & plain);
		at += n;
		if (odd != 0)
			break;
	}
	d->state = is_line_start ? STATE_LINE_START : STATE_INSIDE;
	return at;
}

/* Content goes out, unless the mail is to be refused anyway.  True if it does. */
static bool
give(struct data_decoder *d, struct str span, struct str *span_out)
{
	if (span.len == 0 || data_is_refused(d))
		return false;
	d->n_bytes += span.len;
	if (d->settings.line_max_bytes != 0 && d->n_bytes > d->line_at &&
	    d->n_bytes - d->line_at > d->settings.line_max_bytes)
		d->found |= DATA_FOUND_LONG_LINE;
	*span_out = span;
	return true;
}

/* A line end of two bytes, whole or repaired. */
static bool
give_line_end(struct data_decoder *d, struct str *span_out)
{
	bool is_given = give(d, crlf, span_out);

	d->line_at = d->n_bytes;
	return is_given;
}

/*
 * A CR or LF stands alone.  What follows is not a line's start in the sense of the protocol:
 * no dot behind it may end the data or be unstuffed.
 */
static bool
take_bare(struct data_decoder *d, enum data_found which, struct str *span_out)
{
	d->found |= which;
	d->state = STATE_INSIDE;
	return d->settings.line_ends == DATA_LINE_ENDS_REPAIR && give_line_end(d, span_out);
}

/* The byte at the front, between lines of content, that scan_plain would not take. */
static bool
take_odd(struct data_decoder *d, struct str *input, struct str *span_out)
{
	char c = input->at[0];
	bool is_last = input->len == 1;

	*input = str_from(*input, 1);
	if (c == '\n')
		return take_bare(d, DATA_FOUND_BARE_LF, span_out);
	if (c == '\r' && !is_last)
		return take_bare(d, DATA_FOUND_BARE_CR, span_out);
	d->state = c == '\r' ? STATE_CR : STATE_DOT;
	return false;
}

enum data_step
data_decode(struct data_decoder *d, struct str *input, struct str *span_out)
{
	while (input->len > 0) {
		char c = input->at[0];
		struct str plain;

		switch ((enum state)d->state) {
		case STATE_LINE_START:
		case STATE_INSIDE:
			plain = str_sub(*input, 0, scan_plain(d, *input));
			*input = str_from(*input, plain.len);
			if (give(d, plain, span_out))
				return DATA_SPAN;
			if (plain.len == 0 && take_odd(d, input, span_out))
				return DATA_SPAN;
			break;
		case STATE_CR:
			if (c != '\n') {
				if (take_bare(d, DATA_FOUND_BARE_CR, span_out))
					return DATA_SPAN;
				break;
			}
			*input = str_from(*input, 1);
			d->state = STATE_LINE_START;
			if (give_line_end(d, span_out))
				return DATA_SPAN;
			break;
		case STATE_DOT:		/* RFC 5321 4.5.2: any other byte, and the dot was stuffing */
			if (c == '\r')
				*input = str_from(*input, 1);
			d->state = c == '\r' ? STATE_DOT_CR : STATE_INSIDE;
			break;
		case STATE_DOT_CR:
			if (c == '\n') {
				*input = str_from(*input, 1);
				d->state = STATE_LINE_START;
				return DATA_END;
			}
			if (take_bare(d, DATA_FOUND_BARE_CR, span_out))
				return DATA_SPAN;
			break;
		}
	}
	return DATA_MORE;
}

bool
data_decode_finish(struct data_decoder *d, struct str *span_out)
{
	return d->state == STATE_CR && take_bare(d, DATA_FOUND_BARE_CR, span_out);
}

/* --- encoding --- */

/* Where the first dot stands at a line's start; the length if there is none. */
static size_t
find_line_dot(struct str content, bool is_line_start)
{
	uint64_t carry = is_line_start;

	for (size_t at = 0; at < content.len; at += SCAN_BLOCK_BYTES) {
		char room[SCAN_BLOCK_BYTES];
		const char *block = scan_block(content.at + at, content.len - at, room);

		if (scan_has(block, '.')) {
			uint64_t dots = scan_find(block, '.') & (scan_find(block, '\n') << 1 | carry);

			if (dots != 0)
				return at + (size_t)__builtin_ctzll(dots);
		}
		carry = block[SCAN_BLOCK_BYTES - 1] == '\n';
	}
	return content.len;
}

/* A dot is doubled by ending one span with it and beginning the next with the same one. */
bool
data_encode(struct data_encoder *e, struct str *content, struct str *span_out)
{
	size_t n;

	if (content->len == 0)
		return false;
	n = find_line_dot(*content, !e->is_inside_line && !e->is_dot_doubled);
	if (n < content->len) {
		*span_out = str_sub(*content, 0, n + 1);
		*content = str_from(*content, n);
		e->is_inside_line = false;
		e->is_dot_doubled = true;
		return true;
	}
	*span_out = *content;
	e->is_inside_line = content->at[content->len - 1] != '\n';
	e->is_dot_doubled = false;
	*content = str_from(*content, content->len);
	return true;
}

struct str
data_encode_end(const struct data_encoder *e)
{
	return e->is_inside_line ? STR("\r\n.\r\n") : STR(".\r\n");
}
