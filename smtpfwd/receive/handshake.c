/*
 * handshake.c - TLS of a session, implicit or by STARTTLS
 */
#include "base/mem.h"
#include "smtpfwd/receive/handshake.h"

static void
know_tls(struct session *session)
{
	struct peer_tls *tls = &session->peer.tls;

	session->tls = mem_new(sizeof(*session->tls));
	stream_tls_info(session->stream, session->tls);
	*tls = (struct peer_tls){
		.is_on = true,
		.version = str_of(session->tls->version),
		.cipher = str_of(session->tls->cipher),
		.bits = session->tls->bits,
		.sni = str_of(session->tls->sni),
		.verified_name = str_of(session->tls->peer_name),
	};
}

static void
log_failure(const struct session *session, const char *why)
{
	char room[ENDPOINT_TEXT_MAX];
	struct log_line line;

	log_begin(&line, session->listener->world->log, LOG_LEVEL_INFO, "tls-failed");
	log_str(&line, "client", endpoint_text(&session->peer.client, room));
	log_text(&line, "listener", session->listener->settings.name);
	log_text(&line, "why", why);
	log_end(&line);
}

int
handshake_accept(struct session *session)
{
	const struct listener *listener = session->listener;
	struct fault fault;

	if (stream_tls_accept(session->stream, listener->world->tls,
	    session_deadline(session, listener->settings.command_timeout), &fault) == 0) {
		know_tls(session);
		return 0;
	}
	log_failure(session, fault.text);
	return session_drop(session, "TLS failed");
}

int
handshake_starttls(struct session *session)
{
	struct stream *stream = session->stream;
	struct span wait = session->listener->settings.command_timeout;
	struct fault fault;

	if (session->peer.tls.is_on)
		return session_reply_error(session, &REPLY(503, 5, 5, 1, "TLS is on already"));
	if (session->offered == NULL || !session->offered->has_starttls)
		return session_reply_error(session, session->is_greeted ?
		    &REPLY(502, 5, 5, 1, "STARTTLS is not offered") : &REPLY(503, 5, 5, 1, "Send EHLO first"));
	if (session_reply(session, &REPLY(220, 2, 0, 0, "Go ahead")) != 0)
		return -1;
	if (stream_flush(stream, session_deadline(session, wait), &fault) != 0)
		return session_drop(session, "its replies are not taken");
	/*
	 * What waits here was sent in the clear, by anyone on the way; obeyed behind the handshake, it would
	 * pass for the client's own words.
	 */
	stream_take(stream, stream_input(stream).len);
	session_forget_greeting(session);	/* RFC 3207 4.2 */
	return handshake_accept(session);
}
