/*
 * spf_macro.c - reads macro strings piece by piece and expands them (RFC 7208 7)
 */
#include <stdio.h>

#include "base/insist.h"
#include "policy/spf/spf_macro.h"

enum {
	NIBBLES_MAX_BYTES = 64,		/* an IPv6 address as "2.0.0.1..." (7.3) */
	VALUE_ROOM_BYTES = NIBBLES_MAX_BYTES,
	PARTS_MAX = SPF_VALUE_MAX_BYTES + 1,
	/* Of a name the last SPF_NAME_MAX_BYTES are always there, the dot before them and the last dot. */
	TAIL_KEPT_BYTES = SPF_NAME_MAX_BYTES + 2,
	N_PARTS_ENOUGH = 1000,		/* more than any value has; what is beyond counts as this */
};

enum piece_kind { PIECE_LITERAL, PIECE_MACRO };

struct piece {				/* of a macro-string */
	enum piece_kind	 kind;
	struct str	 literal;	/* also of %%, %_ and %- */
	char		 letter;	/* lower case */
	bool		 is_upper;	/* URL-escaped, therefore */
	bool		 is_reversed;
	int		 n_right;	/* so many parts at the right; 0 for all */
	struct str	 delimiters;	/* "" stands for "." */
};

struct sink {				/* where expanded bytes go */
	struct buf	*text;		/* of an explanation; or NULL, and it is a name's tail */
	bool		 is_full;	/* of a text: no more wanted */
	char		*tail;		/* of a name: SPF_NAME_ROOM_BYTES */
	size_t		 n_tail;
	bool		 is_odd;	/* of a name: bytes that are not printable ASCII */
};

static const char hex_digits[] = "0123456789ABCDEF";

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char to_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }
static bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
static bool is_one_of(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

/* What stands between "%{" and "}" (7.1). */
static bool
read_macro(struct str inside, struct piece *piece)
{
	size_t at = 1;

	if (inside.len == 0 || !is_one_of(to_lower(inside.at[0]), "slodiphcrtv"))
		return false;
	*piece = (struct piece){ .kind = PIECE_MACRO, .letter = to_lower(inside.at[0]) };
	piece->is_upper = piece->letter != inside.at[0];
	for (; at < inside.len && is_digit(inside.at[at]); at++) {
		piece->n_right = 10 * piece->n_right + (inside.at[at] - '0');
		if (piece->n_right > N_PARTS_ENOUGH)
			piece->n_right = N_PARTS_ENOUGH;
	}
	if (at > 1 && piece->n_right == 0)
		return false;			/* "the DIGIT transformer MUST be nonzero" */
	if (at < inside.len && to_lower(inside.at[at]) == 'r') {
		piece->is_reversed = true;
		at++;
	}
	piece->delimiters = str_from(inside, at);
	for (; at < inside.len; at++) {
		if (!is_one_of(inside.at[at], ".-+,/_="))
			return false;
	}
	return true;
}

/* Takes the next piece; false at what is no macro-string.  *rest is not empty. */
static bool
take_piece(struct str *rest, struct piece *piece)
{
	ptrdiff_t end = str_find(*rest, '%');

	if (end != 0) {
		*piece = (struct piece){ .literal = end < 0 ? *rest : str_sub(*rest, 0, (size_t)end) };
		*rest = str_from(*rest, piece->literal.len);
		return true;
	}
	if (rest->len < 2)
		return false;
	*piece = (struct piece){ .literal = STR_EMPTY };
	switch (rest->at[1]) {
	case '%':
		piece->literal = STR("%");
		break;
	case '_':
		piece->literal = STR(" ");
		break;
	case '-':
		piece->literal = STR("%20");
		break;
	case '{':
		end = str_find(*rest, '}');
		if (end < 0 || !read_macro(str_sub(*rest, 2, (size_t)end - 2), piece))
			return false;
		*rest = str_from(*rest, (size_t)end + 1);
		return true;
	default:
		return false;
	}
	*rest = str_from(*rest, 2);
	return true;
}

bool
spf_macro_is_valid(struct str text, enum spf_macro_place place)
{
	struct piece piece;

	if (!str_is_printable(text))
		return false;
	while (text.len > 0) {
		if (!take_piece(&text, &piece))
			return false;
		if (place == SPF_MACRO_IN_RECORD && piece.kind == PIECE_MACRO && is_one_of(piece.letter, "crt"))
			return false;
	}
	return true;
}

/* (*alphanum ALPHA *alphanum) / (1*alphanum "-" *(alphanum / "-") alphanum) */
static bool
is_toplabel(struct str label)
{
	bool has_other_than_digits = false;

	if (label.len == 0 || label.at[0] == '-' || label.at[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		if (!is_digit(label.at[i])) {
			if (!is_alpha(label.at[i]) && label.at[i] != '-')
				return false;
			has_other_than_digits = true;
		}
	}
	return has_other_than_digits;
}

bool
spf_domain_spec_is_valid(struct str text)
{
	struct piece last = { .literal = STR_EMPTY };
	struct str rest = text, end = text;
	ptrdiff_t dot;

	if (text.len == 0 || text.len > SPF_SPEC_MAX_BYTES || !spf_macro_is_valid(text, SPF_MACRO_IN_RECORD))
		return false;
	while (rest.len > 0) {
		end = rest;
		take_piece(&rest, &last);
	}
	if (end.at[0] == '%')
		return true;			/* domain-end may be any macro-expand */
	if (end.at[end.len - 1] == '.')
		end.len--;
	dot = str_rfind(end, '.');
	return dot >= 0 && is_toplabel(str_from(end, (size_t)dot + 1));
}

bool
spf_macro_uses(struct str text, char letter)
{
	struct piece piece;

	while (text.len > 0 && take_piece(&text, &piece)) {
		if (piece.kind == PIECE_MACRO && piece.letter == letter)
			return true;
	}
	return false;
}

static void
put(struct sink *sink, char c)
{
	if (sink->text != NULL) {
		sink->is_full = sink->is_full || buf_append_char(sink->text, c) != 0;
		return;
	}
	if (c < ' ' || c > '~')
		sink->is_odd = true;
	if (sink->n_tail == SPF_NAME_ROOM_BYTES) {
		memmove(sink->tail, sink->tail + SPF_NAME_ROOM_BYTES - TAIL_KEPT_BYTES, TAIL_KEPT_BYTES);
		sink->n_tail = TAIL_KEPT_BYTES;
	}
	sink->tail[sink->n_tail++] = c;
}

/* The unreserved set of RFC 3986 2.3 stays, the rest is %XX (7.3). */
static void
put_text(struct sink *sink, struct str text, bool is_url)
{
	for (size_t i = 0; i < text.len && !sink->is_full; i++) {
		char c = text.at[i];

		if (!is_url || is_alpha(c) || is_digit(c) || is_one_of(c, "-._~")) {
			put(sink, c);
			continue;
		}
		put(sink, '%');
		put(sink, hex_digits[(unsigned char)c >> 4]);
		put(sink, hex_digits[(unsigned char)c & 15]);
	}
}

/* "i": dotted quads, or nibbles with dots (7.3); in capitals, as the public test suite has them. */
static struct str
client_text(const struct ip *ip, char room[VALUE_ROOM_BYTES])
{
	size_t len = 0;

	if (ip->family != IP_V6)
		return ip_text(ip, room);
	for (size_t i = 0; i < 32; i++) {
		unsigned byte = ip->bytes[i / 2];

		room[len++] = hex_digits[i % 2 == 0 ? byte >> 4 : byte & 15];
		room[len++] = '.';
	}
	return str_n(room, len - 1);
}

static struct str
value_of(char letter, const struct spf_macro_values *values, char room[VALUE_ROOM_BYTES])
{
	_Static_assert((int)VALUE_ROOM_BYTES >= (int)IP_TEXT_MAX, "ip_text fits");

	switch (letter) {
	case 's':
		return values->sender;
	case 'l':
		return values->local_part;
	case 'o':
		return values->sender_domain;
	case 'd':
		return values->domain;
	case 'i':
		return client_text(&values->client, room);
	case 'p':
		return values->validated_name;
	case 'h':
		return values->helo;
	case 'c':
		return ip_text(&values->client, room);
	case 'r':
		return values->receiver;
	case 't':
		return str_n(room, (size_t)snprintf(room, VALUE_ROOM_BYTES, "%lld", (long long)(values->now.us / 1000000)));
	case 'v':
		return values->client.family == IP_V6 ? STR("ip6") : STR("in-addr");
	}
	return STR_EMPTY;			/* read_macro lets no other letter through */
}

/* Splits, reverses, keeps the right, joins by dots: in this order (7.3). */
static void
put_parts(struct sink *sink, struct str value, const struct piece *piece)
{
	uint16_t starts[PARTS_MAX + 1];	/* of part i; the one behind the last begins behind the end and a delimiter */
	struct str delimiters = piece->delimiters.len > 0 ? piece->delimiters : STR(".");
	int n = 1, first;

	insist(value.len <= SPF_VALUE_MAX_BYTES);
	starts[0] = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (str_find(delimiters, value.at[i]) >= 0)
			starts[n++] = (uint16_t)(i + 1);
	}
	starts[n] = (uint16_t)(value.len + 1);
	first = piece->n_right > 0 && piece->n_right < n ? n - piece->n_right : 0;
	for (int i = first; i < n; i++) {
		int part = piece->is_reversed ? n - 1 - i : i;

		if (i > first)
			put(sink, '.');
		put_text(sink, str_sub(value, starts[part], (size_t)(starts[part + 1] - starts[part] - 1)), piece->is_upper);
	}
}

static void
expand(struct sink *sink, struct str text, const struct spf_macro_values *values)
{
	char room[VALUE_ROOM_BYTES];
	struct piece piece;

	while (text.len > 0 && !sink->is_full) {
		bool is_valid = take_piece(&text, &piece);

		insist(is_valid);
		if (piece.kind == PIECE_LITERAL)
			put_text(sink, piece.literal, false);
		else
			put_parts(sink, value_of(piece.letter, values, room), &piece);
	}
}

bool
spf_macro_expand_name(struct str spec, const struct spf_macro_values *values, char room[SPF_NAME_ROOM_BYTES],
    struct str *name_out)
{
	struct sink sink = { .tail = room };
	struct str name;
	ptrdiff_t dot;

	expand(&sink, spec, values);
	name = str_n(room, sink.n_tail);
	if (name.len > 0 && name.at[name.len - 1] == '.')
		name.len--;
	while (name.len > SPF_NAME_MAX_BYTES && (dot = str_find(name, '.')) >= 0)
		name = str_from(name, (size_t)dot + 1);
	*name_out = name;
	return !sink.is_odd;
}

void
spf_macro_expand_text(struct str text, const struct spf_macro_values *values, struct buf *out)
{
	struct sink sink = { .text = out };

	expand(&sink, text, values);
}
