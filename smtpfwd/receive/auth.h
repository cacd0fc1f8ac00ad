/*
 * auth.h - a client logs in: AUTH (RFC 4954)
 */
#ifndef RECEIVE_AUTH_H
#define RECEIVE_AUTH_H

#include "smtpfwd/receive/session.h"

/*
 * The whole exchange, from the command to its answer.  Then peer.login and peer.is_trusted are set, or what came is
 * forgotten.  What the client answers is overwritten and shows in no log.
 */
int	auth_obey(struct session *session, const struct command_auth *auth);

/* What the client proved in the clear is void behind STARTTLS (RFC 3207 4.2). */
void	auth_forget(struct session *session);

/* The mechanisms a listener has for its clients, bits of enum auth_mechanism; has_scram: somebody has SCRAM keys. */
unsigned	auth_mechanisms(const struct listener_settings *settings, bool is_tls, bool has_scram);

#endif
