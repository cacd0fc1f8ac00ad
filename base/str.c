/*
 * str.c - looking at pieces of text; nothing here copies or allocates
 */
#include "base/str.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool
str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	}
	return true;
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_sub(s, 0, prefix.len), prefix);
}

bool
str_starts_nocase(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq_nocase(str_sub(s, 0, prefix.len), prefix);
}

bool
str_ends_nocase(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_eq_nocase(str_from(s, s.len - suffix.len), suffix);
}

struct str
str_sub(struct str s, size_t from, size_t n)
{
	if (from >= s.len)
		return STR_EMPTY;
	if (n > s.len - from)
		n = s.len - from;
	return (struct str){ .at = s.at + from, .len = n };
}

struct str
str_from(struct str s, size_t from)
{
	return str_sub(s, from, SIZE_MAX);
}

ptrdiff_t
str_find(struct str s, char c)
{
	const char *found = s.len != 0 ? memchr(s.at, c, s.len) : NULL;

	return found != NULL ? found - s.at : -1;
}

ptrdiff_t
str_rfind(struct str s, char c)
{
	const char *found = s.len != 0 ? memrchr(s.at, c, s.len) : NULL;

	return found != NULL ? found - s.at : -1;
}

ptrdiff_t
str_find_str(struct str s, struct str part)
{
	const char *found;

	if (part.len == 0)
		return 0;
	if (s.len < part.len)
		return -1;
	found = memmem(s.at, s.len, part.at, part.len);
	return found != NULL ? found - s.at : -1;
}

struct str
str_trim(struct str s)
{
	while (s.len != 0 && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len != 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

bool
str_take_until(struct str *rest, char c, struct str *part_out)
{
	ptrdiff_t end;

	if (rest->len == 0)
		return false;
	end = str_find(*rest, c);
	if (end < 0) {
		*part_out = *rest;
		*rest = str_n(rest->at + rest->len, 0);
		return true;
	}
	*part_out = str_n(rest->at, (size_t)end);
	*rest = str_n(rest->at + end + 1, rest->len - (size_t)end - 1);
	return true;
}

bool
str_take_word(struct str *rest, struct str *word_out)
{
	size_t start = 0, end;

	while (start < rest->len && (rest->at[start] == ' ' || rest->at[start] == '\t'))
		start++;
	for (end = start; end < rest->len; end++) {
		if (rest->at[end] == ' ' || rest->at[end] == '\t')
			break;
	}
	*word_out = str_sub(*rest, start, end - start);
	*rest = str_from(*rest, end);
	return end > start;
}

bool
str_to_u64(struct str s, uint64_t *value_out)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.at[i] - '0'), &value))
			return false;
	}
	*value_out = value;
	return true;
}

bool
str_is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < 0x20 || s.at[i] > 0x7e)
			return false;
	}
	return true;
}

bool
str_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (((unsigned char)s.at[i] & 0x80) != 0)
			return false;
	}
	return true;
}

size_t
str_utf8_len(struct str s)
{
	/* By the table of RFC 3629 4. */
	const unsigned char *at = (const unsigned char *)s.at;
	unsigned char low = 0x80, high = 0xbf;		/* of the second byte */
	size_t len;

	if (s.len == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)		/* a tail, overlong, beyond U+10FFFF */
		return 0;
	len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (s.len < len)
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;				/* less is overlong */
	else if (at[0] == 0xed)
		high = 0x9f;				/* more is a surrogate */
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;				/* more is beyond U+10FFFF */
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	}
	return len;
}

bool
str_is_utf8(struct str s)
{
	while (s.len != 0) {
		size_t len = str_utf8_len(s);

		if (len == 0)
			return false;
		s = str_from(s, len);
	}
	return true;
}

bool
str_eq_secret(struct str a, struct str b)
{
	volatile unsigned char difference = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		difference |= (unsigned char)(a.at[i] ^ b.at[i]);
	return difference == 0;
}
