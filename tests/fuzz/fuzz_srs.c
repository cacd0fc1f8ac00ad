/*
 * fuzz_srs.c - SRS: what is made leads back to the original, over three forwarders; what is undone was made by a secret
 *
 * The input is an address and how its SRS form is changed, or an SRS address.  Hashes of four characters are hit by
 * chance, so what is undone is not called forged before its hash is made once more, by what a page of the scheme says.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "mail/domain.h"
#include "mail/lexical.h"
#include "policy/srs/srs.h"
#include "tests/fuzz/fuzz.h"

#define DOMAIN	"fwd.example"

enum { LOCALS_MAX_BYTES = 2 * ADDRESS_LOCAL_MAX_BYTES };

static const int64_t day_us = INT64_C(24) * 60 * 60 * 1000000;
static const struct str secrets[] = { STR("one"), STR("an older one") };

static struct srs_rules *
rules_of(const char *domain, char separator, const struct str *list, int n_secrets)
{
	struct srs_settings settings = { .domain = domain, .secrets = list, .n_secrets = n_secrets, .separator = separator,
	    .local_max_bytes = ADDRESS_LOCAL_MAX_BYTES };
	struct srs_rules *rules = srs_rules_new(&settings, NULL);

	insist(rules != NULL);
	return rules;
}

static struct str
lower_of(struct str s, struct arena *arena)
{
	struct str copy;

	insist(arena_copy(arena, s, &copy));
	for (size_t i = 0; i < copy.len; i++) {
		if (copy.at[i] >= 'A' && copy.at[i] <= 'Z')
			((char *)copy.at)[i] = (char)(copy.at[i] + ('a' - 'A'));
	}
	return copy;
}

/* A local part as people read it. */
static struct str
plain_of(struct str local, struct arena *arena)
{
	struct str inside;

	if (local.len < 2 || local.at[0] != '"')
		return local;
	insist(lexical_unquote(str_sub(local, 1, local.len - 2), arena, &inside));
	return inside;
}

/* The same mailbox: without needless quotes, the domain in A-labels, the tag SRS0 in any case. */
static bool
is_same(const struct address *a, const struct address *b, struct arena *arena)
{
	struct str canonical_a, canonical_b, local_a = plain_of(a->local, arena), local_b = plain_of(b->local, arena);

	if (str_starts_nocase(local_a, STR("SRS0")) && str_starts_nocase(local_b, STR("SRS0"))) {
		local_a = str_from(local_a, 4);
		local_b = str_from(local_b, 4);
	}
	return str_eq(local_a, local_b) &&
	    domain_canonical(a->domain, arena, &canonical_a) && domain_canonical(b->domain, arena, &canonical_b) &&
	    str_eq(canonical_a, canonical_b);
}

/* Whether one of the secrets is behind an address, which is undone to *original. */
static bool
was_made(struct str local, const struct address *original, struct arena *arena)
{
	struct str plain = plain_of(local, arena), rest = str_from(plain, 5), hash, stamp = STR_EMPTY;
	struct str user = plain_of(original->local, arena), text;
	bool is_srs1 = plain.at[3] == '1';

	insist(plain.len > 5 && str_take_until(&rest, '=', &hash) && hash.len >= SRS_HASH_CHARS);
	if (is_srs1)
		user = str_from(user, 4);
	else
		insist(str_take_until(&rest, '=', &stamp));
	insist(arena_printf(arena, &text, "%.*s%.*s%.*s", STR_ARG(stamp), STR_ARG(original->domain), STR_ARG(user)));
	text = lower_of(text, arena);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		unsigned char digest[20], base64[32];
		unsigned n = 0;

		HMAC(EVP_sha1(), secrets[i].at, (int)secrets[i].len, (const unsigned char *)text.at, text.len, digest, &n);
		EVP_EncodeBlock(base64, digest, 20);
		if (str_starts_nocase(str_n(base64, 27), hash))
			return true;
	}
	return false;
}

static void
check_undone(const struct srs_rules *rules, const struct address *address, struct timestamp now, struct arena *arena)
{
	struct address original;

	if (srs_reverse(rules, address, now, arena, &original) != SRS_REVERSE_UNDONE)
		return;
	insist(str_eq_nocase(address->domain, STR(DOMAIN)) || !str_is_ascii(address->domain));
	insist(was_made(address->local, &original, arena));
	insist(address_local_is_valid(original.local, true) && domain_is_valid(original.domain, true));
	insist(original.local.len <= address->local.len);
}

/* By one forwarder, and what comes back to it. */
static bool
check_forward(const struct srs_rules *rules, const struct address *path, struct timestamp now, struct arena *arena,
    struct address *made_out, struct address *back_out)
{
	struct address again;
	struct str text;

	switch (srs_forward(rules, path, now, arena, made_out)) {
	case SRS_FORWARD_REWRITTEN:
		break;
	case SRS_FORWARD_NEEDLESS:
	case SRS_FORWARD_TOO_LONG:
		insist(address_eq(made_out, path));
		return false;
	case SRS_FORWARD_FAILED:
		insist(false && "there is room");
	}
	insist(address_text(made_out, arena, &text) && address_parse(text, true, &again) && address_eq(made_out, &again));
	insist(address_is_ascii(made_out) || !str_is_ascii(path->local));
	insist(srs_reverse(rules, made_out, now, arena, back_out) == SRS_REVERSE_UNDONE);
	return true;
}

static void
check_chain(const struct address *path, char separator, struct timestamp now, struct arena *arena)
{
	struct srs_rules *first = rules_of(DOMAIN, separator, secrets, 2), *second = rules_of("second.example", '=', secrets, 1);
	struct srs_rules *third = rules_of("third.example", '-', secrets + 1, 1);
	struct address a, b, c, back, unused;

	if (check_forward(first, path, now, arena, &a, &back)) {
		bool is_srs1 = plain_of(path->local, arena).len > 4 && str_starts_nocase(plain_of(path->local, arena), STR("SRS1"));

		insist(is_same(&back, path, arena) || is_srs1);
		if (!is_srs1 && check_forward(second, &a, now, arena, &b, &back)) {
			bool was_srs0 = str_starts_nocase(plain_of(path->local, arena), STR("SRS0")) &&
			    str_starts(plain_of(a.local, arena), STR("SRS1"));

			insist(was_srs0 || is_same(&back, &a, arena));
			insist(check_forward(third, &b, now, arena, &c, &unused));
			insist(is_same(&unused, &back, arena));
			insist(c.local.len == b.local.len);
		}
	}
	srs_rules_free(first);
	srs_rules_free(second);
	srs_rules_free(third);
}

/* One byte of what was made becomes another; the day passes too. */
static void
check_changed(struct fuzz *f, const struct srs_rules *rules, const struct address *path, struct timestamp now, struct arena *arena)
{
	struct address made, changed;
	struct str text;

	if (srs_forward(rules, path, now, arena, &made) != SRS_FORWARD_REWRITTEN)
		return;
	insist(address_text(&made, arena, &text));
	for (int i = 0; i < 8; i++) {
		struct str copy;

		insist(arena_copy(arena, text, &copy));
		((char *)copy.at)[fuzz_dice(f, copy.len)] ^= (char)(1 << fuzz_dice(f, 8));
		if (address_parse(copy, true, &changed))
			check_undone(rules, &changed, now, arena);
	}
	now.us += (int64_t)fuzz_dice(f, SRS_DAYS) * day_us;
	check_undone(rules, &made, now, arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	struct address address;
	struct timestamp now;
	struct srs_rules *rules;
	struct arena arena;
	char room[LOCALS_MAX_BYTES];

	fuzz_begin(&f, bytes, n_bytes, &choice);
	now.us = (int64_t)(choice >> 2) * 16 * day_us;
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	rules = rules_of(DOMAIN, "=+-="[choice & 3], secrets, 2);
	if (address_parse(f.rest, true, &address)) {
		check_undone(rules, &address, now, &arena);
		check_chain(&address, "=+-="[choice & 3], now, &arena);
		check_changed(&f, rules, &address, now, &arena);
	}
	/* As a local part of ours, whether it could come in a command or not. */
	if (f.rest.len <= sizeof(room)) {
		struct address unused;

		if (f.rest.len > 0)
			memcpy(room, f.rest.at, f.rest.len);
		address = (struct address){ .local = str_n(room, f.rest.len), .domain = STR(DOMAIN) };
		srs_reverse(rules, &address, now, &arena, &unused);
		address.domain = STR("other.example");
		srs_forward(rules, &address, now, &arena, &unused);
	}
	srs_rules_free(rules);
	arena_fini(&arena);
	fuzz_end(&f);
	return 0;
}
