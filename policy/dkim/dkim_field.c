/*
 * dkim_field.c - a DKIM-Signature field (RFC 6376 3.5), read strictly before the library sees it
 */
#include "base/code.h"
#include "mail/domain.h"
#include "mail/header.h"
#include "policy/dkim/dkim_canon.h"
#include "policy/dkim/dkim_field.h"
#include "policy/dkim/dkim_tags.h"

enum {
	COPIES = 8,			/* of a field's text, at most: the whole, and d= s= b= bh= i= and the signature */
	NUMBER_MAX_DIGITS = 18,		/* fits int64_t; RFC 6376 3.5 wants 12 for times */
	/*
	 * The library compares t= and x= with the machine's clock; it is told a drift so large that
	 * only our comparison counts, and takes no t= below that.  2001, long before DKIM.
	 */
	SIGNED_AT_MIN_S = DKIM_LIBRARY_DRIFT_S,
};

const char *
dkim_verdict_word(enum dkim_verdict verdict)
{
	switch (verdict) {
	case DKIM_PASS:
		return "pass";
	case DKIM_FAIL:
		return "fail";
	case DKIM_POLICY:
		return "policy";
	case DKIM_NEUTRAL:
		return "neutral";
	case DKIM_TEMPERROR:
		return "temperror";
	case DKIM_PERMERROR:
		break;
	}
	return "permerror";
}

void
dkim_field_refuse(struct dkim_field *field, enum dkim_verdict verdict, const char *reason)
{
	if (field->is_refused)
		return;
	field->is_refused = true;
	field->result.verdict = verdict;
	field->result.reason = str_of(reason);
}

static void
refuse_malformed(struct dkim_field *field, const char *reason)
{
	field->is_well_formed = false;
	dkim_field_refuse(field, DKIM_NEUTRAL, reason);
}

/* --- names of tags --- */

/* What the library would read otherwise than RFC 6376 3.2 and 3.7 say. */
static const char *
why_names_mislead(const struct dkim_tags *tags)
{
	static const char *const known[] = { "v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x", "z" };

	for (int i = 0; i < tags->n_tags; i++) {
		struct str name = tags->tags[i].name;

		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
			if (str_eq_nocase(name, str_of(known[k])) && !str_eq(name, str_of(known[k])))
				return "a tag's name in capitals";
		}
		/* It empties each value whose "=" stands right behind a b, and no other. */
		if (str_eq(name, STR("b")) ? tags->tags[i].has_blank : name.at[name.len - 1] == 'b')
			return "a tag's name cannot be told from b=";
	}
	return NULL;
}

/* --- values --- */

/* A copy without blanks of the tag's value; empty if it is not there or the arena is full. */
static struct str
squeezed(const struct dkim_tags *tags, struct str name, struct arena *arena)
{
	struct str value, copy;

	if (!dkim_tags_find(tags, name, &value) || !dkim_tags_squeeze(value, arena, &copy))
		return STR_EMPTY;
	return copy;
}

static bool
has_tag(const struct dkim_tags *tags, struct str name)
{
	struct str value;

	return dkim_tags_find(tags, name, &value);
}

/* 0 to 18 digits' worth, or -1 if it is not there; false if it is no such number. */
static bool
read_number(const struct dkim_tags *tags, struct str name, int64_t *number_out)
{
	struct str value;
	uint64_t number;

	*number_out = -1;
	if (!dkim_tags_find(tags, name, &value))
		return true;
	if (value.len > NUMBER_MAX_DIGITS || !str_to_u64(value, &number))
		return false;
	*number_out = (int64_t)number;
	return true;
}

static void
read_algorithm(const struct dkim_tags *tags, struct dkim_field *field)
{
	struct str value;

	if (!dkim_tags_find(tags, STR("a"), &value))
		return;
	if (str_eq_nocase(value, STR("rsa-sha256"))) {
		field->result.algorithm = STR("rsa-sha256");
	} else if (str_eq_nocase(value, STR("ed25519-sha256"))) {
		field->result.algorithm = STR("ed25519-sha256");
		field->key_type = DKIM_PUBLIC_ED25519;
	} else if (str_eq_nocase(value, STR("rsa-sha1"))) {
		field->result.algorithm = STR("rsa-sha1");
		dkim_field_refuse(field, DKIM_POLICY, "rsa-sha1 is too weak");	/* RFC 8301 3.1 */
	} else {
		refuse_malformed(field, "unknown algorithm");
	}
}

static void
read_canonicalization(const struct dkim_tags *tags, struct dkim_field *field)
{
	struct str value = STR("simple");
	enum dkim_canon header, body;

	(void)dkim_tags_find(tags, STR("c"), &value);
	if (dkim_canon_read(value, &header, &body))
		field->result.canonicalization = str_of(dkim_canon_text(header, body));
	else
		refuse_malformed(field, "unknown canonicalization");
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/* Of dkim-quoted-printable (RFC 6376 2.11) each "=" has its two digits, and none of them hides an "@". */
static bool
is_plain_quoted(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] != '=')
			continue;
		if (text.len - i < 3 || !is_hex(text.at[i + 1]) || !is_hex(text.at[i + 2]))
			return false;
		if (str_starts(str_from(text, i), STR("=40")) || str_starts(str_from(text, i), STR("=00")))
			return false;
	}
	return true;
}

/* i= must be of the domain of d= or below it (RFC 6376 3.5). */
static void
read_identity(const struct dkim_tags *tags, struct arena *arena, struct dkim_field *field)
{
	struct str domain = field->result.domain, identity = squeezed(tags, STR("i"), arena), parent;
	ptrdiff_t at = str_find(identity, '@');

	field->identity_domain = domain;
	if (!has_tag(tags, STR("i"))) {
		(void)arena_printf(arena, &field->result.identity, "@%.*s", STR_ARG(domain));
		return;
	}
	if (identity.len > DKIM_FIELD_I_MAX_BYTES || at < 0 || at != str_rfind(identity, '@') || !is_plain_quoted(identity) ||
	    !domain_is_valid(str_from(identity, (size_t)at + 1), false)) {
		refuse_malformed(field, "i= is no address");
		return;
	}
	field->result.identity = identity;
	field->identity_domain = str_from(identity, (size_t)at + 1);
	if (str_eq_nocase(field->identity_domain, domain))
		return;
	parent = field->identity_domain;
	if (parent.len > domain.len && parent.at[parent.len - domain.len - 1] == '.' && str_ends_nocase(parent, domain))
		return;
	dkim_field_refuse(field, DKIM_PERMERROR, "i= is not of the domain of d=");
}

static void
read_names(struct dkim_field *field)
{
	struct str rest = field->h, name;

	if (rest.len > DKIM_FIELD_H_MAX_BYTES || rest.len == 0 || rest.at[rest.len - 1] == ':') {
		refuse_malformed(field, rest.len > DKIM_FIELD_H_MAX_BYTES ? "h= is too long" : "h= is no list of fields");
		return;
	}
	while (dkim_tags_take_item(&rest, &name)) {
		if (!header_is_field_name(name) || ++field->n_names > DKIM_FIELD_NAMES_MAX) {
			refuse_malformed(field, field->n_names > DKIM_FIELD_NAMES_MAX ? "h= is too long" : "h= is no list of fields");
			return;
		}
		field->n_authors_covered += str_eq_nocase(name, STR("From"));
		field->n_signatures_covered += str_eq_nocase(name, STR("DKIM-Signature"));
	}
	field->result.signed_fields = field->h;
	if (field->n_authors_covered == 0)
		dkim_field_refuse(field, DKIM_PERMERROR, "From is not signed");	/* RFC 6376 5.4 */
}

static void
read_times(const struct dkim_tags *tags, struct timestamp now, int drift_s, struct dkim_field *field)
{
	struct dkim_result *r = &field->result;
	int64_t now_s = now.us / 1000000;

	if (!read_number(tags, STR("t"), &r->signed_at_s) || !read_number(tags, STR("x"), &r->expires_at_s) ||
	    (r->signed_at_s >= 0 && r->signed_at_s < SIGNED_AT_MIN_S)) {
		refuse_malformed(field, "t= or x= is no time");
		return;
	}
	if (r->signed_at_s >= 0 && r->expires_at_s >= 0 && r->expires_at_s <= r->signed_at_s)
		dkim_field_refuse(field, DKIM_PERMERROR, "expired before it was signed");
	else if (r->expires_at_s >= 0 && now_s - drift_s >= r->expires_at_s)
		dkim_field_refuse(field, DKIM_PERMERROR, "signature expired");
	else if (r->signed_at_s >= 0 && now_s + drift_s < r->signed_at_s)
		dkim_field_refuse(field, DKIM_POLICY, "signed in the future");
}

/* Only the one text there is for its bytes counts. */
static bool
read_body_hash(struct str text, uint8_t hash_out[DKIM_HASH_BYTES])
{
	struct buf bytes;
	bool is_it;

	buf_init(&bytes, DKIM_FIELD_B_MAX_BYTES);
	is_it = base64_decode(text, &bytes) == 0 && bytes.len == DKIM_HASH_BYTES;
	if (is_it)
		memcpy(hash_out, buf_str(&bytes).at, DKIM_HASH_BYTES);
	buf_fini(&bytes);
	return is_it;
}

static void
read_hashes(const struct dkim_tags *tags, struct arena *arena, struct dkim_field *field)
{
	if (field->b.len > DKIM_FIELD_B_MAX_BYTES || field->signature.len == 0)
		refuse_malformed(field, "b= is no base64");
	if (!str_eq(field->result.algorithm, STR("rsa-sha1")) &&
	    !read_body_hash(squeezed(tags, STR("bh"), arena), field->body_hash))
		refuse_malformed(field, "bh= is no SHA-256 hash");
}

/* --- the field --- */

static void
read_signature(struct arena *arena, struct dkim_field *field)
{
	struct buf bytes;

	buf_init(&bytes, DKIM_FIELD_B_MAX_BYTES);
	if (base64_decode(field->b, &bytes) == 0)
		(void)arena_copy(arena, buf_str(&bytes), &field->signature);
	buf_fini(&bytes);
}

/* What can be said of a signature even if it is no good. */
static void
read_names_of_signature(const struct dkim_tags *tags, struct arena *arena, struct dkim_field *field)
{
	struct str domain = squeezed(tags, STR("d"), arena), selector = squeezed(tags, STR("s"), arena);

	field->b = squeezed(tags, STR("b"), arena);
	if (domain_is_valid(domain, false))
		field->result.domain = domain;
	if (domain_is_valid(selector, false))
		field->result.selector = selector;
	read_signature(arena, field);
	if (field->signature.len > 0)
		field->result.b_prefix = str_sub(field->b, 0, DKIM_B_PREFIX_BYTES);
}

static bool
has_required(const struct dkim_tags *tags)
{
	static const char *const required[] = { "v", "a", "b", "bh", "d", "h", "s" };	/* RFC 6376 6.1.1 */

	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		if (!has_tag(tags, str_of(required[i])))
			return false;
	}
	return true;
}

static void
read_values(const struct dkim_tags *tags, struct timestamp now, int drift_s, struct arena *arena, struct dkim_field *field)
{
	const char *misleading = why_names_mislead(tags);
	struct str value;

	if (tags->has_empty_end)	/* the library would take no signature of the mail then */
		refuse_malformed(field, "no tag-list");
	if (misleading != NULL)
		refuse_malformed(field, misleading);
	if (!dkim_tags_find(tags, STR("v"), &value) || !str_eq(value, STR("1")))
		refuse_malformed(field, "unknown version");
	if (field->result.domain.len == 0 || field->result.selector.len == 0)
		refuse_malformed(field, "d= or s= is no name");
	read_algorithm(tags, field);
	read_canonicalization(tags, field);
	read_hashes(tags, arena, field);
	if (!dkim_tags_has_dns_query(tags))
		refuse_malformed(field, "unknown query method");
	if (!read_number(tags, STR("l"), &field->result.body_limit_bytes))
		refuse_malformed(field, "l= is no length");
	read_identity(tags, arena, field);
	(void)dkim_tags_find(tags, STR("h"), &field->h);
	read_names(field);
	read_times(tags, now, drift_s, field);
}

bool
dkim_field_read(struct str value, struct timestamp now, int drift_s, struct arena *arena, struct dkim_field *field_out)
{
	struct dkim_field field = {
		.result = { .verdict = DKIM_NEUTRAL, .signed_at_s = -1, .expires_at_s = -1, .body_limit_bytes = -1 },
		.is_well_formed = true,
	};
	struct dkim_tags tags;
	const char *why;
	struct str copy;

	*field_out = field;
	if (value.len > DKIM_FIELD_READ_MAX_BYTES) {
		field_out->is_well_formed = false;
		dkim_field_refuse(field_out, DKIM_POLICY, "signature field too large");
		return true;
	}
	/* Copies of its values follow; none may be missing for want of room. */
	if (arena->max_bytes - arena->used_bytes < COPIES * (value.len + 64) || !arena_copy(arena, value, &copy))
		return false;
	if (!dkim_tags_read(copy, &tags, &why)) {
		refuse_malformed(&field, why);
		read_names_of_signature(&tags, arena, &field);
	} else if (read_names_of_signature(&tags, arena, &field), !has_required(&tags)) {
		field.is_well_formed = false;
		dkim_field_refuse(&field, DKIM_PERMERROR, "a required tag is missing");
	} else {
		read_values(&tags, now, drift_s, arena, &field);
	}
	*field_out = field;
	return true;
}
