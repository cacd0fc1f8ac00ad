/*
 * client_inside.h - what the files of the SMTP client share: bytes and commands out
 */
#ifndef DELIVER_CLIENT_INSIDE_H
#define DELIVER_CLIENT_INSIDE_H

#include "smtpfwd/deliver/client.h"

/* The earlier of the deadline and the end of the timeout from now. */
struct instant	client_within(const struct client *client, struct span timeout, struct instant deadline);

/* -1, and the session is of no more use. */
int	client_broken(struct client *client);

/* To be flushed later.  0, or -1 and a fault.  Suspends. */
int	client_write_bytes(struct client *client, struct str bytes, struct instant deadline, struct fault *fault_out);
/* A command with its CRLF: one more reply is outstanding.  If none was, the server must not have said anything. */
int	client_write_command(struct client *client, struct str line, struct instant deadline, struct fault *fault_out);
/* The same, at once, and its reply. */
int	client_command(struct client *client, enum client_step step, struct str line, struct instant deadline,
	    struct reply *reply_out, struct fault *fault_out);

#endif
