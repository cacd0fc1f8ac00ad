/*
 * peers.c - the servers and senders around the relay; they speak plain SMTP, with code of their own
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/relay/relay.h"

enum { MAIL_MAX_BYTES = 4 << 20, KEY_MAX_BYTES = 400, LATER_TIMES = 2, RECIPIENTS_MAX = 20, LINE_MAX_BYTES = 64 * 1024, PATIENCE_S = 900 };

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
	struct wire	 wire;
	char		 recipients[RECIPIENTS_MAX][100];
	int		 n_recipients;
};

static struct wire
wire_over(struct relay *relay, struct stream *stream)
{
	return (struct wire){ .loop = relay->loop, .stream = stream, .patience = span_s(PATIENCE_S) };
}

static bool
say(struct session *s, const char *text)
{
	return wire_write(&s->wire, str_of(text));
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

/* The first recipient is of a kind that is treated otherwise once, and this is that time. */
static bool
is_first_time(struct session *s, const char *kind)
{
	struct str recipient = str_of(s->recipients[0]);

	if (!str_starts(recipient, str_of(kind)) || sim_n_notes(s->relay->sim, kind, recipient) > 0)
		return false;
	sim_note(s->relay->sim, kind, recipient, STR("x"));
	return true;
}

static bool
take_mail(struct session *s)
{
	char key[KEY_MAX_BYTES], at[ENDPOINT_TEXT_MAX];
	struct buf mail;
	bool is_whole, is_mute = is_first_time(s, "mute"), is_refused = str_starts(str_of(s->recipients[0]), STR("never"));

	buf_init(&mail, MAIL_MAX_BYTES);
	is_whole = say(s, "354 go on\r\n") && wire_read_data(&s->wire, &mail);
	if (is_whole && is_refused) {
		buf_fini(&mail);
		s->n_recipients = 0;
		return say(s, "554 5.6.0 this mail is not wanted\r\n");
	}
	for (int i = 0; is_whole && i < s->n_recipients; i++) {
		snprintf(key, sizeof(key), "%.*s to %s", STR_ARG(subject_of(buf_str(&mail))), s->recipients[i]);
		sim_note(s->relay->sim, "arrived", str_of(key), buf_str(&mail));
		sim_note(s->relay->sim, "arrived-at", str_of(key), endpoint_text(&s->server->at, at));
	}
	s->n_recipients = 0;
	buf_fini(&mail);
	return is_whole && !is_mute && say(s, "250 2.0.0 taken\r\n");
}

static bool
take_recipient(struct session *s, struct str line)
{
	ptrdiff_t start = str_find(line, '<'), end = str_find(line, '>');
	struct str address = str_sub(line, (size_t)start + 1, (size_t)(end - start - 1));

	if (str_starts(address, STR("bad")))
		return say(s, "550 5.1.1 no such mailbox\r\n");
	if (str_starts(address, STR("later")) && sim_n_notes(s->relay->sim, "later", address) < LATER_TIMES) {
		sim_note(s->relay->sim, "later", address, STR("x"));
		return say(s, "451 4.2.0 not now\r\n");
	}
	insist(s->n_recipients < RECIPIENTS_MAX);
	snprintf(s->recipients[s->n_recipients++], sizeof(s->recipients[0]), "%.*s", STR_ARG(address));
	return say(s, "250 2.1.5 ok\r\n");
}

static bool
take_command(struct session *s, struct str line)
{
	if (str_starts_nocase(line, STR("EHLO")))
		return say(s, s->server->offers);
	if (str_starts_nocase(line, STR("RCPT"))) {
		sim_note(s->relay->sim, "rcpt", line, STR("x"));
		return take_recipient(s, line);
	}
	if (str_starts_nocase(line, STR("DATA")))
		return s->n_recipients > 0 ? take_mail(s) : say(s, "554 5.5.1 for nobody\r\n");
	if (str_starts_nocase(line, STR("QUIT"))) {
		say(s, "221 2.0.0 bye\r\n");
		return false;
	}
	if (str_starts_nocase(line, STR("MAIL")))
		sim_note(s->relay->sim, "mail", line, STR("x"));
	s->n_recipients = 0;		/* MAIL, RSET */
	return say(s, "250 2.0.0 ok\r\n");
}

static void
serve(void *arg)
{
	struct session *s = arg;
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	if (say(s, "220 server ESMTP\r\n"))
		while (wire_read_line(&s->wire, &line) && take_command(s, buf_str(&line)))
			;
	buf_fini(&line);
	stream_close(s->wire.stream);
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
		s->wire = wire_over(server->relay, stream_new(server->relay->loop, socket, wire_limits, NULL));
		s->fiber = fiber_start(server->relay->loop, "server", serve, s);
		insist(s->wire.stream != NULL && s->fiber != NULL);
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

int
client_ask(const struct wire *wire, struct str command)
{
	int code = 0;

	if (command.len == 0 || wire_write(wire, command))
		wire_read_reply(wire, &code);
	return code;
}

int
client_open(struct relay *relay, struct wire *wire_out)
{
	struct endpoint at;
	int code;

	insist(endpoint_parse(str_of(RELAY_AT), &at));
	*wire_out = wire_over(relay, stream_connect(relay->loop, &at, relay->client_at.ip.family != IP_NONE ? &relay->client_at : NULL, wire_limits,
	    instant_after(loop_now(relay->loop), span_s(PATIENCE_S)), NULL));
	if (wire_out->stream == NULL)
		return 0;
	code = client_ask(wire_out, STR_EMPTY);
	return code == 220 ? client_ask(wire_out, STR("EHLO client.example.org\r\n")) : code;
}

/* The code of the last reply; mail has no line that starts with a dot. */
static int
send_mail(const struct wire *wire, const char *const *commands, int n_commands, struct str mail)
{
	char command[1200];
	int code = 250;

	for (int i = 0; code == 250 && i < n_commands; i++) {
		snprintf(command, sizeof(command), "%s\r\n", commands[i]);
		code = client_ask(wire, str_of(command));
	}
	if (code == 250)
		code = client_ask(wire, STR("DATA\r\n"));
	return code == 354 && wire_write(wire, mail) ? client_ask(wire, STR(".\r\n")) : code == 354 ? 0 : code;
}

int
client_talk(struct relay *relay, const char *const *commands, int n_commands, struct str mail)
{
	struct wire wire;
	int code = client_open(relay, &wire);

	if (code == 250)
		code = send_mail(&wire, commands, n_commands, mail);
	if (wire.stream != NULL)
		stream_close(wire.stream);
	return code;
}

int
client_send(struct relay *relay, const char *subject, const char *const *recipients, int n_recipients, struct str body)
{
	const char *commands[1 + RECIPIENTS_MAX] = { "MAIL FROM:<alice@example.org>" };
	char rcpts[RECIPIENTS_MAX][200], key[KEY_MAX_BYTES];
	struct buf mail;
	int code;

	insist(n_recipients <= RECIPIENTS_MAX);
	for (int i = 0; i < n_recipients; i++) {
		snprintf(rcpts[i], sizeof(rcpts[i]), "RCPT TO:<%s>", recipients[i]);
		commands[1 + i] = rcpts[i];
	}
	buf_init(&mail, MAIL_MAX_BYTES);
	buf_printf(&mail, "From: <alice@example.org>\r\nSubject: %s\r\n\r\n", subject);
	buf_append(&mail, body);
	code = client_talk(relay, commands, 1 + n_recipients, buf_str(&mail));
	for (int i = 0; code == 250 && i < n_recipients; i++) {
		snprintf(key, sizeof(key), "%s to %s", subject, recipients[i]);
		sim_note(relay->sim, "promised", str_of(key), buf_str(&mail));
	}
	buf_fini(&mail);
	return code;
}
