/*
 * client_name.c - the client's name by the DNS: only what leads back to its address is believed
 */
#include "policy/spf/iprev.h"
#include "smtpfwd/receive/client_name.h"

enum {
	CLIENT_NAME_WAIT_MAX_S = 4,	/* for both look-ups; a mail is not held up long for a comment in Received and a result */
	/*
	 * A question that stayed open so long was waited for in vain; with short patience nobody waits longer.  Many strangers
	 * have names that nobody can tell, so not to ask at all then would be the rule on a busy server.
	 */
	CLIENT_NAME_SLOW_MS = 500,
	CLIENT_NAME_ARENA_MAX_BYTES = 256 * 1024,
};

static enum peer_name
state_of(enum iprev_value value)
{
	switch (value) {
	case IPREV_PASS:
		return PEER_NAME_FOUND;
	case IPREV_FAIL:
		return PEER_NAME_DIFFERS;
	case IPREV_TEMPERROR:
		return PEER_NAME_UNSETTLED;
	case IPREV_PERMERROR:
		return PEER_NAME_NONE;
	}
	return PEER_NAME_UNSETTLED;
}

static void
keep(struct session *session, const struct iprev_result *iprev)
{
	struct peer *peer = &session->peer;

	peer->name_state = state_of(iprev->value);
	if (peer->reverse_name.len == 0 && !arena_copy(&session->peer_arena, iprev->reverse_name, &peer->reverse_name))
		peer->reverse_name = STR_EMPTY;
	if (iprev->n_names > 0 && !arena_copy(&session->peer_arena, iprev->names[0], &peer->name)) {
		peer->name = STR_EMPTY;
		peer->name_state = PEER_NAME_UNSETTLED;
	}
}

void
client_name_find(struct session *session)
{
	struct resolver *resolver = session->listener->world->resolver;
	struct patience *patience = &session->listener->gate->names;
	struct peer *peer = &session->peer;
	const struct ip *ip = &peer->client.ip;
	struct instant deadline, began = os_now();
	bool is_short = patience_is_short(patience, ip, began);
	struct iprev_result iprev;
	struct arena arena;

	if (resolver == NULL || peer->name_state != PEER_NAME_UNASKED || ip->family == IP_NONE)
		return;
	deadline = session_deadline(session, is_short ? span_ms(CLIENT_NAME_SLOW_MS) : span_s(CLIENT_NAME_WAIT_MAX_S));
	arena_init(&arena, CLIENT_NAME_ARENA_MAX_BYTES);
	iprev_check(ip, resolver, deadline, &arena, &iprev);
	keep(session, &iprev);
	arena_fini(&arena);
	if (!is_short && peer->name_state == PEER_NAME_UNSETTLED && instant_diff(began, os_now()).ns >= span_ms(CLIENT_NAME_SLOW_MS).ns)
		patience_lose(patience, ip, began, os_now());
}
