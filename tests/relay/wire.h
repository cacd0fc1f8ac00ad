/*
 * wire.h - lines and mail data over a stream, as the servers and senders around the relay read them
 *
 * None of the relay's own code, so that both cannot be wrong in the same way.
 */
#ifndef TESTS_RELAY_WIRE_H
#define TESTS_RELAY_WIRE_H

#include "base/buf.h"
#include "smtpfwd/runtime/stream.h"

extern const struct stream_limits wire_limits;

struct wire {				/* one side of a session */
	struct loop	*loop;
	struct stream	*stream;
	struct span	 patience;	/* with each wait */
};

/* False when the connection broke, or patience. */
bool	wire_write(const struct wire *wire, struct str bytes);
bool	wire_read_bytes(const struct wire *wire, size_t n_bytes, void *room);
bool	wire_read_line(const struct wire *wire, struct buf *line);	/* without its end */
bool	wire_read_data(const struct wire *wire, struct buf *mail);	/* appends all up to the final dot, unstuffed */
bool	wire_read_reply(const struct wire *wire, int *code_out);	/* all its lines; 0 when it broke */
bool	wire_read_reply_line(const struct wire *wire, int *code_out, struct buf *last);	/* that, and its last line; NULL: nobody wants it */

#endif
