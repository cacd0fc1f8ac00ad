/*
 * domain.c - domain names as mail writes them, their one form for look-ups, and address literals
 */
#include <idn2.h>
#include <stdlib.h>

#include "mail/domain.h"

static bool
is_alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits, hyphens inside; underscores anywhere, since such names are in use. */
static bool
label_is_valid(struct str label, bool allow_utf8)
{
	bool is_ascii = true;

	if (label.len == 0 || label.at[0] == '-' || label.at[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		unsigned char c = (unsigned char)label.at[i];

		if (c >= 0x80 && allow_utf8)
			is_ascii = false;
		else if (!is_alnum(c) && c != '-' && c != '_')
			return false;
	}
	return !is_ascii || label.len <= DOMAIN_LABEL_MAX_BYTES;
}

/*
 * What nearly all names are, seen at one glance: lower-case letters and digits, and between these hyphens and dots.  Such a
 * name is valid, and in its form for look-ups.
 */
static bool
is_plain(struct str domain)
{
	size_t n_label = 0;
	char last = '.';

	if (domain.len > DOMAIN_MAX_BYTES)
		return false;
	for (size_t i = 0; i < domain.len; i++) {
		char c = domain.at[i];

		if (c == '.' && last != '.' && last != '-')
			n_label = 0;
		else if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || last == '.'))
			return false;
		else if (++n_label > DOMAIN_LABEL_MAX_BYTES)
			return false;
		last = c;
	}
	return last != '.' && last != '-';
}

bool
domain_is_valid(struct str domain, bool allow_utf8)
{
	struct str rest = domain, label;

	if (is_plain(domain))
		return true;
	if (domain.len == 0 || domain.len > DOMAIN_MAX_BYTES || domain.at[domain.len - 1] == '.')
		return false;
	while (str_take_until(&rest, '.', &label)) {
		if (!label_is_valid(label, allow_utf8))
			return false;
	}
	return !allow_utf8 || str_is_utf8(domain);
}

static bool
lower_copy(struct str s, struct arena *arena, struct str *copy_out)
{
	char *room = arena_alloc(arena, s.len + 1);

	if (room == NULL)
		return false;
	for (size_t i = 0; i < s.len; i++)
		room[i] = (char)(s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] + ('a' - 'A') : s.at[i]);
	*copy_out = str_n(room, s.len);
	return true;
}

/* Mapped as UTS 46 does, so that upper case and full-width forms find the same domain. */
static bool
to_a_labels(struct str domain, struct arena *arena, struct str *out)
{
	struct str terminated;
	uint8_t *found = NULL;
	bool is_good = false;

	if (!arena_copy(arena, domain, &terminated))
		return false;
	if (idn2_lookup_u8((const uint8_t *)terminated.at, &found,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK) {
		struct str text = str_of((const char *)found);

		is_good = domain_is_valid(text, false) && lower_copy(text, arena, out);
	}
	idn2_free(found);
	return is_good;
}

bool
domain_canonical(struct str domain, struct arena *arena, struct str *canonical_out)
{
	if (domain.len > 0 && domain.at[domain.len - 1] == '.')
		domain.len--;
	if (is_plain(domain)) {
		*canonical_out = domain;
		return true;
	}
	if (!domain_is_valid(domain, true))
		return false;
	return (str_is_ascii(domain) ? lower_copy : to_a_labels)(domain, arena, canonical_out);
}

bool
domain_is_literal(struct str domain)
{
	return domain.len >= 2 && domain.at[0] == '[' && domain.at[domain.len - 1] == ']';
}

bool
domain_literal_ip(struct str domain, struct ip *ip_out)
{
	struct str tag = STR("IPv6:");
	struct str inside;

	if (!domain_is_literal(domain))
		return false;
	inside = str_sub(domain, 1, domain.len - 2);
	if (str_starts_nocase(inside, tag)) {
		inside = str_from(inside, tag.len);
		/* an IPv4-mapped one comes out as IPv4 (endpoint.h), so ask the text */
		return str_find(inside, ':') >= 0 && ip_parse(inside, ip_out);
	}
	return str_find(inside, ':') < 0 && ip_parse(inside, ip_out);
}

bool
domain_is_below(struct str name, struct str parent)
{
	return parent.len > 0 && name.len > parent.len + 1 &&
	    name.at[name.len - parent.len - 1] == '.' &&
	    memcmp(name.at + name.len - parent.len, parent.at, parent.len) == 0;
}

bool
domain_is_listed(struct str name, struct str listed)
{
	return str_starts(listed, STR(".")) ? domain_is_below(name, str_from(listed, 1)) : str_eq(name, listed);
}

bool
domain_is_in_list(struct str name, const char *const *listed, int n_listed)
{
	for (int i = 0; i < n_listed && name.len > 0; i++)
		if (domain_is_listed(name, str_of(listed[i])))
			return true;
	return false;
}
