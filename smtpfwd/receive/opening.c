/*
 * opening.c - a session up to its greeting (RFC 5321 3.1)
 */
#include <stdio.h>

#include "mail/history.h"
#include "smtpfwd/receive/handshake.h"
#include "smtpfwd/receive/opening.h"
#include "smtpfwd/receive/proxy.h"

/*
 * One address may not take all connections.  Whom the configuration names as one of ours, or as
 * speaking for others, may; and a proxy that does not say for whom it speaks (a health check) is not counted.
 */
static int
admit(struct session *session)
{
	struct listener *listener = session->listener;
	const struct reply reply = REPLY(421, 4, 7, 0, "Too many connections from your address; try again later");
	const char *why = "connections_per_address_max";
	bool is_health_check = proxy_is_due(session) && !session->is_told_by_proxy;

	if (session->peer.is_trusted || session->may_xclient || is_health_check)
		return 0;
	session->counted_ip = session->peer.client.ip;
	session->is_counted = admit_address(&listener->gate->admit, &session->counted_ip);
	if (session->is_counted)
		return 0;
	listener->gate->n_refused++;
	if (listener->settings.tls != LISTEN_TLS_IMPLICIT)
		return session_turn_away(session, "connect", &reply, why);
	history_rejected(listener->world->log, NULL, &session->peer, "connect", NULL, NULL, &reply, why);
	return session_drop(session, why);	/* it could not read a reply in the clear */
}

/*
 * A client waits for the greeting (RFC 5321 3.1); one that does not is a spam engine or another
 * protocol's request.  A proxy's health check may talk early.
 */
static int
listen_for_early_talker(struct session *session)
{
	const struct reply reply = REPLY(554, 5, 5, 1, "You talk before the greeting");
	struct span delay = session->listener->settings.greeting_delay;
	struct fault fault;
	int result;

	if (proxy_is_due(session) && !session->is_told_by_proxy)
		return 0;
	if (delay.ns > 0 && stream_input(session->stream).len == 0) {
		result = stream_fill(session->stream, session_deadline(session, delay), &fault);
		if (result == 0)
			return session_drop(session, "the client hung up");
		if (result < 0 && fault.cause != FAULT_TIMED_OUT)
			return session_drop(session, "connection lost");
	}
	if (stream_has_input(session->stream) && stream_input(session->stream).len > 0) {
		session->listener->gate->n_refused++;
		return session_turn_away(session, "connect", &reply, "early talker");
	}
	return 0;
}

int
opening_greet(struct session *session)
{
	char text[sizeof(" ESMTP smtpfwd") + DOMAIN_MAX_BYTES];
	int len = snprintf(text, sizeof(text), "%.*s ESMTP smtpfwd", (int)DOMAIN_MAX_BYTES,
	    policy_hostname(session->listener->world->policy));

	return session_reply(session, &(struct reply){ .code = 220, .text = str_n(text, (size_t)len) });
}

int
opening_run(struct session *session)
{
	session_judge_client(session);
	if (proxy_is_due(session)) {
		if (proxy_take_header(session) != 0)
			return -1;
		session_judge_client(session);
	}
	if (admit(session) != 0)
		return -1;
	if (session->listener->settings.tls == LISTEN_TLS_IMPLICIT && handshake_accept(session) != 0)
		return -1;
	if (listen_for_early_talker(session) != 0)
		return -1;
	return opening_greet(session);
}
