/*
 * tls_scene.c - two streams of one loop that come to terms about TLS
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/runtime/tls_scene.h"

static const struct stream_limits limits = { .input_max_bytes = 8192, .output_max_bytes = 8192 };

struct instant
scene_later(void)
{
	return instant_after(loop_now(fiber_loop()), span_s(20));
}

void
scene_pause_ms(int ms)
{
	fiber_sleep(instant_after(loop_now(fiber_loop()), span_ms(ms)));
}

void
scene_expect_fault(int result, const struct fault *fault, struct str want)
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

void
scene_runs_client(void *arg)
{
	struct scene *s = arg;
	struct fault fault = { .text = "" };
	int result = stream_tls_connect(s->client, s->tls_client, &s->expect, scene_later(), &fault);

	scene_expect_fault(result, &fault, s->want_client_fault);
	if (result == 0) {
		expect(stream_tls_info(s->client, &s->client_info));
		if (s->client_talks != NULL)
			s->client_talks(s);
	} else {
		expect_int(fault.cause, s->want_client_cause);
		expect_int(fault.kind, s->want_client_kind);
		expect(stream_write(s->client, STR("x"), scene_later(), NULL) == -1);
		expect(stream_fill(s->client, scene_later(), NULL) == -1);
	}
	stream_close(s->client);
}

void
scene_runs_server(void *arg)
{
	struct scene *s = arg;
	struct fault fault = { .text = "" };
	int result = stream_tls_accept(s->server, s->tls_server, s->client_ca, scene_later(), &fault);

	if (s->want_client_fault.len == 0)
		scene_expect_fault(result, &fault, s->want_server_fault);
	if (result == 0) {
		expect(stream_tls_info(s->server, &s->server_info));
		if (s->server_talks != NULL)
			s->server_talks(s);
	}
	stream_close(s->server);
}

void
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

void
scene_run(struct scene *s)
{
	scene_open(s);
	fiber_start(s->loop, "server", scene_runs_server, s);
	fiber_start(s->loop, "client", scene_runs_client, s);
	loop_run(s->loop);
	loop_free(s->loop);
}

void
scene_write(struct stream *stream, struct str text)
{
	expect_int(stream_write(stream, text, scene_later(), NULL), 0);
	expect_int(stream_flush(stream, scene_later(), NULL), 0);
}

void
scene_client_asks(struct scene *s)
{
	expect_int(stream_write(s->client, STR("EHLO "), scene_later(), NULL), 0);
	scene_write(s->client, STR("client\r\n"));
	expect_int(stream_fill(s->client, scene_later(), NULL), 1);
	expect_str(stream_input(s->client), STR("250 server\r\n"));
	stream_take(s->client, stream_input(s->client).len);
	expect_int(stream_fill(s->client, scene_later(), NULL), 0);
}

void
scene_server_answers(struct scene *s)
{
	expect_int(stream_fill(s->server, scene_later(), NULL), 1);
	expect_str(stream_input(s->server), STR("EHLO client\r\n"));
	scene_write(s->server, STR("250 server\r\n"));
}
