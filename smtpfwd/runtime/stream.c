/*
 * stream.c - a connection read and written through buffers
 *
 * A call is tried first and the fiber parks only on EAGAIN.  The socket is registered
 * once, edge-triggered: stream->ready remembers what an event said until a call takes it
 * back, so no event is lost while nobody waits.
 */
#include <errno.h>
#include <string.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/loop_inside.h"
#include "smtpfwd/runtime/stream_inside.h"

enum {
	CLOSE_READS_MAX = 4,		/* of LOOP_SCRATCH_BYTES, before a close: more than most sockets hold */
	BULK_BYTES = 16 * 1024,		/* a read that gave so much is followed by another, mostly; also the longest TLS record */
};

static const struct transport transport_clear;

static void
stream_notice(struct watch *watch, unsigned what)
{
	struct stream *stream = LIST_ITEM(watch, struct stream, watch);

	if (what & OS_BROKEN)
		what |= OS_READABLE | OS_WRITABLE;	/* a call tells what is broken */
	stream->ready |= what;
	if (stream->reader.fiber != NULL && (stream->ready & stream->reader.what))
		fiber_wake(stream->reader.fiber);
	if (stream->writer.fiber != NULL && (stream->ready & stream->writer.what))
		fiber_wake(stream->writer.fiber);
}

static struct stream *
stream_make(struct loop *loop, int socket, struct stream_limits limits, unsigned ready, struct fault *fault_out)
{
	struct stream *stream;
	int error;

	stream = mem_new(sizeof(*stream));
	stream->watch.notice = stream_notice;
	stream->loop = loop;
	stream->socket = socket;
	stream->ready = ready;
	stream->transport = &transport_clear;
	stream->limits = limits;
	buf_init(&stream->input, limits.input_max_bytes);
	buf_init(&stream->output, limits.output_max_bytes);
	error = loop_watch(loop, socket, &stream->watch);
	if (error != 0) {
		fault_because(fault_out, FAULT_FULL, "watch a connection: %s", strerror(-error));
		os_close(socket);
		mem_free(stream);
		return NULL;
	}
	return stream;
}

struct stream *
stream_new(struct loop *loop, int socket, struct stream_limits limits, struct fault *fault_out)
{
	return stream_make(loop, socket, limits, OS_READABLE | OS_WRITABLE, fault_out);
}

/* What we ran out of, and not the peer: descriptors, memory, local ports. */
static bool
is_own_shortage(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM || error == -EADDRNOTAVAIL ||
	    error == -EAGAIN;
}

static int
connect_fault(int error, struct fault *fault_out)
{
	return fault_because(fault_out, is_own_shortage(error) ? FAULT_FULL : FAULT_OTHER, "%s", strerror(-error));
}

struct stream *
stream_connect(struct loop *loop, const struct endpoint *to, const struct endpoint *from,
    struct stream_limits limits, struct instant deadline, struct fault *fault_out)
{
	char room[ENDPOINT_TEXT_MAX];
	struct stream *stream;
	int socket, error;

	socket = os_connect(to, from);
	if (socket < 0) {
		connect_fault(socket, fault_out);
		fault_prefix(fault_out, "connect to %.*s", STR_ARG(endpoint_text(to, room)));
		return NULL;
	}
	stream = stream_make(loop, socket, limits, 0, fault_out);
	if (stream == NULL)
		return NULL;
	while ((error = os_connect_result(socket)) == -EINPROGRESS) {
		stream->ready &= ~(unsigned)OS_WRITABLE;
		if (stream_wait(stream, &stream->writer, OS_WRITABLE, deadline, fault_out) != 0)
			goto failed;
	}
	if (error == 0) {
		stream->ready |= OS_READABLE | OS_WRITABLE;
		return stream;
	}
	connect_fault(error, fault_out);
failed:
	fault_prefix(fault_out, "connect to %.*s", STR_ARG(endpoint_text(to, room)));
	stream_close(stream);
	return NULL;
}

static void
stream_discard_unread(struct stream *stream)
{
	for (int i = 0; i < CLOSE_READS_MAX; i++) {
		if (stream_socket_recv(stream, stream->loop->scratch, LOOP_SCRATCH_BYTES) <= 0)
			return;
	}
}

void
stream_close(struct stream *stream)
{
	if (stream == NULL)
		return;
	insist(stream->reader.fiber == NULL && stream->writer.fiber == NULL);
	stream->transport->end(stream);
	stream_discard_unread(stream);
	loop_close(stream->loop, stream->socket, &stream->watch);
	buf_fini(&stream->input);
	buf_fini(&stream->output);
	mem_free(stream);
}

/* --- waiting --- */

int
stream_wait(struct stream *stream, struct stream_waiter *as, unsigned what, struct instant deadline,
    struct fault *fault_out)
{
	enum wake wake = WAKE_READY;

	insist(as->fiber == NULL);	/* one fiber reads, one writes */
	*as = (struct stream_waiter){ .fiber = fiber_self(), .what = what };
	while (wake == WAKE_READY && !(stream->ready & what))
		wake = fiber_park(deadline);
	as->fiber = NULL;
	switch (wake) {
	case WAKE_READY:
		return 0;
	case WAKE_TIMED_OUT:
		return fault_because(fault_out, FAULT_TIMED_OUT, "timed out");
	case WAKE_CANCELLED:
		return fault_because(fault_out, FAULT_CANCELLED, "cancelled");
	}
	insist(!"a wake of another kind");
}

int
stream_fault(const struct stream *stream, const char *action, int error, struct fault *fault_out)
{
	if (stream->why != NULL)
		return fault_temporary(fault_out, "%s: %s", action, stream->why);
	if (error == -EPIPE || error == -ECONNRESET)
		return fault_because(fault_out, FAULT_CLOSED, "%s: the peer closed the connection", action);
	return fault_temporary(fault_out, "%s: %s", action, strerror(-error));
}

/* --- in the clear --- */

ssize_t
stream_socket_recv(struct stream *stream, void *room, size_t n_bytes)
{
	ssize_t n;

	if (!(stream->ready & OS_READABLE))
		return -EAGAIN;
	n = os_recv(stream->socket, room, n_bytes);
	/* A short read has emptied the socket, and the next byte will be an event; but not an end that came before. */
	if (n == -EAGAIN || (n > 0 && (size_t)n < n_bytes && !(stream->ready & OS_BROKEN)))
		stream->ready &= ~(unsigned)OS_READABLE;
	return n;
}

ssize_t
stream_socket_sendv(struct stream *stream, const struct iovec *pieces, int n_pieces)
{
	ssize_t n;

	if (!(stream->ready & OS_WRITABLE))
		return -EAGAIN;
	n = os_sendv(stream->socket, pieces, n_pieces);
	if (n == -EAGAIN)
		stream->ready &= ~(unsigned)OS_WRITABLE;
	return n;
}

static ssize_t
clear_recv(struct stream *stream, void *room, size_t n_bytes, unsigned *wait_out)
{
	*wait_out = OS_READABLE;
	return stream_socket_recv(stream, room, n_bytes);
}

static ssize_t
clear_sendv(struct stream *stream, const struct iovec *pieces, int n_pieces, unsigned *wait_out)
{
	*wait_out = OS_WRITABLE;
	return stream_socket_sendv(stream, pieces, n_pieces);
}

static int
clear_push(struct stream *stream)
{
	return 0;
}

static void
clear_end(struct stream *stream)
{
}

static const struct transport transport_clear = {
	.recv = clear_recv,
	.sendv = clear_sendv,
	.push = clear_push,
	.finish = clear_end,
	.end = clear_end,
};

/* --- reading --- */

struct str
stream_input(const struct stream *stream)
{
	return str_from(buf_str(&stream->input), stream->input_taken);
}

void
stream_take(struct stream *stream, size_t n_bytes)
{
	insist(n_bytes <= stream->input.len - stream->input_taken);
	stream->input_taken += n_bytes;
	if (stream->input_taken == stream->input.len)
		stream_drop_input(stream);
}

void
stream_drop_input(struct stream *stream)
{
	buf_clear(&stream->input);
	stream->input_taken = 0;
	stream->is_ahead = false;
}

/*
 * Reads once, by way of the loop's scratch: how much memory a stream needs is known only
 * when the bytes are there.  In the midst of much it goes straight where it is wanted.  As transport->recv.
 */
static ssize_t
stream_recv(struct stream *stream, unsigned *wait_out)
{
	bool is_bulk = stream->is_bulk;
	size_t n_free;
	char *room;
	ssize_t n;

	if (stream->recv_error != 0)
		return stream->recv_error;
	if (stream->has_ended)
		return 0;
	if (stream->input_taken > 0) {
		buf_consume(&stream->input, stream->input_taken);
		stream->input_taken = 0;
	}
	n_free = stream->limits.input_max_bytes - stream->input.len;
	insist(n_free > 0);
	if (n_free > LOOP_SCRATCH_BYTES)
		n_free = LOOP_SCRATCH_BYTES;
	room = is_bulk ? buf_room(&stream->input, n_free) : stream->loop->scratch;
	n = stream->transport->recv(stream, room, n_free, wait_out);
	stream->is_bulk = n >= BULK_BYTES;
	if (n > 0 && is_bulk)
		buf_added(&stream->input, (size_t)n);
	else if (n > 0)
		insist(buf_append(&stream->input, str_n(room, (size_t)n)) == 0);
	else if (n == 0)
		stream->has_ended = true;
	else if (n != -EAGAIN)
		stream->recv_error = (int)n;
	return n;
}

static bool
stream_is_full(const struct stream *stream)
{
	return stream->input.len - stream->input_taken >= stream->limits.input_max_bytes;
}

/* Before it waits for the peer, which may wait for what is held back.  0, or -1 with a fault. */
static int
stream_push(struct stream *stream, struct instant deadline, struct fault *fault_out)
{
	int error;

	if (stream->send_error != 0)
		return 0;		/* who writes is told */
	while ((error = stream->transport->push(stream)) == -EAGAIN) {
		if (stream->writer.fiber != NULL)	/* it pushes when there is room */
			return 0;
		/* As the reader that it is: another one may come to write meanwhile. */
		if (stream_wait(stream, &stream->reader, OS_WRITABLE, deadline, fault_out) != 0)
			return -1;
	}
	if (error != 0)
		stream->send_error = error;
	return 0;
}

int
stream_fill(struct stream *stream, struct instant deadline, struct fault *fault_out)
{
	unsigned wait;
	ssize_t n;

	if (fiber_is_cancelled())
		return fault_because(fault_out, FAULT_CANCELLED, "cancelled");
	if (stream->is_ahead) {
		stream->is_ahead = false;
		fiber_breathe();
		return 1;
	}
	if (stream_is_full(stream)) {
		return fault_because(fault_out, FAULT_FULL, "more than %zu bytes of input",
		    stream->limits.input_max_bytes);
	}
	fiber_breathe();
	while ((n = stream_recv(stream, &wait)) == -EAGAIN) {
		if (stream_push(stream, deadline, fault_out) != 0)
			return -1;
		/* An idle stream keeps no buffers. */
		buf_shrink(&stream->input);
		buf_shrink(&stream->output);
		if (stream_wait(stream, &stream->reader, wait, deadline, fault_out) != 0)
			return -1;
	}
	if (n < 0)
		return stream_fault(stream, "read", (int)n, fault_out);
	return n > 0;
}

bool
stream_has_input(struct stream *stream)
{
	unsigned wait;

	if (stream_input(stream).len == 0)
		(void)stream_recv(stream, &wait);
	return stream_input(stream).len > 0 || stream->has_ended || stream->recv_error != 0;
}

bool
stream_has_more(struct stream *stream)
{
	unsigned wait;
	ssize_t n;

	if (stream->is_ahead || stream_is_full(stream))
		return true;
	n = stream_recv(stream, &wait);
	stream->is_ahead = n > 0;
	return n != -EAGAIN;
}

/* --- writing --- */

bool
stream_is_confirmed(const struct stream *stream, int64_t but_n_bytes)
{
	return stream->output.len == stream->output_sent && os_unconfirmed_bytes(stream->socket) <= but_n_bytes;
}

/* Counts bytes that went out of the pieces; how many pieces are left to send. */
static int
pieces_advance(struct iovec *pieces, int n_pieces, size_t n_sent)
{
	while (n_pieces > 0 && n_sent >= pieces[0].iov_len) {
		n_sent -= pieces[0].iov_len;
		pieces[0] = pieces[1];
		n_pieces--;
	}
	if (n_pieces > 0) {
		pieces[0].iov_base = (char *)pieces[0].iov_base + n_sent;
		pieces[0].iov_len -= n_sent;
	}
	return n_pieces;
}

/* As stream_send, for what the pieces hold. */
static int
stream_send_pieces(struct stream *stream, struct iovec *pieces, int n_pieces, struct instant deadline,
    struct fault *fault_out)
{
	size_t output_left;
	unsigned wait;
	ssize_t n;

	while (n_pieces > 0) {
		n = stream->transport->sendv(stream, pieces, n_pieces, &wait);
		if (n == -EAGAIN) {
			if (stream_wait(stream, &stream->writer, wait, deadline, fault_out) != 0)
				return -1;
			continue;
		}
		if (n < 0) {
			stream->send_error = (int)n;
			return stream_fault(stream, "write", (int)n, fault_out);
		}
		output_left = stream->output.len - stream->output_sent;
		stream->output_sent += (size_t)n < output_left ? (size_t)n : output_left;
		n_pieces = pieces_advance(pieces, n_pieces, (size_t)n);
		if (n_pieces > 0)
			fiber_breathe();
	}
	while ((n = stream->transport->push(stream)) == -EAGAIN) {
		if (stream_wait(stream, &stream->writer, OS_WRITABLE, deadline, fault_out) != 0)
			return -1;
	}
	if (n < 0) {
		stream->send_error = (int)n;
		return stream_fault(stream, "write", (int)n, fault_out);
	}
	return 0;
}

/* Sends the output and then the bytes, which are not copied. */
static int
stream_send(struct stream *stream, struct str bytes, struct instant deadline, struct fault *fault_out)
{
	struct iovec pieces[2] = {
		{ .iov_base = stream->output.at, .iov_len = stream->output.len },
		{ .iov_base = (char *)bytes.at, .iov_len = bytes.len },
	};
	int n_pieces = pieces_advance(pieces, 2, stream->output_sent);
	int result;

	insist(!stream->is_sending);
	if (stream->send_error != 0)
		return stream_fault(stream, "write", stream->send_error, fault_out);
	stream->is_sending = true;
	result = stream_send_pieces(stream, pieces, n_pieces, deadline, fault_out);
	stream->is_sending = false;
	if (result == 0) {
		buf_clear(&stream->output);
		stream->output_sent = 0;
	} else if (bytes.len > 0 && stream->send_error == 0) {
		/* What the peer has may end in the middle of the piece, and the rest is not ours to keep. */
		stream->send_error = -ECONNABORTED;
	}
	return result;
}

int
stream_write(struct stream *stream, struct str bytes, struct instant deadline, struct fault *fault_out)
{
	insist(!stream->is_sending);
	if (stream->send_error != 0)
		return stream_fault(stream, "write", stream->send_error, fault_out);
	/* By the sum, so that small writes leave in large sends. */
	if (buf_append(&stream->output, bytes) != 0)
		return stream_send(stream, bytes, deadline, fault_out);
	return 0;
}

int
stream_write_from(struct stream *stream, struct str bytes, struct instant deadline, struct fault *fault_out)
{
	return stream_send(stream, bytes, deadline, fault_out);
}

int
stream_flush(struct stream *stream, struct instant deadline, struct fault *fault_out)
{
	return stream_send(stream, STR_EMPTY, deadline, fault_out);
}

int
stream_finish(struct stream *stream, struct instant deadline, struct fault *fault_out)
{
	stream->transport->finish(stream);
	return stream_flush(stream, deadline, fault_out);
}
