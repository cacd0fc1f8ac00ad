/*
 * dkim_verify.c - are a mail's DKIM signatures right? (RFC 6376 6.1)
 *
 * The signature field, the key, the hashes; whatever is settled on the way stands.
 */
#include <openssl/evp.h>

#include "base/insist.h"
#include "base/mem.h"
#include "policy/dkim/dkim_body.h"
#include "policy/dkim/dkim_choose.h"
#include "policy/dkim/dkim_field.h"
#include "policy/dkim/dkim_known.h"
#include "policy/dkim/dkim_library.h"
#include "policy/dkim/dkim_lookup.h"
#include "policy/dkim/dkim_verify.h"
#include "policy/dkim/dkim_work.h"

struct dkim_verifier {
	struct dkim_library	*library;
	struct dkim_known	*known;
	EVP_MD			*sha256;
};

struct dkim_verification {
	struct dkim_settings	 settings;
	struct arena		*arena;
	struct dkim_signature	*signatures;
	int			 n_signatures;	/* looked at */
	int			 n_rest;	/* the others */
	struct dkim_result	*results;	/* room for one each, and one for the rest */
	struct dkim_candidate	*candidates;	/* room for each signature */
	int			 n_candidates;
	struct dkim_body	*body;		/* NULL: no signature waits for it, or any more */
};

static bool
is_signature(const struct header_field *field)
{
	return str_eq_nocase(field->name, STR("DKIM-Signature"));
}

static void
refuse_all(struct dkim_verification *v, enum dkim_verdict verdict, const char *reason)
{
	for (int i = 0; i < v->n_signatures; i++)
		dkim_field_refuse(&v->signatures[i].field, verdict, reason);
}

static bool
is_body_relaxed(const struct dkim_signature *s)
{
	return str_ends_nocase(s->field.result.canonicalization, STR("/relaxed"));
}

/* --- the fields --- */

static bool
read_signatures(struct dkim_verification *v, const struct dkim_verify_inputs *in)
{
	const struct header_section *header = in->header;
	bool *is_chosen = arena_array(v->arena, (size_t)header->n_fields + 1, sizeof(*is_chosen));
	int place = 0;

	if (is_chosen == NULL)
		return false;
	v->n_rest = dkim_choose(header, in->authors, v->settings.signatures_max, is_chosen);
	for (int i = 0; i < header->n_fields; i++) {
		struct dkim_signature *s;

		place += is_signature(&header->fields[i]);
		if (!is_chosen[i])
			continue;
		v->n_rest--;
		s = &v->signatures[v->n_signatures];
		s->from = &header->fields[i];
		s->place = place - 1;
		s->candidate = -1;
		if (!dkim_field_read(s->from->value, in->now, v->settings.drift_s, v->arena, &s->field))
			return false;
		v->n_signatures++;
	}
	return true;
}

/* Longer where the first characters are another signature's too (RFC 6008 4). */
static void
tell_apart(struct dkim_verification *v)
{
	for (int i = 0; i < v->n_signatures; i++) {
		struct dkim_field *field = &v->signatures[i].field;

		for (int k = 0; k < v->n_signatures; k++) {
			struct str *prefix = &field->result.b_prefix;

			while (k != i && prefix->len > 0 && prefix->len < field->b.len &&
			    str_starts(v->signatures[k].field.b, *prefix))
				prefix->len++;
		}
	}
}

/*
 * What the library reads otherwise than RFC 6376 3.4 says: to it vertical tabs and form feeds are blanks, a CR is where it is
 * not a line's end, and NUL ends a field.  Other control characters stand in old mail (ESC, of unencoded Japanese) and are as good
 * as letters.
 */
static bool
is_misread(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '\0' || c == '\v' || c == '\f' || (c == '\r' && (i + 1 == text.len || text.at[i + 1] != '\n')))
			return true;
	}
	return false;
}

static void
refuse_for_header(struct dkim_verification *v, const struct header_section *header)
{
	if (header->header_bytes > DKIM_HEADER_MAX_BYTES || header->n_fields > DKIM_HEADER_FIELDS_MAX) {
		refuse_all(v, DKIM_POLICY, "header too large to be checked");
		return;
	}
	for (int i = 0; i < header->n_fields; i++) {
		if (is_misread(header->fields[i].whole)) {
			refuse_all(v, DKIM_NEUTRAL, "control characters in the header");
			return;
		}
	}
}

/*
 * Who has a signed mail could put another From on top of it, which people see and the signature does not.  Such a mail is none
 * by RFC 5322, and is not to be validated (RFC 6376 3.8, 8.15).
 */
static void
refuse_for_authors(struct dkim_verification *v, const struct header_section *header)
{
	int n_authors = header_count(header, STR("From"));

	for (int i = 0; i < v->n_signatures && n_authors > 1; i++) {
		if (v->signatures[i].field.n_authors_covered < n_authors)
			dkim_field_refuse(&v->signatures[i].field, DKIM_POLICY, "signs not all From fields");
	}
}

/*
 * The body is hashed anew for each l=, so those of many are not looked at.  One is rare already (RFC 6376 8.2).
 */
static void
refuse_for_limits(struct dkim_verification *v)
{
	int64_t limits[DKIM_BODY_LIMITS_MAX];
	int n = 0;

	for (int i = 0; i < v->n_signatures; i++) {
		struct dkim_field *field = &v->signatures[i].field;
		int k = 0;

		if (!field->is_well_formed || field->result.body_limit_bytes < 0)
			continue;
		while (k < n && limits[k] != field->result.body_limit_bytes)
			k++;
		if (k == DKIM_BODY_LIMITS_MAX) {
			dkim_field_refuse(field, DKIM_POLICY, "more different l= than are looked at");
			field->is_well_formed = false;
		} else if (k == n) {
			limits[n++] = field->result.body_limit_bytes;
		}
	}
}

/*
 * The library sees well-formed signature fields only.  So one that signs other signatures, which
 * are the lowest, can be checked only if all of those are below it and well-formed themselves.
 * The library would take a signature for one that signs itself; and where h= names each field
 * there is, that one too, and a name more, it writes behind the end of a list.
 */
static void
refuse_for_others(struct dkim_verification *v)
{
	int n_all = v->n_signatures + v->n_rest, n_good = 0;	/* the lowest n_good fields can be signed */

	for (int i = v->n_signatures - 1; i >= 0; i--) {
		struct dkim_field *field = &v->signatures[i].field;

		if (field->n_signatures_covered > n_good) {
			dkim_field_refuse(field, DKIM_NEUTRAL, "signs signatures that cannot be checked");
			field->is_well_formed = false;
		}
		if (field->is_well_formed && n_good == n_all - 1 - v->signatures[i].place)
			n_good++;
	}
}

/* --- a mail --- */

/* What the library gets: every well-formed signature, for another one may sign it. */
static void
gather_candidates(struct dkim_verification *v)
{
	for (int i = 0; i < v->n_signatures; i++) {
		struct dkim_signature *s = &v->signatures[i];

		if (!s->field.is_well_formed)
			continue;
		s->candidate = v->n_candidates++;
		v->candidates[s->candidate] = (struct dkim_candidate){ .field = s->from, .is_open = !s->field.is_refused };
	}
}

static bool
is_open(const struct dkim_verification *v)
{
	for (int i = 0; i < v->n_signatures; i++) {
		if (!v->signatures[i].field.is_refused)
			return true;
	}
	return false;
}

struct header_work {			/* touches nothing else */
	struct dkim_verification *v;
	const struct dkim_verifier *verifier;
	const struct header_section *header;
};

/* A signature whose header part failed has failed, whatever the body is. */
static void
check_header(void *arg)
{
	struct header_work *work = arg;
	struct dkim_verification *v = work->v;
	const char *why;

	if (!dkim_library_hash_header(work->verifier->library, work->header, v->candidates, v->n_candidates, &why)) {
		refuse_all(v, DKIM_TEMPERROR, why);
		return;
	}
	for (int i = 0; i < v->n_signatures; i++) {
		struct dkim_signature *s = &v->signatures[i];

		if (s->field.is_refused)
			continue;
		why = v->candidates[s->candidate].why_not;
		if (why != NULL)	/* what was read strictly can be checked: it is the library's trouble, or ours */
			dkim_field_refuse(&s->field, DKIM_TEMPERROR, why);
		else if (!dkim_known_check(work->verifier->known, &s->key, v->candidates[s->candidate].hash, s->field.signature))
			dkim_field_refuse(&s->field, DKIM_FAIL, "signature did not verify");
	}
}

/* Several signatures may want the same of the body. */
static int
find_form(struct dkim_body_form *forms, int *n_forms, const struct dkim_body_form *wanted)
{
	int i = 0;

	while (i < *n_forms && (forms[i].canon != wanted->canon || forms[i].limit_bytes != wanted->limit_bytes))
		i++;
	if (i == *n_forms)
		forms[(*n_forms)++] = *wanted;
	return i;
}

static void
begin_body(struct dkim_verification *v, const struct dkim_verifier *verifier)
{
	struct dkim_body_form forms[DKIM_BODY_FORMS_MAX];
	int n_forms = 0;

	_Static_assert((int)DKIM_SIGNATURES_MAX <= (int)DKIM_CANDIDATES_MAX, "each can be a candidate");
	_Static_assert(2 * (1 + (int)DKIM_BODY_LIMITS_MAX) <= (int)DKIM_BODY_FORMS_MAX, "each canonicalization with each l=, and without");
	for (int i = 0; i < v->n_signatures; i++) {
		struct dkim_signature *s = &v->signatures[i];
		struct dkim_body_form form = { .limit_bytes = s->field.result.body_limit_bytes,
		    .canon = is_body_relaxed(s) ? DKIM_RELAXED : DKIM_SIMPLE };

		if (s->field.is_refused)
			continue;
		s->body_form = find_form(forms, &n_forms, &form);
	}
	if (n_forms > 0)
		v->body = dkim_body_new(verifier->sha256, forms, n_forms);
}

static bool
begin(struct dkim_verification *v, struct dkim_verifier *verifier, const struct dkim_verify_inputs *in)
{
	struct header_work work = { .v = v, .verifier = verifier, .header = in->header };

	if (!read_signatures(v, in))
		return false;
	tell_apart(v);
	refuse_for_header(v, in->header);
	refuse_for_authors(v, in->header);
	refuse_for_limits(v);
	refuse_for_others(v);
	if (!dkim_lookup_keys(v->signatures, v->n_signatures, in->resolver, in->deadline, v->arena))
		return false;
	gather_candidates(v);
	if (is_open(v))
		elsewhere_run(dkim_work_us(v->signatures, v->n_signatures, in->header) > DKIM_WORK_HERE_MAX_US ? in->elsewhere : NULL, check_header, &work);
	begin_body(v, verifier);
	return true;
}

struct dkim_verification *
dkim_verify_begin(struct dkim_verifier *verifier, const struct dkim_verify_inputs *inputs, struct arena *arena, struct fault *fault_out)
{
	struct dkim_verification *v = arena_alloc(arena, sizeof(*v));
	size_t n_max = (size_t)inputs->settings->signatures_max;

	insist(n_max > 0 && n_max <= DKIM_SIGNATURES_MAX);
	if (v != NULL) {
		*v = (struct dkim_verification){ .settings = *inputs->settings, .arena = arena };
		v->signatures = arena_array(arena, n_max, sizeof(v->signatures[0]));
		v->candidates = arena_array(arena, n_max, sizeof(v->candidates[0]));
		v->results = arena_array(arena, n_max + 1, sizeof(v->results[0]));
		if (v->signatures != NULL && v->candidates != NULL && v->results != NULL && begin(v, verifier, inputs))
			return v;
	}
	fault_because(fault_out, FAULT_FULL, "no room for the verification of signatures");
	return NULL;
}

size_t
dkim_verify_memory_bytes(const struct dkim_verification *v)
{
	return dkim_body_memory_bytes(v->body);
}

bool
dkim_verify_wants_body(const struct dkim_verification *v)
{
	return v->body != NULL;
}

void
dkim_verify_body(struct dkim_verification *v, struct str chunk)
{
	const char *why;

	insist(chunk.len <= DKIM_CHUNK_MAX_BYTES);
	if (v->body == NULL)
		return;
	why = dkim_body_take(v->body, chunk);
	if (why == NULL)
		return;
	refuse_all(v, DKIM_NEUTRAL, why);
	dkim_verify_drop(v);
}

/* --- results --- */

/* Right, but does l= leave something out (RFC 6376 8.2)? */
static void
settle_right(struct dkim_verification *v, struct dkim_signature *s)
{
	struct dkim_field *field = &s->field;
	struct dkim_result *r = &field->result;
	struct str reason = STR("l= leaves a part of the body unsigned");

	if (r->body_limit_bytes >= 0)
		r->body_unsigned_bytes = dkim_body_bytes(v->body, s->body_form) - r->body_limit_bytes;
	if (r->body_unsigned_bytes <= 0) {
		r->body_unsigned_bytes = 0;
		dkim_field_refuse(field, DKIM_PASS, "");
		return;
	}
	(void)arena_printf(v->arena, &reason, "l= leaves %lld bytes of the body unsigned", (long long)r->body_unsigned_bytes);
	dkim_field_refuse(field, v->settings.accepts_partial_body ? DKIM_PASS : DKIM_POLICY, reason.at);
}

static void
settle(struct dkim_verification *v, struct dkim_signature *s)
{
	const uint8_t *hash;

	if (s->field.is_refused)
		return;
	hash = dkim_body_hash(v->body, s->body_form);
	if (hash == NULL)
		dkim_field_refuse(&s->field, DKIM_FAIL, "body is shorter than l= says");
	else if (memcmp(hash, s->field.body_hash, DKIM_HASH_BYTES) != 0)
		dkim_field_refuse(&s->field, DKIM_FAIL, "body hash did not verify");
	else
		settle_right(v, s);
}

static void
say_rest(struct dkim_verification *v, struct dkim_result *rest)
{
	*rest = (struct dkim_result){ .verdict = DKIM_POLICY, .reason = STR("more signatures than are looked at"), .is_rest = true,
	    .signed_at_s = -1, .expires_at_s = -1, .body_limit_bytes = -1 };
	(void)arena_printf(v->arena, &rest->reason, "%d more signatures were not looked at", v->n_rest);
}

struct dkim_result *
dkim_verify_end(struct dkim_verification *v, int *n_out)
{
	int n = v->n_signatures;

	if (v->body != NULL)
		dkim_body_end(v->body);
	for (int i = 0; i < n; i++) {
		settle(v, &v->signatures[i]);
		v->results[i] = v->signatures[i].field.result;
	}
	if (v->n_rest > 0)
		say_rest(v, &v->results[n++]);
	dkim_verify_drop(v);
	*n_out = n;
	return v->results;
}

void
dkim_verify_drop(struct dkim_verification *v)
{
	dkim_body_free(v->body);
	v->body = NULL;
}

/* --- once --- */

struct dkim_verifier *
dkim_verifier_new(void)
{
	struct dkim_library *library = dkim_library_new();
	struct dkim_verifier *verifier;

	if (library == NULL)
		return NULL;
	verifier = mem_new(sizeof(*verifier));
	verifier->library = library;
	verifier->known = dkim_known_new(DKIM_KNOWN_KEYS);
	verifier->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	insist(verifier->sha256 != NULL);
	return verifier;
}

void
dkim_verifier_free(struct dkim_verifier *verifier)
{
	if (verifier == NULL)
		return;
	dkim_library_free(verifier->library);
	dkim_known_free(verifier->known);
	EVP_MD_free(verifier->sha256);
	mem_free(verifier);
}

struct dkim_known *
dkim_verifier_known(struct dkim_verifier *verifier)
{
	return verifier != NULL ? verifier->known : NULL;
}
