/*
 * server.c - one client's session, from its first byte to its last: commands read and obeyed in turn
 *
 * What a command does to a mail is in transaction.c and intake.c; here stands which command may come when.
 */
#include "base/mem.h"
#include "mail/history.h"
#include "smtpfwd/receive/auth.h"
#include "smtpfwd/receive/command_line.h"
#include "smtpfwd/receive/handshake.h"
#include "smtpfwd/receive/intake.h"
#include "smtpfwd/receive/opening.h"
#include "smtpfwd/receive/server.h"
#include "smtpfwd/receive/stress.h"
#include "smtpfwd/receive/transaction.h"
#include "smtpfwd/receive/xclient.h"

enum {
	COMMAND_ARENA_MAX_BYTES = 16 * 1024,	/* a line and what is decoded of it */
	EHLO_REPLY_MAX_BYTES = 4096,
};

/* --- small commands --- */

/* HELO and EHLO (RFC 5321 4.1.1.1): a second one is a RSET too. */
static int
greet(struct session *session, const struct command *command)
{
	bool is_esmtp = command->verb == VERB_EHLO;
	struct reply helo_reply = { .code = 250, .text = str_of(policy_hostname(session->listener->world->policy)) };
	struct span wait = session->listener->settings.command_timeout;
	struct buf wire;
	struct fault fault;
	int result;

	session_forget_greeting(session);
	session_set_helo(session, command->argument);
	session->is_greeted = true;
	if (!is_esmtp)
		return session_reply(session, &helo_reply);
	session->peer.is_esmtp = true;
	session->offered = session_offer(session);
	buf_init(&wire, EHLO_REPLY_MAX_BYTES);
	result = ehlo_write(session->offered, command->argument, &wire);
	if (result == 0)
		result = stream_write(session->stream, buf_str(&wire), session_deadline(session, wait), &fault);
	buf_fini(&wire);
	return result == 0 ? 0 : session_drop(session, "its replies are not taken");
}

static int
reset(struct session *session)
{
	transaction_drop(session);
	return session_reply_idle(session, &REPLY(250, 2, 0, 0, "Ok"));
}

/*
 * Another protocol's first line: a browser or a proxy was made to talk to us, and what follows is not a
 * mail client's (a request's body could be commands).
 */
static bool
is_other_protocol(struct str word)
{
	static const struct str words[] = {
		STR("GET"), STR("POST"), STR("HEAD"), STR("PUT"), STR("OPTIONS"), STR("CONNECT"), STR("DELETE"),
		STR("PATCH"), STR("TRACE"), STR("PRI"),
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (str_eq_nocase(word, words[i]))
			return true;
	}
	return false;
}

static int
unknown(struct session *session, const struct command *command)
{
	if (is_other_protocol(command->word))
		return session_turn_away(session, "command", &REPLY(554, 5, 5, 1, "This is SMTP"), "another protocol");
	return session_reply_error(session, &REPLY(500, 5, 5, 1, "Unknown command"));
}

/* --- any command --- */

static int
obey(struct session *session, const struct command *command)
{
	switch (command->verb) {
	case VERB_HELO:
	case VERB_EHLO:
		session_count_idle(session);
		return greet(session, command);
	case VERB_MAIL:
		return transaction_mail(session, &command->mail);
	case VERB_RCPT:
		return transaction_rcpt(session, &command->rcpt);
	case VERB_DATA:
		return intake_data(session);
	case VERB_BDAT:
		return intake_bdat(session, &command->bdat);
	case VERB_RSET:
		return reset(session);
	case VERB_NOOP:
		return session_reply_idle(session, &REPLY(250, 2, 0, 0, "Ok"));
	case VERB_QUIT:
		return session_end(session, &REPLY(221, 2, 0, 0, "Bye"), "QUIT");
	case VERB_VRFY:			/* RFC 5321 3.5.3 */
		return session_reply_idle(session, &REPLY(252, 2, 0, 0, "Cannot tell; send mail and see"));
	case VERB_EXPN:
		return session_reply_idle(session, &REPLY(502, 5, 5, 1, "There are no lists here"));
	case VERB_HELP:
		return session_reply_idle(session, &REPLY(214, 2, 0, 0, "RFC 5321 tells all"));
	case VERB_STARTTLS:
		return handshake_starttls(session);
	case VERB_AUTH:
		return auth_obey(session, &command->auth);
	case VERB_XCLIENT:
		return xclient_obey(session, &command->xclient);
	case VERB_UNKNOWN:
		return unknown(session, command);
	}
	return 0;
}

/* What may come before STARTTLS where TLS is required (RFC 3207 4), and XCLIENT: it tells whom the rest concerns. */
static bool
may_precede_tls(enum verb verb)
{
	return verb == VERB_EHLO || verb == VERB_NOOP || verb == VERB_STARTTLS || verb == VERB_QUIT ||
	    verb == VERB_XCLIENT;
}

/*
 * A command that is not looked at further: wrong syntax, or before STARTTLS.  If mail data come behind it whatever
 * we answer, they must not be taken for commands: BDAT's, whose size we do not know then, and such as
 * wait behind a DATA already.
 */
static int
refuse(struct session *session, const struct command *command, const struct reply *reply)
{
	bool is_data = command->verb == VERB_BDAT ||
	    (command->verb == VERB_DATA && stream_has_input(session->stream));

	if (is_data)
		return session_turn_away(session, "data", reply, "mail data behind a refused command");
	if (command->verb == VERB_MAIL || command->verb == VERB_RCPT)
		history_rejected(session->listener->world->log, NULL, &session->peer,
		    command->verb == VERB_MAIL ? "mail" : "rcpt", NULL, NULL, reply, NULL);
	return session_reply_error(session, reply);
}

static int
take_command(struct session *session, struct str line, struct arena *arena)
{
	bool needs_tls = session->listener->settings.tls == LISTEN_TLS_REQUIRED && !session->peer.tls.is_on;
	struct command command;
	struct reply reply;
	int result = command_parse(line, session->offered, arena, &command, &reply);

	if (needs_tls && !may_precede_tls(command.verb))
		return refuse(session, &command, &REPLY(530, 5, 7, 0, "Must issue a STARTTLS command first"));
	if (result != 0)
		return refuse(session, &command, &reply);
	return obey(session, &command);
}

/* One command, from its first byte to its answer. */
static int
converse(struct session *session)
{
	int errors_max = session->listener->settings.errors_max;
	struct arena arena;
	struct str line;
	int result = -1;

	if (errors_max > 0 && session->n_errors >= errors_max)
		return session_turn_away(session, "command", &REPLY(421, 4, 7, 0, "Too many errors; closing"),
		    "errors_max");
	if (session->listener->gate->listeners->is_stopping && session->transaction == NULL)
		return session_end(session, &REPLY(421, 4, 3, 2, "Service is shutting down; closing"),
		    "we are shutting down");
	arena_init(&arena, COMMAND_ARENA_MAX_BYTES);
	switch (command_line_read(session, &arena, &line)) {
	case COMMAND_LINE_READ:
		result = take_command(session, line, &arena);
		break;
	case COMMAND_LINE_REFUSED:
		result = 0;
		break;
	case COMMAND_LINE_ENDED:
		break;
	}
	arena_fini(&arena);
	return result;
}

/* --- the session --- */

static void
log_session(struct session *session, const char *event)
{
	char client_room[ENDPOINT_TEXT_MAX], connection_room[ENDPOINT_TEXT_MAX];
	const struct peer *peer = &session->peer;
	struct log_line line;

	log_begin(&line, session->listener->world->log, LOG_LEVEL_DEBUG, event);
	log_str(&line, "listener", peer->listener);
	log_str(&line, "client", endpoint_text(&peer->client, client_room));
	if (!endpoint_eq(&peer->client, &peer->connection))
		log_str(&line, "connection", endpoint_text(&peer->connection, connection_room));
	if (session->why != NULL) {
		log_int(&line, "mails", session->n_mails);
		log_text(&line, "why", session->why);
	}
	log_end(&line);
}

/* A mail that was on its way in when the session ended: the client was told nothing, and will bring it again. */
static void
log_lost_mail(struct session *session)
{
	const struct transaction *transaction = session->transaction;

	if (transaction != NULL && transaction->content.is_begun)
		history_rejected(session->listener->world->log, &transaction->content.id, &session->peer, "data",
		    &transaction->envelope.reverse_path, NULL, NULL, session->why);
}

static void
session_free(struct session *session)
{
	struct listener *listener = session->listener;
	struct gate *gate = listener->gate;

	transaction_drop(session);
	stream_close(session->stream);
	if (session->is_counted)
		admit_release_address(&gate->admit, &session->counted_ip);
	admit_release_connection(&gate->admit);
	list_remove(&gate->sessions, &session->link);
	signal_all(&gate->listeners->ended);
	arena_fini(&session->peer_arena);
	buf_fini(&session->helo);
	mem_free(session->tls);
	mem_free(session);
	listener_release(listener);
}

static void
run(void *arg)
{
	struct session *session = arg;

	log_session(session, "connected");
	if (opening_run(session) == 0) {
		while (converse(session) == 0)
			;
	}
	log_lost_mail(session);
	log_session(session, "disconnected");
	session_free(session);
}

int
server_start(struct loop *loop, struct listener *listener, int socket, const struct endpoint *client,
    const struct endpoint *local, struct fault *fault_out)
{
	struct stream_limits limits = {
		.input_max_bytes = SESSION_INPUT_MAX_BYTES, .output_max_bytes = SESSION_OUTPUT_MAX_BYTES,
	};
	struct session *session = mem_new(sizeof(*session));

	session->listener = listener;
	stress_begin(session);
	session->ends = instant_after(loop_now(loop), listener->settings.session_max);
	session->peer = (struct peer){
		.client = *client, .connection = *client, .local = *local,
		.listener = str_of(listener->settings.name),
	};
	arena_init(&session->peer_arena, SESSION_PEER_MAX_BYTES);
	buf_init(&session->helo, SESSION_HELO_MAX_BYTES);
	listener_hold(listener);
	list_append(&listener->gate->sessions, &session->link);
	session->stream = stream_new(loop, socket, limits, fault_out);
	if (session->stream != NULL)
		session->fiber = fiber_start(loop, "session", run, session);
	if (session->fiber != NULL)
		return 0;
	if (session->stream != NULL)
		fault_because(fault_out, FAULT_FULL, "the loop has no fiber left");
	session_free(session);
	return -1;
}
