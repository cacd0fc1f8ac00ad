/*
 * test_tls.c - TLS between two streams of one loop
 */
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "smtpfwd/runtime/tls_inside.h"
#include "tests/expect.h"
#include "tests/runtime/certificates.h"

enum { BIG_BYTES = 1000000 };

static const struct stream_limits limits = { .input_max_bytes = 8192, .output_max_bytes = 8192 };

struct files {				/* in a folder of the test's own */
	char	folder[64];
	char	ca[96], one[96], one_key[96], two[96], two_key[96], old[96], old_key[96], locked_key[96];
};

struct scene {
	struct loop		*loop;
	struct stream		*client, *server;
	const struct tls_client	*tls_client;
	struct tls_server	*tls_server;
	struct tls_expect	 expect;
	struct str		 want_server_fault;	/* "": none; else a part of the text */
	struct str		 want_client_fault;
	enum fault_cause	 want_client_cause;
	enum fault_kind		 want_client_kind;
	int			 client_socket;		/* the client stream's: to send past TLS */
	struct tls_info		 client_info, server_info;
	char			*big;
	void			(*client_talks)(struct scene *s), (*server_talks)(struct scene *s);
};

static struct instant
later(void)
{
	return instant_after(loop_now(fiber_loop()), span_s(20));
}

static void
pause_ms(int ms)
{
	fiber_sleep(instant_after(loop_now(fiber_loop()), span_ms(ms)));
}

static void
expect_fault(int result, const struct fault *fault, struct str want)
{
	if (want.len == 0) {
		if (!expect_int(result, 0))
			expect_text(fault->text, "");
		return;
	}
	expect_int(result, -1);
	if (result == -1 && str_find_str(str_of(fault->text), want) < 0)
		expect_str(str_of(fault->text), want);
}

static void
runs_client(void *arg)
{
	struct scene *s = arg;
	struct fault fault = { .text = "" };
	int result = stream_tls_connect(s->client, s->tls_client, &s->expect, later(), &fault);

	expect_fault(result, &fault, s->want_client_fault);
	if (result == 0) {
		expect(stream_tls_info(s->client, &s->client_info));
		if (s->client_talks != NULL)
			s->client_talks(s);
	} else {
		expect_int(fault.cause, s->want_client_cause);
		expect_int(fault.kind, s->want_client_kind);
		expect(stream_write(s->client, STR("x"), later(), NULL) == -1);
		expect(stream_fill(s->client, later(), NULL) == -1);
	}
	stream_close(s->client);
}

static void
runs_server(void *arg)
{
	struct scene *s = arg;
	struct fault fault = { .text = "" };
	int result = stream_tls_accept(s->server, s->tls_server, later(), &fault);

	if (s->want_client_fault.len == 0)
		expect_fault(result, &fault, s->want_server_fault);
	if (result == 0) {
		expect(stream_tls_info(s->server, &s->server_info));
		if (s->server_talks != NULL)
			s->server_talks(s);
	}
	stream_close(s->server);
}

static void
scene_open(struct scene *s)
{
	int pair[2];

	s->loop = loop_new(10, NULL);
	if (!expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0))
		abort();
	s->client_socket = pair[0];
	s->client = stream_new(s->loop, pair[0], limits, NULL);
	s->server = stream_new(s->loop, pair[1], limits, NULL);
	s->client_info = s->server_info = (struct tls_info){ .bits = 0 };
}

static void
scene_run(struct scene *s)
{
	scene_open(s);
	fiber_start(s->loop, "server", runs_server, s);
	fiber_start(s->loop, "client", runs_client, s);
	loop_run(s->loop);
	loop_free(s->loop);
}

static void
write_text(struct stream *stream, struct str text)
{
	expect_int(stream_write(stream, text, later(), NULL), 0);
	expect_int(stream_flush(stream, later(), NULL), 0);
}

/* --- talk --- */

static void
client_asks(struct scene *s)
{
	expect_int(stream_write(s->client, STR("EHLO "), later(), NULL), 0);
	write_text(s->client, STR("client\r\n"));
	expect_int(stream_fill(s->client, later(), NULL), 1);
	expect_str(stream_input(s->client), STR("250 server\r\n"));
	stream_take(s->client, stream_input(s->client).len);
	expect_int(stream_fill(s->client, later(), NULL), 0);
}

static void
server_answers(struct scene *s)
{
	expect_int(stream_fill(s->server, later(), NULL), 1);
	expect_str(stream_input(s->server), STR("EHLO client\r\n"));
	write_text(s->server, STR("250 server\r\n"));
}

static void
client_sends_much(struct scene *s)
{
	expect_int(stream_write(s->client, STR("DATA"), later(), NULL), 0);
	expect_int(stream_write_from(s->client, str_n(s->big, BIG_BYTES), later(), NULL), 0);
}

static void
server_reads_slowly(struct scene *s)
{
	size_t n = 0, n_reads = 0;
	bool is_same = true;
	struct str got;
	int result;

	while (stream_input(s->server).len < 4)
		expect_int(stream_fill(s->server, later(), NULL), 1);
	expect(str_starts(stream_input(s->server), STR("DATA")));
	stream_take(s->server, 4);
	while ((result = stream_fill(s->server, later(), NULL)) == 1) {
		got = stream_input(s->server);
		is_same &= n + got.len <= BIG_BYTES && memcmp(got.at, s->big + n, got.len) == 0;
		n += got.len;
		stream_take(s->server, got.len);
		if (++n_reads % 20 == 0)
			pause_ms(1);
	}
	expect_int(result, 0);
	expect(is_same);
	expect_int((int64_t)n, BIG_BYTES);
}

static void
server_closes(struct scene *s)
{
}

static void
client_writes_after_close(struct scene *s)
{
	struct fault fault = { .text = "" };

	pause_ms(10);
	expect_int(stream_write(s->client, STR("anybody?"), later(), &fault), 0);
	expect_int(stream_flush(s->client, later(), &fault), -1);
	expect_int(fault.cause, FAULT_CLOSED);
}

static void
server_frees_its_contexts(struct scene *s)
{
	tls_server_free(s->tls_server);
	server_answers(s);
}

static void
client_sends_garbage(struct scene *s)
{
	expect_int(send(s->client_socket, "QUIT\r\nQUIT\r\nQUIT\r\n", 18, 0), 18);
	expect_int(stream_fill(s->client, later(), NULL), -1);	/* an alert */
}

static void
server_hears_garbage(struct scene *s)
{
	struct fault fault = { .text = "" };

	expect_int(stream_fill(s->server, later(), &fault), -1);
	expect(str_starts(str_of(fault.text), STR("read: ")));
	expect(str_find_str(str_of(fault.text), STR("wrong version number")) > 0);
	expect_int(stream_fill(s->server, later(), &fault), -1);
	expect(stream_has_input(s->server));	/* that is: waiting would be in vain */
	expect_int(stream_write_from(s->server, STR("220 mx\r\n"), later(), &fault), -1);
}

static void
client_talks_early(struct scene *s)
{
	expect(!stream_has_input(s->client));
	write_text(s->client, STR("EHLO early\r\n"));
	expect_int(stream_fill(s->client, later(), NULL), 0);
}

static void
server_looks_for_input(struct scene *s)
{
	pause_ms(10);
	expect(stream_has_input(s->server));
	expect_str(stream_input(s->server), STR("EHLO early\r\n"));
}

static void
test_talk(const struct tls_client *client)
{
	struct scene s = { .tls_client = client };

	s.tls_server = tls_server_new_self_signed("mx.self.example", NULL);
	s.expect.server_name = STR("mx.example");
	s.big = mem_new(BIG_BYTES);
	for (size_t i = 0; i < BIG_BYTES; i++)
		s.big[i] = (char)(i * 2654435761u >> 13);

	test_case("who does not verify talks to a self-signed server");
	s.client_talks = client_asks;
	s.server_talks = server_answers;
	scene_run(&s);
	expect_text(s.client_info.version, "TLSv1.3");
	expect_text(s.server_info.version, "TLSv1.3");
	expect_text(s.server_info.cipher, s.client_info.cipher);
	expect(s.client_info.bits >= 128);
	expect_text(s.server_info.sni, "mx.example");
	expect_text(s.client_info.peer_name, "");

	test_case("a great many bytes pass through TLS whole, also to a slow reader");
	s.client_talks = client_sends_much;
	s.server_talks = server_reads_slowly;
	scene_run(&s);

	test_case("a write after the peer's end of TLS is a fault");
	s.client_talks = client_writes_after_close;
	s.server_talks = server_closes;
	scene_run(&s);

	test_case("plaintext in the middle of TLS is a fault, and the end");
	s.client_talks = client_sends_garbage;
	s.server_talks = server_hears_garbage;
	scene_run(&s);

	test_case("input that came unasked can be seen without waiting");
	s.client_talks = client_talks_early;
	s.server_talks = server_looks_for_input;
	scene_run(&s);

	test_case("contexts freed by their owner live until the last stream is closed");
	s.client_talks = client_asks;
	s.server_talks = server_frees_its_contexts;
	scene_run(&s);
	mem_free(s.big);
}

/* --- certificates --- */

struct verify_case {
	const char	*name;
	struct str	 server_name;
	bool		 must_verify;
	bool		 is_self_signed, is_old;
	const char	*want_peer_name;
	struct str	 want_fault;
	enum fault_kind	 want_kind;
};

static const struct verify_case verify_cases[] = {
	{ .name = "a certificate with the name verifies", .server_name = { "mx.one.example", 14 },
	  .must_verify = true, .want_peer_name = "mx.one.example" },
	{ .name = "the server chooses the certificate by name", .server_name = { "mx.two.example", 14 },
	  .must_verify = true, .want_peer_name = "mx.two.example" },
	{ .name = "a wildcard stands for one label", .server_name = { "a.wild.example", 14 },
	  .must_verify = true, .want_peer_name = "*.wild.example" },
	{ .name = "a name in full goes before a wildcard", .server_name = { "in.wild.example", 15 },
	  .must_verify = true, .want_peer_name = "in.wild.example" },
	{ .name = "a wildcard does not stand for two labels", .server_name = { "a.b.wild.example", 16 },
	  .must_verify = true, .want_fault = { "ostname mismatch", 16 } },
	{ .name = "a wrong name fails, and the fault says so", .server_name = { "mx.three.example", 16 },
	  .must_verify = true, .want_fault = { "the certificate does not verify: ", 33 } },
	{ .name = "a wrong name does not matter to who does not verify", .server_name = { "mx.three.example", 16 },
	  .want_peer_name = "" },
	{ .name = "an address in the certificate verifies", .server_name = { "192.0.2.1", 9 },
	  .must_verify = true, .want_peer_name = "192.0.2.1" },
	{ .name = "an IPv6 address too, however it is written", .server_name = { "2001:DB8:0::1", 13 },
	  .must_verify = true, .want_peer_name = "2001:DB8:0::1" },
	{ .name = "another address fails", .server_name = { "192.0.2.2", 9 },
	  .must_verify = true, .want_fault = { "IP address mismatch", 19 } },
	{ .name = "a self-signed certificate fails", .server_name = { "mx.one.example", 14 },
	  .must_verify = true, .is_self_signed = true, .want_fault = { "self-signed certificate", 23 } },
	{ .name = "a certificate past its time fails", .server_name = { "mx.one.example", 14 },
	  .must_verify = true, .is_old = true, .want_fault = { "certificate has expired", 23 } },
	{ .name = "who verifies needs a name", .server_name = { "", 0 },
	  .must_verify = true, .want_fault = { "there is no name", 16 }, .want_kind = FAULT_PERMANENT },
	{ .name = "a name with a NUL inside is none", .server_name = { "mx.one.example\0.evil.example", 28 },
	  .must_verify = true, .want_fault = { "is not one", 10 }, .want_kind = FAULT_PERMANENT },
};

static void
test_verify(const struct files *files, const struct tls_client *client)
{
	const struct tls_certificate good[] = { { files->one, files->one_key }, { files->two, files->two_key } };
	const struct tls_certificate old[] = { { files->old, files->old_key } };
	struct tls_server *good_server = tls_server_new(good, 2, NULL);
	struct tls_server *old_server = tls_server_new(old, 1, NULL);
	struct tls_server *self_signed = tls_server_new_self_signed("mx.one.example", NULL);
	struct scene s;

	for (size_t i = 0; i < sizeof(verify_cases) / sizeof(verify_cases[0]); i++) {
		const struct verify_case *c = &verify_cases[i];

		test_case("%s", c->name);
		s = (struct scene){ .tls_client = client };
		s.tls_server = c->is_self_signed ? self_signed : c->is_old ? old_server : good_server;
		s.expect = (struct tls_expect){ .server_name = c->server_name, .must_verify = c->must_verify };
		s.want_client_fault = c->want_fault;
		s.want_client_kind = c->want_kind;
		s.client_talks = c->want_fault.len == 0 ? client_asks : NULL;
		s.server_talks = c->want_fault.len == 0 ? server_answers : NULL;
		scene_run(&s);
		if (c->want_fault.len == 0)
			expect_text(s.client_info.peer_name, c->want_peer_name);
	}
	tls_server_free(good_server);
	tls_server_free(old_server);
	tls_server_free(self_signed);
}

/* --- what is no handshake --- */

static void
silent_client(void *arg)
{
	struct scene *s = arg;

	pause_ms(60);
	stream_close(s->client);
}

static void
server_waits_in_vain(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	expect_int(stream_tls_accept(s->server, s->tls_server, instant_after(loop_now(s->loop), span_ms(20)), &fault), -1);
	expect_int(fault.cause, FAULT_TIMED_OUT);
	expect_text(fault.text, "TLS handshake: timed out");
	expect_int(stream_write(s->server, STR("221 bye"), later(), NULL), -1);
	stream_close(s->server);
}

static void
client_that_leaves(void *arg)
{
	struct scene *s = arg;

	stream_close(s->client);
}

static void
server_is_left(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	expect_int(stream_tls_accept(s->server, s->tls_server, later(), &fault), -1);
	expect_int(fault.cause, FAULT_CLOSED);
	stream_close(s->server);
}

static void
client_in_the_clear(void *arg)
{
	struct scene *s = arg;

	write_text(s->client, STR("EHLO i.know.no.tls\r\n"));
	pause_ms(20);
	stream_close(s->client);
}

static void
server_hears_no_tls(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	pause_ms(5);
	expect_int(stream_tls_accept(s->server, s->tls_server, later(), &fault), -1);
	expect(str_starts(str_of(fault.text), STR("TLS handshake: ")));
	stream_close(s->server);
}

/* Behind its answer to STARTTLS the server, or somebody between, sends what looks like another reply. */
static void
server_with_injection(void *arg)
{
	struct scene *s = arg;

	write_text(s->server, STR("220 go ahead\r\n250 injected\r\n"));
	pause_ms(5);
	runs_server(s);
}

static void
client_drops_injection(void *arg)
{
	struct scene *s = arg;

	expect_int(stream_fill(s->client, later(), NULL), 1);
	expect_str(stream_input(s->client), STR("220 go ahead\r\n250 injected\r\n"));
	stream_take(s->client, 14);
	runs_client(s);
}

static void
client_behind_proxy(void *arg)
{
	struct scene *s = arg;

	expect_int(stream_write(s->client, STR("PROXY UNKNOWN\r\n"), later(), NULL), 0);
	runs_client(s);
}

static void
server_behind_proxy(void *arg)
{
	struct scene *s = arg;

	while (stream_input(s->server).len < 100)	/* until the handshake has come, too */
		expect_int(stream_fill(s->server, later(), NULL), 1);
	stream_take(s->server, 15);
	runs_server(s);
}

static void
test_no_handshake(const struct tls_client *client)
{
	struct scene s = { .tls_client = client };

	s.tls_server = tls_server_new_self_signed("mx.self.example", NULL);

	test_case("a handshake ends at its deadline, and nothing can be said after it");
	scene_open(&s);
	fiber_start(s.loop, "client", silent_client, &s);
	fiber_start(s.loop, "server", server_waits_in_vain, &s);
	loop_run(s.loop);
	loop_free(s.loop);

	test_case("a peer that leaves during the handshake has closed the connection");
	scene_open(&s);
	fiber_start(s.loop, "client", client_that_leaves, &s);
	fiber_start(s.loop, "server", server_is_left, &s);
	loop_run(s.loop);
	loop_free(s.loop);

	test_case("plaintext is no handshake");
	scene_open(&s);
	fiber_start(s.loop, "client", client_in_the_clear, &s);
	fiber_start(s.loop, "server", server_hears_no_tls, &s);
	loop_run(s.loop);
	loop_free(s.loop);

	test_case("plaintext that a client got before the handshake is dropped");
	s.client_talks = client_asks;
	s.server_talks = server_answers;
	scene_open(&s);
	fiber_start(s.loop, "client", client_drops_injection, &s);
	fiber_start(s.loop, "server", server_with_injection, &s);
	loop_run(s.loop);
	loop_free(s.loop);

	test_case("a handshake that came in with a proxy's header is heard");
	scene_open(&s);
	fiber_start(s.loop, "client", client_behind_proxy, &s);
	fiber_start(s.loop, "server", server_behind_proxy, &s);
	loop_run(s.loop);
	loop_free(s.loop);
	tls_server_free(s.tls_server);
}

static void
test_old_versions(void)
{
	struct tls_client *client = tls_client_new(NULL, NULL);
	struct scene s = { .tls_client = client };
	SSL_CTX *context = client->shared.contexts[0];

	test_case("TLS 1.1 is refused");
	s.tls_server = tls_server_new_self_signed("mx.self.example", NULL);
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
	s.want_client_fault = STR("TLS handshake: tlsv1 alert protocol version");
	scene_run(&s);

	test_case("TLS 1.2 is spoken");
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	s.want_client_fault = STR_EMPTY;
	s.client_talks = client_asks;
	s.server_talks = server_answers;
	scene_run(&s);
	expect_text(s.server_info.version, "TLSv1.2");
	tls_server_free(s.tls_server);
	tls_client_free(client);
}

/* --- files --- */

static void
expect_load_fault(const char *certificate, const char *key, const char *part, const char *other_part)
{
	const struct tls_certificate files = { certificate, key };
	struct fault fault = { .text = "" };

	expect(tls_server_new(&files, 1, &fault) == NULL);
	expect_int(fault.kind, FAULT_PERMANENT);
	expect(str_find_str(str_of(fault.text), str_of(part)) >= 0);
	if (!expect(str_find_str(str_of(fault.text), str_of(other_part)) >= 0))
		expect_text(fault.text, "");
}

static void
test_files(const struct files *files)
{
	struct fault fault = { .text = "" };

	test_case("a missing certificate is named");
	expect_load_fault("/nowhere/cert.pem", files->one_key, "certificate /nowhere/cert.pem", "No such file");
	test_case("a missing key is named");
	expect_load_fault(files->one, "/nowhere/key.pem", "key /nowhere/key.pem", "No such file");
	test_case("a key of another certificate is found out, and both are named");
	expect_load_fault(files->one, files->two_key, files->two_key, files->one);
	expect_load_fault(files->one, files->two_key, "does not belong to", "key values mismatch");
	test_case("a file without a certificate is named");
	expect_load_fault(files->one_key, files->one_key, files->one_key, "no start line");
	test_case("an encrypted key is a fault and no question at the terminal");
	expect_load_fault(files->one, files->locked_key, files->locked_key, "key ");
	test_case("missing authorities are named");
	expect(tls_client_new("/nowhere/ca.pem", &fault) == NULL);
	expect(str_find_str(str_of(fault.text), STR("/nowhere/ca.pem")) > 0);
	test_case("the system's authorities can be had");
	fault.text[0] = '\0';
	tls_client_free(tls_client_new(NULL, &fault));
	expect_text(fault.text, "");
}

static void
files_make(struct files *files)
{
	char *paths[] = { files->ca, files->one, files->one_key, files->two, files->two_key, files->old,
	    files->old_key, files->locked_key };
	struct authority authority;
	FILE *file;

	snprintf(files->folder, sizeof(files->folder), "/tmp/test_tls.XXXXXX");
	if (mkdtemp(files->folder) == NULL)
		abort();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		snprintf(paths[i], sizeof(files->ca), "%s/%zu.pem", files->folder, i);
	authority_init(&authority);
	authority_write(&authority, files->ca);
	authority_issue(&authority, "DNS:mx.one.example,DNS:*.wild.example,IP:192.0.2.1,IP:2001:db8::1", 10,
	    files->one, files->one_key);
	authority_issue(&authority, "DNS:mx.two.example,DNS:in.wild.example", 10, files->two, files->two_key);
	authority_issue(&authority, "DNS:mx.one.example", -1, files->old, files->old_key);
	file = fopen(files->locked_key, "w");
	if (file == NULL || PEM_write_PKCS8PrivateKey(file, authority.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL) != 1)
		abort();
	fclose(file);
	authority_fini(&authority);
}

static void
files_remove(struct files *files)
{
	const char *paths[] = { files->ca, files->one, files->one_key, files->two, files->two_key, files->old,
	    files->old_key, files->locked_key };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		unlink(paths[i]);
	rmdir(files->folder);
}

int
main(void)
{
	struct tls_client *client;
	struct files files;

	files_make(&files);
	client = tls_client_new(files.ca, NULL);
	test_talk(client);
	test_verify(&files, client);
	test_no_handshake(client);
	test_old_versions();
	test_files(&files);
	tls_client_free(client);
	files_remove(&files);
	return test_end();
}
