/*
 * spf_inquiry.c - questions, counts and names of one identity's check
 */
#include <stdio.h>

#include "policy/spf/spf_inquiry.h"

enum {
	LABEL_MAX_BYTES = 63,		/* RFC 1035 2.3.4 */
	NAME_SHOWN_BYTES = 80,		/* of a name, in a problem */
	ANSWER_ROOM_BYTES = 16 * 1024,	/* what few answers about names need */
};

struct str
spf_name_shown(struct str name)
{
	return str_sub(name, 0, NAME_SHOWN_BYTES);
}

enum spf_value
inquiry_no_room(struct spf_inquiry *c)
{
	fault_temporary(&c->fault, "the check needs more memory than it may have");
	return SPF_TEMPERROR;
}

bool
spf_name_to_ask(struct str name, char room[SPF_ASKED_ROOM_BYTES], struct str *asked_out)
{
	size_t len = 0, label = 0;

	if (name.len == 0 || name.len > SPF_NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';

		if (c == '.' ? label == 0 : ++label > LABEL_MAX_BYTES)
			return false;
		if (c == '.')
			label = 0;
		if (c == '.' || is_plain)
			room[len++] = c;
		else
			len += (size_t)snprintf(room + len, SPF_ESCAPED_BYTES + 1, "\\%03u", (unsigned)(unsigned char)c);
	}
	*asked_out = str_n(room, len);
	return label > 0;
}

void
inquiry_ask(struct spf_inquiry *c, struct str name, enum dns_type type, struct dns_answer *answer)
{
	struct dns_question question = { .type = type, .is_strangers = true };
	char room[SPF_ASKED_ROOM_BYTES];

	*answer = (struct dns_answer){ .result = DNS_NO_NAME };
	if (spf_name_to_ask(name, room, &question.name))
		dns_ask(c->in->resolver, &question, 1, c->in->deadline, c->in->arena, answer);
}

bool
inquiry_count_term(struct spf_inquiry *c)
{
	if (++c->n_dns_terms <= SPF_DNS_TERMS_MAX)
		return true;
	fault_permanent(&c->fault, "more than %d terms need the DNS", SPF_DNS_TERMS_MAX);
	return false;
}

struct iprev_result *
inquiry_names(struct spf_inquiry *c)
{
	struct arena *arena = c->in->arena;
	struct iprev_result *names;

	if (c->names != NULL)
		return c->names;
	names = arena_alloc(arena, sizeof(*names));
	if (names == NULL)
		return NULL;
	iprev_check(&c->in->client, c->in->resolver, c->in->deadline, arena, names);
	/* A silent DNS is no match (5.5), but an answer that found no room is our own trouble. */
	if (names->value == IPREV_TEMPERROR && arena_alloc(arena, ANSWER_ROOM_BYTES) == NULL)
		return NULL;
	c->names = names;
	return names;
}

bool
spf_name_is_within(struct str name, struct str parent)
{
	if (!str_ends_nocase(name, parent))
		return false;
	return name.len == parent.len || name.at[name.len - parent.len - 1] == '.';
}

/* The client's name for %{p}: the domain itself, else one below it, else any (7.3). */
static struct str
best_name(const struct iprev_result *names, struct str domain)
{
	struct str below = STR_EMPTY;

	for (int i = 0; i < names->n_names; i++) {
		if (str_eq_nocase(names->names[i], domain))
			return names->names[i];
		if (below.len == 0 && spf_name_is_within(names->names[i], domain))
			below = names->names[i];
	}
	if (below.len > 0)
		return below;
	return names->n_names > 0 ? names->names[0] : STR("unknown");
}

enum spf_value
inquiry_prepare(struct spf_inquiry *c, struct str text, struct str domain, bool is_counted)
{
	const struct iprev_result *names;

	c->values.domain = domain;
	c->values.validated_name = STR("unknown");
	if (!spf_macro_uses(text, 'p'))
		return SPF_PASS;
	if (is_counted && c->names == NULL && !inquiry_count_term(c))
		return SPF_PERMERROR;
	names = inquiry_names(c);
	if (names == NULL)
		return inquiry_no_room(c);
	c->values.validated_name = best_name(names, domain);
	return SPF_PASS;
}

enum spf_value
inquiry_expand(struct spf_inquiry *c, struct str spec, struct str domain, bool is_counted, struct str *name_out)
{
	char room[SPF_NAME_ROOM_BYTES];
	enum spf_value value = inquiry_prepare(c, spec, domain, is_counted);
	struct str name;

	if (value != SPF_PASS)
		return value;
	if (!spf_macro_expand_name(spec, &c->values, room, &name))
		name = STR_EMPTY;
	return arena_copy(c->in->arena, name, name_out) ? SPF_PASS : inquiry_no_room(c);
}
