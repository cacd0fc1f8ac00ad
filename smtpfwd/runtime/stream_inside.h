/*
 * stream_inside.h - what stream.c and stream_tls.c know of a stream; for nobody else
 */
#ifndef RUNTIME_STREAM_INSIDE_H
#define RUNTIME_STREAM_INSIDE_H

#include "smtpfwd/runtime/stream.h"

/*
 * How bytes pass between the buffers and the socket: in the clear, or by TLS.  recv and
 * sendv give the bytes moved, 0 at the end of input (recv), -EAGAIN with *wait_out set to
 * the event that lets it go on, or -errno with stream->why set where errno is too coarse.
 * None suspends.
 */
struct transport {
	ssize_t	(*recv)(struct stream *stream, void *room, size_t n_bytes, unsigned *wait_out);
	ssize_t	(*sendv)(struct stream *stream, const struct iovec *pieces, int n_pieces, unsigned *wait_out);
	/*
	 * Sends what the transport has held back of its own, to leave with what is written next: 0, -EAGAIN (it waits for
	 * room), or -errno.  Whoever waits for input pushes first.
	 */
	int	(*push)(struct stream *stream);
	void	(*finish)(struct stream *stream);	/* what is written next is the last: the end leaves with it, at the next push */
	void	(*end)(struct stream *stream);
};

struct stream_waiter {
	struct fiber		*fiber;		/* parked; NULL: nobody */
	unsigned		 what;		/* OS_READABLE or OS_WRITABLE: by TLS a reader may wait for room */
};

struct stream {
	struct watch		 watch;
	struct loop		*loop;
	int			 socket;
	unsigned		 ready;		/* OS_READABLE, OS_WRITABLE: worth a try; OS_BROKEN: the end is near, read on */
	struct stream_waiter	 reader, writer;
	bool			 is_sending;	/* somebody is in stream_send: the output must not move */

	const struct transport	*transport;
	void			*tls;		/* stream_tls.c's */

	struct stream_limits	 limits;
	struct buf		 input, output;
	size_t			 input_taken, output_sent;	/* bytes at the front that are done with */

	bool			 is_bulk;	/* the last read gave much */
	bool			 is_ahead;	/* input came that stream_fill has not told */
	bool			 has_ended;	/* the peer has sent its last byte */
	int			 recv_error;	/* -errno: no more input */
	int			 send_error;	/* -errno: what was sent is cut short, so no more output */
	const char		*why;		/* a static text */
};

/* Suspends until the event (OS_READABLE or OS_WRITABLE) came, as the stream's reader or writer.  0, or -1 with a fault. */
int	stream_wait(struct stream *stream, struct stream_waiter *as, unsigned what, struct instant deadline,
	    struct fault *fault_out);

/* The fault of a failed transport. */
int	stream_fault(const struct stream *stream, const char *action, int error, struct fault *fault_out);

/* The socket itself, in the clear: what a transport stands on. */
ssize_t	stream_socket_recv(struct stream *stream, void *room, size_t n_bytes);
ssize_t	stream_socket_sendv(struct stream *stream, const struct iovec *pieces, int n_pieces);

/* Input that was buffered and not taken is dropped. */
void	stream_drop_input(struct stream *stream);

#endif
