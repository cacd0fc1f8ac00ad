/*
 * client.c - a session of a measurement's source
 */
#include "tests/bench/client.h"

#include <stdio.h>

enum { PATIENCE_S = 120, COMMAND_MAX_BYTES = 400 };

static const struct stream_limits limits = { .input_max_bytes = 64 * 1024, .output_max_bytes = 256 * 1024 };

static struct instant
patience(const struct clients *clients)
{
	return instant_after(loop_now(clients->loop), span_s(PATIENCE_S));
}

static bool
say(const struct clients *clients, struct stream *stream, struct str bytes)
{
	return stream_write(stream, bytes, patience(clients), NULL) == 0;
}

/* The code of the next reply; 0 when the connection is gone. */
static int
hear(const struct clients *clients, struct stream *stream)
{
	if (stream_flush(stream, patience(clients), NULL) != 0)
		return 0;
	for (;;) {
		struct str input = stream_input(stream);
		ptrdiff_t end = str_find(input, '\n');
		bool is_last = end >= 4 && input.at[3] != '-';
		uint64_t code;

		if (end < 0) {
			if (stream_fill(stream, patience(clients), NULL) <= 0)
				return 0;
			continue;
		}
		if (!str_to_u64(str_sub(input, 0, 3), &code))
			return 0;
		stream_take(stream, (size_t)end + 1);
		if (is_last)
			return (int)code;
	}
}

static bool
ask(const struct clients *clients, struct stream *stream, struct str command, int want)
{
	return say(clients, stream, command) && hear(clients, stream) / 100 == want;
}

static bool
greet(const struct clients *clients, struct stream *stream)
{
	const struct str ehlo = STR("EHLO source.bench.example\r\n");
	const struct tls_expect anybody = { .must_verify = false };

	if (hear(clients, stream) != 220 || !ask(clients, stream, ehlo, 2))
		return false;
	if (clients->tls == NULL)
		return true;
	return ask(clients, stream, STR("STARTTLS\r\n"), 2) &&
	    stream_tls_connect(stream, clients->tls, &anybody, patience(clients), NULL) == 0 && ask(clients, stream, ehlo, 2);
}

struct stream *
client_open(const struct clients *clients)
{
	struct stream *stream = stream_connect(clients->loop, &clients->to, NULL, limits, patience(clients), NULL);

	if (stream != NULL && !greet(clients, stream)) {
		stream_close(stream);
		return NULL;
	}
	return stream;
}

/* --- a mail --- */

/* Its answer comes later if commands are pipelined. */
static bool
put(const struct clients *clients, struct stream *stream, struct str command, int want)
{
	return clients->is_pipelined ? say(clients, stream, command) : ask(clients, stream, command, want);
}

static bool
put_rcpt(const struct clients *clients, struct stream *stream, long recipient, struct str to)
{
	char command[COMMAND_MAX_BYTES];

	if (to.len > 0)
		snprintf(command, sizeof(command), "RCPT TO:<%.*s>\r\n", STR_ARG(to));
	else if (clients->n_domains == 0)
		snprintf(command, sizeof(command), "RCPT TO:<user@example.com>\r\n");
	else
		snprintf(command, sizeof(command), "RCPT TO:<r%ld@d%ld.example>\r\n", recipient, recipient % clients->n_domains);
	return put(clients, stream, str_of(command), 2);
}

static bool
send_envelope(const struct clients *clients, struct stream *stream, long number, struct str author, struct str to)
{
	long n = to.len > 0 ? 1 : clients->n_recipients;
	char command[COMMAND_MAX_BYTES];
	bool is_taken = true;

	snprintf(command, sizeof(command), "MAIL FROM:<%.*s>\r\n", STR_ARG(author));
	if (!put(clients, stream, str_of(command), 2))
		return false;
	for (long i = 0; i < n; i++)
		if (!put_rcpt(clients, stream, number * n + i, to))
			return false;
	if (!put(clients, stream, STR("DATA\r\n"), 3))
		return false;
	if (!clients->is_pipelined)
		return true;
	for (long i = 0; i < 1 + n; i++)
		is_taken &= hear(clients, stream) / 100 == 2;
	return hear(clients, stream) / 100 == 3 && is_taken;
}

int
client_send(const struct clients *clients, struct stream *stream, long number, struct str author, struct str to, struct str mail)
{
	if (!send_envelope(clients, stream, number, author, to) || !say(clients, stream, mail) || !say(clients, stream, STR(".\r\n")))
		return 0;
	return hear(clients, stream);
}

void
client_close(const struct clients *clients, struct stream *stream)
{
	(void)ask(clients, stream, STR("QUIT\r\n"), 2);
	stream_close(stream);
}
