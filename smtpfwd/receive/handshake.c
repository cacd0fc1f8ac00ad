/*
 * handshake.c - TLS of a session, implicit or by STARTTLS
 */
#include <stdio.h>

#include "base/mem.h"
#include "mail/domain.h"
#include "smtpfwd/receive/auth.h"
#include "smtpfwd/receive/handshake.h"

enum { NAMES_MAX_BYTES = 64 * 1024 };		/* a certificate's, in canonical form; its chain has 32 KB */

/* --- the client's certificate --- */

struct naming {
	const struct listener_settings	*settings;
	struct arena			 arena;
	struct str			 name;		/* the first that is listed, else the first; "" for none */
	bool				 is_listed;
};

/* What is no host's name, as a wildcard or a name with a NUL inside, names nobody. */
static void
take_name(void *context, struct str bytes)
{
	struct naming *naming = context;
	struct str name;

	if (naming->is_listed || !domain_is_valid(bytes, false) || !arena_copy(&naming->arena, bytes, &name) ||
	    !domain_canonical(name, &naming->arena, &name))
		return;
	naming->is_listed = domain_is_in_list(name, naming->settings->client_names, naming->settings->n_client_names);
	if (naming->is_listed || naming->name.len == 0)
		naming->name = name;
}

static void
log_certificate(const struct session *session, const char *why)
{
	char room[ENDPOINT_TEXT_MAX];
	struct log_line line;

	log_begin(&line, session->listener->world->log, LOG_LEVEL_INFO, "client-certificate");
	log_str(&line, "client", endpoint_text(&session->peer.client, room));
	log_text(&line, "listener", session->listener->settings.name);
	if (session->tls->peer_name[0] != '\0')
		log_text(&line, "name", session->tls->peer_name);
	log_text(&line, "may-relay", session->has_listed_name ? "yes" : "no");
	if (why[0] != '\0')
		log_text(&line, "why", why);
	log_end(&line);
}

/* Who did not prove a name goes on as anybody. */
static void
know_client(struct session *session)
{
	struct naming naming = { .settings = &session->listener->settings, .name = STR_EMPTY };
	const char *why;

	switch (stream_tls_client_proof(session->stream, &why)) {
	case TLS_PROOF_NONE:
		return;
	case TLS_PROOF_FAILED:
		break;
	case TLS_PROOF_GOOD:
		arena_init(&naming.arena, NAMES_MAX_BYTES);
		stream_tls_each_client_name(session->stream, take_name, &naming);
		snprintf(session->tls->peer_name, sizeof(session->tls->peer_name), "%.*s", STR_ARG(naming.name));
		arena_fini(&naming.arena);
		session->has_listed_name = naming.is_listed && !session->is_told_by_xclient;
		why = naming.name.len == 0 ? "it names no host" : "";
		break;
	}
	session_judge_client(session);
	log_certificate(session, why);
}

/* --- the handshake --- */

static void
know_tls(struct session *session)
{
	struct peer_tls *tls = &session->peer.tls;

	session->tls = mem_new(sizeof(*session->tls));
	stream_tls_info(session->stream, session->tls);
	know_client(session);
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

	if (stream_tls_accept(session->stream, listener->world->tls, listener->settings.client_ca,
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
	auth_forget(session);
	return handshake_accept(session);
}
