/*
 * dkim_keys.c - the public keys of signatures (DKIM's, ARC's): one look-up for all, and may each be used? (RFC 6376 6.1.2)
 */
#include "mail/domain.h"
#include "policy/dkim/dkim_keys.h"

enum {					/* what it takes in the arena to read a key, so that want of room is not taken for a bad key */
	KEY_COPIES = 4,			/* of the record's text: without blanks, padded, the key itself, which is shorter */
	KEY_ROOM_BYTES = 64,		/* with each */
};

static void
refuse(struct dkim_key_wanted *w, enum dkim_verdict verdict, const char *why)
{
	w->verdict = verdict;
	w->why_not = why;
}

/* An empty name: it is not asked for. */
static bool
name_keys(struct dkim_key_wanted *wanted, int n_wanted, struct arena *arena, struct str *names)
{
	for (int i = 0; i < n_wanted; i++) {
		struct dkim_key_wanted *w = &wanted[i];

		names[i] = STR_EMPTY;
		w->why_not = NULL;
		if (w->domain.len == 0)
			continue;
		if (!arena_printf(arena, &names[i], "%.*s._domainkey.%.*s", STR_ARG(w->selector), STR_ARG(w->domain)))
			return false;
		if (!domain_is_valid(names[i], false)) {
			refuse(w, DKIM_PERMERROR, "d= and s= are too long");
			names[i] = STR_EMPTY;
		}
	}
	return true;
}

/* Each name once.  The question of names[i] is question_of[i]. */
static int
gather_questions(const struct str *names, int n_names, struct dns_question *questions, int *question_of)
{
	int n = 0;

	for (int i = 0; i < n_names; i++) {
		if (names[i].len == 0)
			continue;
		for (question_of[i] = 0; question_of[i] < n; question_of[i]++) {
			if (str_eq_nocase(questions[question_of[i]].name, names[i]))
				break;
		}
		if (question_of[i] == n)
			questions[n++] = (struct dns_question){ .name = names[i], .type = DNS_TXT, .is_strangers = true };
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
judge_key(struct dkim_key_wanted *w, const struct dkim_public *key, struct arena *arena)
{
	struct str reason;

	w->key = *key;
	if (key->is_revoked)
		refuse(w, DKIM_PERMERROR, "key revoked");
	else if (key->type != w->type)
		refuse(w, DKIM_PERMERROR, "key of another type than a= says");
	else if (!key->is_for_email)
		refuse(w, DKIM_PERMERROR, "key is not for mail");
	else if (!key->is_for_sha256)
		refuse(w, DKIM_PERMERROR, "key is not for SHA-256");
	else if (key->is_for_domain_only && w->identity_domain.len > 0 && !str_eq_nocase(w->identity_domain, w->domain))
		refuse(w, DKIM_PERMERROR, "key is not for the subdomain in i=");
	else if (key->type == DKIM_PUBLIC_RSA && (key->bits < DKIM_PUBLIC_RSA_BITS_MIN || key->bits > DKIM_PUBLIC_RSA_BITS_MAX))
		refuse(w, DKIM_POLICY, arena_printf(arena, &reason, "RSA key of %d bits is too %s", key->bits,
		    key->bits < DKIM_PUBLIC_RSA_BITS_MIN ? "small" : "large") ? reason.at : "RSA key of a bad size");
}

static void
read_key(struct dkim_key_wanted *w, const struct dns_answer *answer, struct arena *arena)
{
	const struct str *record;
	struct dkim_public key;
	const char *why;
	int n_found;

	if (answer->result == DNS_UNSETTLED) {
		refuse(w, DKIM_TEMPERROR, answer->is_bogus ? "key record is bogus" : "key cannot be looked up now");
		return;
	}
	w->is_secure = answer->is_secure;
	record = find_record(answer, &n_found);
	if (answer->result != DNS_FOUND || record == NULL)
		refuse(w, DKIM_PERMERROR, "no key");
	else if (n_found > 1)
		refuse(w, DKIM_PERMERROR, "several keys at one name");
	else if (arena->max_bytes - arena->used_bytes < KEY_COPIES * (record->len + KEY_ROOM_BYTES))
		refuse(w, DKIM_TEMPERROR, "no memory for the key");
	else if (dkim_public_read(*record, arena, &key, &why))
		judge_key(w, &key, arena);
	else
		refuse(w, DKIM_PERMERROR, why);
}

bool
dkim_keys_ask(struct dkim_key_wanted *wanted, int n_wanted, struct resolver *resolver, struct instant deadline,
    struct arena *arena)
{
	size_t n = (size_t)n_wanted;
	struct str *names = arena_array(arena, n, sizeof(names[0]));
	struct dns_question *questions = arena_array(arena, n, sizeof(questions[0]));
	struct dns_answer *answers = arena_array(arena, n, sizeof(answers[0]));
	int *question_of = arena_array(arena, n, sizeof(question_of[0]));
	int n_questions;

	if (names == NULL || questions == NULL || answers == NULL || question_of == NULL ||
	    !name_keys(wanted, n_wanted, arena, names))
		return false;
	n_questions = gather_questions(names, n_wanted, questions, question_of);
	if (n_questions > 0)
		dns_ask(resolver, questions, n_questions, deadline, arena, answers);
	for (int i = 0; i < n_wanted; i++) {
		if (names[i].len > 0)
			read_key(&wanted[i], &answers[question_of[i]], arena);
	}
	return true;
}
