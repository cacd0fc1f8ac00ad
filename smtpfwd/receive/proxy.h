/*
 * proxy.h - the PROXY header that a listener's sources must open with
 */
#ifndef RECEIVE_PROXY_H
#define RECEIVE_PROXY_H

#include "smtpfwd/receive/session.h"

/* True if the connection's source must open with a header; from others one is no header but an unknown command. */
bool	proxy_is_due(const struct session *session);

/*
 * Reads it, however many pieces it comes in; then peer.client and peer.local are what it told.  Behind
 * "unknown" the client has no address, and so no rights.  A header that is missing, malformed or late
 * ends the session without a word, logged.
 */
int	proxy_take_header(struct session *session);

#endif
