/*
 * wording.c - bytes of others in the places a report has for them
 */
#include <stdio.h>

#include "base/code.h"
#include "smtpfwd/report/wording.h"

enum {
	FOLD_AT_COLUMNS = 76,
	QUOTED_LINE_MAX = 75,		/* and "=" makes 76 (RFC 2045 6.7) */
	ENCODED_TEXT_MAX = 60,		/* "=?utf-8?q?" and "?=" make 72 of the 75 that are allowed (RFC 2047 2) */
	HEXPOINT_MAX_BYTES = 12,	/* "\x{10FFFF}" and the NUL */
	TOKEN_MAX_BYTES = 3,		/* "=C3" */
};

int
wording_exact(struct str text, bool keep_utf8, struct buf *out)
{
	size_t start = out->len;

	while (text.len > 0) {
		char room[ESCAPED_MAX_BYTES];
		struct str shown = text.at[0] == '\\' ? str_sub(text, 0, 1) : STR_EMPTY;

		if (shown.len > 0)
			text = str_from(text, 1);
		else
			shown = escape_next(&text, keep_utf8, room);
		if (out->len - start + shown.len > WORDING_MAX_BYTES)
			return buf_append(out, STR("..."));
		if (buf_append(out, shown) != 0)
			return -1;
	}
	return 0;
}

int
wording_address(const struct address *address, struct buf *out)
{
	struct buf text;
	int status;

	buf_init(&text, ADDRESS_MAX_BYTES);
	status = address_append(address, &text);
	if (status == 0)
		status = wording_exact(buf_str(&text), true, out);
	buf_fini(&text);
	return status;
}

/* The code point of the well-formed character at the start of text. */
static uint32_t
code_point(struct str character)
{
	uint32_t value = (unsigned char)character.at[0];

	if (character.len > 1)
		value &= 0x7fu >> character.len;
	for (size_t i = 1; i < character.len; i++)
		value = value << 6 | ((unsigned char)character.at[i] & 0x3f);
	return value;
}

int
wording_utf8_xtext(struct str text, bool with_raw_signs, struct buf *out)
{
	size_t start = out->len;

	while (text.len > 0) {
		char room[HEXPOINT_MAX_BYTES];
		size_t n = str_utf8_len(text);
		struct str character = str_sub(text, 0, n > 0 ? n : 1), shown = character;
		char c = character.at[0];

		if (character.len > 1 || c <= ' ' || c >= 0x7f || (!with_raw_signs && (c == '+' || c == '=' || c == '\\'))) {
			/* What is no UTF-8 does not come in; should it all the same, it is shown as the replacement character. */
			uint32_t point = n > 0 ? code_point(character) : 0xfffd;

			shown = str_n(room, (size_t)snprintf(room, sizeof(room), "\\x{%02X}", (unsigned)point));
		}
		text = str_from(text, character.len);
		if (out->len - start + shown.len > WORDING_MAX_BYTES)
			return buf_append(out, STR("..."));
		if (buf_append(out, shown) != 0)
			return -1;
	}
	return 0;
}

bool
wording_is_safe(struct str text, bool keep_utf8)
{
	while (text.len > 0) {
		char room[ESCAPED_MAX_BYTES];
		const char *at = text.at;

		if (*at == '\\')
			text = str_from(text, 1);
		else if (escape_next(&text, keep_utf8, room).at != at)
			return false;
	}
	return true;
}

int
wording_fold(struct str text, size_t column, const char *indent, struct buf *out)
{
	struct str word;
	bool is_first = true;

	while (str_take_word(&text, &word)) {
		if (!is_first && column + 1 + word.len > FOLD_AT_COLUMNS) {
			if (buf_printf(out, "\r\n%s", indent) != 0)
				return -1;
			column = strlen(indent);
		} else if (!is_first) {
			if (buf_append_char(out, ' ') != 0)
				return -1;
			column++;
		}
		if (buf_append(out, word) != 0)
			return -1;
		column += word.len;
		is_first = false;
	}
	return 0;
}

int
wording_reply(const struct reply *reply, bool keep_utf8, struct buf *out)
{
	char status[STATUS_TEXT_MAX];
	struct str text = reply->text, line;
	size_t start = out->len;

	if (buf_printf(out, "%03d", reply->code) != 0)
		return -1;
	if (reply->status.class != 0 && buf_printf(out, " %.*s", STR_ARG(status_text(reply->status, status))) != 0)
		return -1;
	while (str_take_until(&text, '\n', &line)) {
		size_t used = out->len - start;

		if (used + 1 >= WORDING_MAX_BYTES)
			break;
		if (line.len == 0)
			continue;
		if (buf_append_char(out, ' ') != 0 || escape_append(line, keep_utf8, WORDING_MAX_BYTES - used - 1, out) != 0)
			return -1;
	}
	return 0;
}

/* --- encodings --- */

/* A byte of an encoded-word or of quoted-printable as it is written. */
static struct str
token(char c, bool is_plain, char room[TOKEN_MAX_BYTES + 1])
{
	if (is_plain)
		room[0] = c;
	return str_n(room, is_plain ? 1 : (size_t)snprintf(room, TOKEN_MAX_BYTES + 1, "=%02X", (unsigned char)c));
}

/* In the Q encoding, where a Subject may have it (RFC 2047 5); the blank is "=20" and not "_", which some show as it is. */
static bool
is_plain_in_word(char c)
{
	return c > ' ' && c < 0x7f && c != '=' && c != '?' && c != '_';
}

int
wording_encoded(struct str text, struct buf *out)
{
	size_t used = 0;

	if (str_is_ascii(text))
		return buf_append(out, text);
	if (buf_append(out, STR("=?utf-8?q?")) != 0)
		return -1;
	while (text.len > 0) {
		size_t n = str_utf8_len(text), width = 0;
		char room[TOKEN_MAX_BYTES + 1];

		n = n > 0 ? n : 1;
		for (size_t i = 0; i < n; i++)
			width += is_plain_in_word(text.at[i]) ? 1 : TOKEN_MAX_BYTES;
		if (used + width > ENCODED_TEXT_MAX) {	/* a character stays in one word (RFC 2047 5) */
			if (buf_append(out, STR("?=\r\n =?utf-8?q?")) != 0)
				return -1;
			used = 0;
		}
		for (size_t i = 0; i < n; i++)
			if (buf_append(out, token(text.at[i], is_plain_in_word(text.at[i]), room)) != 0)
				return -1;
		used += width;
		text = str_from(text, n);
	}
	return buf_append(out, STR("?="));
}

static int
quoted_put(struct quoted *quoted, char c, bool is_plain, struct buf *out)
{
	char room[TOKEN_MAX_BYTES + 1];
	struct str shown = token(c, is_plain, room);

	if (quoted->column + shown.len > QUOTED_LINE_MAX) {
		if (buf_append(out, STR("=\r\n")) != 0)
			return -1;
		quoted->column = 0;
	}
	quoted->column += shown.len;
	return buf_append(out, shown);
}

static int
quoted_byte(struct quoted *quoted, char c, struct buf *out)
{
	char held = quoted->held;

	quoted->held = 0;
	if (held == '\r' && c == '\n') {
		quoted->column = 0;
		return buf_append(out, STR("\r\n"));
	}
	/* A blank at a line's end would not survive as it is; a CR alone never does. */
	if (held != 0 && quoted_put(quoted, held, held != '\r' && c != '\r', out) != 0)
		return -1;
	if (c == ' ' || c == '\t' || c == '\r') {
		quoted->held = c;
		return 0;
	}
	return quoted_put(quoted, c, c > ' ' && c < 0x7f && c != '=', out);
}

int
quoted_append(struct quoted *quoted, struct str piece, struct buf *out)
{
	for (size_t i = 0; i < piece.len; i++)
		if (quoted_byte(quoted, piece.at[i], out) != 0)
			return -1;
	return 0;
}

int
quoted_end(struct quoted *quoted, struct buf *out)
{
	char held = quoted->held;

	quoted->held = 0;
	return held == 0 ? 0 : quoted_put(quoted, held, false, out);
}
