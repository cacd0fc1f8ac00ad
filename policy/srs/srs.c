/*
 * srs.c - rewrites a reverse-path so that SPF passes at the next hop, and back
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "mail/domain.h"
#include "mail/lexical.h"
#include "policy/srs/srs_inside.h"

enum {
	TAG_CHARS = 4,			/* "SRS0" */
	HASH_MAX_CHARS = 27,		/* of 20 bytes in base64, without padding */
	STAMP_CHARS = 2,
	HASHED_PARTS_MAX = 3,
	NAME_ARENA_MAX_BYTES = 4096,	/* a domain in its canonical form, and what libidn2 needs */
};

/* --- days --- */

static const int64_t day_us = INT64_C(24) * 60 * 60 * 1000 * 1000;
static const char stamp_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";	/* base32 */

static unsigned
day_of(struct timestamp now)
{
	return (unsigned)(now.us / day_us) % SRS_DAYS;
}

static bool
stamp_read(struct str stamp, unsigned *day_out)
{
	unsigned day = 0;

	if (stamp.len != STAMP_CHARS)
		return false;
	for (int i = 0; i < STAMP_CHARS; i++) {
		char c = stamp.at[i];

		if (c >= 'a' && c <= 'z')
			day = day * 32 + (unsigned)(c - 'a');
		else if (c >= 'A' && c <= 'Z')
			day = day * 32 + (unsigned)(c - 'A');
		else if (c >= '2' && c <= '7')
			day = day * 32 + (unsigned)(c - '2') + 26;
		else
			return false;
	}
	*day_out = day;
	return true;
}

static bool
is_expired(const struct srs_rules *rules, unsigned day, struct timestamp now)
{
	unsigned age = (day_of(now) + SRS_DAYS - day) % SRS_DAYS;

	return age > (unsigned)rules->max_age_days && age < SRS_DAYS - SRS_AHEAD_MAX_DAYS;
}

/* --- the hash --- */

/* Without a branch: it is a hash's too. */
static char
lower(char c)
{
	return (char)(c + ((c >= 'A') & (c <= 'Z')) * ('a' - 'A'));
}

/*
 * What is hashed: the parts, in lower case, one behind the other, as all who make such addresses do it, so that theirs are
 * ours.  Nothing stands between the parts, so the same text parted elsewhere has the same hash: who was given an address for
 * mbob@victim.co has one for bob@victim.com, and one of an SRS1 too, whose host begins with the stamp.  He could have had it by
 * a MAIL of that sender, for the form is made for whoever says he is that; it carries reports, and is no proof of anybody.
 */
static bool
hashed_text(const struct str *parts, int n_parts, struct arena *arena, struct str *text_out)
{
	size_t n = 0;
	char *room;

	for (int i = 0; i < n_parts; i++)
		n += parts[i].len;
	room = arena_alloc(arena, n + 1);
	if (room == NULL)
		return false;
	*text_out = str_n(room, n);
	for (int i = 0; i < n_parts; i++) {
		for (size_t j = 0; j < parts[i].len; j++)
			*room++ = lower(parts[i].at[j]);
	}
	return true;
}

static bool
hash_make(struct str secret, struct str text, char hash_out[HASH_MAX_CHARS])
{
	unsigned char digest[EVP_MAX_MD_SIZE], base64[EVP_MAX_MD_SIZE * 2];
	unsigned n_bytes = 0;

	if (HMAC(EVP_sha1(), secret.at, (int)secret.len, (const unsigned char *)text.at, text.len, digest, &n_bytes) == NULL)
		return false;
	EVP_EncodeBlock(base64, digest, (int)n_bytes);
	memcpy(hash_out, base64, HASH_MAX_CHARS);
	return true;
}

/*
 * Whether a secret made the hash or a longer one that begins so, in any case.  All are tried and all of it is compared, so that
 * the time tells nothing of a hash that would be right.  False in *done_out if libcrypto could not.
 */
static bool
hash_is_ours(const struct srs_rules *rules, struct str hash, struct str text, bool *done_out)
{
	char made[HASH_MAX_CHARS], given[HASH_MAX_CHARS];
	bool is_ours = false;

	*done_out = true;
	for (size_t i = 0; i < hash.len; i++)
		given[i] = lower(hash.at[i]);
	for (int i = 0; i < rules->n_secrets; i++) {
		if (!hash_make(rules->secrets[i], text, made)) {
			*done_out = false;
			return false;
		}
		for (size_t j = 0; j < hash.len; j++)
			made[j] = lower(made[j]);
		is_ours |= str_eq_secret(str_n(made, hash.len), str_n(given, hash.len));
	}
	return is_ours;
}

/* --- local parts --- */

enum tag {
	TAG_NONE,
	TAG_SRS0,
	TAG_SRS1,
};

struct local {				/* of an address, taken apart; all in its text */
	enum tag	 tag;
	bool		 is_quoted;
	struct str	 inside;	/* without quotes; quoted pairs are as they were */
	struct str	 hash, stamp;	/* of a well-formed SRS0; SRS1 has a hash only */
	struct str	 host, user;	/* of SRS1 the user is what stood behind "SRS0", its separator too */
};

static struct local
local_of(struct str text)
{
	struct local local = { .tag = TAG_NONE, .inside = text };

	if (text.len >= 2 && text.at[0] == '"') {
		local.is_quoted = true;
		local.inside = str_sub(text, 1, text.len - 2);
	}
	if (local.inside.len <= TAG_CHARS || memchr("=+-", local.inside.at[TAG_CHARS], 3) == NULL)
		return local;
	if (str_starts_nocase(local.inside, STR("SRS0")))
		local.tag = TAG_SRS0;
	else if (str_starts_nocase(local.inside, STR("SRS1")))
		local.tag = TAG_SRS1;
	return local;
}

static bool
take_field(struct str *rest, struct str *field_out)
{
	return str_find(*rest, '=') >= 0 && str_take_until(rest, '=', field_out);
}

/* Takes SRS0 and SRS1 apart; false if it is none that anybody makes. */
static bool
read_fields(struct local *local)
{
	struct str rest = str_from(local->inside, TAG_CHARS + 1);

	if (!take_field(&rest, &local->hash) || local->hash.len < SRS_HASH_CHARS || local->hash.len > HASH_MAX_CHARS)
		return false;
	if (local->tag == TAG_SRS0 && !take_field(&rest, &local->stamp))
		return false;
	if (!take_field(&rest, &local->host) || !domain_is_valid(local->host, true))
		return false;
	local->user = rest;
	return rest.len > 0 || (local->tag == TAG_SRS0 && local->is_quoted);	/* ""@a.example is an address */
}

/* The parts that a hash is about, of whatever the quotes look like.  False at the arena's limit. */
static bool
text_of(const struct local *local, struct arena *arena, struct str *text_out)
{
	struct str parts[HASHED_PARTS_MAX], user = local->user;
	int n = 0;

	if (local->is_quoted && !lexical_unquote(local->user, arena, &user))
		return false;
	if (local->tag == TAG_SRS0)
		parts[n++] = local->stamp;
	parts[n++] = local->host;
	parts[n++] = user;
	return hashed_text(parts, n, arena, text_out);
}

/* --- domains --- */

/*
 * The name that SPF is asked for, in ASCII, its case as it is; empty for what has no SPF (RFC 7208 4.3), a literal say.
 * False at the arena's limit.
 */
static bool
host_of(struct str domain, struct arena *arena, struct str *host_out)
{
	struct arena scratch;
	struct str canonical;
	bool is_done = true;

	*host_out = STR_EMPTY;
	if (str_is_ascii(domain)) {
		if (domain_is_valid(domain, false))
			*host_out = domain;
		return true;
	}
	arena_init(&scratch, NAME_ARENA_MAX_BYTES);
	if (domain_canonical(domain, &scratch, &canonical))
		is_done = arena_copy(arena, canonical, host_out);
	arena_fini(&scratch);
	return is_done;
}

/* --- forward --- */

/* The fields of the address to be made, but for the hash. */
static void
choose_fields(struct local *local, struct str host, const char stamp[STAMP_CHARS])
{
	if (local->tag == TAG_SRS1 && read_fields(local))
		return;				/* who made the SRS0 stays in it: it does not grow */
	local->host = host;
	if (local->tag == TAG_SRS0) {
		local->tag = TAG_SRS1;
		local->user = str_from(local->inside, TAG_CHARS);
		return;
	}
	local->tag = TAG_SRS0;
	local->stamp = str_n(stamp, STAMP_CHARS);
	local->user = local->inside;
}

static bool
write_local(const struct srs_rules *rules, const struct local *local, struct arena *arena, struct str *text_out)
{
	const char *quote = local->is_quoted ? "\"" : "";
	char hash[HASH_MAX_CHARS];
	struct str text;

	return text_of(local, arena, &text) && hash_make(rules->secrets[0], text, hash) &&
	    arena_printf(arena, text_out, "%s%s%c%.*s=%.*s%s%.*s=%.*s%s", quote,
	    local->tag == TAG_SRS0 ? "SRS0" : "SRS1", rules->separator, SRS_HASH_CHARS, hash,
	    STR_ARG(local->stamp), local->tag == TAG_SRS0 ? "=" : "", STR_ARG(local->host), STR_ARG(local->user), quote);
}

enum srs_forward_result
srs_forward(const struct srs_rules *rules, const struct address *reverse_path, struct timestamp now, struct arena *arena,
    struct address *address_out)
{
	unsigned day = day_of(now);
	char stamp[STAMP_CHARS] = { stamp_chars[day / 32], stamp_chars[day % 32] };
	struct local local = local_of(reverse_path->local);
	size_t max_bytes = (size_t)rules->local_max_bytes;
	struct str host, text;

	*address_out = *reverse_path;
	if (!host_of(reverse_path->domain, arena, &host))
		return SRS_FORWARD_FAILED;
	if (reverse_path->local.len == 0 || host.len == 0 || str_eq_nocase(host, rules->domain))
		return SRS_FORWARD_NEEDLESS;
	if (reverse_path->local.len > ADDRESS_LOCAL_MAX_BYTES)
		return SRS_FORWARD_TOO_LONG;
	choose_fields(&local, host, stamp);
	if (!write_local(rules, &local, arena, &text))
		return SRS_FORWARD_FAILED;
	/* One that was longer already may be, if it has not grown: it came through others. */
	if (max_bytes < reverse_path->local.len)
		max_bytes = reverse_path->local.len;
	if (text.len > max_bytes)
		return SRS_FORWARD_TOO_LONG;
	*address_out = (struct address){ .local = text, .domain = rules->domain };
	return SRS_FORWARD_REWRITTEN;
}

/* --- reverse --- */

/* What was wrapped; its local part is one again, quoted if this one was. */
static bool
write_original(const struct local *local, struct arena *arena, struct address *original_out)
{
	const char *quote = local->is_quoted ? "\"" : "";

	return arena_printf(arena, &original_out->local, "%s%s%.*s%s", quote, local->tag == TAG_SRS1 ? "SRS0" : "",
	    STR_ARG(local->user), quote) && arena_copy(arena, local->host, &original_out->domain);
}

enum srs_reverse_result
srs_reverse(const struct srs_rules *rules, const struct address *address, struct timestamp now, struct arena *arena,
    struct address *address_out)
{
	struct local local = local_of(address->local);
	struct address original;
	struct str host, text;
	unsigned day = 0;
	bool is_made, is_done;

	if (local.tag == TAG_NONE)
		return SRS_REVERSE_NOT_SRS;
	if (!host_of(address->domain, arena, &host))
		return SRS_REVERSE_FAILED;
	if (!str_eq_nocase(host, rules->domain))
		return SRS_REVERSE_FOREIGN;
	if (!read_fields(&local) || (local.tag == TAG_SRS0 && !stamp_read(local.stamp, &day)))
		return SRS_REVERSE_MALFORMED;
	if (!text_of(&local, arena, &text))
		return SRS_REVERSE_FAILED;
	is_made = hash_is_ours(rules, local.hash, text, &is_done);
	if (!is_done)
		return SRS_REVERSE_FAILED;
	if (!is_made)
		return SRS_REVERSE_FORGED;
	if (local.tag == TAG_SRS0 && is_expired(rules, day, now))
		return SRS_REVERSE_EXPIRED;
	if (!write_original(&local, arena, &original))
		return SRS_REVERSE_FAILED;
	if (!address_local_is_valid(original.local, true))
		return SRS_REVERSE_MALFORMED;
	*address_out = original;
	return SRS_REVERSE_UNDONE;
}

/* --- words --- */

const char *
srs_forward_word(enum srs_forward_result result)
{
	switch (result) {
	case SRS_FORWARD_REWRITTEN:
		return "rewritten";
	case SRS_FORWARD_NEEDLESS:
		return "needless";
	case SRS_FORWARD_TOO_LONG:
		return "too-long";
	case SRS_FORWARD_FAILED:
		return "failed";
	}
	return "failed";
}

const char *
srs_reverse_word(enum srs_reverse_result result)
{
	switch (result) {
	case SRS_REVERSE_UNDONE:
		return "undone";
	case SRS_REVERSE_NOT_SRS:
		return "not-srs";
	case SRS_REVERSE_FOREIGN:
		return "foreign";
	case SRS_REVERSE_MALFORMED:
		return "malformed";
	case SRS_REVERSE_FORGED:
		return "forged";
	case SRS_REVERSE_EXPIRED:
		return "expired";
	case SRS_REVERSE_FAILED:
		return "failed";
	}
	return "failed";
}
