/*
 * server.h - one client's session, from its first byte to its last
 */
#ifndef RECEIVE_SERVER_H
#define RECEIVE_SERVER_H

#include "smtpfwd/receive/session.h"

/*
 * Takes over an accepted socket, which the listener has admitted (admit_connection), and runs the
 * session in a fiber of its own.  0, or -1 with the socket closed and the admission released: too many fibers.
 */
int	server_start(struct loop *loop, struct listener *listener, int socket, const struct endpoint *client,
	    const struct endpoint *local, struct fault *fault_out);

#endif
