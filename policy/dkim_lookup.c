/*
 * dkim_lookup.c - the keys of a mail's signatures: one look-up for all, and may each be used? (RFC 6376 6.1.2)
 */
#include "base/code.h"
#include "mail/domain.h"
#include "policy/dkim_lookup.h"

static bool
name_keys(struct dkim_signature *signatures, int n_signatures, struct arena *arena)
{
	for (int i = 0; i < n_signatures; i++) {
		struct dkim_signature *s = &signatures[i];
		struct dkim_result *r = &s->field.result;

		if (s->field.is_refused)
			continue;
		if (!arena_printf(arena, &s->key_name, "%.*s._domainkey.%.*s", STR_ARG(r->selector), STR_ARG(r->domain)))
			return false;
		if (!domain_is_valid(s->key_name, false)) {
			dkim_field_refuse(&s->field, DKIM_PERMERROR, "d= and s= are too long");
			s->key_name = STR_EMPTY;
		}
	}
	return true;
}

/* Each name once.  The question of signature i is *question_of[i]. */
static int
gather_questions(const struct dkim_signature *signatures, int n_signatures, struct dns_question *questions, int *question_of)
{
	int n = 0;

	for (int i = 0; i < n_signatures; i++) {
		struct str name = signatures[i].key_name;

		if (name.len == 0)
			continue;
		for (question_of[i] = 0; question_of[i] < n; question_of[i]++) {
			if (str_eq_nocase(questions[question_of[i]].name, name))
				break;
		}
		if (question_of[i] == n)
			questions[n++] = (struct dns_question){ .name = name, .type = DNS_TXT, .is_strangers = true };
	}
	return n;
}

/* Records of other kinds may stand at the same name; of several keys none is taken (RFC 6376 3.6.2.2). */
static const struct str *
find_record(const struct dns_answer *answer, int *n_found_out)
{
	const struct str *found = NULL;

	*n_found_out = 0;
	for (int i = 0; i < answer->n_records; i++) {
		if (answer->n_records > 1 && !dkim_public_is_record(answer->records[i].text))
			continue;
		found = &answer->records[i].text;
		++*n_found_out;
	}
	return found;
}

/* May this key be used for this signature (RFC 6376 6.1.2)? */
static void
judge_key(struct dkim_signature *s, const struct dkim_public *key, struct arena *arena)
{
	struct dkim_field *field = &s->field;
	struct str reason;

	field->result.is_testing = key->is_testing;
	if (key->is_revoked) {
		dkim_field_refuse(field, DKIM_PERMERROR, "key revoked");
		return;
	}
	field->result.key_bits = key->bits;
	if (key->type != field->key_type)
		dkim_field_refuse(field, DKIM_PERMERROR, "key of another type than a= says");
	else if (!key->is_for_email)
		dkim_field_refuse(field, DKIM_PERMERROR, "key is not for mail");
	else if (!key->is_for_sha256)
		dkim_field_refuse(field, DKIM_PERMERROR, "key is not for SHA-256");
	else if (key->is_for_domain_only && !str_eq_nocase(field->identity_domain, field->result.domain))
		dkim_field_refuse(field, DKIM_PERMERROR, "key is not for the subdomain in i=");
	else if (key->type == DKIM_PUBLIC_RSA && (key->bits < DKIM_PUBLIC_RSA_BITS_MIN || key->bits > DKIM_PUBLIC_RSA_BITS_MAX))
		dkim_field_refuse(field, DKIM_POLICY, arena_printf(arena, &reason, "RSA key of %d bits is too %s", key->bits,
		    key->bits < DKIM_PUBLIC_RSA_BITS_MIN ? "small" : "large") ? reason.at : "RSA key of a bad size");
}

/* Made anew, so that nothing but the key itself comes from the DNS.  False at the arena's limit. */
static bool
write_record(const struct dkim_public *key, struct arena *arena, struct str *record_out)
{
	struct buf text;
	bool done;

	buf_init(&text, 2 * key->bytes.len + 8);
	done = base64_encode(key->bytes, &text) == 0 && arena_printf(arena, record_out, "v=DKIM1; k=%s; p=%.*s",
	    key->type == DKIM_PUBLIC_RSA ? "rsa" : "ed25519", STR_ARG(buf_str(&text)));
	buf_fini(&text);
	return done;
}

/* Sets the key's record, or refuses.  False at the arena's limit. */
static bool
read_key(struct dkim_signature *s, const struct dns_answer *answer, struct arena *arena)
{
	struct dkim_field *field = &s->field;
	const struct str *record;
	struct dkim_public key;
	const char *why;
	int n_found;

	if (answer->result == DNS_UNSETTLED) {
		dkim_field_refuse(field, DKIM_TEMPERROR, answer->is_bogus ? "key record is bogus" : "key cannot be looked up now");
		return true;
	}
	field->result.is_key_secure = answer->is_secure;
	record = find_record(answer, &n_found);
	if (answer->result != DNS_FOUND || record == NULL) {
		dkim_field_refuse(field, DKIM_PERMERROR, "no key");
		return true;
	}
	if (n_found > 1) {
		dkim_field_refuse(field, DKIM_PERMERROR, "several keys at one name");
		return true;
	}
	if (!dkim_public_read(*record, arena, &key, &why)) {
		dkim_field_refuse(field, DKIM_PERMERROR, why);
		return true;
	}
	judge_key(s, &key, arena);
	return field->is_refused || write_record(&key, arena, &s->key_record);
}

bool
dkim_lookup_keys(struct dkim_signature *signatures, int n_signatures, struct resolver *resolver, struct instant deadline,
    struct arena *arena)
{
	size_t n = (size_t)n_signatures;
	struct dns_question *questions = arena_array(arena, n, sizeof(questions[0]));
	struct dns_answer *answers = arena_array(arena, n, sizeof(answers[0]));
	int *question_of = arena_array(arena, n, sizeof(question_of[0]));
	int n_questions;

	if (questions == NULL || answers == NULL || question_of == NULL || !name_keys(signatures, n_signatures, arena))
		return false;
	n_questions = gather_questions(signatures, n_signatures, questions, question_of);
	if (n_questions > 0)
		dns_ask(resolver, questions, n_questions, deadline, arena, answers);
	for (int i = 0; i < n_signatures; i++) {
		if (signatures[i].key_name.len > 0 && !read_key(&signatures[i], &answers[question_of[i]], arena))
			return false;
	}
	return true;
}
