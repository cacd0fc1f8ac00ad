/*
 * xclient.c - XCLIENT: a client we trust tells on whose behalf it speaks
 *
 * The limits on connections stay with the address that was counted at the start.
 */
#include "smtpfwd/receive/opening.h"
#include "smtpfwd/receive/xclient.h"

static bool
is_said(const struct command_xclient *xclient, enum xclient_attribute attribute)
{
	return xclient->states[attribute] != XCLIENT_NOT_GIVEN;
}

/* A text attribute that was said: its value, or nothing where that is not available. */
static struct str
said(const struct command_xclient *xclient, enum xclient_attribute attribute, struct str value)
{
	return xclient->states[attribute] == XCLIENT_GIVEN ? value : STR_EMPTY;
}

static void
take_name(struct peer *peer, const struct command_xclient *xclient)
{
	switch (xclient->states[XCLIENT_NAME]) {
	case XCLIENT_NOT_GIVEN:
		return;
	case XCLIENT_GIVEN:
		peer->name_state = xclient->name.len > 0 ? PEER_NAME_FOUND : PEER_NAME_NONE;
		break;
	case XCLIENT_UNAVAILABLE:
		peer->name_state = PEER_NAME_NONE;
		break;
	case XCLIENT_TEMPUNAVAIL:
		peer->name_state = PEER_NAME_UNSETTLED;
		break;
	}
	peer->name = said(xclient, XCLIENT_NAME, xclient->name);
}

static void
take_addresses(struct peer *peer, const struct command_xclient *xclient)
{
	if (is_said(xclient, XCLIENT_ADDR)) {
		bool is_known = xclient->states[XCLIENT_ADDR] == XCLIENT_GIVEN;

		/* Without an address (IP_NONE) the client is in no network, so it has no rights. */
		peer->client = (struct endpoint){ .ip = is_known ? xclient->addr : (struct ip){ .family = IP_NONE } };
		peer->name_state = PEER_NAME_UNASKED;
		peer->name = peer->reverse_name = STR_EMPTY;
	}
	if (is_said(xclient, XCLIENT_PORT))
		peer->client.port = xclient->states[XCLIENT_PORT] == XCLIENT_GIVEN ? xclient->port : 0;
	if (xclient->states[XCLIENT_DESTADDR] == XCLIENT_GIVEN)
		peer->local.ip = xclient->destaddr;
	if (xclient->states[XCLIENT_DESTPORT] == XCLIENT_GIVEN)
		peer->local.port = xclient->destport;
}

/* The strings move into a new arena, so that a thousand XCLIENTs take the room of one. */
static bool
keep_strings(struct session *session, struct peer *peer)
{
	struct arena fresh;

	arena_init(&fresh, SESSION_PEER_MAX_BYTES);
	if (!arena_copy(&fresh, peer->name, &peer->name) ||
	    !arena_copy(&fresh, peer->reverse_name, &peer->reverse_name) ||
	    !arena_copy(&fresh, peer->login, &peer->login)) {
		arena_fini(&fresh);
		return false;
	}
	arena_fini(&session->peer_arena);
	session->peer_arena = fresh;
	return true;
}

int
xclient_obey(struct session *session, const struct command_xclient *xclient)
{
	struct peer peer = session->peer;

	if (!session->may_xclient)
		return session_reply_error(session, &REPLY(550, 5, 7, 0, "Insufficient authorization"));
	if (session->transaction != NULL)
		return session_reply_error(session, &REPLY(503, 5, 5, 1, "A transaction is open"));
	take_addresses(&peer, xclient);
	take_name(&peer, xclient);
	if (is_said(xclient, XCLIENT_REVERSE_NAME))
		peer.reverse_name = said(xclient, XCLIENT_REVERSE_NAME, xclient->reverse_name);
	peer.login = said(xclient, XCLIENT_LOGIN, xclient->login);
	if (!keep_strings(session, &peer))
		return session_reply(session, &REPLY(451, 4, 3, 0, "Cannot take this now"));
	session->peer = peer;
	session->is_told_by_xclient = true;
	session->has_listed_name = false;	/* the certificate names who speaks, not for whom */
	session_judge_client(session);

	session_forget_greeting(session);
	if (xclient->states[XCLIENT_HELO] == XCLIENT_GIVEN && xclient->helo.len > 0) {
		session_set_helo(session, xclient->helo);
		session->is_greeted = true;
	}
	if (xclient->states[XCLIENT_PROTO] == XCLIENT_GIVEN)
		session->peer.is_esmtp = xclient->is_esmtp;
	if (session->is_greeted && session->peer.is_esmtp)
		session->offered = session_offer(session);
	return opening_greet(session);
}
