/*
 * test_tls.c - TLS between two streams of one loop: talk, and what is no handshake
 */
#include <sys/socket.h>

#include "base/mem.h"
#include "smtpfwd/runtime/stream_inside.h"
#include "tests/runtime/tls_scene.h"

enum { BIG_BYTES = 1000000 };

/* --- talk --- */

static void
client_sends_much(struct scene *s)
{
	expect_int(stream_write(s->client, STR("DATA"), scene_later(), NULL), 0);
	expect_int(stream_write_from(s->client, str_n(s->big, BIG_BYTES), scene_later(), NULL), 0);
}

static void
server_reads_slowly(struct scene *s)
{
	size_t n = 0, n_reads = 0;
	bool is_same = true;
	struct str got;
	int result;

	while (stream_input(s->server).len < 4)
		expect_int(stream_fill(s->server, scene_later(), NULL), 1);
	expect(str_starts(stream_input(s->server), STR("DATA")));
	stream_take(s->server, 4);
	while ((result = stream_fill(s->server, scene_later(), NULL)) == 1) {
		got = stream_input(s->server);
		is_same &= n + got.len <= BIG_BYTES && memcmp(got.at, s->big + n, got.len) == 0;
		n += got.len;
		stream_take(s->server, got.len);
		if (++n_reads % 20 == 0)
			scene_pause_ms(1);
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

	expect_int(stream_flush(s->client, scene_later(), NULL), 0);	/* the end of the handshake */
	scene_pause_ms(10);
	expect_int(stream_write(s->client, STR("anybody?"), scene_later(), &fault), 0);
	expect_int(stream_flush(s->client, scene_later(), &fault), -1);
	expect_int(fault.cause, FAULT_CLOSED);
}

static void
server_frees_its_contexts(struct scene *s)
{
	tls_server_free(s->tls_server);
	scene_server_answers(s);
}

static void
client_sends_garbage(struct scene *s)
{
	expect_int(stream_flush(s->client, scene_later(), NULL), 0);	/* the end of the handshake */
	expect_int(send(s->client_socket, "QUIT\r\nQUIT\r\nQUIT\r\n", 18, 0), 18);
	expect_int(stream_fill(s->client, scene_later(), NULL), -1);	/* an alert */
}

static void
server_hears_garbage(struct scene *s)
{
	struct fault fault = { .text = "" };

	expect_int(stream_fill(s->server, scene_later(), &fault), -1);
	expect(str_starts(str_of(fault.text), STR("read: ")));
	expect(str_find_str(str_of(fault.text), STR("wrong version number")) > 0);
	expect_int(stream_fill(s->server, scene_later(), &fault), -1);
	expect(stream_has_input(s->server));	/* that is: waiting would be in vain */
	expect_int(stream_write_from(s->server, STR("220 mx\r\n"), scene_later(), &fault), -1);
}

static void
client_talks_early(struct scene *s)
{
	expect(!stream_has_input(s->client));
	scene_write(s->client, STR("EHLO early\r\n"));
	expect_int(stream_fill(s->client, scene_later(), NULL), 0);
}

static void
server_looks_for_input(struct scene *s)
{
	scene_pause_ms(10);
	expect(stream_has_input(s->server));
	expect_str(stream_input(s->server), STR("EHLO early\r\n"));
}

static void
server_finishes(struct scene *s)
{
	struct fault fault;

	expect_int(stream_fill(s->server, scene_later(), NULL), 1);
	expect_int(stream_write(s->server, STR("221 bye\r\n"), scene_later(), NULL), 0);
	expect_int(stream_finish(s->server, scene_later(), NULL), 0);
	expect_int(stream_fill(s->server, scene_later(), NULL), 0);	/* open until the client has seen the end */
	(void)stream_write(s->server, STR("more"), scene_later(), NULL);
	expect_int(stream_flush(s->server, scene_later(), &fault), -1);
}

static void
client_sees_the_end(struct scene *s)
{
	scene_write(s->client, STR("QUIT\r\n"));
	expect_int(stream_fill(s->client, scene_later(), NULL), 1);
	expect_str(stream_input(s->client), STR("221 bye\r\n"));
	expect_int(stream_fill(s->client, scene_later(), NULL), 0);
}

static void
reads_in_vain(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	expect_int(stream_fill(s->server, instant_after(loop_now(s->loop), span_ms(20)), &fault), -1);
	expect_int(fault.cause, FAULT_TIMED_OUT);
}

/* The end of its handshake is held, and finds no room. */
static void
server_has_no_room(struct scene *s)
{
	static const char stuff[4096];
	struct fault fault;

	while (send(s->server->socket, stuff, sizeof(stuff), MSG_DONTWAIT) > 0)
		;
	fiber_start(s->loop, "reader", reads_in_vain, s);
	scene_pause_ms(5);
	expect_int(stream_write(s->server, STR("220 mx\r\n"), scene_later(), NULL), 0);
	expect_int(stream_flush(s->server, instant_after(loop_now(s->loop), span_ms(30)), &fault), -1);
	expect_int(fault.cause, FAULT_TIMED_OUT);
}

static void
client_reads_nothing(struct scene *s)
{
	expect_int(stream_flush(s->client, scene_later(), NULL), 0);	/* the end of the handshake */
	scene_pause_ms(300);
}

static void
client_hears_first(struct scene *s)
{
	expect_int(stream_fill(s->client, scene_later(), NULL), 1);
	expect_str(stream_input(s->client), STR("220 mx\r\n"));
}

static void
server_greets(struct scene *s)
{
	scene_write(s->server, STR("220 mx\r\n"));
	expect_int(stream_fill(s->server, scene_later(), NULL), 0);
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
	s.client_talks = scene_client_asks;
	s.server_talks = scene_server_answers;
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

	test_case("the end of TLS comes with the last words");
	s.client_talks = client_sees_the_end;
	s.server_talks = server_finishes;
	scene_run(&s);

	test_case("who waits behind the handshake has ended its own part");
	s.client_talks = client_hears_first;
	s.server_talks = server_greets;
	scene_run(&s);

	test_case("one fiber may write while one that reads waits for room for the handshake's end");
	s.client_talks = client_reads_nothing;
	s.server_talks = server_has_no_room;
	scene_run(&s);

	test_case("contexts freed by their owner live until the last stream is closed");
	s.client_talks = scene_client_asks;
	s.server_talks = server_frees_its_contexts;
	scene_run(&s);
	mem_free(s.big);
}

/* --- what is no handshake --- */

static void
silent_client(void *arg)
{
	struct scene *s = arg;

	scene_pause_ms(60);
	stream_close(s->client);
}

static void
server_waits_in_vain(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	expect_int(stream_tls_accept(s->server, s->tls_server, NULL, instant_after(loop_now(s->loop), span_ms(20)), &fault), -1);
	expect_int(fault.cause, FAULT_TIMED_OUT);
	expect_text(fault.text, "TLS handshake: timed out");
	expect_int(stream_write(s->server, STR("221 bye"), scene_later(), NULL), -1);
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

	expect_int(stream_tls_accept(s->server, s->tls_server, NULL, scene_later(), &fault), -1);
	expect_int(fault.cause, FAULT_CLOSED);
	stream_close(s->server);
}

/* It could still hear, but nothing comes. */
static void
client_cannot_speak(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	expect_int(shutdown(s->client_socket, SHUT_WR), 0);
	expect_int(stream_tls_connect(s->client, s->tls_client, &s->expect, instant_after(loop_now(s->loop), span_ms(20)), &fault), -1);
	expect_int(fault.cause, FAULT_CLOSED);
	stream_close(s->client);
}

static void
server_is_deaf(void *arg)
{
	struct scene *s = arg;

	scene_pause_ms(60);
	stream_close(s->server);
}

static void
client_in_the_clear(void *arg)
{
	struct scene *s = arg;

	scene_write(s->client, STR("EHLO i.know.no.tls\r\n"));
	scene_pause_ms(20);
	stream_close(s->client);
}

static void
server_hears_no_tls(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	scene_pause_ms(5);
	expect_int(stream_tls_accept(s->server, s->tls_server, NULL, scene_later(), &fault), -1);
	expect(str_starts(str_of(fault.text), STR("TLS handshake: ")));
	stream_close(s->server);
}

/* Behind its answer to STARTTLS the server, or somebody between, sends what looks like another reply. */
static void
server_with_injection(void *arg)
{
	struct scene *s = arg;

	scene_write(s->server, STR("220 go ahead\r\n250 injected\r\n"));
	scene_pause_ms(5);
	scene_runs_server(s);
}

static void
client_drops_injection(void *arg)
{
	struct scene *s = arg;

	expect_int(stream_fill(s->client, scene_later(), NULL), 1);
	expect_str(stream_input(s->client), STR("220 go ahead\r\n250 injected\r\n"));
	stream_take(s->client, 14);
	scene_runs_client(s);
}

static void
client_behind_proxy(void *arg)
{
	struct scene *s = arg;

	expect_int(stream_write(s->client, STR("PROXY UNKNOWN\r\n"), scene_later(), NULL), 0);
	scene_runs_client(s);
}

static void
server_behind_proxy(void *arg)
{
	struct scene *s = arg;

	while (stream_input(s->server).len < 100)	/* until the handshake has come, too */
		expect_int(stream_fill(s->server, scene_later(), NULL), 1);
	stream_take(s->server, 15);
	scene_runs_server(s);
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

	test_case("a handshake that cannot be sent has failed, and is not waited for");
	scene_open(&s);
	fiber_start(s.loop, "client", client_cannot_speak, &s);
	fiber_start(s.loop, "server", server_is_deaf, &s);
	loop_run(s.loop);
	loop_free(s.loop);

	test_case("plaintext is no handshake");
	scene_open(&s);
	fiber_start(s.loop, "client", client_in_the_clear, &s);
	fiber_start(s.loop, "server", server_hears_no_tls, &s);
	loop_run(s.loop);
	loop_free(s.loop);

	test_case("plaintext that a client got before the handshake is dropped");
	s.client_talks = scene_client_asks;
	s.server_talks = scene_server_answers;
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
	s.client_talks = scene_client_asks;
	s.server_talks = scene_server_answers;
	scene_run(&s);
	expect_text(s.server_info.version, "TLSv1.2");
	tls_server_free(s.tls_server);
	tls_client_free(client);
}

int
main(void)
{
	struct tls_client *client = tls_client_new(NULL, NULL);

	test_talk(client);
	test_no_handshake(client);
	test_old_versions();
	tls_client_free(client);
	return test_end();
}
