/*
 * auth.c - a client logs in: AUTH (RFC 4954)
 */
#include "mail/history.h"
#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/receive/auth.h"
#include "smtpfwd/receive/command_line.h"
#include "smtpfwd/smtp/limits.h"

enum { LINE_ARENA_MAX_BYTES = SMTP_AUTH_LINE_MAX_BYTES + 1024 };

struct login {				/* one that is under way */
	struct session		*session;
	enum sasl_mechanism	 mechanism;
	struct sasl_server	*sasl;
	struct guesser		 guesser;
	struct buf		 challenge;
};

/* --- what is offered --- */

static unsigned
bit_of(enum sasl_mechanism mechanism)
{
	switch (mechanism) {
	case SASL_PLAIN:
		return AUTH_PLAIN;
	case SASL_LOGIN:
		return AUTH_LOGIN;
	case SASL_SCRAM_SHA_256:
		return AUTH_SCRAM_SHA_256;
	case SASL_N_MECHANISMS:
		break;
	}
	return 0;
}

unsigned
auth_mechanisms(const struct listener_settings *settings, bool is_tls, bool has_scram)
{
	unsigned bits = 0;

	if (settings->auth == LISTEN_AUTH_OFF)
		return 0;
	for (int i = 0; i < SASL_N_MECHANISMS; i++) {
		enum sasl_mechanism mechanism = (enum sasl_mechanism)i;

		if ((is_tls || !sasl_mechanism_shows_password(mechanism)) && (has_scram || mechanism != SASL_SCRAM_SHA_256))
			bits |= bit_of(mechanism);
	}
	return bits;
}

void
auth_forget(struct session *session)
{
	session->peer.login = STR_EMPTY;
	session_judge_client(session);
}

/* --- what came of it --- */

static void
log_login(const struct login *login, enum log_level level, const char *event, const char *why)
{
	const struct session *session = login->session;
	char room[ENDPOINT_TEXT_MAX];
	struct log_line line;

	log_begin(&line, session->listener->world->log, level, event);
	log_str(&line, "client", endpoint_text(&session->peer.client, room));
	log_str(&line, "listener", session->peer.listener);
	log_str(&line, "login", sasl_server_login(login->sasl));
	log_text(&line, "mechanism", sasl_mechanism_name(login->mechanism));
	if (why != NULL)
		log_text(&line, "why", why);
	log_end(&line);
}

static int
succeed(const struct login *login)
{
	struct session *session = login->session;
	struct str name;

	if (!arena_copy(&session->peer_arena, sasl_server_login(login->sasl), &name))
		return session_reply_idle(session, &REPLY(454, 4, 7, 0, "Temporary authentication failure"));
	session->peer.login = name;
	session->peer.is_trusted = true;
	log_login(login, LOG_LEVEL_INFO, "auth-succeeded", NULL);
	return session_reply(session, &REPLY(235, 2, 7, 0, "Authentication successful"));
}

static int
fail(const struct login *login)
{
	log_login(login, LOG_LEVEL_INFO, "auth-failed", "wrong login or password");
	return session_reply_error(login->session, &REPLY(535, 5, 7, 8, "Authentication credentials invalid"));
}

static int
limit(const struct login *login, const char *why)
{
	log_login(login, LOG_LEVEL_INFO, "auth-limited", why);
	return session_reply_error(login->session, &REPLY(454, 4, 7, 0, "Too many failed logins; try again later"));
}

static int
conclude(const struct login *login, enum attempt attempt)
{
	const struct reply closing = REPLY(421, 4, 7, 0, "Too many failed logins from your address; try again later");

	switch (attempt) {
	case ATTEMPT_RIGHT:
		return succeed(login);
	case ATTEMPT_WRONG:
		return fail(login);
	case ATTEMPT_PAIR_WAITS:
		return limit(login, "too many wrong passwords for this login from this address");
	case ATTEMPT_LOGIN_WAITS:
		return limit(login, "too many wrong passwords for this login from everywhere");
	case ATTEMPT_ADDRESS_WAITS:
		log_login(login, LOG_LEVEL_INFO, "auth-limited", "too many wrong passwords from this address");
		return session_end(login->session, &closing, "too many failed logins");
	case ATTEMPT_BUSY:
		log_login(login, LOG_LEVEL_INFO, "auth-limited", "too many logins at once");
		return session_reply_idle(login->session, &REPLY(454, 4, 7, 0, "Too many logins at once; try again later"));
	}
	return 0;
}

/* --- the exchange --- */

/* Bypasses replies' form: a challenge is one line, however long, and has no status. */
static int
send_challenge(struct login *login)
{
	struct session *session = login->session;
	struct instant deadline = session_deadline(session, session->listener->settings.command_timeout);
	struct fault fault;

	if (stream_write(session->stream, STR("334 "), deadline, &fault) != 0 ||
	    stream_write(session->stream, buf_str(&login->challenge), deadline, &fault) != 0 ||
	    stream_write(session->stream, STR("\r\n"), deadline, &fault) != 0)
		return session_drop(session, "its replies are not taken");
	buf_clear(&login->challenge);
	return 0;
}

/* True if the last step may be made: with SCRAM the guess is in it. */
static bool
may_decide(const struct login *login, enum attempt *judged_out)
{
	*judged_out = ATTEMPT_RIGHT;
	if (login->mechanism == SASL_SCRAM_SHA_256 && sasl_server_is_last_step(login->sasl))
		*judged_out = turnstile_judge(login->session->listener->world->turnstile, &login->guesser);
	return *judged_out == ATTEMPT_RIGHT;
}

static enum command_line_step
read_answer(struct login *login, enum sasl_step *step_out, enum attempt *judged_out)
{
	enum command_line_step read;
	struct arena arena;
	struct str line;

	arena_init(&arena, LINE_ARENA_MAX_BYTES);
	read = command_line_read_to(login->session, SMTP_AUTH_LINE_MAX_BYTES, &arena, &line);
	if (read == COMMAND_LINE_READ) {
		if (may_decide(login, judged_out))
			*step_out = sasl_server_step(login->sasl, line, &login->challenge);
		explicit_bzero((char *)(uintptr_t)line.at, line.len);
	}
	arena_fini(&arena);
	return read;
}

/*
 * With mechanisms that bring the password it was not even looked at: what can never be right.  It costs us no hash, so
 * counted by its login it would keep the owner out for nothing; the address that talks so is counted.
 */
static int
refuse_wrong(struct login *login)
{
	struct turnstile *turnstile = login->session->listener->world->turnstile;
	enum attempt judged;

	if (sasl_mechanism_shows_password(login->mechanism))
		login->guesser.login = STR_EMPTY;
	judged = turnstile_judge(turnstile, &login->guesser);
	if (judged != ATTEMPT_RIGHT)
		return conclude(login, judged);
	turnstile_note(turnstile, &login->guesser, false);
	return fail(login);
}

static int
finish(struct login *login, enum sasl_step step)
{
	struct session *session = login->session;
	struct turnstile *turnstile = session->listener->world->turnstile;
	struct users *users = sasl_server_users(login->sasl);

	switch (step) {
	case SASL_PASSWORD:
		return conclude(login, turnstile_try(turnstile, &login->guesser, users, sasl_server_password(login->sasl), session->ends));
	case SASL_PROVEN:
		turnstile_note(turnstile, &login->guesser, true);
		return succeed(login);
	case SASL_WRONG:
		return refuse_wrong(login);
	case SASL_CANCELLED:
		return session_reply_error(session, &REPLY(501, 5, 7, 0, "Authentication cancelled"));
	case SASL_MALFORMED:
		return session_reply_error(session, &REPLY(501, 5, 5, 2, "Cannot decode this response"));
	case SASL_BROKEN:
		log_login(login, LOG_LEVEL_WARNING, "auth-broken", "the SASL library failed");
		return session_reply_idle(session, &REPLY(454, 4, 7, 0, "Temporary authentication failure"));
	case SASL_CHALLENGE:
		break;
	}
	return 0;
}

static int
converse(struct login *login, const struct command_auth *auth)
{
	enum sasl_step step = sasl_server_begin(login->sasl, auth->has_initial, auth->initial, &login->challenge);
	enum attempt judged;

	login->guesser.login = sasl_server_login(login->sasl);
	while (step == SASL_CHALLENGE) {
		if (send_challenge(login) != 0)
			return -1;
		switch (read_answer(login, &step, &judged)) {
		case COMMAND_LINE_READ:
			break;
		case COMMAND_LINE_REFUSED:
			return 0;
		case COMMAND_LINE_ENDED:
			return -1;
		}
		login->guesser.login = sasl_server_login(login->sasl);
		if (judged != ATTEMPT_RIGHT)
			return conclude(login, judged);
	}
	return finish(login, step);
}

/* --- may it be? --- */

static bool
is_allowed(const struct session *session, const struct command_auth *auth, enum sasl_mechanism *mechanism_out,
    struct reply *reply_out)
{
	bool is_known = sasl_mechanism_named(auth->mechanism, mechanism_out);

	if (session->listener->settings.auth == LISTEN_AUTH_OFF)
		*reply_out = REPLY(502, 5, 5, 1, "AUTH is not offered");
	else if (session->offered == NULL)
		*reply_out = REPLY(503, 5, 5, 1, "Send EHLO first");
	else if (session->transaction != NULL)
		*reply_out = REPLY(503, 5, 5, 1, "AUTH comes before MAIL");
	else if (session->peer.login.len > 0)
		*reply_out = REPLY(503, 5, 5, 1, "You are logged in already");
	else if (is_known && sasl_mechanism_shows_password(*mechanism_out) && !session->peer.tls.is_on)
		*reply_out = REPLY(538, 5, 7, 11, "Encryption required for this mechanism");
	else if (!is_known || (session_offer(session)->auth_mechanisms & bit_of(*mechanism_out)) == 0)
		*reply_out = REPLY(504, 5, 5, 4, "This mechanism is not offered");
	else
		return true;
	return false;
}

static int
log_in(struct session *session, enum sasl_mechanism mechanism, const struct command_auth *auth)
{
	const struct receive_world *world = session->listener->world;
	struct users *users = session->listener->gate->listeners->users;	/* NULL: no listener of today has auth */
	struct login login = {
		.session = session, .mechanism = mechanism,
		.guesser = { .ip = session->peer.client.ip, .is_inside = session->peer.is_trusted || session->may_xclient },
		.sasl = users != NULL ? sasl_server_new(turnstile_sasl(world->turnstile), mechanism, users) : NULL,
	};
	int result;

	if (login.sasl == NULL)
		return session_reply_idle(session, &REPLY(454, 4, 7, 0, "Temporary authentication failure"));
	buf_init(&login.challenge, SASL_LINE_MAX_BYTES);
	result = converse(&login, auth);
	buf_fini(&login.challenge);
	sasl_server_free(login.sasl);
	return result;
}

int
auth_obey(struct session *session, const struct command_auth *auth)
{
	enum sasl_mechanism mechanism;
	struct reply reply;
	int result;

	if (is_allowed(session, auth, &mechanism, &reply))
		result = log_in(session, mechanism, auth);
	else
		result = session_reply_error(session, &reply);
	if (auth->initial.len > 0)
		explicit_bzero((char *)(uintptr_t)auth->initial.at, auth->initial.len);	/* in the command line, which is the session's */
	return result;
}
