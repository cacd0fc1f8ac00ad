/*
 * identity.c - how the next hop would be told who the client is, and whose address SPF sees there
 *
 * Whether a next hop announces XCLIENT or XFORWARD is not asked.
 */
#include "smtpfwd/deliver/sender.h"
#include "smtpfwd/explain/explain.h"
#include "smtpfwd/ctl/show.h"

/* What is left of the means of the route for this client. */
static enum identity_means
means_here(const struct explanation *e, const struct route_settings *route, const char **why_out)
{
	const struct identity identity = identity_of_peer(&e->peer);
	const struct identity_rule rule = { .means = route->identity, .tells_login = route->tells_login };

	*why_out = NULL;
	if (route->identity != IDENTITY_NONE && !identity_can_be_told(&identity)) {
		*why_out = "address";
		return IDENTITY_NONE;
	}
	if (route->identity == IDENTITY_AUTO && route->login != NULL) {
		*why_out = "login";
		return IDENTITY_XFORWARD;
	}
	if (route->identity != IDENTITY_NONE && route->identity != IDENTITY_XFORWARD && !identity_may_be_seen(&identity, &rule)) {
		*why_out = "trusted";
		return route->identity == IDENTITY_AUTO ? IDENTITY_XFORWARD : IDENTITY_NONE;
	}
	return route->identity;
}

/* Whom SPF and limits at the next hop see. */
static const char *
who_is_seen(enum identity_means means)
{
	switch (means) {
	case IDENTITY_PROXY:
		return "client";
	case IDENTITY_AUTO:
	case IDENTITY_XCLIENT:
		return "client-by-xclient";
	case IDENTITY_XFORWARD:
	case IDENTITY_NONE:
		break;
	}
	return "us";
}

void
explain_identity(struct explanation *e, json_t *step, const struct route_settings *route)
{
	const char *why;
	enum identity_means means = means_here(e, route, &why);
	const struct address *to_client = sender_srs(route->srs, &e->envelope, true), *to_us = sender_srs(route->srs, &e->envelope, false);
	const struct address *srs = means == IDENTITY_PROXY ? to_client : to_us;
	struct str text;

	step_str(step, "identity", identity_means_name(means));
	step_text(step, "identity-why", why);
	step_text(step, "seen", who_is_seen(means));
	if (route->tells_login && e->peer.login.len > 0 && why == NULL)
		step_bool(step, "login-told", true);
	if (srs == NULL || !address_text(srs, e->arena, &text))
		return;
	step_str(step, "srs", text);
	if (srs != to_client && (means == IDENTITY_AUTO || means == IDENTITY_XCLIENT))
		step_bool(step, "srs-unless-client-seen", true);
}

/* --- for people --- */

static bool
says(const json_t *step, const char *key, const char *text)
{
	return strcmp(show_text(step, key), text) == 0;
}

void
explain_show_identity(const json_t *step)
{
	static const struct { const char *means, *text; } texts[] = {
		{ "none", "it is not told who the client is: SPF there sees this relay" },
		{ "auto", "it is told who the client is by XCLIENT if it takes that, and SPF there sees the client; else by XFORWARD, for its log" },
		{ "proxy", "it is told who the client is by a PROXY header, and SPF there sees the client" },
		{ "xclient", "it is told who the client is by XCLIENT if it takes that, and SPF there sees the client" },
		{ "xforward", "it is told who the client is by XFORWARD if it takes that, for its log: SPF there sees this relay" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (says(step, "identity", texts[i].means))
			printf("\n%-10s  %s", "", texts[i].text);
	if (says(step, "identity-why", "address"))
		fputs(" (the client's address means another machine there)", stdout);
	if (says(step, "identity-why", "trusted"))
		fputs(" (we answer for a client that we trust)", stdout);
	if (says(step, "identity-why", "login"))
		fputs(" (XCLIENT would undo our login)", stdout);
	if (json_is_true(json_object_get(step, "login-told")))
		fputs("; XCLIENT tells the login too", stdout);
	if (show_text(step, "srs")[0] == '\0')
		return;
	printf("\n%-10s  ", "");
	show_member("with the reverse-path ", step, "srs");
	if (json_is_true(json_object_get(step, "srs-unless-client-seen")))
		fputs(" where it sees this relay", stdout);
}
