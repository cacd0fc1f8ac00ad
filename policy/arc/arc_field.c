/*
 * arc_field.c - one field of ARC (RFC 8617 4.1), read strictly
 */
#include "base/code.h"
#include "base/insist.h"
#include "mail/domain.h"
#include "mail/lexical.h"
#include "policy/arc/arc_field.h"
#include "policy/dkim/dkim_tags.h"

enum {
	COPIES = 6,			/* of a field's text, at most: d= s= b= bh=, the latter two as bytes too */
	NUMBER_MAX_DIGITS = 18,		/* fits int64_t; RFC 6376 3.5 wants 12 for times */
};

const char *
arc_status_word(enum arc_status status)
{
	switch (status) {
	case ARC_NONE:
		return "none";
	case ARC_PASS:
		return "pass";
	case ARC_FAIL:
		break;
	}
	return "fail";
}

const char *
arc_kind_name(enum arc_kind kind)
{
	switch (kind) {
	case ARC_RESULTS:
		return "ARC-Authentication-Results";
	case ARC_MESSAGE:
		return "ARC-Message-Signature";
	case ARC_SEAL:
		break;
	}
	return "ARC-Seal";
}

/* The first trouble stands. */
static void
blame(struct arc_field *field, const char *trouble)
{
	if (field->trouble == NULL)
		field->trouble = trouble;
}

/* 1*2DIGIT, 1 to 50 (RFC 8617 4.2.1); 0 for all else. */
static int
instance_of(struct str digits)
{
	uint64_t number;

	if (digits.len > 2 || !str_to_u64(digits, &number) || number > ARC_INSTANCES_MAX)
		return 0;
	return (int)number;
}

/* instance [CFWS] ";", before all else. */
static int
read_results_instance(struct str value)
{
	struct str rest = value, digits;

	if (!lexical_skip_cfws(&rest) || !str_starts(rest, STR("i")))
		return 0;
	rest = str_from(rest, 1);
	if (!lexical_skip_cfws(&rest) || !str_starts(rest, STR("=")))
		return 0;
	rest = str_from(rest, 1);
	if (!lexical_skip_cfws(&rest))
		return 0;
	digits = lexical_take_token(&rest);
	if (!lexical_skip_cfws(&rest) || !str_starts(rest, STR(";")))
		return 0;
	return instance_of(digits);
}

/* --- tags --- */

/* A copy without blanks of the tag's value; empty if it is not there or the arena is full. */
static struct str
squeezed(const struct dkim_tags *tags, struct str name, struct arena *arena)
{
	struct str value, copy;

	if (!dkim_tags_find(tags, name, &value) || !dkim_tags_squeeze(value, arena, &copy))
		return STR_EMPTY;
	return copy;
}

static void
read_who(const struct dkim_tags *tags, struct arena *arena, struct arc_field *field)
{
	struct str domain = squeezed(tags, STR("d"), arena), selector = squeezed(tags, STR("s"), arena);

	if (domain_is_valid(domain, false) && domain_is_valid(selector, false)) {
		field->domain = domain;
		field->selector = selector;
	} else {
		blame(field, "d= or s= is no name");
	}
}

static void
read_algorithm(const struct dkim_tags *tags, struct arc_field *field)
{
	struct str value = STR_EMPTY;

	(void)dkim_tags_find(tags, STR("a"), &value);
	if (str_eq_nocase(value, STR("rsa-sha256")))
		field->key_type = DKIM_PUBLIC_RSA;
	else if (str_eq_nocase(value, STR("ed25519-sha256")))
		field->key_type = DKIM_PUBLIC_ED25519;	/* RFC 8463 */
	else if (str_eq_nocase(value, STR("rsa-sha1")))
		blame(field, "rsa-sha1 is too weak");	/* RFC 8301 3.1 */
	else
		blame(field, "unknown algorithm");
}

/* The bytes of base64 with blanks; empty, with a blame, for none.  False at the arena's limit. */
static bool
read_base64(const struct dkim_tags *tags, struct str name, size_t want_bytes, const char *trouble, struct arena *arena,
    struct arc_field *field, struct str *bytes_out)
{
	struct str text = squeezed(tags, name, arena);
	struct buf bytes;
	bool done = true;

	buf_init(&bytes, ARC_B_MAX_BYTES);
	if (text.len <= ARC_B_MAX_BYTES && base64_decode(text, &bytes) == 0 && bytes.len > 0 &&
	    (want_bytes == 0 || bytes.len == want_bytes))
		done = arena_copy(arena, buf_str(&bytes), bytes_out);
	else
		blame(field, trouble);
	buf_fini(&bytes);
	return done;
}

/* Of what the b= of this field is left out: all from its "=" to its ";" (RFC 6376 3.7). */
static struct str
find_b_written(const struct dkim_tags *tags, struct str value)
{
	struct str b;
	size_t from, to;

	if (!dkim_tags_find(tags, STR("b"), &b) || b.len == 0)
		return str_sub(value, value.len, 0);
	from = (size_t)(b.at - value.at);
	to = from + b.len;
	while (from > 0 && value.at[from - 1] != '=')
		from--;			/* blanks only */
	while (to < value.len && value.at[to] != ';')
		to++;
	return str_sub(value, from, to - from);
}

/* 1 to 18 digits, or not there at all: -1. */
static void
read_time(const struct dkim_tags *tags, struct str name, struct arc_field *field, int64_t *seconds_out)
{
	struct str value;
	uint64_t number;

	*seconds_out = -1;
	if (!dkim_tags_find(tags, name, &value))
		return;
	if (value.len <= NUMBER_MAX_DIGITS && str_to_u64(value, &number))
		*seconds_out = (int64_t)number;
	else
		blame(field, "t= or x= is no time");
}

static void
read_seal(const struct dkim_tags *tags, struct arc_field *field)
{
	struct str value = STR_EMPTY;

	field->cv = ARC_FAIL;
	(void)dkim_tags_find(tags, STR("cv"), &value);
	if (str_eq_nocase(value, STR("none")))
		field->cv = ARC_NONE;
	else if (str_eq_nocase(value, STR("pass")))
		field->cv = ARC_PASS;
	else if (!str_eq_nocase(value, STR("fail")))
		blame(field, "cv= is none of none, pass and fail");
	if (dkim_tags_find(tags, STR("h"), &value))
		blame(field, "a seal has no h=");	/* RFC 8617 4.1.3 */
}

/* --- what only message signatures have --- */

static bool
read_names(const struct dkim_tags *tags, struct arena *arena, struct arc_field *field)
{
	struct str rest = STR_EMPTY, name;
	size_t n = 1;

	if (!dkim_tags_find(tags, STR("h"), &rest))
		blame(field, "h= is missing");
	for (size_t i = 0; i < rest.len; i++)
		n += rest.at[i] == ':';
	if (n > ARC_NAMES_MAX || rest.len > ARC_NAMES_MAX_BYTES) {
		blame(field, "h= is too long");
		return true;
	}
	field->names = arena_array(arena, n, sizeof(field->names[0]));
	if (field->names == NULL)
		return false;
	while (dkim_tags_take_item(&rest, &name)) {
		if (name.len > 0 && !header_is_field_name(name))
			blame(field, "h= is no list of fields");
		else if (str_eq_nocase(name, STR("ARC-Seal")))
			blame(field, "h= has ARC-Seal");	/* RFC 8617 4.1.2 */
		if (name.len > 0)		/* an empty one names no field, and that is all */
			field->names[field->n_names++] = name;
	}
	return true;
}

static bool
read_message(const struct dkim_tags *tags, struct timestamp now, int drift_s, struct arena *arena, struct arc_field *field)
{
	struct str value = STR("simple");
	int64_t expires_s;

	(void)dkim_tags_find(tags, STR("c"), &value);
	if (!dkim_canon_read(value, &field->header_canon, &field->body_canon))
		blame(field, "unknown canonicalization");
	if (!dkim_tags_has_dns_query(tags))
		blame(field, "unknown query method");
	/* What l= leaves out, anybody on the way can write (RFC 6376 8.2); no sealer of note uses it. */
	if (dkim_tags_find(tags, STR("l"), &value))
		blame(field, "l= leaves the body open");
	read_time(tags, STR("x"), field, &expires_s);
	if (expires_s >= 0 && now.us / 1000000 - drift_s >= expires_s)
		blame(field, "signature expired");
	return read_base64(tags, STR("bh"), DKIM_HASH_BYTES, "bh= is no SHA-256 hash", arena, field, &field->body_hash) &&
	    read_names(tags, arena, field);
}

/* --- the field --- */

static bool
read_signature(enum arc_kind kind, struct str value, struct timestamp now, int drift_s, struct arena *arena,
    struct arc_field *field)
{
	struct dkim_tags tags;
	struct str instance;
	const char *why;
	int64_t signed_s;
	bool is_read = dkim_tags_read(value, &tags, &why);

	if (dkim_tags_find(&tags, STR("i"), &instance))
		field->instance = instance_of(instance);
	if (!is_read) {
		blame(field, why);
		return true;
	}
	read_who(&tags, arena, field);
	read_algorithm(&tags, field);
	read_time(&tags, STR("t"), field, &signed_s);
	field->b_written = find_b_written(&tags, value);
	if (!read_base64(&tags, STR("b"), 0, "b= is no base64", arena, field, &field->b))
		return false;
	if (kind == ARC_MESSAGE)
		return read_message(&tags, now, drift_s, arena, field);
	read_seal(&tags, field);
	return true;
}

bool
arc_field_read(enum arc_kind kind, const struct header_field *from, struct timestamp now, int drift_s, struct arena *arena,
    struct arc_field *field)
{
	*field = (struct arc_field){ .from = from };
	if (kind == ARC_RESULTS)
		field->instance = read_results_instance(from->value);
	else if (from->value.len > ARC_FIELD_MAX_BYTES)
		blame(field, "too large");
	else if (arena->max_bytes - arena->used_bytes < COPIES * (from->value.len + 64) ||
	    !read_signature(kind, from->value, now, drift_s, arena, field))
		return false;		/* and none of the squeezed copies was missing for want of room */
	if (field->instance == 0)
		blame(field, "i= is no instance");
	return true;
}

void
arc_field_hash(const struct arc_field *field, enum dkim_canon canon, struct dkim_sink sink)
{
	struct str whole = field->from->whole;
	size_t at = (size_t)(field->b_written.at - whole.at);
	struct buf text;

	insist(field->b_written.at != NULL && at + field->b_written.len <= whole.len);
	buf_init(&text, whole.len);
	insist(buf_append(&text, str_sub(whole, 0, at)) == 0);
	insist(buf_append(&text, str_from(whole, at + field->b_written.len)) == 0);
	dkim_canon_field(canon, buf_str(&text), false, sink);
	buf_fini(&text);
}
