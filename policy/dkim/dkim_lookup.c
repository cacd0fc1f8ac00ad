/*
 * dkim_lookup.c - the keys of a mail's signatures, asked for and written as the library reads them
 */
#include "base/code.h"
#include "policy/dkim/dkim_keys.h"
#include "policy/dkim/dkim_lookup.h"

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
take_key(struct dkim_signature *s, const struct dkim_key_wanted *w, struct arena *arena)
{
	struct dkim_field *field = &s->field;

	if (field->is_refused)
		return true;
	field->result.is_testing = w->key.is_testing;
	field->result.key_bits = w->key.bits;
	field->result.is_key_secure = w->is_secure;
	if (w->why_not == NULL)
		return write_record(&w->key, arena, &s->key_record);
	dkim_field_refuse(field, w->verdict, w->why_not);
	return true;
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
	for (int i = 0; i < n_signatures; i++) {
		if (!take_key(&signatures[i], &wanted[i], arena))
			return false;
	}
	return true;
}
