/*
 * sasl.c - the mechanisms we speak, and the library's own state
 */
#include "base/mem.h"
#include "smtpfwd/auth/sasl_inside.h"

static const char *const names[] = {
	[SASL_PLAIN] = "PLAIN",
	[SASL_LOGIN] = "LOGIN",
	[SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
};

const char *
sasl_mechanism_name(enum sasl_mechanism mechanism)
{
	return names[mechanism];
}

bool
sasl_mechanism_named(struct str name, enum sasl_mechanism *mechanism_out)
{
	for (int i = 0; i < SASL_N_MECHANISMS; i++) {
		if (!str_eq_nocase(name, str_of(names[i])))
			continue;
		*mechanism_out = (enum sasl_mechanism)i;
		return true;
	}
	return false;
}

bool
sasl_mechanism_shows_password(enum sasl_mechanism mechanism)
{
	return mechanism != SASL_SCRAM_SHA_256;
}

/* Clients set all they know beforehand; only servers have something to be asked. */
static int
tell(Gsasl *gsasl, Gsasl_session *session, Gsasl_property wanted)
{
	return session != NULL && gsasl_session_hook_get(session) != NULL ? sasl_server_tell(session, wanted) : GSASL_NO_CALLBACK;
}

struct sasl *
sasl_new(void)
{
	struct sasl *sasl = mem_new(sizeof(*sasl));

	if (gsasl_init(&sasl->gsasl) != GSASL_OK) {
		mem_free(sasl);
		return NULL;
	}
	gsasl_callback_set(sasl->gsasl, tell);
	return sasl;
}

void
sasl_free(struct sasl *sasl)
{
	if (sasl == NULL)
		return;
	gsasl_done(sasl->gsasl);
	mem_free(sasl);
}

void
sasl_wipe(Gsasl_session *session, Gsasl_property property)
{
	char *value = (char *)(uintptr_t)gsasl_property_fast(session, property);

	if (value != NULL)
		explicit_bzero(value, strlen(value));	/* the library's copy, and it does not do it */
}
