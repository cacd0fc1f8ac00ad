/*
 * stream_tls.c - a stream's bytes by TLS: handshakes, records, the end
 *
 * OpenSSL reads and writes through a BIO on the stream's socket calls, so it sees whatever
 * network stands behind os.h.  Its error queue belongs to the thread: cleared before each
 * call, and nobody suspends between a call and the look at its error.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/loop_inside.h"
#include "smtpfwd/runtime/stream_inside.h"
#include "smtpfwd/runtime/tls_inside.h"

enum { HELD_MAX_BYTES = 32 * 1024 };	/* a server's flight with a long chain; more goes out in pieces */

struct stream_tls {
	const struct tls_contexts	*shared;	/* held */
	SSL				*ssl;
	struct buf			 early;		/* what came before the handshake and belongs to it */
	size_t				 early_taken;
	struct buf			 held;		/* records that leave with what is written next */
	bool				 is_holding;	/* what is written is held */
	bool				 is_ending;	/* the close notice leaves with the next push */
	bool				 has_said_end;
	int				 socket_error;	/* -errno of the last socket call */
	bool				 has_socket_ended;
	bool				 is_broken;	/* OpenSSL wants no more calls */
	char				 peer_name[sizeof(((struct tls_info *)0)->peer_name)];
};

SSL *
stream_ssl(const struct stream *stream)
{
	const struct stream_tls *tls = stream->tls;

	return tls != NULL ? tls->ssl : NULL;
}

/* --- the BIO --- */

static struct stream_tls *
tls_of(const struct stream *stream)
{
	return stream->tls;
}

static int
bio_failed(BIO *bio, struct stream_tls *tls, ssize_t error, int retry_flag)
{
	if (error == -EAGAIN) {
		BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
		return -1;
	}
	tls->socket_error = (int)error;
	errno = (int)-error;	/* a ticket that nobody is left to read is forgiven for EPIPE and ECONNRESET */
	return -1;
}

static int
bio_read(BIO *bio, char *room, size_t n_bytes, size_t *n_read_out)
{
	struct stream *stream = BIO_get_data(bio);
	struct stream_tls *tls = tls_of(stream);
	size_t n_early = tls->early.len - tls->early_taken;
	ssize_t n;

	BIO_clear_retry_flags(bio);
	*n_read_out = 0;
	if (n_early > 0) {
		if (n_bytes > n_early)
			n_bytes = n_early;
		memcpy(room, tls->early.at + tls->early_taken, n_bytes);
		tls->early_taken += n_bytes;
		if (tls->early_taken == tls->early.len) {
			buf_fini(&tls->early);
			tls->early_taken = 0;
		}
		*n_read_out = n_bytes;
		return 1;
	}
	n = stream_socket_recv(stream, room, n_bytes);
	if (n < 0)
		return bio_failed(bio, tls, n, BIO_FLAGS_READ);
	tls->has_socket_ended = n == 0;
	*n_read_out = (size_t)n;
	return n > 0;
}

/* What is held, and these bytes behind it: how many of these went, or -errno. */
static ssize_t
send_held(struct stream *stream, struct str bytes)
{
	struct buf *held = &tls_of(stream)->held;
	struct iovec pieces[2] = {
		{ .iov_base = held->at, .iov_len = held->len },
		{ .iov_base = (char *)(uintptr_t)bytes.at, .iov_len = bytes.len },
	};
	int first = held->len == 0;
	ssize_t n;

	if (held->len + bytes.len == 0)
		return 0;
	n = stream_socket_sendv(stream, pieces + first, bytes.len > 0 ? 2 - first : 1);
	if (n < 0)
		return n;
	if ((size_t)n < held->len) {
		buf_consume(held, (size_t)n);
		return -EAGAIN;
	}
	n -= (ssize_t)held->len;
	buf_fini(held);
	return n > 0 || bytes.len == 0 ? n : -EAGAIN;
}

static int
bio_write(BIO *bio, const char *bytes, size_t n_bytes, size_t *n_written_out)
{
	struct stream *stream = BIO_get_data(bio);
	struct stream_tls *tls = tls_of(stream);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	*n_written_out = 0;
	if (tls->is_holding && buf_append(&tls->held, str_n(bytes, n_bytes)) == 0) {
		*n_written_out = n_bytes;
		return 1;
	}
	n = send_held(stream, str_n(bytes, n_bytes));
	if (n < 0)
		return bio_failed(bio, tls, n, BIO_FLAGS_WRITE);
	*n_written_out = (size_t)n;
	return 1;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	struct stream *stream = BIO_get_data(bio);

	if (command == BIO_CTRL_FLUSH)
		return 1;
	if (command == BIO_CTRL_EOF)
		return tls_of(stream)->has_socket_ended;
	return 0;
}

BIO_METHOD *
stream_bio_method_new(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");

	if (method == NULL)
		return NULL;
	BIO_meth_set_read_ex(method, bio_read);
	BIO_meth_set_write_ex(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	return method;
}

/* --- the transport --- */

/* What a call on the SSL that gave no bytes means, as a transport says it. */
static ssize_t
tls_outcome(struct stream *stream, int result, unsigned *wait_out)
{
	struct stream_tls *tls = tls_of(stream);
	int error = SSL_get_error(tls->ssl, result);

	if (error == SSL_ERROR_WANT_READ) {
		*wait_out = OS_READABLE;
		return -EAGAIN;
	}
	if (error == SSL_ERROR_WANT_WRITE) {
		*wait_out = OS_WRITABLE;
		return -EAGAIN;
	}
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	tls->is_broken = true;
	if (tls->socket_error != 0)
		return tls->socket_error;
	if (error == SSL_ERROR_SSL && ERR_peek_error() != 0) {
		stream->why = tls_reason();
		return -EPROTO;
	}
	return -ECONNRESET;
}

static ssize_t
tls_recv(struct stream *stream, void *room, size_t n_bytes, unsigned *wait_out)
{
	struct stream_tls *tls = tls_of(stream);
	size_t n_read = 0;
	int result;

	if (tls->is_broken)
		return -ECONNRESET;
	ERR_clear_error();
	result = SSL_read_ex(tls->ssl, room, n_bytes, &n_read);
	return result == 1 ? (ssize_t)n_read : tls_outcome(stream, result, wait_out);
}

static ssize_t
tls_sendv(struct stream *stream, const struct iovec *pieces, int n_pieces, unsigned *wait_out)
{
	struct stream_tls *tls = tls_of(stream);
	size_t n_written = 0;
	ssize_t outcome;
	int result;

	if (tls->is_broken)
		return -EPIPE;
	ERR_clear_error();
	result = SSL_write_ex(tls->ssl, pieces[0].iov_base, pieces[0].iov_len, &n_written);
	if (result == 1)
		return (ssize_t)n_written;
	outcome = tls_outcome(stream, result, wait_out);
	return outcome != 0 ? outcome : -EPIPE;
}

/* The notice; the peer's is not waited for. */
static void
say_end(struct stream *stream)
{
	struct stream_tls *tls = tls_of(stream);

	if (tls->has_said_end || tls->is_broken || stream->send_error != 0 || !SSL_is_init_finished(tls->ssl))
		return;
	tls->has_said_end = true;
	ERR_clear_error();
	(void)SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

static int
tls_push(struct stream *stream)
{
	struct stream_tls *tls = tls_of(stream);

	if (tls->is_ending)
		say_end(stream);
	tls->is_holding = false;
	return (int)send_held(stream, STR_EMPTY);
}

static void
tls_finish(struct stream *stream)
{
	struct stream_tls *tls = tls_of(stream);

	tls->is_holding = tls->is_ending = true;
}

static void
tls_end(struct stream *stream)
{
	struct stream_tls *tls = tls_of(stream);

	tls->is_holding = false;
	say_end(stream);		/* it goes now or not at all */
	(void)send_held(stream, STR_EMPTY);
	ERR_clear_error();
	SSL_free(tls->ssl);
	buf_fini(&tls->early);
	buf_fini(&tls->held);
	tls_contexts_release(tls->shared);
	mem_free(tls);
	stream->tls = NULL;
}

static const struct transport transport_tls = {
	.recv = tls_recv,
	.sendv = tls_sendv,
	.push = tls_push,
	.finish = tls_finish,
	.end = tls_end,
};

/* --- handshakes --- */

/* From here on the stream speaks TLS, whatever comes of the handshake. */
static SSL *
tls_begin(struct stream *stream, const struct tls_contexts *shared)
{
	struct stream_tls *tls = mem_new(sizeof(*tls));
	BIO *bio = BIO_new(shared->bio_method);

	insist(stream->tls == NULL);
	insist(bio != NULL);
	tls_contexts_hold(shared);
	tls->shared = shared;
	buf_init(&tls->early, stream->limits.input_max_bytes);
	buf_init(&tls->held, HELD_MAX_BYTES);
	tls->ssl = SSL_new(shared->contexts[0]);
	insist(tls->ssl != NULL);
	BIO_set_data(bio, stream);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	stream->tls = tls;
	stream->transport = &transport_tls;
	return tls->ssl;
}

static int
handshake_fault(struct stream *stream, ssize_t outcome, struct fault *fault_out)
{
	struct stream_tls *tls = tls_of(stream);
	long verified = SSL_get_verify_result(tls->ssl);

	stream->recv_error = stream->send_error = outcome != 0 ? (int)outcome : -ECONNRESET;
	if (!SSL_is_server(tls->ssl) && SSL_get_verify_mode(tls->ssl) == SSL_VERIFY_PEER && verified != X509_V_OK) {
		stream->why = X509_verify_cert_error_string(verified);
		return fault_temporary(fault_out, "TLS handshake: the certificate does not verify: %s", stream->why);
	}
	return stream_fault(stream, "TLS handshake", stream->recv_error, fault_out);
}

static int
handshake(struct stream *stream, struct instant deadline, struct fault *fault_out)
{
	struct stream_tls *tls = tls_of(stream);
	ssize_t outcome, pushed;
	unsigned wait;
	int result;

	for (;;) {
		ERR_clear_error();
		/* A flight leaves in one piece, and the last one with what is said first: a client's EHLO, or its answer. */
		tls->is_holding = true;
		result = SSL_do_handshake(tls->ssl);
		tls->is_holding = false;
		if (result == 1)
			break;
		outcome = tls_outcome(stream, result, &wait);
		pushed = send_held(stream, STR_EMPTY);
		if (outcome == -EAGAIN && pushed == -EAGAIN)
			wait = OS_WRITABLE;
		else if (outcome == -EAGAIN && pushed < 0)
			outcome = pushed;	/* a flight that cannot leave is not answered */
		if (outcome != -EAGAIN)
			return handshake_fault(stream, outcome, fault_out);
		if (stream_wait(stream, &stream->reader, wait, deadline, fault_out) != 0) {
			tls->is_broken = true;
			stream->recv_error = stream->send_error = -ECONNABORTED;
			return fault_prefix(fault_out, "TLS handshake");
		}
	}
	/* It went the deepest of all a session does; what follows waits on a page or two. */
	fiber_trim_stack();
	return 0;
}

int
stream_tls_accept(struct stream *stream, const struct tls_server *server, const char *client_ca,
    struct instant deadline, struct fault *fault_out)
{
	struct stream_tls *tls;

	if (stream_flush(stream, deadline, fault_out) != 0)
		return -1;
	SSL_set_accept_state(tls_begin(stream, &server->shared));
	tls = tls_of(stream);
	if (client_ca != NULL)
		tls_clients_ask(tls->ssl, &server->shared, client_ca);
	insist(buf_append(&tls->early, stream_input(stream)) == 0);
	stream_drop_input(stream);
	return handshake(stream, deadline, fault_out);
}

/* Whom the certificate must name, and the name sent for the server to choose by. */
static int
expect_name(struct stream_tls *tls, const struct tls_expect *expect, struct fault *fault_out)
{
	X509_VERIFY_PARAM *check = SSL_get0_param(tls->ssl);
	struct ip ip = { .family = IP_NONE };
	bool is_ip = ip_parse(expect->server_name, &ip);
	int n;

	n = snprintf(tls->peer_name, sizeof(tls->peer_name), "%.*s", STR_ARG(expect->server_name));
	if ((size_t)n != expect->server_name.len || (size_t)n >= sizeof(tls->peer_name))
		return fault_permanent(fault_out, "TLS: a server's name is not one");	/* NUL inside, or too long */
	if (!is_ip && n > 0)
		insist(SSL_set_tlsext_host_name(tls->ssl, tls->peer_name) == 1);
	if (!expect->must_verify)
		return 0;
	if (n == 0)
		return fault_permanent(fault_out, "TLS: there is no name to verify the certificate by");
	SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, NULL);
	X509_VERIFY_PARAM_set_time(check, (time_t)(os_wall_clock().us / 1000000));
	X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_ip)
		insist(X509_VERIFY_PARAM_set1_ip(check, ip.bytes, ip.family == IP_V4 ? 4 : 16) == 1);
	else
		insist(X509_VERIFY_PARAM_set1_host(check, tls->peer_name, (size_t)n) == 1);
	return 0;
}

int
stream_tls_connect(struct stream *stream, const struct tls_client *client, const struct tls_expect *expect,
    struct instant deadline, struct fault *fault_out)
{
	const char *name;
	struct stream_tls *tls;

	if (stream_flush(stream, deadline, fault_out) != 0)
		return -1;
	stream_drop_input(stream);
	SSL_set_connect_state(tls_begin(stream, &client->shared));
	tls = tls_of(stream);
	if (expect_name(tls, expect, fault_out) != 0) {
		tls->is_broken = true;
		stream->recv_error = stream->send_error = -EPROTO;
		return -1;
	}
	if (handshake(stream, deadline, fault_out) != 0)
		return -1;
	if (!expect->must_verify)
		tls->peer_name[0] = '\0';
	else if ((name = SSL_get0_peername(tls->ssl)) != NULL)
		snprintf(tls->peer_name, sizeof(tls->peer_name), "%s", name);
	return 0;
}

bool
stream_tls_info(const struct stream *stream, struct tls_info *info_out)
{
	const struct stream_tls *tls = stream->tls;
	const char *sni;

	*info_out = (struct tls_info){ .bits = 0 };
	if (tls == NULL || !SSL_is_init_finished(tls->ssl))
		return false;
	sni = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
	snprintf(info_out->version, sizeof(info_out->version), "%s", SSL_get_version(tls->ssl));
	snprintf(info_out->cipher, sizeof(info_out->cipher), "%s", SSL_get_cipher_name(tls->ssl));
	snprintf(info_out->sni, sizeof(info_out->sni), "%s", sni != NULL ? sni : "");
	snprintf(info_out->peer_name, sizeof(info_out->peer_name), "%s", tls->peer_name);
	info_out->bits = SSL_get_cipher_bits(tls->ssl, NULL);
	return true;
}
