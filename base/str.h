/*
 * str.h - a piece of text or bytes that someone else owns: pointer and length
 *
 * Never assumes a NUL at its end.  All functions are pure.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char	*at;		/* may be NULL when len is 0 */
	size_t		 len;		/* bytes */
};

/* A str of a string literal, and of a NUL-terminated string. */
#define STR(literal)	((struct str){ .at = "" literal, .len = sizeof(literal) - 1 })
#define STR_EMPTY	((struct str){ .at = "", .len = 0 })
/* For printf("%.*s"): lengths above INT_MAX are cut. */
#define STR_ARG(s)	((int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len)), ((s).at ? (s).at : "")

static inline struct str
str_of(const char *text)
{
	return (struct str){ .at = text, .len = text != NULL ? strlen(text) : 0 };
}

static inline struct str
str_n(const void *bytes, size_t n_bytes)
{
	return (struct str){ .at = bytes, .len = n_bytes };
}

bool	str_eq(struct str a, struct str b);
bool	str_eq_nocase(struct str a, struct str b);		/* ASCII only */
bool	str_starts(struct str s, struct str prefix);
bool	str_starts_nocase(struct str s, struct str prefix);
bool	str_ends_nocase(struct str s, struct str suffix);

/* The bytes from `from` on, up to n; what lies outside of s is left out. */
struct str	str_sub(struct str s, size_t from, size_t n);
struct str	str_from(struct str s, size_t from);

/* Where byte c, or the text `part`, first stands in s; -1 if nowhere. */
ptrdiff_t	str_find(struct str s, char c);
ptrdiff_t	str_rfind(struct str s, char c);
ptrdiff_t	str_find_str(struct str s, struct str part);

/* Without blanks and tabs (CR and LF too) at both ends. */
struct str	str_trim(struct str s);

/*
 * Takes what stands before the first c from *rest, which then starts behind it.
 * Without a c takes all, and *rest is empty.  False when *rest was empty.
 */
bool	str_take_until(struct str *rest, char c, struct str *part_out);

/* The next word of *rest, words being parted by blanks and tabs; false at the end. */
bool	str_take_word(struct str *rest, struct str *word_out);

/* Decimal digits only, nothing else, no overflow; false otherwise. */
bool	str_to_u64(struct str s, uint64_t *value_out);

/* True if every byte is printable ASCII or blank (0x20-0x7e). */
bool	str_is_printable(struct str s);
bool	str_is_ascii(struct str s);

/* True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool	str_is_utf8(struct str s);

/* The bytes of the well-formed UTF-8 character at the front of s; 0 if there is none. */
size_t	str_utf8_len(struct str s);

/* Compares secrets in time that depends on the lengths only. */
bool	str_eq_secret(struct str a, struct str b);

#endif
