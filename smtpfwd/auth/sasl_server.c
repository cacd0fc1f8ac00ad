/*
 * sasl_server.c - the server's side of a SASL exchange
 *
 * The library reads and writes the mechanisms' messages.  It is never left to check a password: it would do so on the
 * loop's thread.  What it reads is taken when it asks for the check.
 */
#include "base/code.h"
#include "base/mem.h"
#include "smtpfwd/auth/sasl_inside.h"

enum {
	/*
	 * A decoded message: two names and a password, or a name and nonces.  SASLprep sorts combining characters in
	 * time that grows with the square of their number, on the loop's thread: 8 ms for a whole line of them, and
	 * half a millisecond for these.
	 */
	MESSAGE_MAX_BYTES = 2 * LOGIN_MAX_BYTES + PASSWORD_MAX_BYTES + 512,
};

struct sasl_server {
	enum sasl_mechanism	 mechanism;
	Gsasl_session		*session;
	struct users		*users;		/* a reference of ours */
	struct buf		 login, password;	/* prepared */
	struct scram_keys	 keys;
	bool			 has_asked;	/* the library wanted to know: login is what the client said, or "" if that is none */
	bool			 is_wrong;	/* whatever comes: no such name can be, or somebody else is to be acted for */
	bool			 is_proven;	/* all that is left is the client's empty answer to our proof */
	bool			 is_over;
	int			 n_steps;
};

struct sasl_server *
sasl_server_new(struct sasl *sasl, enum sasl_mechanism mechanism, struct users *users)
{
	struct sasl_server *server = mem_new(sizeof(*server));

	server->mechanism = mechanism;
	buf_init(&server->login, LOGIN_MAX_BYTES);
	buf_init(&server->password, PASSWORD_MAX_BYTES);
	if (gsasl_server_start(sasl->gsasl, sasl_mechanism_name(mechanism), &server->session) != GSASL_OK) {
		mem_free(server);
		return NULL;
	}
	gsasl_session_hook_set(server->session, server);
	server->users = users_ref(users);
	return server;
}

void
sasl_server_free(struct sasl_server *server)
{
	if (server == NULL)
		return;
	sasl_wipe(server->session, GSASL_PASSWORD);
	gsasl_finish(server->session);
	users_unref(server->users);
	buf_fini(&server->login);
	prepare_wipe(&server->password);
	explicit_bzero(&server->keys, sizeof(server->keys));
	mem_free(server);
}

struct str
sasl_server_login(const struct sasl_server *server)
{
	return buf_str(&server->login);
}

struct str
sasl_server_password(const struct sasl_server *server)
{
	return buf_str(&server->password);
}

struct users *
sasl_server_users(const struct sasl_server *server)
{
	return server->users;
}

bool
sasl_server_is_last_step(const struct sasl_server *server)
{
	return server->has_asked && !server->is_proven;
}

/* --- what the library asks --- */

static void
take_names(struct sasl_server *server)
{
	struct str login = str_of(gsasl_property_fast(server->session, GSASL_AUTHID));
	struct str other = str_of(gsasl_property_fast(server->session, GSASL_AUTHZID));

	if (server->has_asked)
		return;
	server->has_asked = true;
	if (prepare(login, false, &server->login) != 0)
		server->is_wrong = true;
	/* Nobody acts for somebody else here (RFC 4616 2). */
	if (other.len > 0 && !str_eq(other, login))
		server->is_wrong = true;
}

static int
take_password(struct sasl_server *server)
{
	take_names(server);
	if (prepare(str_of(gsasl_property_fast(server->session, GSASL_PASSWORD)), false, &server->password) != 0)
		server->is_wrong = true;
	return GSASL_AUTHENTICATION_ERROR;
}

static int
tell_bytes(struct sasl_server *server, Gsasl_property wanted, const uint8_t *bytes, size_t n_bytes)
{
	struct buf text;
	int result;

	buf_init(&text, SCRAM_SALT_MAX_BYTES * 2);
	if (base64_encode(str_n(bytes, n_bytes), &text) != 0)
		result = GSASL_MALLOC_ERROR;
	else
		result = gsasl_property_set_raw(server->session, wanted, text.at, text.len);
	prepare_wipe(&text);
	return result;
}

static int
tell_iterations(struct sasl_server *server)
{
	char text[16];

	take_names(server);
	if (!users_find_scram(server->users, buf_str(&server->login), &server->keys)) {
		server->is_wrong = true;	/* it is not offered where nobody has it; the library goes on all the same */
		return GSASL_AUTHENTICATION_ERROR;
	}
	snprintf(text, sizeof(text), "%u", server->keys.iterations);
	return gsasl_property_set(server->session, GSASL_SCRAM_ITER, text);
}

int
sasl_server_tell(Gsasl_session *session, Gsasl_property wanted)
{
	struct sasl_server *server = gsasl_session_hook_get(session);

	if (wanted == GSASL_VALIDATE_SIMPLE)
		return take_password(server);
	if (wanted == GSASL_SCRAM_ITER)
		return tell_iterations(server);
	if (wanted == GSASL_SCRAM_SALT)
		return tell_bytes(server, wanted, server->keys.salt, server->keys.n_salt_bytes);
	if (wanted == GSASL_SCRAM_STOREDKEY)
		return tell_bytes(server, wanted, server->keys.stored_key, SCRAM_KEY_BYTES);
	if (wanted == GSASL_SCRAM_SERVERKEY)
		return tell_bytes(server, wanted, server->keys.server_key, SCRAM_KEY_BYTES);
	return GSASL_NO_CALLBACK;
}

/* --- steps --- */

static enum sasl_step
over(struct sasl_server *server, enum sasl_step step)
{
	server->is_over = true;
	return step;
}

static enum sasl_step
challenge(struct str text, struct buf *challenge_out)
{
	return base64_encode(text, challenge_out) == 0 ? SASL_CHALLENGE : SASL_BROKEN;
}

/* The library's prompts are those of a draft; clients know the ones that everybody uses. */
static enum sasl_step
prompt(const struct sasl_server *server, struct buf *challenge_out)
{
	return challenge(server->n_steps <= 1 ? STR("Username:") : STR("Password:"), challenge_out);
}

static enum sasl_step
settle(struct sasl_server *server, int result, struct str output, struct buf *challenge_out)
{
	bool has_password = server->password.len > 0;

	if (result == GSASL_NEEDS_MORE && server->mechanism == SASL_LOGIN)
		return prompt(server, challenge_out);
	if (result == GSASL_NEEDS_MORE)
		return challenge(output, challenge_out);
	if (result == GSASL_OK && server->mechanism == SASL_SCRAM_SHA_256) {
		if (server->is_wrong)
			return over(server, SASL_WRONG);
		server->is_proven = true;
		return challenge(output, challenge_out);
	}
	if (result == GSASL_AUTHENTICATION_ERROR && server->has_asked)
		return over(server, has_password && !server->is_wrong ? SASL_PASSWORD : SASL_WRONG);
	if (result == GSASL_MECHANISM_PARSE_ERROR || result == GSASL_SASLPREP_ERROR || result == GSASL_BASE64_ERROR ||
	    result == GSASL_AUTHENTICATION_ERROR)
		return over(server, SASL_MALFORMED);
	return over(server, SASL_BROKEN);
}

/* NULs are PLAIN's own; the library cuts other mechanisms' texts off at one.  In PLAIN it would ask again for nothing. */
static bool
is_nonsense(const struct sasl_server *server, struct str message)
{
	return server->mechanism == SASL_PLAIN ? message.len == 0 : str_find(message, '\0') >= 0;
}

static enum sasl_step
step(struct sasl_server *server, struct str message, struct buf *challenge_out)
{
	char *output = NULL;
	size_t n_output = 0;
	enum sasl_step result;
	int done;

	if (server->is_proven)
		return over(server, message.len == 0 ? SASL_PROVEN : SASL_MALFORMED);
	if (message.len > MESSAGE_MAX_BYTES || is_nonsense(server, message))
		return over(server, SASL_MALFORMED);
	done = gsasl_step(server->session, message.at, message.len, &output, &n_output);
	result = settle(server, done, str_n(output, n_output), challenge_out);
	gsasl_free(output);
	return result;
}

enum sasl_step
sasl_server_step(struct sasl_server *server, struct str line, struct buf *challenge_out)
{
	struct buf message;
	enum sasl_step result;

	if (str_eq(line, STR("*")))
		return over(server, SASL_CANCELLED);
	if (server->is_over || ++server->n_steps > SASL_STEPS_MAX || line.len > SASL_LINE_MAX_BYTES)
		return over(server, SASL_MALFORMED);
	buf_init(&message, SASL_LINE_MAX_BYTES);
	if (base64_decode(line, &message) == 0)
		result = step(server, buf_str(&message), challenge_out);
	else
		result = over(server, SASL_MALFORMED);
	prepare_wipe(&message);
	return result;
}

enum sasl_step
sasl_server_begin(struct sasl_server *server, bool has_initial, struct str initial, struct buf *challenge_out)
{
	/* LOGIN's server speaks first, if only to be answered with what came already. */
	if (server->mechanism == SASL_LOGIN) {
		struct buf unsaid;
		enum sasl_step first;

		buf_init(&unsaid, SASL_LINE_MAX_BYTES);
		first = sasl_server_step(server, STR_EMPTY, has_initial ? &unsaid : challenge_out);
		buf_fini(&unsaid);
		if (first != SASL_CHALLENGE || !has_initial)
			return first;
	} else if (!has_initial) {
		server->n_steps++;
		return SASL_CHALLENGE;	/* empty: it is the client's turn (RFC 4954 4) */
	}
	return sasl_server_step(server, str_eq(initial, STR("=")) ? STR_EMPTY : initial, challenge_out);
}
