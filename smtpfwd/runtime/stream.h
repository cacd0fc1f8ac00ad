/*
 * stream.h - a connection read and written through buffers, in the clear or by TLS
 *
 * Reading: stream_fill gets more, stream_input shows what is there, stream_take drops
 * it.  Writing: stream_write collects, stream_flush sends all in one call where it can.
 * An idle stream keeps no buffers.
 */
#ifndef RUNTIME_STREAM_H
#define RUNTIME_STREAM_H

#include "base/buf.h"
#include "smtpfwd/runtime/fiber.h"

struct stream;
struct tls_server;
struct tls_client;

struct stream_limits {
	size_t	 input_max_bytes;	/* room for input that is not yet taken */
	size_t	 output_max_bytes;	/* stream_write flushes beyond it */
};

/* Takes over a connected socket.  NULL and the socket closed when it cannot be watched. */
struct stream	*stream_new(struct loop *loop, int socket, struct stream_limits limits, struct fault *fault_out);

/* Connects; suspends.  from: local address or NULL.  FAULT_FULL: we lack descriptors, memory or ports. */
struct stream	*stream_connect(struct loop *loop, const struct endpoint *to, const struct endpoint *from,
		    struct stream_limits limits, struct instant deadline, struct fault *fault_out);

/*
 * Sends a TLS close notice if it goes at once, closes, frees.  Unsent output is dropped, and
 * so is what the peer has sent, within a limit: left unread, it would make the close a reset,
 * which can overtake our last reply.
 */
void		 stream_close(struct stream *stream);

/* What is buffered and not yet taken; valid until the next call on the stream. */
struct str	 stream_input(const struct stream *stream);
void		 stream_take(struct stream *stream, size_t n_bytes);

/*
 * Waits for more input.  1: some came; 0: the peer has ended; -1: fault (FAULT_TIMED_OUT,
 * FAULT_CLOSED, FAULT_CANCELLED, or FAULT_FULL when input_max_bytes wait untaken).  Suspends.
 * A cancelled fiber reads no more, even if there is something; it can still write what goes at once.
 */
int		 stream_fill(struct stream *stream, struct instant deadline, struct fault *fault_out);

/* Reads what is there now without waiting; true if input is buffered or the end/an error is known. */
bool		 stream_has_input(struct stream *stream);

/* Reads what is there now, also behind what is buffered; true if stream_fill will not wait. */
bool		 stream_has_more(struct stream *stream);

/*
 * stream_write copies; it suspends only when output_max_bytes are waiting.  stream_write_from sends a
 * large piece without copying where it can.  stream_flush returns when the kernel has all.
 * 0 or -1 with a fault.  All suspend.
 */
int		 stream_write(struct stream *stream, struct str bytes, struct instant deadline, struct fault *fault_out);
int		 stream_write_from(struct stream *stream, struct str bytes, struct instant deadline, struct fault *fault_out);
int		 stream_flush(struct stream *stream, struct instant deadline, struct fault *fault_out);

/* A flush for the last time, TLS's close notice in the same call; the stream can only be closed then. */
int		 stream_finish(struct stream *stream, struct instant deadline, struct fault *fault_out);

/*
 * True if the peer has all that was written but for so many bytes: its machine, that is.  Whatever it answers to the last byte
 * of it confirms it too, so an answer that comes while this is false is none.  With TLS they are the bytes that TLS makes of it.
 */
bool		 stream_is_confirmed(const struct stream *stream, int64_t but_n_bytes);

/*
 * TLS (tls.h).  A client's input that was buffered before the handshake is dropped: it was plaintext.  A
 * server's is the handshake's start (a PROXY header may have brought it along): who answered STARTTLS
 * takes it off first, with stream_take, for there it was plaintext.  Output is flushed first, in the clear.
 * After a fault the stream can only be closed.  A fault's text says why a certificate does not verify.
 * With a client_ca (of tls_server_add_client_ca; NULL: none) a server asks the client for a certificate that
 * this file's authorities prove; the client need not have one.
 * The handshake's last words may leave only with what is written next, or when the stream waits for input.
 */
int		 stream_tls_accept(struct stream *stream, const struct tls_server *tls, const char *client_ca,
		    struct instant deadline, struct fault *fault_out);
struct tls_expect;
int		 stream_tls_connect(struct stream *stream, const struct tls_client *tls, const struct tls_expect *expect,
		    struct instant deadline, struct fault *fault_out);

struct tls_info {			/* all empty without TLS */
	char	 version[16];		/* "TLSv1.3" */
	char	 cipher[48];
	int	 bits;
	char	 sni[256];
	char	 peer_name[256];	/* verified certificate's name, or "" */
};
bool		 stream_tls_info(const struct stream *stream, struct tls_info *info_out);	/* false: no TLS */

enum tls_proof {			/* of who a client is */
	TLS_PROOF_NONE,			/* it was not asked, or showed no certificate */
	TLS_PROOF_FAILED,
	TLS_PROOF_GOOD,
};

enum tls_proof	 stream_tls_client_proof(const struct stream *stream, const char **why_out);	/* why it failed: a constant */

/* The proven names of a client for hosts, as they stand in the certificate: any bytes, of that call only.  No call without a good proof. */
void		 stream_tls_each_client_name(const struct stream *stream,
		    void (*visit)(void *context, struct str name), void *context);

#endif
