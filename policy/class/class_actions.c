/*
 * class_actions.c - what is done otherwise with mail of a class: kept, told, and which fields it may touch
 */
#include "policy/class/class_actions.h"

/* --- kept --- */

static bool
copy_text(const char *from, struct arena *arena, const char **copy_out)
{
	struct str copy;

	*copy_out = NULL;
	if (from == NULL)
		return true;
	if (!arena_copy(arena, str_of(from), &copy))
		return false;
	*copy_out = copy.at;
	return true;
}

static bool
copy_removed(const struct class_actions *from, struct arena *arena, struct class_actions *copy)
{
	const char **names = arena_array(arena, (size_t)from->n_removed + 1, sizeof(*names));
	bool has_room = names != NULL;

	for (int i = 0; has_room && i < from->n_removed; i++)
		has_room = copy_text(from->removed[i], arena, &names[i]);
	copy->removed = names;
	return has_room;
}

static bool
copy_added(const struct class_actions *from, struct arena *arena, struct class_actions *copy)
{
	struct header_field *fields = arena_array(arena, (size_t)from->n_added + 1, sizeof(*fields));
	bool has_room = fields != NULL;

	for (int i = 0; has_room && i < from->n_added; i++)
		has_room = arena_copy(arena, from->added[i].name, &fields[i].name) &&
		    arena_copy(arena, from->added[i].value, &fields[i].value) && arena_copy(arena, from->added[i].whole, &fields[i].whole);
	copy->added = fields;
	return has_room;
}

static bool
copy_rates(const struct class_actions *from, struct arena *arena, struct class_actions *copy)
{
	struct class_rate *rates = arena_array(arena, (size_t)from->n_rates + 1, sizeof(*rates));

	if (rates == NULL)
		return false;
	for (int i = 0; i < from->n_rates; i++)
		rates[i] = from->rates[i];
	copy->rates = rates;
	return true;
}

bool
class_actions_copy(const struct class_actions *from, struct arena *arena, struct class_actions *copy_out)
{
	*copy_out = *from;
	return copy_text(from->sign_as, arena, &copy_out->sign_as) && copy_text(from->route, arena, &copy_out->route) &&
	    copy_removed(from, arena, copy_out) && copy_added(from, arena, copy_out) && copy_rates(from, arena, copy_out);
}

/* --- checks --- */

const char *
class_verify_why_not(enum class_verify verify, const struct peer *peer)
{
	switch (verify) {
	case CLASS_VERIFY_AUTO:
		return peer->is_trusted ? "trusted" : NULL;
	case CLASS_VERIFY_ON:
		return NULL;
	case CLASS_VERIFY_OFF:
		return peer->is_trusted ? "trusted" : "class";
	}
	return NULL;
}

/* --- told --- */

bool
class_actions_is_none(const struct class_actions *actions)
{
	return actions->signing == CLASS_SIGNING_AUTO && actions->sign_as == NULL && actions->verify == CLASS_VERIFY_AUTO &&
	    actions->srs == SRS_WISH_NONE && actions->route == NULL && actions->message_max_bytes == 0 &&
	    actions->recipients_max == 0 && actions->n_rates + actions->n_removed + actions->n_added == 0 && !actions->is_held;
}

/* A section's title may be any text, and this is to be a word. */
static int
put(struct buf *out, size_t began, const char *name, const char *value)
{
	if (buf_printf(out, "%s%s:", out->len > began ? "," : "", name) != 0)
		return -1;
	for (const char *c = value; *c != '\0'; c++)
		if (buf_append_char(out, *c > ' ' && *c < 0x7f && *c != '"' && *c != ',' ? *c : '?') != 0)
			return -1;
	return 0;
}

static int
put_number(struct buf *out, size_t began, const char *name, int64_t value)
{
	return value == 0 ? 0 : buf_printf(out, "%s%s:%lld", out->len > began ? "," : "", name, (long long)value);
}

static const char *
signing_word(enum class_signing signing)
{
	switch (signing) {
	case CLASS_SIGNING_AUTO:
		return NULL;
	case CLASS_SIGNING_ON:
		return "yes";
	case CLASS_SIGNING_OFF:
		return "no";
	}
	return NULL;
}

static const char *
verify_word(enum class_verify verify)
{
	switch (verify) {
	case CLASS_VERIFY_AUTO:
		return NULL;
	case CLASS_VERIFY_ON:
		return "yes";
	case CLASS_VERIFY_OFF:
		return "no";
	}
	return NULL;
}

static const char *
srs_word(enum srs_wish srs)
{
	switch (srs) {
	case SRS_WISH_NONE:
		return NULL;
	case SRS_WISH_AUTO:
		return "auto";
	case SRS_WISH_ALWAYS:
		return "always";
	case SRS_WISH_NEVER:
		return "never";
	}
	return NULL;
}

int
class_actions_words(const struct class_actions *actions, struct buf *out)
{
	const struct { const char *name, *value; } words[] = {
		{ "route", actions->route != NULL ? actions->route + sizeof("route:") - 1 : NULL },
		{ "sign", signing_word(actions->signing) }, { "sign-as", actions->sign_as }, { "verify", verify_word(actions->verify) },
		{ "srs", srs_word(actions->srs) },
	};
	const struct { const char *name; int64_t value; } numbers[] = {
		{ "max-message", actions->message_max_bytes }, { "max-recipients", actions->recipients_max }, { "rates", actions->n_rates },
		{ "removes", actions->n_removed }, { "adds", actions->n_added },
	};
	size_t began = out->len;
	int result = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && result == 0; i++)
		if (words[i].value != NULL)
			result = put(out, began, words[i].name, words[i].value);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && result == 0; i++)
		result = put_number(out, began, numbers[i].name, numbers[i].value);
	if (result == 0 && actions->is_held)
		result = buf_append(out, out->len > began ? STR(",hold") : STR("hold"));
	if (result != 0)
		out->len = began;
	return result;
}

/* --- fields --- */

static bool
has_name(const char *const *names, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(name, str_of(names[i])))
			return true;
	return false;
}

#define HAS_NAME(names, name)	has_name(names, sizeof(names) / sizeof((names)[0]), name)

/* Neither may be taken away, nor a second one be written: each is part of what says what the mail is, or how it came. */
static const char *
why_not_touch(struct str name)
{
	static const char *const own[] = { "From", "Date", "Message-ID" };			/* RFC 5322 3.6 */
	static const char *const body[] = { "MIME-Version", "Content-Type", "Content-Transfer-Encoding" };
	static const char *const trace[] = { "Received", "Return-Path" };			/* RFC 5321 4.4 */
	static const char *const signature[] = { "DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results" };

	if (HAS_NAME(own, name))
		return "is what each mail has of its own";
	if (HAS_NAME(body, name))
		return "says how the body is to be read";
	if (HAS_NAME(trace, name))
		return "says how the mail came";
	if (HAS_NAME(signature, name))
		return "is a signature, which is as it is";
	return NULL;
}

const char *
class_field_why_not_remove(struct str name)
{
	return why_not_touch(name);
}

const char *
class_field_why_not_add(struct str name, bool is_removed)
{
	/* RFC 5322 3.6: at most one of each. */
	static const char *const once[] = { "Sender", "Reply-To", "To", "Cc", "Bcc", "In-Reply-To", "References", "Subject" };
	static const char *const results[] = { "Authentication-Results", "Received-SPF" };

	if (HAS_NAME(results, name))
		return "tells what was found, which nobody can know before";
	if (!is_removed && HAS_NAME(once, name))
		return "may stand once in a mail: remove-fields has to have it too";
	return why_not_touch(name);
}
