/*
 * utf8_fields.c - bytes beyond ASCII in header fields, of the mail or of a part
 */
#include "smtpfwd/receive/utf8_fields.h"

static const struct str message = STR("message/");

static void
end_line(struct utf8_fields *f)
{
	if (f->n_line_bytes == 0 && !f->is_in_text) {
		f->is_in_text = !f->has_message;
		f->has_message = false;
	} else if (f->is_boundary) {
		f->is_in_text = f->has_message = false;
	}
	f->n_line_bytes = 0;
	f->n_dashes = f->n_matched = 0;
	f->is_boundary = false;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void
look_for_message(struct utf8_fields *f, char c)
{
	c = lower(c);
	f->n_matched = c == message.at[f->n_matched] ? f->n_matched + 1 : c == message.at[0];	/* its first byte is in it once */
	if (f->n_matched == (int)message.len) {
		f->has_message = true;
		f->n_matched = 0;
	}
}

static void
take_byte(struct utf8_fields *f, char c)
{
	if (c == '\r')
		return;
	if (f->n_line_bytes++ < 2)
		f->n_dashes += c == '-';
	else if (f->n_dashes == 2 && c != ' ' && c != '\t')	/* "-- " is a signature's line (RFC 3676 4.3) */
		f->is_boundary = true;
	if (f->is_in_text)
		return;
	f->are_found |= (c & 0x80) != 0;
	look_for_message(f, c);
}

/* Of text only lines' starts are looked at. */
static bool
is_of_no_interest(const struct utf8_fields *f)
{
	return f->is_in_text && (f->is_boundary || (f->n_line_bytes >= 2 && f->n_dashes < 2));
}

void
utf8_fields_take(struct utf8_fields *f, struct str piece)
{
	size_t i = 0;

	while (i < piece.len && !f->are_found) {
		if (is_of_no_interest(f)) {
			ptrdiff_t end = str_find(str_from(piece, i), '\n');

			if (end < 0)
				return;
			i += (size_t)end;
		}
		if (piece.at[i] == '\n')
			end_line(f);
		else
			take_byte(f, piece.at[i]);
		i++;
	}
}
