/*
 * proxy.c - the PROXY header that a listener's sources must open with
 */
#include "mail/history.h"
#include "smtpfwd/receive/proxy.h"
#include "smtpfwd/smtp/proxy.h"

enum { PROXY_WAIT_MAX_S = 10 };		/* a proxy sends it with the connection; doc/proxy-protocol.txt 2 wants 3 at least */

bool
proxy_is_due(const struct session *session)
{
	const struct listener_settings *settings = &session->listener->settings;

	return networks_find(settings->proxy_from, settings->n_proxy_from, &session->peer.connection.ip) >= 0;
}

static int
refuse(struct session *session, const char *why)
{
	history_rejected(session->listener->world->log, NULL, &session->peer, "connect", NULL, NULL, NULL, why);
	return session_drop(session, why);
}

static void
believe(struct session *session, const struct proxy_header *header)
{
	struct peer *peer = &session->peer;

	switch (header->kind) {
	case PROXY_LOCAL:		/* the proxy's own, a health check say: the connection's addresses hold */
		break;
	case PROXY_UNKNOWN:
		peer->client = (struct endpoint){ .ip = { .family = IP_NONE } };
		break;
	case PROXY_TCP:
		peer->client = header->source;
		peer->local = header->destination;
		session->is_told_by_proxy = true;
		break;
	}
}

int
proxy_take_header(struct session *session)
{
	struct instant deadline = session_deadline(session, span_s(PROXY_WAIT_MAX_S));
	struct proxy_header header;
	struct fault fault;
	int result;

	for (;;) {
		struct str input = stream_input(session->stream);
		enum proxy_step step = proxy_read(input, &header);

		if (step == PROXY_DONE)
			break;
		if (step == PROXY_MALFORMED || input.len >= PROXY_HEADER_MAX_BYTES)
			return refuse(session, "no valid PROXY header");
		result = stream_fill(session->stream, deadline, &fault);
		if (result == 0)
			return refuse(session, "the connection ended before its PROXY header did");
		if (result < 0 && fault.cause == FAULT_TIMED_OUT)
			return refuse(session, "no PROXY header came in time");
		if (result < 0)
			return session_drop(session, "connection lost");
	}
	stream_take(session->stream, header.n_bytes);
	believe(session, &header);
	return 0;
}
