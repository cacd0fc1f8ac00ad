/*
 * auth_results_find.c - tells whose an Authentication-Results field is, however it is disguised
 *
 * What can be read strictly says so itself.  What cannot is ours if our name is in it in any way:
 * to lose a stranger's broken field harms nobody, to keep one that says "we checked" does.
 */
#include "mail/auth_results.h"
#include "mail/domain.h"
#include "mail/lexical.h"

/* Only what names are made of, in lower case: what is left when a disguise is taken off. */
static bool
strip(struct str text, struct arena *arena, struct str *stripped_out)
{
	char *room = arena_alloc(arena, text.len + 1);
	size_t n = 0;

	if (room == NULL)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + ('a' - 'A'));
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_')
			room[n++] = c;
	}
	while (n > 0 && room[n - 1] == '.')
		n--;
	*stripped_out = str_n(room, n);
	return true;
}

struct looks {				/* for a name */
	struct str	 id;		/* stripped; not empty */
	struct arena	*arena;
	bool		 is_whole;	/* the text is to be the name, not just to hold it */
};

/* At the arena's limit everything is found. */
static bool
find_in(const struct looks *look, struct str text)
{
	struct str stripped;

	if (!strip(text, look->arena, &stripped))
		return true;
	return look->is_whole ? str_eq(stripped, look->id) : str_find_str(stripped, look->id) >= 0;
}

static bool
find_in_forms(const struct looks *look, struct str text)
{
	struct str plain, decoded;

	if (find_in(look, text))
		return true;
	if (!lexical_decode_words(text, look->arena, &decoded) || find_in(look, decoded))
		return true;
	if (!lexical_decode_percent(decoded, look->arena, &decoded) || find_in(look, decoded))
		return true;
	return !lexical_without_comments(text, look->arena, &plain) || find_in(look, plain);
}

/* U-labels and full-width letters that are the same domain as ours. */
static bool
is_same_domain(struct str text, struct str authserv_id, struct arena *arena)
{
	struct str theirs, ours;

	return !str_is_ascii(text) && domain_canonical(text, arena, &theirs) &&
	    domain_canonical(authserv_id, arena, &ours) && str_eq(theirs, ours);
}

/*
 * [CFWS] authserv-id [CFWS version] [CFWS] and then ";" or, against the letter, the end.  False if
 * the field does not begin like that; else the id, unquoted.
 */
static bool
read_id(struct str value, struct arena *arena, struct str *id_out)
{
	struct str rest = value, inside, version;

	if (!lexical_skip_cfws(&rest))
		return false;
	if (lexical_take_quoted(&rest, &inside)) {
		if (!lexical_unquote(inside, arena, id_out))
			return false;
	} else {
		struct str start = rest;

		*id_out = lexical_take_token(&rest);
		/* RFC 8601 2.2 lets UTF-8 into values (by RFC 6532) */
		while (rest.len > 0 && (unsigned char)rest.at[0] >= 0x80 && str_utf8_len(rest) > 0) {
			rest = str_from(rest, str_utf8_len(rest));
			lexical_take_token(&rest);
			*id_out = str_sub(start, 0, start.len - rest.len);
		}
	}
	if (id_out->len == 0 || !lexical_skip_cfws(&rest))
		return false;
	version = lexical_take_token(&rest);
	for (size_t i = 0; i < version.len; i++) {
		if (version.at[i] < '0' || version.at[i] > '9')
			return false;
	}
	return lexical_skip_cfws(&rest) && (rest.len == 0 || rest.at[0] == ';');
}

bool
auth_results_is_ours(const struct header_field *field, struct str authserv_id, struct arena *arena,
    const char **why_out)
{
	struct looks look = { .arena = arena };
	struct str id;

	*why_out = NULL;
	if (!str_eq_nocase(field->name, STR("Authentication-Results")))
		return false;
	if (!strip(authserv_id, arena, &look.id) || look.id.len == 0) {
		*why_out = "too much to read";
		return true;
	}
	if (read_id(field->value, arena, &id)) {
		look.is_whole = lexical_is_token(id);
		if (str_eq_nocase(id, authserv_id))
			*why_out = "it bears our authserv-id";
		else if (find_in_forms(&look, id) || is_same_domain(id, authserv_id, arena))
			*why_out = "it bears our authserv-id in another form";
		return *why_out != NULL;
	}
	if (find_in_forms(&look, field->value))
		*why_out = "it is malformed and mentions our authserv-id";
	return *why_out != NULL;
}
