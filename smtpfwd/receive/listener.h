/*
 * listener.h - accepts connections and gives each a session
 */
#ifndef RECEIVE_LISTENER_H
#define RECEIVE_LISTENER_H

#include "base/dns.h"
#include "base/log.h"
#include "policy/policy.h"
#include "smtpfwd/queue/queue.h"
#include "smtpfwd/runtime/tls.h"

enum listen_tls { LISTEN_TLS_OFF, LISTEN_TLS_OFFERED, LISTEN_TLS_REQUIRED, LISTEN_TLS_IMPLICIT };
enum bare_line_end { BARE_LINE_END_REFUSE, BARE_LINE_END_REPAIR };

struct listener_settings {
	const char		*name;
	const struct endpoint	*addresses;
	int			 n_addresses;
	const char		*class_name;
	enum listen_tls		 tls;
	enum bare_line_end	 bare_line_end;
	const struct network	*networks;	/* who may relay; none by default */
	int			 n_networks;
	const struct network	*xclient_from;
	int			 n_xclient_from;
	const struct network	*proxy_from;	/* who must open with a PROXY header */
	int			 n_proxy_from;
	int64_t			 message_max_bytes;
	int			 recipients_max;
	int			 connections_max;
	int			 connections_per_address_max;
	int			 errors_max;	/* then 421 */
	int			 received_max;	/* hops (RFC 5321 6.3) */
	struct span		 greeting_delay;	/* wait for early talkers; 0: only look */
	struct span		 command_timeout, data_timeout;
	struct span		 session_max;	/* a session's whole length */
};

struct listeners;

struct receive_world {			/* what sessions use; outlives them */
	struct queue		*queue;
	struct policy		*policy;
	struct resolver		*resolver;	/* for the client's name (Received) */
	const struct tls_server	*tls;		/* NULL: none is offered */
	struct log		*log;
};

/* Takes over bound sockets (sockets[i] is of addresses[i] over all listeners, in order; see main.c: bound as root before the drop). */
struct listeners *listeners_new(struct loop *loop, const struct listener_settings *settings, int n_settings,
		    const int *sockets, const struct receive_world *world, struct fault *fault_out);

/* Closes the doors; sessions get 421 at their next command; returns when all ended or, at the deadline, were cut.  Suspends. */
void		 listeners_stop(struct listeners *listeners, struct instant deadline);
void		 listeners_free(struct listeners *listeners);

struct listener_view { struct str name; int n_sessions; int64_t n_accepted, n_refused, n_mails; };
void		 listeners_each(const struct listeners *listeners, void (*visit)(void *context, const struct listener_view *view), void *context);

#endif
