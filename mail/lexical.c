/*
 * lexical.c - the tokens that structured fields are made of (RFC 5322 3.2, RFC 2045 5.1)
 */
#include "base/code.h"
#include "mail/lexical.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_token_char(unsigned char c)
{
	return c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static bool
is_atom_char(unsigned char c)
{
	return c > ' ' && c != 0x7f && (c >= 0x80 || strchr("()<>[]:;@\\,.\"", c) == NULL);
}

bool
lexical_take_comment(struct str *rest, struct str *inside_out)
{
	size_t depth = 0;

	for (size_t i = 0; i < rest->len; i++) {
		char c = rest->at[i];

		if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		else if (c == '\\')
			i++;
		if (depth != 0)
			continue;
		if (i == 0)
			return false;			/* no comment begins here */
		*inside_out = str_sub(*rest, 1, i - 1);
		*rest = str_from(*rest, i + 1);
		return true;
	}
	return false;
}

bool
lexical_skip_cfws(struct str *rest)
{
	struct str comment;

	for (;;) {
		while (rest->len > 0 && is_blank(rest->at[0]))
			*rest = str_from(*rest, 1);
		if (rest->len == 0 || rest->at[0] != '(')
			return true;
		if (!lexical_take_comment(rest, &comment))
			return false;
	}
}

bool
lexical_take_quoted(struct str *rest, struct str *inside_out)
{
	if (rest->len == 0 || rest->at[0] != '"')
		return false;
	for (size_t i = 1; i < rest->len; i++) {
		if (rest->at[i] == '\\') {
			i++;
		} else if (rest->at[i] == '"') {
			*inside_out = str_sub(*rest, 1, i - 1);
			*rest = str_from(*rest, i + 1);
			return true;
		}
	}
	return false;
}

static struct str
take_while(struct str *rest, bool (*is_in)(unsigned char c))
{
	struct str taken;
	size_t n = 0;

	while (n < rest->len && is_in((unsigned char)rest->at[n]))
		n++;
	taken = str_sub(*rest, 0, n);
	*rest = str_from(*rest, n);
	return taken;
}

struct str
lexical_take_token(struct str *rest)
{
	return take_while(rest, is_token_char);
}

struct str
lexical_take_atom(struct str *rest)
{
	return take_while(rest, is_atom_char);
}

bool
lexical_unquote(struct str inside, struct arena *arena, struct str *text_out)
{
	char *room = arena_alloc(arena, inside.len + 1);
	size_t n = 0;

	if (room == NULL)
		return false;
	for (size_t i = 0; i < inside.len; i++) {
		if (inside.at[i] == '\\' && i + 1 < inside.len)
			room[n++] = inside.at[++i];
		else if (inside.at[i] != '\r' && inside.at[i] != '\n')
			room[n++] = inside.at[i];
	}
	*text_out = str_n(room, n);
	return true;
}

bool
lexical_is_token(struct str s)
{
	return s.len > 0 && lexical_take_token(&s).len > 0 && s.len == 0;
}

bool
lexical_is_dot_atom(struct str s)
{
	if (s.len == 0)
		return false;
	for (;;) {
		if (lexical_take_atom(&s).len == 0)
			return false;
		if (s.len == 0)
			return true;
		if (s.at[0] != '.')
			return false;
		s = str_from(s, 1);
	}
}

/* Bytes written as a mark and two hexadecimal digits; what is malformed stays. */
static size_t
decode_hex(struct str text, char mark, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		int high = text.at[i] == mark && text.len - i > 2 ? hex_value(text.at[i + 1]) : -1;
		int low = high >= 0 ? hex_value(text.at[i + 2]) : -1;

		out[n++] = low >= 0 ? (char)(high << 4 | low) : text.at[i];
		if (low >= 0)
			i += 2;
	}
	return n;
}

/* The text of a Q encoded word (RFC 2047 4.2). */
static size_t
decode_q(struct str text, char *out)
{
	size_t n = decode_hex(text, '=', out);

	for (size_t i = 0; i < n; i++) {
		if (out[i] == '_')
			out[i] = ' ';
	}
	return n;
}

/* The text of a B encoded word: letters of base64, all else left out; a last part of a byte is lost. */
static size_t
decode_b(struct str text, char *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	int n_bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *letter = text.at[i] != '\0' ? strchr(letters, text.at[i]) : NULL;

		if (letter == NULL)
			continue;
		bits = (bits << 6 | (uint32_t)(letter - letters)) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (char)(bits >> n_bits & 0xff);
		}
	}
	return n;
}

/* Takes "=?charset?Q?text?=" off *rest; the last "?=" may be missing, as some readers do without. */
static bool
take_encoded_word(struct str *rest, char *kind_out, struct str *text_out)
{
	struct str s = str_from(*rest, 2), charset, kind, text;
	ptrdiff_t end;

	if (!str_starts(*rest, STR("=?")) || !str_take_until(&s, '?', &charset) || !str_take_until(&s, '?', &kind))
		return false;
	if (kind.len != 1 || strchr("QqBb", kind.at[0]) == NULL)
		return false;
	end = str_find_str(s, STR("?="));
	text = end < 0 ? s : str_sub(s, 0, (size_t)end);
	*kind_out = kind.at[0];
	*text_out = text;
	*rest = str_from(s, end < 0 ? s.len : (size_t)end + 2);
	return true;
}

bool
lexical_decode_words(struct str text, struct arena *arena, struct str *decoded_out)
{
	char *room = arena_alloc(arena, text.len + 1);
	struct str rest = text, inside;
	size_t n = 0;
	char kind;

	if (room == NULL)
		return false;
	while (rest.len > 0) {
		if (take_encoded_word(&rest, &kind, &inside)) {
			n += kind == 'Q' || kind == 'q' ? decode_q(inside, room + n) : decode_b(inside, room + n);
			continue;
		}
		room[n++] = rest.at[0];
		rest = str_from(rest, 1);
	}
	*decoded_out = str_n(room, n);
	return true;
}

bool
lexical_decode_percent(struct str text, struct arena *arena, struct str *decoded_out)
{
	char *room = arena_alloc(arena, text.len + 1);

	if (room == NULL)
		return false;
	*decoded_out = str_n(room, decode_hex(text, '%', room));
	return true;
}

bool
lexical_without_comments(struct str text, struct arena *arena, struct str *plain_out)
{
	char *room = arena_alloc(arena, text.len + 1);
	struct str rest = text, comment;
	size_t n = 0;

	if (room == NULL)
		return false;
	while (rest.len > 0) {
		if (rest.at[0] == '(') {
			if (!lexical_take_comment(&rest, &comment))
				break;
			continue;
		}
		room[n++] = rest.at[0];
		rest = str_from(rest, 1);
	}
	*plain_out = str_n(room, n);
	return true;
}
