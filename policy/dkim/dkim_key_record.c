/*
 * dkim_key_record.c - the DNS record of a signing key: its text, and whether a published one fits
 */
#include "policy/dkim/dkim_key_record.h"
#include "policy/dkim/dkim_tags.h"

enum { STRING_MAX_BYTES = 255 };	/* RFC 1035 3.3 */

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

/* A list parted by colons that has the word, in any case. */
static bool
list_has(struct str list, struct str word)
{
	struct str item;

	while (dkim_tags_take_item(&list, &item))
		if (str_eq_nocase(item, word))
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
match_of(const struct dkim_key *key, const struct dkim_tags *tags)
{
	struct str own_type = dkim_key_algorithm(key) == DKIM_RSA_SHA256 ? STR("rsa") : STR("ed25519"), type = STR("rsa"), p, value;

	/* Where v= is said it is the first, and says just that. */
	if (dkim_tags_find(tags, STR("v"), &value) && (!str_eq(tags->tags[0].name, STR("v")) || !str_eq(value, STR("DKIM1"))))
		return DKIM_KEY_MALFORMED;
	if (!dkim_tags_find(tags, STR("p"), &p))
		return DKIM_KEY_MALFORMED;
	if (p.len == 0)
		return DKIM_KEY_REVOKED;
	(void)dkim_tags_find(tags, STR("k"), &type);
	if (!str_eq_nocase(type, own_type))
		return DKIM_KEY_OTHER_TYPE;
	if (!is_same_key(p, dkim_key_public(key)))
		return DKIM_KEY_OTHER;
	if (dkim_tags_find(tags, STR("h"), &value) && !list_has(value, STR("sha256")))
		return DKIM_KEY_NO_SHA256;
	if (dkim_tags_find(tags, STR("s"), &value) && !list_has(value, STR("email")) && !list_has(value, STR("*")))
		return DKIM_KEY_NOT_FOR_MAIL;
	return DKIM_KEY_FITS;
}

void
dkim_key_compare(const struct dkim_key *key, struct str record, struct dkim_key_comparison *comparison_out)
{
	struct dkim_tags tags;
	struct str flags;
	const char *why;

	*comparison_out = (struct dkim_key_comparison){ .match = DKIM_KEY_MALFORMED };
	if (record.len > DKIM_RECORD_MAX_BYTES || !dkim_tags_read(record, &tags, &why))
		return;
	comparison_out->match = match_of(key, &tags);
	if (dkim_tags_find(&tags, STR("t"), &flags)) {
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
