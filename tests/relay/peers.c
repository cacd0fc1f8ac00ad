/*
 * peers.c - the servers and senders around the relay; they speak plain SMTP, with code of their own
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/relay/relay.h"

enum { MAIL_MAX_BYTES = 4 << 20, KEY_MAX_BYTES = 400, LATER_TIMES = 2, RECIPIENTS_MAX = 20, PATIENCE_S = 900 };

static const struct stream_limits limits = { .input_max_bytes = 64 * 1024, .output_max_bytes = 64 * 1024 };

struct server {
	struct watch		 watch;
	struct list_link	 link;		/* in relay->servers */
	struct list		 sessions;
	struct relay		*relay;
	struct endpoint		 at;
	const char		*offers;	/* the reply to EHLO */
	int			 socket;
};

struct session {			/* of a server */
	struct relay	*relay;
	struct server	*server;
	struct list_link link;
	struct fiber	*fiber;
	struct stream	*stream;
	char		 recipients[RECIPIENTS_MAX][100];
	int		 n_recipients;
};

static struct instant
patience(struct relay *relay)
{
	return instant_after(loop_now(relay->loop), span_s(PATIENCE_S));
}

/* The next line without its end, which is taken at the next call; false at the end. */
static bool
read_line(struct relay *relay, struct stream *stream, struct buf *line)
{
	ptrdiff_t end;

	while ((end = str_find_str(stream_input(stream), STR("\r\n"))) < 0)
		if (stream_fill(stream, patience(relay), NULL) <= 0)
			return false;
	buf_clear(line);
	insist(buf_append(line, str_sub(stream_input(stream), 0, (size_t)end)) == 0);
	stream_take(stream, (size_t)end + 2);
	return true;
}

static bool
say(struct relay *relay, struct stream *stream, const char *text)
{
	return stream_write(stream, str_of(text), patience(relay), NULL) == 0 && stream_flush(stream, patience(relay), NULL) == 0;
}

/* Up to the final dot, unstuffed, into mail. */
static bool
read_data(struct relay *relay, struct stream *stream, struct buf *mail)
{
	struct buf line;
	bool is_whole = false;

	buf_init(&line, 64 * 1024);
	while (read_line(relay, stream, &line)) {
		struct str text = buf_str(&line);

		if (str_eq(text, STR("."))) {
			is_whole = true;
			break;
		}
		if (str_starts(text, STR(".")))
			text = str_from(text, 1);
		insist(buf_append(mail, text) == 0 && buf_append(mail, STR("\r\n")) == 0);
	}
	buf_fini(&line);
	return is_whole;
}

static struct str
subject_of(struct str mail)
{
	ptrdiff_t at = str_find_str(mail, STR("\r\nSubject: "));
	struct str subject;

	if (at < 0)
		return STR("?");
	mail = str_from(mail, (size_t)at + 11);
	str_take_until(&mail, '\r', &subject);
	return subject;
}

static bool
take_mail(struct session *s)
{
	char key[KEY_MAX_BYTES];
	struct buf mail;
	bool is_whole;

	buf_init(&mail, MAIL_MAX_BYTES);
	is_whole = say(s->relay, s->stream, "354 go on\r\n") && read_data(s->relay, s->stream, &mail);
	for (int i = 0; is_whole && i < s->n_recipients; i++) {
		snprintf(key, sizeof(key), "%.*s to %s", STR_ARG(subject_of(buf_str(&mail))), s->recipients[i]);
		sim_note(s->relay->sim, "arrived", str_of(key), buf_str(&mail));
	}
	s->n_recipients = 0;
	buf_fini(&mail);
	return is_whole && say(s->relay, s->stream, "250 2.0.0 taken\r\n");
}

static bool
take_recipient(struct session *s, struct str line)
{
	ptrdiff_t start = str_find(line, '<'), end = str_find(line, '>');
	struct str address = str_sub(line, (size_t)start + 1, (size_t)(end - start - 1));

	if (str_starts(address, STR("bad")))
		return say(s->relay, s->stream, "550 5.1.1 no such mailbox\r\n");
	if (str_starts(address, STR("later")) && sim_n_notes(s->relay->sim, "later", address) < LATER_TIMES) {
		sim_note(s->relay->sim, "later", address, STR("x"));
		return say(s->relay, s->stream, "451 4.2.0 not now\r\n");
	}
	insist(s->n_recipients < RECIPIENTS_MAX);
	snprintf(s->recipients[s->n_recipients++], sizeof(s->recipients[0]), "%.*s", STR_ARG(address));
	return say(s->relay, s->stream, "250 2.1.5 ok\r\n");
}

static bool
take_command(struct session *s, struct str line)
{
	if (str_starts_nocase(line, STR("EHLO")))
		return say(s->relay, s->stream, s->server->offers);
	if (str_starts_nocase(line, STR("RCPT"))) {
		sim_note(s->relay->sim, "rcpt", line, STR("x"));
		return take_recipient(s, line);
	}
	if (str_starts_nocase(line, STR("DATA")))
		return s->n_recipients > 0 ? take_mail(s) : say(s->relay, s->stream, "554 5.5.1 for nobody\r\n");
	if (str_starts_nocase(line, STR("QUIT"))) {
		say(s->relay, s->stream, "221 2.0.0 bye\r\n");
		return false;
	}
	if (str_starts_nocase(line, STR("MAIL")))
		sim_note(s->relay->sim, "mail", line, STR("x"));
	s->n_recipients = 0;		/* MAIL, RSET */
	return say(s->relay, s->stream, "250 2.0.0 ok\r\n");
}

static void
serve(void *arg)
{
	struct session *s = arg;
	struct buf line;

	buf_init(&line, 64 * 1024);
	if (say(s->relay, s->stream, "220 server ESMTP\r\n"))
		while (read_line(s->relay, s->stream, &line) && take_command(s, buf_str(&line)))
			;
	buf_fini(&line);
	stream_close(s->stream);
	list_remove(&s->server->sessions, &s->link);
	mem_free(s);
}

static void
accept_all(struct watch *watch, unsigned what)
{
	struct server *server = (struct server *)(void *)watch;
	struct endpoint peer, local;
	int socket;

	while ((socket = os_accept(server->socket, &peer, &local)) >= 0) {
		struct session *s = mem_new(sizeof(*s));

		s->relay = server->relay;
		s->server = server;
		s->stream = stream_new(server->relay->loop, socket, limits, NULL);
		s->fiber = fiber_start(server->relay->loop, "server", serve, s);
		insist(s->stream != NULL && s->fiber != NULL);
		list_append(&server->sessions, &s->link);
	}
}

void
new_server_start(struct relay *relay, const char *at)
{
	struct server *server = mem_new(sizeof(*server));
	struct endpoint endpoint;

	insist(endpoint_parse(str_of(at), &endpoint));
	*server = (struct server){ .watch = { .notice = accept_all }, .relay = relay, .at = endpoint,
	    .offers = "250-server\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n",
	    .socket = os_listen(&endpoint, 100) };
	list_init(&server->sessions);
	list_append(&relay->servers, &server->link);
	insist(server->socket >= 0 && loop_watch(relay->loop, server->socket, &server->watch) == 0);
}

void
server_offer(struct relay *relay, const char *at, const char *offers)
{
	struct endpoint endpoint;

	insist(endpoint_parse(str_of(at), &endpoint));
	LIST_EACH(link, &relay->servers) {
		struct server *server = LIST_ITEM(link, struct server, link);

		if (endpoint_eq(&server->at, &endpoint))
			server->offers = offers;
	}
}

void
servers_stop(struct relay *relay)
{
	LIST_EACH(link, &relay->servers) {
		struct server *server = LIST_ITEM(link, struct server, link);

		loop_unwatch(relay->loop, server->socket, &server->watch);
		os_close(server->socket);
		LIST_EACH(session, &server->sessions)
			fiber_cancel(LIST_ITEM(session, struct session, link)->fiber);
	}
}

void
servers_free(struct relay *relay)
{
	struct list_link *link;

	while ((link = list_take_first(&relay->servers)) != NULL) {
		struct server *server = LIST_ITEM(link, struct server, link);

		insist(list_is_empty(&server->sessions));
		mem_free(server);
	}
}

/* Sends a command and reads one reply; its code, 0 when the connection broke. */
static int
ask(struct relay *relay, struct stream *stream, struct str command, struct buf *line)
{
	uint64_t code = 0;

	if (command.len > 0 && (stream_write(stream, command, patience(relay), NULL) != 0 ||
	    stream_flush(stream, patience(relay), NULL) != 0))
		return 0;
	do {
		if (!read_line(relay, stream, line) || line->len < 4 || !str_to_u64(str_sub(buf_str(line), 0, 3), &code))
			return 0;
	} while (line->at[3] == '-');
	return (int)code;
}

/* The code of the reply to DATA, or of the first that refuses. */
static int
send_envelope(struct relay *relay, struct stream *stream, const char *const *recipients, int n_recipients, struct buf *line)
{
	char command[200];
	int code;

	if ((code = ask(relay, stream, STR_EMPTY, line)) != 220 ||
	    (code = ask(relay, stream, STR("EHLO client.example.org\r\n"), line)) != 250 ||
	    (code = ask(relay, stream, STR("MAIL FROM:<alice@example.org>\r\n"), line)) != 250)
		return code;
	for (int i = 0; i < n_recipients; i++) {
		snprintf(command, sizeof(command), "RCPT TO:<%s>\r\n", recipients[i]);
		if ((code = ask(relay, stream, str_of(command), line)) != 250)
			return code;
	}
	return ask(relay, stream, STR("DATA\r\n"), line);
}

int
client_send(struct relay *relay, const char *subject, const char *const *recipients, int n_recipients, struct str body)
{
	struct endpoint at;
	struct stream *stream;
	struct buf line, mail, sent;
	char key[KEY_MAX_BYTES];
	int code;

	insist(endpoint_parse(str_of(RELAY_AT), &at));
	stream = stream_connect(relay->loop, &at, NULL, limits, patience(relay), NULL);
	if (stream == NULL)
		return 0;
	buf_init(&line, 64 * 1024);
	buf_init(&mail, MAIL_MAX_BYTES);
	buf_init(&sent, MAIL_MAX_BYTES);
	buf_printf(&mail, "From: <alice@example.org>\r\nSubject: %s\r\n\r\n", subject);
	buf_append(&mail, body);
	buf_append(&sent, buf_str(&mail));	/* tests' bodies have no line that starts with a dot */
	buf_append(&sent, STR(".\r\n"));
	code = send_envelope(relay, stream, recipients, n_recipients, &line);
	if (code == 354)
		code = ask(relay, stream, buf_str(&sent), &line);
	for (int i = 0; code == 250 && i < n_recipients; i++) {
		snprintf(key, sizeof(key), "%s to %s", subject, recipients[i]);
		sim_note(relay->sim, "promised", str_of(key), buf_str(&mail));
	}
	stream_close(stream);
	buf_fini(&line);
	buf_fini(&mail);
	buf_fini(&sent);
	return code;
}

int
client_talk(struct relay *relay, const char *const *commands, int n_commands, struct str mail)
{
	struct endpoint at;
	struct stream *stream;
	struct buf line;
	char command[1200];
	int code;

	insist(endpoint_parse(str_of(RELAY_AT), &at));
	stream = stream_connect(relay->loop, &at, NULL, limits, patience(relay), NULL);
	if (stream == NULL)
		return 0;
	buf_init(&line, 64 * 1024);
	code = ask(relay, stream, STR_EMPTY, &line);
	if (code == 220)
		code = ask(relay, stream, STR("EHLO client.example.org\r\n"), &line);
	for (int i = 0; code == 250 && i < n_commands; i++) {
		snprintf(command, sizeof(command), "%s\r\n", commands[i]);
		code = ask(relay, stream, str_of(command), &line);
	}
	if (code == 250 && ask(relay, stream, STR("DATA\r\n"), &line) == 354) {
		stream_write(stream, mail, patience(relay), NULL);
		code = ask(relay, stream, STR(".\r\n"), &line);
	}
	stream_close(stream);
	buf_fini(&line);
	return code;
}
