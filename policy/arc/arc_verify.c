/*
 * arc_verify.c - is a mail's Authenticated Received Chain right?
 *
 * Signatures are checked when the header is there, for bh= is signed with it; what is left for the end is whether the body has
 * those hashes.  Seals share one running hash: each signs all the sets before it.
 */
#include <openssl/evp.h>

#include "base/insist.h"
#include "policy/arc/arc_verify.h"
#include "policy/dkim/dkim_keys.h"

enum { CANONS = 2 };

struct body {				/* in one canonical form */
	EVP_MD_CTX		*hash;		/* NULL: no signature wants it */
	struct dkim_canon_body	 canon;
	uint8_t			 bytes[DKIM_HASH_BYTES];	/* at the end */
};

struct arc_verification {
	struct arena		*arena;
	void			(*rest)(void);
	struct dkim_known	*known;
	struct arc_chain	 chain;
	struct arc_result	 result;
	struct dkim_key_wanted	*keys;		/* of the message signatures from the first on, then of the seals */
	uint8_t			(*seal_hashes)[DKIM_HASH_BYTES];
	EVP_MD			*sha256;
	int			 oldest_signed;	/* from here on to the newest, signatures are right but for the body */
	struct body		 bodies[CANONS];
	bool			 wants_body;
};

static void
hash_more(void *context, struct str bytes)
{
	insist(EVP_DigestUpdate(context, bytes.at, bytes.len) == 1);
}

static EVP_MD_CTX *
hash_begin(const struct arc_verification *v)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();

	insist(hash != NULL && EVP_DigestInit_ex2(hash, v->sha256, NULL) == 1);
	return hash;
}

static void
fail(struct arc_verification *v, enum arc_kind kind, int instance, const char *why)
{
	v->result.status = ARC_FAIL;
	v->wants_body = false;
	if (!arena_printf(v->arena, &v->result.reason, "%s i=%d: %s", arc_kind_name(kind), instance, why))
		v->result.reason = str_of(why);
}

static struct arc_field *
field_of(const struct arc_verification *v, enum arc_kind kind, int instance)
{
	return &v->chain.sets[instance - 1].fields[kind];
}

/* --- keys --- */

static struct dkim_key_wanted *
key_of(const struct arc_verification *v, enum arc_kind kind, int instance)
{
	return &v->keys[(kind == ARC_MESSAGE ? 0 : v->chain.n_sets) + instance - 1];
}

static void
rest(const struct arc_verification *v)
{
	if (v->rest != NULL)
		v->rest();
}

static bool
ask_for_keys(struct arc_verification *v, struct resolver *resolver, struct instant deadline)
{
	int n = 2 * v->chain.n_sets;

	v->keys = arena_array(v->arena, (size_t)n, sizeof(v->keys[0]));
	if (v->keys == NULL)
		return false;
	for (int i = 1; i <= v->chain.n_sets; i++) {
		for (enum arc_kind kind = ARC_MESSAGE; kind <= ARC_SEAL; kind++) {
			const struct arc_field *field = field_of(v, kind, i);

			if (field->trouble == NULL)
				*key_of(v, kind, i) = (struct dkim_key_wanted){ .domain = field->domain, .selector = field->selector,
				    .type = field->key_type };
		}
	}
	return dkim_keys_ask(v->keys, n, resolver, deadline, v->arena);
}

/* NULL, or why a field's b= is not right for this hash. */
static const char *
why_wrong(struct arc_verification *v, enum arc_kind kind, int instance, const uint8_t hash[DKIM_HASH_BYTES])
{
	const struct dkim_key_wanted *key = key_of(v, kind, instance);

	if (key->why_not != NULL) {
		v->result.is_temporary = key->verdict == DKIM_TEMPERROR;
		return key->why_not;
	}
	return dkim_known_check(v->known, &key->key, hash, field_of(v, kind, instance)->b) ? NULL : "signature did not verify";
}

/* --- signatures --- */

/* RFC 8617 5.1.1: all sets so far, of the newest seal what it signs of itself. */
static bool
hash_seals(struct arc_verification *v)
{
	EVP_MD_CTX *all, *one;

	v->seal_hashes = arena_array(v->arena, (size_t)v->chain.n_sets, sizeof(v->seal_hashes[0]));
	if (v->seal_hashes == NULL)
		return false;
	all = hash_begin(v);
	one = hash_begin(v);
	for (int i = 1; i <= v->chain.n_sets; i++) {
		struct dkim_sink sink = { hash_more, all };

		dkim_canon_field(DKIM_RELAXED, field_of(v, ARC_RESULTS, i)->from->whole, true, sink);
		dkim_canon_field(DKIM_RELAXED, field_of(v, ARC_MESSAGE, i)->from->whole, true, sink);
		insist(EVP_MD_CTX_copy_ex(one, all) == 1);
		arc_field_hash(field_of(v, ARC_SEAL, i), DKIM_RELAXED, (struct dkim_sink){ hash_more, one });
		insist(EVP_DigestFinal_ex(one, v->seal_hashes[i - 1], NULL) == 1);
		dkim_canon_field(DKIM_RELAXED, field_of(v, ARC_SEAL, i)->from->whole, true, sink);
	}
	EVP_MD_CTX_free(all);
	EVP_MD_CTX_free(one);
	return true;
}

/* As a DKIM-Signature's (RFC 6376 3.7).  A signature does not sign itself, whatever its h= says. */
static void
hash_message(const struct arc_verification *v, const struct arc_field *field, const struct header_section *header,
    uint8_t hash_out[DKIM_HASH_BYTES])
{
	EVP_MD_CTX *hash = hash_begin(v);
	struct dkim_sink sink = { hash_more, hash };
	int at[ARC_NAMES_MAX];

	dkim_canon_find_fields(header, field->names, field->n_names, at);
	for (int i = 0; i < field->n_names; i++) {
		if (at[i] >= 0 && &header->fields[at[i]] != field->from)
			dkim_canon_field(field->header_canon, header->fields[at[i]].whole, true, sink);
	}
	arc_field_hash(field, field->header_canon, sink);
	insist(EVP_DigestFinal_ex(hash, hash_out, NULL) == 1);
	EVP_MD_CTX_free(hash);
}

/* As of a DKIM-Signature (dkim_verify.c); where there is one From, it is the sealer's to know whether he signs it. */
static bool
leaves_authors_open(const struct arc_field *field, const struct header_section *header)
{
	int n_authors = header_count(header, STR("From")), n_signed = 0;

	for (int i = 0; i < field->n_names; i++)
		n_signed += str_eq_nocase(field->names[i], STR("From"));
	return n_authors > 1 && n_signed < n_authors;
}

static const char *
why_message_wrong(struct arc_verification *v, int instance, const struct header_section *header)
{
	const struct arc_field *field = field_of(v, ARC_MESSAGE, instance);
	uint8_t hash[DKIM_HASH_BYTES];

	if (field->trouble != NULL)
		return field->trouble;
	if (leaves_authors_open(field, header))
		return "signs not all From fields";
	hash_message(v, field, header, hash);
	return why_wrong(v, ARC_MESSAGE, instance, hash);
}

/* RFC 8617 5.2 steps 4 and 6, but for the body. */
static bool
check_signatures(struct arc_verification *v, const struct header_section *header)
{
	const char *why = why_message_wrong(v, v->chain.n_sets, header);

	if (why != NULL) {
		fail(v, ARC_MESSAGE, v->chain.n_sets, why);
		return true;
	}
	rest(v);
	if (!hash_seals(v))
		return false;
	for (int i = v->chain.n_sets; i >= 1; i--) {
		rest(v);
		why = why_wrong(v, ARC_SEAL, i, v->seal_hashes[i - 1]);
		if (why != NULL) {
			fail(v, ARC_SEAL, i, why);
			return true;
		}
	}
	v->wants_body = true;
	return true;
}

/* Step 5: the older message signatures, as far as they still hold. */
static void
check_older(struct arc_verification *v, const struct header_section *header)
{
	int n_names = 0;

	v->oldest_signed = v->chain.n_sets;
	while (v->oldest_signed > 1) {
		rest(v);
		n_names += field_of(v, ARC_MESSAGE, v->oldest_signed - 1)->n_names;
		if (n_names > ARC_OLDER_NAMES_MAX || why_message_wrong(v, v->oldest_signed - 1, header) != NULL)
			break;
		v->oldest_signed--;
	}
	v->result.is_temporary = false;	/* an older one's key does not matter that much */
}

static void
begin_bodies(struct arc_verification *v)
{
	for (int i = v->oldest_signed; i <= v->chain.n_sets; i++) {
		enum dkim_canon canon = field_of(v, ARC_MESSAGE, i)->body_canon;
		struct body *body = &v->bodies[canon];

		if (body->hash != NULL)
			continue;
		body->hash = hash_begin(v);
		dkim_canon_body_begin(&body->canon, canon, (struct dkim_sink){ hash_more, body->hash });
	}
}

/* --- a mail --- */

/* False at the arena's limit. */
static bool
begin(struct arc_verification *v, const struct arc_verify_inputs *in)
{
	if (!arc_chain_read(in->header, in->now, in->drift_s, v->arena, &v->chain))
		return false;
	if (!v->chain.has_fields)
		return true;
	if (v->chain.trouble.len > 0) {
		v->result.status = ARC_FAIL;
		v->result.reason = v->chain.trouble;
		return true;
	}
	v->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	insist(v->sha256 != NULL);
	if (!ask_for_keys(v, in->resolver, in->deadline) || !check_signatures(v, in->header))
		return false;
	if (v->wants_body) {
		check_older(v, in->header);
		begin_bodies(v);
	}
	return true;
}

struct arc_verification *
arc_verify_begin(const struct arc_verify_inputs *inputs, struct arena *arena, struct fault *fault_out)
{
	struct arc_verification *v = arena_alloc(arena, sizeof(*v));

	if (v != NULL) {
		v->arena = arena;
		v->rest = inputs->rest;
		v->known = inputs->known;
		if (begin(v, inputs))
			return v;
		arc_verify_drop(v);
	}
	fault_because(fault_out, FAULT_FULL, "no room for the verification of an ARC chain");
	return NULL;
}

bool
arc_verify_wants_body(const struct arc_verification *v)
{
	return v->wants_body;
}

void
arc_verify_body(struct arc_verification *v, struct str piece)
{
	for (int i = 0; i < CANONS && v->wants_body; i++) {
		if (v->bodies[i].hash != NULL)
			dkim_canon_body_add(&v->bodies[i].canon, piece);
	}
}

/* --- the result --- */

static bool
has_body(const struct arc_verification *v, int instance)
{
	const struct arc_field *field = field_of(v, ARC_MESSAGE, instance);

	return memcmp(v->bodies[field->body_canon].bytes, field->body_hash.at, DKIM_HASH_BYTES) == 0;
}

static void
name_sealers(struct arc_verification *v)
{
	struct arc_sealer_name *sealers = arena_array(v->arena, (size_t)v->chain.n_sets, sizeof(sealers[0]));

	if (sealers == NULL)
		return;			/* it passes all the same */
	for (int i = 0; i < v->chain.n_sets; i++)
		sealers[i] = (struct arc_sealer_name){ v->chain.sets[i].fields[ARC_SEAL].domain, v->chain.sets[i].fields[ARC_SEAL].selector };
	v->result.sealers = sealers;
	v->result.n_sealers = v->chain.n_sets;
}

static void
settle(struct arc_verification *v)
{
	int oldest = v->chain.n_sets;

	for (int i = 0; i < CANONS; i++) {
		if (v->bodies[i].hash == NULL)
			continue;
		dkim_canon_body_end(&v->bodies[i].canon);
		insist(EVP_DigestFinal_ex(v->bodies[i].hash, v->bodies[i].bytes, NULL) == 1);
	}
	if (!has_body(v, v->chain.n_sets)) {
		fail(v, ARC_MESSAGE, v->chain.n_sets, "body hash did not verify");
		return;
	}
	while (oldest > v->oldest_signed && has_body(v, oldest - 1))
		oldest--;
	v->result.status = ARC_PASS;
	v->result.oldest_pass = oldest == 1 ? 0 : oldest;
	name_sealers(v);
}

const struct arc_result *
arc_verify_end(struct arc_verification *v)
{
	if (v->wants_body)
		settle(v);
	arc_verify_drop(v);
	return &v->result;
}

void
arc_verify_drop(struct arc_verification *v)
{
	if (v == NULL)
		return;
	for (int i = 0; i < CANONS; i++) {
		EVP_MD_CTX_free(v->bodies[i].hash);
		v->bodies[i].hash = NULL;
	}
	EVP_MD_free(v->sha256);
	v->sha256 = NULL;
	v->wants_body = false;
}
