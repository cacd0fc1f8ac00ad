/*
 * dkim_key_record.c - the DNS record of a signing key: its text, and whether a published one fits
 */
#include "policy/dkim_key_record.h"

enum {
	STRING_MAX_BYTES = 255,		/* RFC 1035 3.3 */
	TAGS_MAX = 32,			/* the RFC has eight */
};

int
dkim_key_record(const struct dkim_key *key, struct buf *out)
{
	const char *type = dkim_key_algorithm(key) == DKIM_RSA_SHA256 ? "rsa" : "ed25519";

	return buf_printf(out, "v=DKIM1; k=%s; p=%.*s", type, STR_ARG(dkim_key_public(key)));
}

int
dkim_key_zone_lines(const struct dkim_key *key, struct str selector, struct str domain, struct buf *out)
{
	struct buf record;
	int result;

	buf_init(&record, DKIM_RECORD_MAX_BYTES);
	result = dkim_key_record(key, &record);
	if (result == 0 && record.len <= STRING_MAX_BYTES)
		result = buf_printf(out, "%.*s._domainkey.%.*s. IN TXT \"%.*s\"\n", STR_ARG(selector), STR_ARG(domain),
		    STR_ARG(buf_str(&record)));
	else if (result == 0) {
		result = buf_printf(out, "%.*s._domainkey.%.*s. IN TXT (", STR_ARG(selector), STR_ARG(domain));
		for (size_t at = 0; at < record.len && result == 0; at += STRING_MAX_BYTES)
			result = buf_printf(out, "\n\t\"%.*s\"", STR_ARG(str_sub(buf_str(&record), at, STRING_MAX_BYTES)));
		if (result == 0)
			result = buf_append(out, STR(" )\n"));
	}
	buf_fini(&record);
	return result;
}

/* --- comparing --- */

struct tag {
	struct str	 name, value;
};

static bool
is_tag_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!is_letter && !(i > 0 && ((c >= '0' && c <= '9') || c == '_')))
			return false;
	}
	return name.len > 0;
}

/* RFC 6376 3.2: name=value parted by semicolons, each name once.  How many; -1: malformed. */
static int
read_tags(struct str text, struct tag tags[TAGS_MAX])
{
	struct str part;
	int n = 0;

	while (str_take_until(&text, ';', &part)) {
		ptrdiff_t equals = str_find(part, '=');

		if (str_trim(part).len == 0 && str_trim(text).len == 0)
			return n;	/* a last semicolon */
		if (n == TAGS_MAX || equals < 0)
			return -1;
		tags[n].name = str_trim(str_sub(part, 0, (size_t)equals));
		tags[n].value = str_trim(str_from(part, (size_t)equals + 1));
		if (!is_tag_name(tags[n].name))
			return -1;
		for (int i = 0; i < n; i++)
			if (str_eq(tags[i].name, tags[n].name))
				return -1;
		n++;
	}
	return n;
}

static bool
find_tag(const struct tag *tags, int n, const char *name, struct str *value_out)
{
	for (int i = 0; i < n; i++) {
		if (str_eq(tags[i].name, str_of(name))) {
			*value_out = tags[i].value;
			return true;
		}
	}
	return false;
}

/* A list parted by colons that has the word, in any case. */
static bool
list_has(struct str list, struct str word)
{
	struct str item;

	while (str_take_until(&list, ':', &item))
		if (str_eq_nocase(str_trim(item), word))
			return true;
	return false;
}

/* The same base64, the record's possibly with blanks within. */
static bool
is_same_key(struct str published, struct str own)
{
	size_t n = 0;

	for (size_t i = 0; i < published.len; i++) {
		char c = published.at[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		if (n == own.len || own.at[n] != c)
			return false;
		n++;
	}
	return n == own.len;
}

static enum dkim_key_match
match_of(const struct dkim_key *key, const struct tag *tags, int n)
{
	struct str own_type = dkim_key_algorithm(key) == DKIM_RSA_SHA256 ? STR("rsa") : STR("ed25519"), value;

	if (n < 0 || !find_tag(tags, n, "p", &value))
		return DKIM_KEY_MALFORMED;
	/* Where it is said it is the first, and says just that. */
	if (find_tag(tags, n, "v", &value) && (!str_eq(tags[0].name, STR("v")) || !str_eq(value, STR("DKIM1"))))
		return DKIM_KEY_MALFORMED;
	find_tag(tags, n, "p", &value);
	if (value.len == 0)
		return DKIM_KEY_REVOKED;
	if (find_tag(tags, n, "k", &value) ? !str_eq_nocase(value, own_type) : dkim_key_algorithm(key) != DKIM_RSA_SHA256)
		return DKIM_KEY_OTHER_TYPE;
	find_tag(tags, n, "p", &value);
	if (!is_same_key(value, dkim_key_public(key)))
		return DKIM_KEY_OTHER;
	if (find_tag(tags, n, "h", &value) && !list_has(value, STR("sha256")))
		return DKIM_KEY_NO_SHA256;
	if (find_tag(tags, n, "s", &value) && !list_has(value, STR("email")) && !list_has(value, STR("*")))
		return DKIM_KEY_NOT_FOR_MAIL;
	return DKIM_KEY_FITS;
}

void
dkim_key_compare(const struct dkim_key *key, struct str record, struct dkim_key_comparison *comparison_out)
{
	struct tag tags[TAGS_MAX];
	int n = record.len <= DKIM_RECORD_MAX_BYTES ? read_tags(record, tags) : -1;
	struct str flags;

	*comparison_out = (struct dkim_key_comparison){ .match = match_of(key, tags, n) };
	if (n > 0 && find_tag(tags, n, "t", &flags)) {
		comparison_out->is_testing = list_has(flags, STR("y"));
		comparison_out->is_strict = list_has(flags, STR("s"));
	}
}

const char *
dkim_key_match_text(enum dkim_key_match match)
{
	switch (match) {
	case DKIM_KEY_FITS:
		return "fits the key";
	case DKIM_KEY_OTHER:
		return "has another key";
	case DKIM_KEY_OTHER_TYPE:
		return "is for another kind of key (k=)";
	case DKIM_KEY_REVOKED:
		return "says that the key is revoked (p= is empty)";
	case DKIM_KEY_NO_SHA256:
		return "does not allow SHA-256 (h=)";
	case DKIM_KEY_NOT_FOR_MAIL:
		return "does not allow the key for mail (s=)";
	case DKIM_KEY_MALFORMED:
		return "is no DKIM key record";
	}
	return "";
}
