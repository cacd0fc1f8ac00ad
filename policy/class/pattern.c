/*
 * pattern.c - patterns of addresses and of header fields: read once, compared with each mail
 */
#include "mail/domain.h"
#include "mail/lexical.h"
#include "policy/class/glob.h"
#include "policy/class/pattern.h"

/* --- domains --- */

/* A label with a star has no canonical form of its own: what it matches has one. */
static bool
is_glob_label(struct str label)
{
	for (size_t i = 0; i < label.len; i++) {
		char c = label.at[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
		    c == '*' || c == '?'))
			return false;
	}
	return true;
}

static bool
append_lower(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (buf_append_char(out, (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c)) != 0)
			return false;
	}
	return true;
}

static bool
append_label(struct buf *out, struct str label, struct arena *arena)
{
	struct str canonical;

	if (label.len == 0)
		return false;
	if (glob_is_pattern(label))
		return is_glob_label(label) && append_lower(out, label);
	return domain_canonical(label, arena, &canonical) && buf_append(out, canonical) == 0;
}

static bool
append_domain(struct buf *out, struct str domain, struct arena *arena)
{
	struct str rest = domain, label, canonical;
	bool is_first = true;

	if (str_starts(domain, STR("[")))
		return domain_is_literal(domain) && append_lower(out, domain);
	if (str_starts(domain, STR("."))) {
		if (buf_append(out, STR("*.")) != 0)
			return false;
		rest = str_from(domain, 1);
	}
	if (rest.len == 0 || rest.at[rest.len - 1] == '.')
		return false;
	if (!glob_is_pattern(rest))		/* what is no domain as a whole has good labels at times */
		return domain_canonical(rest, arena, &canonical) && buf_append(out, canonical) == 0;
	while (str_take_until(&rest, '.', &label)) {
		if ((!is_first && buf_append_char(out, '.') != 0) || !append_label(out, label, arena))
			return false;
		is_first = false;
	}
	return true;
}

static bool
read_domain(struct str written, struct arena *arena, struct str *domain_out)
{
	struct buf domain;
	bool is_good;

	buf_init(&domain, 2 + DOMAIN_MAX_BYTES);
	is_good = append_domain(&domain, written, arena) && arena_copy(arena, buf_str(&domain), domain_out);
	buf_fini(&domain);
	return is_good;
}

/* --- addresses --- */

static bool
is_text(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
			return false;
	}
	return str_is_utf8(s);
}

/* A quoted local part without its quotes: what the quotes are for is no part of the mailbox's name. */
static bool
unquote(struct str local, struct arena *arena, struct str *plain_out)
{
	*plain_out = local;
	if (local.len < 2 || local.at[0] != '"' || local.at[local.len - 1] != '"')
		return true;
	return lexical_unquote(str_sub(local, 1, local.len - 2), arena, plain_out);
}

static bool
refuse(const char **why_out, const char *why)
{
	*why_out = why;
	return false;
}

bool
address_pattern_read(struct str text, struct arena *arena, struct address_pattern *pattern_out, const char **why_out)
{
	struct address_pattern pattern = { .local = STR_EMPTY, .domain = STR_EMPTY };
	ptrdiff_t at = str_rfind(text, '@');

	if (text.len > PATTERN_MAX_BYTES || !is_text(text) || !arena_copy(arena, text, &pattern.text))
		return refuse(why_out, "is too long, or no text");
	if (str_eq(text, STR("<>"))) {
		*pattern_out = pattern;
		return true;
	}
	if (at < 0)
		return refuse(why_out, "has no @: local@domain is wanted, @domain for all of a domain, or <>");
	if (!unquote(str_sub(pattern.text, 0, (size_t)at), arena, &pattern.local))
		return refuse(why_out, "is too long, or no text");
	if (pattern.local.len == 0)
		pattern.local = STR("*");
	if (!read_domain(str_from(text, (size_t)at + 1), arena, &pattern.domain))
		return refuse(why_out, "has no domain behind its @, nor a pattern of some");
	*pattern_out = pattern;
	return true;
}

bool
address_plain(const struct address *address, struct arena *arena, struct plain_address *plain_out)
{
	struct buf lower;
	bool has_room = true;

	if (!unquote(address->local, arena, &plain_out->local))
		return false;
	if (address->domain.len == 0 || domain_canonical(address->domain, arena, &plain_out->domain)) {
		if (address->domain.len == 0)
			plain_out->domain = STR_EMPTY;
		return true;
	}
	buf_init(&lower, ADDRESS_MAX_BYTES);
	has_room = append_lower(&lower, address->domain) && arena_copy(arena, buf_str(&lower), &plain_out->domain);
	buf_fini(&lower);
	return has_room;
}

bool
address_pattern_matches(const struct address_pattern *pattern, const struct plain_address *address)
{
	bool is_null = address->local.len == 0 && address->domain.len == 0;

	if (is_null || pattern->domain.len == 0)	/* a star is for mailboxes, and null is none */
		return is_null && pattern->domain.len == 0;
	return glob_matches(pattern->domain, address->domain) && glob_matches_nocase(pattern->local, address->local);
}

/* --- fields --- */

bool
field_pattern_read(struct str text, struct arena *arena, struct field_pattern *pattern_out, const char **why_out)
{
	struct field_pattern pattern = { .value = STR_EMPTY };
	ptrdiff_t colon = str_find(text, ':');

	if (text.len > PATTERN_MAX_BYTES || !is_text(text) || !arena_copy(arena, text, &pattern.text))
		return refuse(why_out, "is too long, or no text");
	pattern.name = pattern.text;
	if (colon >= 0) {
		pattern.name = str_trim(str_sub(pattern.text, 0, (size_t)colon));
		pattern.value = str_trim(str_from(pattern.text, (size_t)colon + 1));
		if (pattern.value.len == 0)
			return refuse(why_out, "has nothing behind its colon; a name alone is for any value");
	}
	if (!header_is_field_name(pattern.name))
		return refuse(why_out, "does not begin with the name of a field");
	*pattern_out = pattern;
	return true;
}

/* As people see it: on one line, a blank between words. */
static bool
append_words(struct buf *out, struct str line)
{
	struct str word;

	while (str_take_word(&line, &word)) {
		if ((out->len > 0 && buf_append_char(out, ' ') != 0) || buf_append(out, word) != 0)
			return false;
	}
	return true;
}

static bool
value_matches(struct str glob, struct str value)
{
	struct buf line, words;
	bool matches;

	/* Both steps make it shorter, never longer. */
	value = str_sub(str_trim(value), 0, FIELD_PATTERN_VALUE_MAX_BYTES);
	buf_init(&line, FIELD_PATTERN_VALUE_MAX_BYTES);
	buf_init(&words, FIELD_PATTERN_VALUE_MAX_BYTES);
	matches = header_unfold(value, &line) == 0 && append_words(&words, buf_str(&line)) &&
	    glob_matches_nocase(glob, buf_str(&words));
	buf_fini(&line);
	buf_fini(&words);
	return matches;
}

bool
field_pattern_matches(const struct field_pattern *pattern, const struct header_section *header)
{
	int n = 0;

	for (int at = header_find(header, pattern->name, 0); at >= 0 && n++ < FIELD_PATTERN_VALUES_MAX; at = header_find(header, pattern->name, at + 1)) {
		if (pattern->value.len == 0 || value_matches(pattern->value, header->fields[at].value))
			return true;
	}
	return false;
}
