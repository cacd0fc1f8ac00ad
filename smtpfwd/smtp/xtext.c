/*
 * xtext.c - any bytes as a parameter's value (RFC 3461 4)
 */
#include "smtpfwd/smtp/command.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;	/* the RFC has upper case only */
}

/* Takes one byte off the text; -1 if it is malformed. */
static int
take_byte(struct str *text)
{
	unsigned char c = (unsigned char)text->at[0];
	int high, low;

	if (c != '+') {
		*text = str_from(*text, 1);
		return c > ' ' && c < 0x7f && c != '=' ? c : -1;
	}
	if (text->len < 3)
		return -1;
	high = hex_digit(text->at[1]);
	low = hex_digit(text->at[2]);
	*text = str_from(*text, 3);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool
xtext_is_valid(struct str text)
{
	while (text.len > 0) {
		if (take_byte(&text) < 0)
			return false;
	}
	return true;
}

int
xtext_decode(struct str text, struct buf *out)
{
	size_t len_before = out->len;

	while (text.len > 0) {
		int byte = take_byte(&text);

		if (byte < 0 || buf_append_char(out, (char)byte) != 0) {
			out->len = len_before;
			return -1;
		}
	}
	return 0;
}

int
xtext_encode(struct str bytes, struct buf *out)
{
	size_t len_before = out->len;

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.at[i];
		bool is_plain = c > ' ' && c < 0x7f && c != '+' && c != '=';

		if ((is_plain ? buf_append_char(out, (char)c) : buf_printf(out, "+%02X", c)) != 0) {
			out->len = len_before;
			return -1;
		}
	}
	return 0;
}
