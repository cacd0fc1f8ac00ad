/*
 * arc_seal.c - adds a set to a mail's Authenticated Received Chain
 *
 * The fields are written as the public ARC test suite wants them, which leaves no choice: tags in the order of the alphabet,
 * names in small letters, one blank or fold behind each ";" and nowhere else, no ";" at the end.
 */
#include <inttypes.h>

#include "base/code.h"
#include "base/insist.h"
#include "base/mem.h"
#include "policy/arc/arc_sealer.h"

enum { SIGNATURES_ARENA_MAX_BYTES = 64 * 1024 };	/* ours as structs, in an array that doubles */

enum stage {
	STAGE_BODY,			/* the body comes */
	STAGE_READY,
	STAGE_SIGNED,
};

enum { LATE_MAX = 1 + DKIM_SELECTORS_MAX };

struct late {				/* a signed field of ours that is known at the end only */
	size_t	 at;			/* where it belongs in the canonical form of the others */
	bool	 is_results;		/* else a signature */
};

struct arc_sealing {
	const struct arc_sealer	*sealer;
	enum stage		 stage;
	int			 instance;
	enum arc_status		 cv;
	bool			 is_chain_whole;	/* what was there before has the structure of a chain */
	int64_t			 now_s;
	EVP_MD_CTX		*body_hash;
	EVP_MD_CTX		*message_hash;	/* of the signed fields; with ready, of the signature too */
	EVP_MD_CTX		*seal_hash;	/* of the sets before ours; with ready, of our results too */
	struct dkim_canon_body	 body;
	struct buf		 names;		/* h=, folded */
	struct buf		 fields;	/* the signed fields in canonical form, but for the late ones */
	struct late		 late[LATE_MAX];	/* in the order of h= */
	int			 n_late;
	struct buf		 results;	/* the three fields of the set; of the message signature and the seal: */
	struct buf		 message, seal;	/* up to "b=", then whole */
	struct buf		 message_rest;	/* behind b= */
};

static void
hash_more(void *context, struct str bytes)
{
	insist(EVP_DigestUpdate(context, bytes.at, bytes.len) == 1);
}

static EVP_MD_CTX *
hash_begin(const struct arc_sealing *s)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();

	insist(hash != NULL && EVP_DigestInit_ex2(hash, s->sealer->signer->sha256, NULL) == 1);
	return hash;
}

static void
append_to(void *context, struct str bytes)
{
	insist(buf_append(context, bytes) == 0);	/* bounded by the header section */
}

/* --- the header section --- */

/* h=, in small letters, folded only where a line would be too long. */
static void
write_names(struct arc_sealing *s, const struct str *names, int n_names)
{
	size_t column = strlen(" h=");

	for (int i = 0; i < n_names; i++) {
		if (i > 0 && buf_append(&s->names, STR(":")) == 0)
			column++;
		if (column + names[i].len > ARC_LINE_MAX_BYTES) {
			insist(buf_append(&s->names, STR("\r\n ")) == 0);
			column = 1;
		}
		for (size_t k = 0; k < names[i].len; k++) {
			char c = names[i].at[k];

			insist(buf_append_char(&s->names, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c) == 0);
		}
		column += names[i].len;
	}
}

/*
 * Whether a name that no field answers means one of ours, which come later: they are the topmost of their name.  n_signatures: of
 * ours that no name before it meant.
 */
static bool
is_late(const struct arc_sealing *s, struct str name, int n_signatures)
{
	if (str_eq_nocase(name, STR("DKIM-Signature")))
		return n_signatures > 0;
	for (int i = 0; i < s->n_late; i++)
		if (s->late[i].is_results)
			return false;
	return str_eq_nocase(name, str_of(arc_kind_name(ARC_RESULTS)));
}

/* The canonical form is kept and not hashed at once: our own fields may belong in the midst of it. */
static void
gather_fields(struct arc_sealing *s, const struct header_section *header, const struct str *names, int n_names, int n_signatures)
{
	int at[DKIM_SIGNED_FIELDS_MAX];

	dkim_canon_find_fields(header, names, n_names, at);
	for (int i = 0; i < n_names; i++) {
		if (at[i] >= 0) {
			dkim_canon_field(DKIM_RELAXED, header->fields[at[i]].whole, true, (struct dkim_sink){ append_to, &s->fields });
		} else if (is_late(s, names[i], n_signatures)) {
			struct late *late = &s->late[s->n_late++];

			*late = (struct late){ s->fields.len, !str_eq_nocase(names[i], STR("DKIM-Signature")) };
			n_signatures -= !late->is_results;
		}
	}
}

/* RFC 8617 5.1.1: the sets from the first on. */
static void
hash_chain(struct arc_sealing *s, const struct arc_chain *chain)
{
	for (int i = 0; i < chain->n_sets; i++) {
		for (enum arc_kind kind = ARC_RESULTS; kind <= ARC_SEAL; kind++)
			dkim_canon_field(DKIM_RELAXED, chain->sets[i].fields[kind].from->whole, true,
			    (struct dkim_sink){ hash_more, s->seal_hash });
	}
}

/* Behind all others of the name; where h= has no room for all of them, none. */
static void
announce_signatures(const struct arc_sealing *s, int n_signatures, struct str *names, int *n_names)
{
	if (s->sealer->n_names > 0 || *n_names + n_signatures > DKIM_SIGNED_FIELDS_MAX)
		return;
	for (int i = 0; i < n_signatures; i++)
		names[(*n_names)++] = STR("DKIM-Signature");
}

static int
begin(struct arc_sealing *s, const struct header_section *header, int n_signatures, struct timestamp now, struct arena *arena,
    struct fault *fault_out)
{
	struct str *names = arena_array(arena, DKIM_SIGNED_FIELDS_MAX, sizeof(names[0]));
	struct arc_chain chain;
	int n_names;

	if (names == NULL || !arc_chain_read(header, now, 0, arena, &chain))
		return fault_permanent(fault_out, "the chain is too large");
	if (chain.is_closed)
		return fault_permanent(fault_out, "%s", chain.has_fields ? "the chain has failed before" : "the header is too large");
	if (chain.n_sets == ARC_INSTANCES_MAX)
		return fault_permanent(fault_out, "the chain has %d sets", ARC_INSTANCES_MAX);
	if (arc_sealer_names(s->sealer, header, names, &n_names, fault_out) != 0)
		return -1;
	announce_signatures(s, n_signatures, names, &n_names);
	s->instance = chain.n_sets + 1;
	s->is_chain_whole = chain.trouble.len == 0;
	buf_init(&s->fields, 2 * header->header_bytes + (size_t)n_names * 2);	/* a name may lack its line end */
	write_names(s, names, n_names);
	gather_fields(s, header, names, n_names, n_signatures);
	s->body_hash = hash_begin(s);
	s->message_hash = hash_begin(s);
	s->seal_hash = hash_begin(s);
	if (s->is_chain_whole)
		hash_chain(s, &chain);
	dkim_canon_body_begin(&s->body, DKIM_RELAXED, (struct dkim_sink){ hash_more, s->body_hash });
	return 0;
}

struct arc_sealing *
arc_sealing_new(const struct arc_sealer *sealer, const struct header_section *header, int n_signatures, struct timestamp now,
    struct fault *fault_out)
{
	struct arc_sealing *s = mem_new(sizeof(*s));
	struct arena arena;
	int result;

	insist(n_signatures >= 0 && n_signatures <= DKIM_SELECTORS_MAX);
	s->sealer = sealer;
	s->now_s = now.us / 1000000;
	buf_init(&s->names, DKIM_FIELD_MAX_BYTES);
	buf_init(&s->results, ARC_FIELDS_MAX_BYTES);
	buf_init(&s->message, DKIM_FIELD_MAX_BYTES);
	buf_init(&s->message_rest, DKIM_FIELD_MAX_BYTES);
	buf_init(&s->seal, DKIM_FIELD_MAX_BYTES);
	arena_init(&arena, 16 * ARC_HEADER_MAX_BYTES);
	result = begin(s, header, n_signatures, now, &arena, fault_out);
	arena_fini(&arena);
	if (result == 0)
		return s;
	arc_sealing_free(s);
	return NULL;
}

void
arc_sealing_free(struct arc_sealing *s)
{
	if (s == NULL)
		return;
	EVP_MD_CTX_free(s->body_hash);
	EVP_MD_CTX_free(s->message_hash);
	EVP_MD_CTX_free(s->seal_hash);
	buf_fini(&s->names);
	buf_fini(&s->fields);
	buf_fini(&s->results);
	buf_fini(&s->message);
	buf_fini(&s->message_rest);
	buf_fini(&s->seal);
	mem_free(s);
}

size_t
arc_sealing_memory_bytes(const struct arc_sealing *s)
{
	return sizeof(*s) + s->fields.len + s->names.len;
}

void
arc_sealing_body(struct arc_sealing *s, struct str piece)
{
	insist(s->stage == STAGE_BODY);
	dkim_canon_body_add(&s->body, piece);
}

/* --- the fields --- */

static const char *
domain_text(const struct arc_sealing *s)
{
	return s->sealer->signer->domain.at;
}

static const char *
selector_text(const struct arc_sealing *s)
{
	return s->sealer->signer->selectors[0].name.at;
}

static void
write_message(struct arc_sealing *s)
{
	uint8_t hash[DKIM_HASH_BYTES];
	struct buf text;

	dkim_canon_body_end(&s->body);
	insist(EVP_DigestFinal_ex(s->body_hash, hash, NULL) == 1);
	buf_init(&text, DKIM_FIELD_MAX_BYTES);
	insist(base64_encode(str_n(hash, sizeof(hash)), &text) == 0);
	insist(buf_printf(&s->message, "ARC-Message-Signature: a=rsa-sha256;\r\n b=") == 0);
	insist(buf_printf(&s->message_rest, ";\r\n bh=%.*s; c=relaxed/relaxed;\r\n d=%s;\r\n h=%.*s;\r\n i=%d; s=%s; t=%" PRId64 "\r\n",
	    STR_ARG(buf_str(&text)), domain_text(s), STR_ARG(buf_str(&s->names)), s->instance, selector_text(s), s->now_s) == 0);
	buf_fini(&text);
}

/* Canonical, of a field of which b= is empty. */
static void
hash_unsigned(const struct buf *front, const struct buf *rest, EVP_MD_CTX *hash)
{
	struct buf text;

	buf_init(&text, 2 * DKIM_FIELD_MAX_BYTES);
	insist(buf_append(&text, buf_str(front)) == 0 && buf_append(&text, buf_str(rest)) == 0);
	dkim_canon_field(DKIM_RELAXED, buf_str(&text), false, (struct dkim_sink){ hash_more, hash });
	buf_fini(&text);
}

/* Of a name h= means the lowest field first, so our signatures from the bottom up. */
static void
hash_fields(struct arc_sealing *s, struct str signatures)
{
	struct dkim_sink sink = { hash_more, s->message_hash };
	struct str fields = buf_str(&s->fields);
	struct header_section section;
	struct arena arena;
	size_t done = 0;

	arena_init(&arena, SIGNATURES_ARENA_MAX_BYTES);
	insist(header_read(signatures, &arena, &section) == 0);
	for (int i = 0, lowest = section.n_fields - 1; i < s->n_late; i++) {
		const struct late *late = &s->late[i];

		hash_more(s->message_hash, str_sub(fields, done, late->at - done));
		done = late->at;
		insist(late->is_results || lowest >= 0);
		dkim_canon_field(DKIM_RELAXED, late->is_results ? buf_str(&s->results) : section.fields[lowest--].whole, true, sink);
	}
	hash_more(s->message_hash, str_from(fields, done));
	arena_fini(&arena);
}

void
arc_sealing_ready(struct arc_sealing *s, enum arc_status cv, struct str results, struct str signatures)
{
	insist(s->stage == STAGE_BODY && results.len <= ARC_RESULTS_MAX_BYTES);
	s->cv = cv;
	if (!s->is_chain_whole || (cv == ARC_NONE) != (s->instance == 1))
		s->cv = ARC_FAIL;
	if (s->cv == ARC_FAIL)		/* our set alone is signed (RFC 8617 5.1.2) */
		insist(EVP_DigestInit_ex2(s->seal_hash, s->sealer->signer->sha256, NULL) == 1);
	insist(buf_printf(&s->results, "ARC-Authentication-Results: i=%d; ", s->instance) == 0);
	insist(buf_append(&s->results, str_trim(results)) == 0 && buf_append(&s->results, STR("\r\n")) == 0);
	dkim_canon_field(DKIM_RELAXED, buf_str(&s->results), true, (struct dkim_sink){ hash_more, s->seal_hash });

	write_message(s);
	hash_fields(s, signatures);
	hash_unsigned(&s->message, &s->message_rest, s->message_hash);
	s->stage = STAGE_READY;
}

/* Signs, and makes the field whole. */
static int
sign(const struct arc_sealing *s, EVP_MD_CTX *hash, const struct buf *rest, struct buf *field, struct fault *fault_out)
{
	uint8_t digest[DKIM_HASH_BYTES], signature[DKIM_SIGNATURE_MAX_BYTES];
	size_t n_bytes;

	insist(EVP_DigestFinal_ex(hash, digest, NULL) == 1);
	if (dkim_key_sign(s->sealer->signer->selectors[0].key, digest, signature, &n_bytes, fault_out) != 0)
		return -1;
	insist(base64_encode(str_n(signature, n_bytes), field) == 0 && buf_append(field, buf_str(rest)) == 0);
	return 0;
}

int
arc_sealing_sign(struct arc_sealing *s, struct fault *fault_out)
{
	struct buf rest;
	int result;

	insist(s->stage == STAGE_READY);
	if (sign(s, s->message_hash, &s->message_rest, &s->message, fault_out) != 0)
		return -1;
	buf_init(&rest, DKIM_FIELD_MAX_BYTES);
	insist(buf_printf(&s->seal, "ARC-Seal: a=rsa-sha256;\r\n b=") == 0);
	insist(buf_printf(&rest, ";\r\n cv=%s; d=%s;\r\n i=%d; s=%s; t=%" PRId64 "\r\n", arc_status_word(s->cv), domain_text(s),
	    s->instance, selector_text(s), s->now_s) == 0);
	dkim_canon_field(DKIM_RELAXED, buf_str(&s->message), true, (struct dkim_sink){ hash_more, s->seal_hash });
	hash_unsigned(&s->seal, &rest, s->seal_hash);
	result = sign(s, s->seal_hash, &rest, &s->seal, fault_out);
	buf_fini(&rest);
	if (result == 0)
		s->stage = STAGE_SIGNED;
	return result;
}

int
arc_sealing_instance(const struct arc_sealing *s)
{
	return s->instance;
}

int
arc_sealing_fields(const struct arc_sealing *s, struct buf *out)
{
	size_t before = out->len;

	insist(s->stage == STAGE_SIGNED);
	if (buf_append(out, buf_str(&s->seal)) == 0 && buf_append(out, buf_str(&s->message)) == 0 &&
	    buf_append(out, buf_str(&s->results)) == 0)
		return 0;
	out->len = before;
	return -1;
}
