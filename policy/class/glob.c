/*
 * glob.c - * and ?
 *
 * What stands between two stars is looked for from the left, and where it is found first it is taken: the later star takes
 * whatever an earlier place would have left.  So only the last star is ever gone back to.
 */
#include "policy/class/glob.h"

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool
is_same(char a, char b, bool is_nocase)
{
	return a == b || (is_nocase && lower(a) == lower(b));
}

/*
 * What stands behind the last star or ? is compared first, and taken off both: of domains, most differ there.  False: they differ.
 */
static bool
take_end(struct str *pattern, struct str *text, bool is_nocase)
{
	while (pattern->len > 0 && pattern->at[pattern->len - 1] != '*' && pattern->at[pattern->len - 1] != '?') {
		if (text->len == 0 || !is_same(pattern->at[pattern->len - 1], text->at[text->len - 1], is_nocase))
			return false;
		pattern->len--;
		text->len--;
	}
	return true;
}

/* The bytes of the character at a place of the text. */
static size_t
character_at(struct str text, size_t at)
{
	size_t n_bytes = str_utf8_len(str_from(text, at));

	return n_bytes > 0 ? n_bytes : 1;
}

static bool
matches(struct str pattern, struct str text, bool is_nocase)
{
	size_t p = 0, t = 0;
	size_t after_star = 0;		/* of the pattern; 0: there was none */
	size_t star_ends = 0;		/* what that star has taken of the text */

	if (!take_end(&pattern, &text, is_nocase))
		return false;
	while (t < text.len) {
		if (p < pattern.len && pattern.at[p] == '*') {
			after_star = ++p;
			star_ends = t;
		} else if (p < pattern.len && pattern.at[p] == '?') {
			p++;
			t += character_at(text, t);
		} else if (p < pattern.len && is_same(pattern.at[p], text.at[t], is_nocase)) {
			p++;
			t++;
		} else if (after_star > 0) {
			star_ends += character_at(text, star_ends);
			p = after_star;
			t = star_ends;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}

bool
glob_matches(struct str pattern, struct str text)
{
	return matches(pattern, text, false);
}

bool
glob_matches_nocase(struct str pattern, struct str text)
{
	return matches(pattern, text, true);
}

bool
glob_is_pattern(struct str text)
{
	return str_find(text, '*') >= 0 || str_find(text, '?') >= 0;
}
