/*
 * code.c - bytes as text and back
 */
#include "base/code.h"
#include "base/insist.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789abcdef";

int
base64_encode(struct str bytes, struct buf *out)
{
	const unsigned char *at = (const unsigned char *)bytes.at;
	size_t n_text = bytes.len / 3 * 4 + (bytes.len % 3 != 0 ? 4 : 0);
	char *room = buf_room(out, n_text);

	if (room == NULL)
		return -1;
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t bits = (uint32_t)at[i] << 16;

		if (n > 1)
			bits |= (uint32_t)at[i + 1] << 8;
		if (n > 2)
			bits |= at[i + 2];
		*room++ = base64_digits[bits >> 18];
		*room++ = base64_digits[bits >> 12 & 63];
		*room++ = n > 1 ? base64_digits[bits >> 6 & 63] : '=';
		*room++ = n > 2 ? base64_digits[bits & 63] : '=';
	}
	buf_added(out, n_text);
	return 0;
}

/* -1 for what is no digit. */
static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits, padding already replaced by 'A', as 24 bits; -1 for what are no digits. */
static int32_t
base64_group(const char digits[4])
{
	int32_t bits = 0;

	for (int i = 0; i < 4; i++) {
		int value = base64_value(digits[i]);

		if (value < 0)
			return -1;
		bits = bits << 6 | value;
	}
	return bits;
}

int
base64_decode(struct str text, struct buf *out)
{
	size_t n_padding = 0, n_bytes;
	char *room;

	if (text.len % 4 != 0)
		return -1;
	while (n_padding < 2 && n_padding < text.len && text.at[text.len - 1 - n_padding] == '=')
		n_padding++;
	n_bytes = text.len / 4 * 3 - n_padding;
	room = buf_room(out, n_bytes);
	if (room == NULL)
		return -1;
	for (size_t i = 0; i < text.len; i += 4) {
		size_t n = i + 4 == text.len ? 3 - n_padding : 3;
		char digits[4];
		int32_t bits;

		memcpy(digits, text.at + i, 4);
		for (size_t k = n + 1; k < 4; k++)
			digits[k] = 'A';
		bits = base64_group(digits);
		/* Bits behind the last byte are zero, or two texts would mean the same (RFC 4648 3.5). */
		if (bits < 0 || (bits & (0xffffff >> 8 * n)) != 0)
			return -1;
		for (size_t k = 0; k < n; k++)
			*room++ = (char)(bits >> (16 - 8 * k) & 0xff);
	}
	buf_added(out, n_bytes);
	return 0;
}

int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
hex_decode(struct str text, struct buf *out)
{
	char *room;

	if (text.len % 2 != 0)
		return -1;
	room = buf_room(out, text.len / 2);
	if (room == NULL)
		return -1;
	for (size_t i = 0; i < text.len; i += 2) {
		int high = hex_value(text.at[i]), low = hex_value(text.at[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		*room++ = (char)(high << 4 | low);
	}
	buf_added(out, text.len / 2);
	return 0;
}

/*
 * Characters that are well-formed UTF-8 and yet spoil a line or a terminal: C1 controls
 * (U+0080-009F), marks and overrides of direction (U+200E-200F, U+202A-202E, U+2066-2069),
 * line and paragraph separators (U+2028-2029).
 */
static bool
spoils_line(struct str character)
{
	const unsigned char *at = (const unsigned char *)character.at;

	if (character.len == 2)
		return at[0] == 0xc2 && at[1] < 0xa0;
	if (character.len != 3 || at[0] != 0xe2)
		return false;
	if (at[1] == 0x80)
		return at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xa8 && at[2] <= 0xae);
	return at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

struct str
escape_next(struct str *rest, bool keep_utf8, char room[ESCAPED_MAX_BYTES])
{
	struct str character;
	unsigned char c;

	insist(rest->len != 0);
	c = (unsigned char)rest->at[0];
	character = str_sub(*rest, 0, 1);
	if (c >= 0x80 && keep_utf8 && str_utf8_len(*rest) != 0)
		character = str_sub(*rest, 0, str_utf8_len(*rest));
	if ((character.len == 1 && c >= 0x20 && c <= 0x7e && c != '\\') ||
	    (character.len > 1 && !spoils_line(character))) {
		*rest = str_from(*rest, character.len);
		return character;
	}
	*rest = str_from(*rest, 1);
	room[0] = '\\';
	if (c == '\\') {
		room[1] = '\\';
		return str_n(room, 2);
	}
	room[1] = 'x';
	room[2] = hex_digits[c >> 4];
	room[3] = hex_digits[c & 15];
	return str_n(room, 4);
}

int
escape_append(struct str bytes, bool keep_utf8, size_t max_bytes, struct buf *out)
{
	const struct str dots = str_sub(STR("..."), 0, max_bytes);
	size_t start = out->len, cut = start;	/* cut: where the dots still fit */

	if (bytes.len <= max_bytes && str_is_printable(bytes) && str_find(bytes, '\\') < 0)
		return buf_append(out, bytes);		/* as it is mostly */
	while (bytes.len != 0) {
		char room[ESCAPED_MAX_BYTES];
		struct str shown = escape_next(&bytes, keep_utf8, room);

		if (out->len - start + shown.len > max_bytes) {
			out->len = cut;
			shown = dots;
			bytes.len = 0;
		}
		if (buf_append(out, shown) != 0) {
			out->len = start;
			return -1;
		}
		if (out->len - start + dots.len <= max_bytes)
			cut = out->len;
	}
	return 0;
}
