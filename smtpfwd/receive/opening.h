/*
 * opening.h - a session up to its greeting
 */
#ifndef RECEIVE_OPENING_H
#define RECEIVE_OPENING_H

#include "smtpfwd/receive/session.h"

/* PROXY header, limits of the address, implicit TLS, early talkers, greeting; what is refused there ends it. */
int	opening_run(struct session *session);

/* Says 220. */
int	opening_greet(struct session *session);

#endif
