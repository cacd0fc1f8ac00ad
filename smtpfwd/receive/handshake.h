/*
 * handshake.h - TLS of a session, implicit or by STARTTLS
 */
#ifndef RECEIVE_HANDSHAKE_H
#define RECEIVE_HANDSHAKE_H

#include "smtpfwd/receive/session.h"

/* The handshake; peer.tls tells what came of it.  A failed one ends the session. */
int	handshake_accept(struct session *session);

/* STARTTLS (RFC 3207): answered, and all that was said in the clear is forgotten. */
int	handshake_starttls(struct session *session);

#endif
