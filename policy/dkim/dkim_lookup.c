/*
 * dkim_lookup.c - the keys of a mail's signatures, asked for
 */
#include "policy/dkim/dkim_keys.h"
#include "policy/dkim/dkim_lookup.h"

static void
take_key(struct dkim_signature *s, const struct dkim_key_wanted *w)
{
	struct dkim_field *field = &s->field;

	if (field->is_refused)
		return;
	field->result.is_testing = w->key.is_testing;
	field->result.key_bits = w->key.bits;
	field->result.is_key_secure = w->is_secure;
	if (w->why_not == NULL)
		s->key = w->key;
	else
		dkim_field_refuse(field, w->verdict, w->why_not);
}

bool
dkim_lookup_keys(struct dkim_signature *signatures, int n_signatures, struct resolver *resolver, struct instant deadline,
    struct arena *arena)
{
	struct dkim_key_wanted *wanted = arena_array(arena, (size_t)n_signatures, sizeof(wanted[0]));

	if (wanted == NULL)
		return false;
	for (int i = 0; i < n_signatures; i++) {
		const struct dkim_field *field = &signatures[i].field;

		if (!field->is_refused)
			wanted[i] = (struct dkim_key_wanted){ .domain = field->result.domain, .selector = field->result.selector,
			    .identity_domain = field->identity_domain, .type = field->key_type };
	}
	if (!dkim_keys_ask(wanted, n_signatures, resolver, deadline, arena))
		return false;
	for (int i = 0; i < n_signatures; i++)
		take_key(&signatures[i], &wanted[i]);
	return true;
}
