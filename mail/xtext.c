/*
 * xtext.c - both ways, strictly
 */
#include "base/code.h"
#include "mail/xtext.h"

static bool
is_plain(char c)
{
	return c > 0x20 && c < 0x7f && c != '+' && c != '=';
}

int
xtext_encode(struct str bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.at[i];

		if (is_plain(c) ? buf_append_char(out, c) != 0 : buf_printf(out, "+%02X", (unsigned char)c) != 0)
			return -1;
	}
	return 0;
}

/* The byte at *at, which moves behind it; -1 if what stands there is malformed. */
static int
take_byte(struct str text, size_t *at)
{
	char c = text.at[*at];

	if (c == '+' && *at + 2 < text.len) {
		/* RFC 3461 4 has upper-case digits only; some clients write lower case. */
		int high = hex_value(text.at[*at + 1]), low = hex_value(text.at[*at + 2]);

		*at += 3;
		return high < 0 || low < 0 ? -1 : high * 16 + low;
	}
	(*at)++;
	return is_plain(c) ? c : -1;
}

int
xtext_decode(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.len;) {
		int byte = take_byte(text, &i);

		if (byte < 0 || buf_append_char(out, (char)byte) != 0)
			return -1;
	}
	return 0;
}

bool
xtext_is_valid(struct str text)
{
	for (size_t i = 0; i < text.len;)
		if (take_byte(text, &i) < 0)
			return false;
	return true;
}
