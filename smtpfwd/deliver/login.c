/*
 * login.c - AUTH on a session with a smart host (RFC 4954)
 */
#include <stdio.h>

#include "base/mem.h"
#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/auth/sasl.h"
#include "smtpfwd/auth/secret_file.h"
#include "smtpfwd/deliver/login.h"
#include "smtpfwd/smtp/limits.h"

enum {
	/* A longer initial response does not fit into a command line; it follows the 334 then (RFC 4954 4). */
	COMMAND_LINE_MAX_BYTES = 512,
	ECHO_MIN_BYTES = 4,		/* less than that tells nobody anything, and stands in any text */
	AUTH_ATTEMPTS_MAX = 2,		/* SCRAM, and one that shows the password */
};

struct logins {
	struct sasl	*sasl;
	struct os_crew	*crew;		/* of one: connections are opened one after the other as well */
};

struct conversation {
	struct logins		*logins;
	struct client		*client;
	const struct login	*login;
	enum sasl_mechanism	 mechanism;
	struct sasl_client	*sasl;
	struct instant		 deadline;
	struct trouble		*trouble;
	struct buf		 line;		/* what we say; wiped */
	bool			 is_echoed;	/* the server's last reply repeats it, or the password: not to be shown to anybody */
};

/* --- what it takes --- */

int
login_read(const struct route_settings *settings, struct arena *arena, struct login *login_out, struct fault *fault_out)
{
	struct buf line;
	int result;

	*login_out = (struct login){ .name = STR_EMPTY, .password = STR_EMPTY };
	if (settings->login == NULL)
		return 0;
	buf_init(&line, PASSWORD_MAX_BYTES);
	result = secret_file_read_line(settings->password_file, &line, fault_out);
	if (result == 0 && (!arena_copy(arena, str_of(settings->login), &login_out->name) ||
	    !arena_copy(arena, buf_str(&line), &login_out->password)))
		result = fault_temporary(fault_out, "%s: no memory", settings->password_file);
	prepare_wipe(&line);
	return result;
}

void
login_forget(struct login *login)
{
	if (login->password.len > 0)
		explicit_bzero((char *)(uintptr_t)login->password.at, login->password.len);
}

struct logins *
logins_new(struct loop *loop)
{
	struct logins *logins = mem_new(sizeof(*logins));

	logins->sasl = sasl_new();
	logins->crew = os_crew_new(loop_poller(loop), 1, "secrets");
	if (logins->sasl != NULL && logins->crew != NULL)
		return logins;
	logins_free(logins);
	return NULL;
}

void
logins_free(struct logins *logins)
{
	if (logins == NULL)
		return;
	if (logins->crew != NULL)
		os_crew_free(logins->crew);
	sasl_free(logins->sasl);
	mem_free(logins);
}

/* --- one exchange --- */

struct hashing {
	struct os_job		 job;
	struct conversation	*conversation;
	struct str		 challenge;
	struct fault		 fault;
	int			 result;
};

static void
hash(struct os_job *job)
{
	struct hashing *h = (struct hashing *)(void *)((char *)job - offsetof(struct hashing, job));

	h->result = sasl_client_step(h->conversation->sasl, h->challenge, &h->conversation->line, &h->fault);
}

/* Appends our answer to the line. */
static int
answer(struct conversation *c, struct str challenge)
{
	struct hashing h = { .job.run = hash, .conversation = c, .challenge = challenge };

	fiber_run_on_crew(c->logins->crew, &h.job);
	if (h.result != 0)
		trouble_of_fault(&h.fault, STATUS(4, 7, 8), "AUTH", c->trouble);
	return h.result;
}

/* Some servers tell what they did not understand; their replies are logged, and sent to people in reports. */
static bool
is_echo(const struct conversation *c, struct str reply)
{
	struct str said = str_trim(buf_str(&c->line));
	struct str secret = str_from(said, (size_t)(str_rfind(said, ' ') + 1));

	return (secret.len > ECHO_MIN_BYTES && str_find_str(reply, secret) >= 0) || str_find_str(reply, c->login->password) >= 0;
}

static int
say(struct conversation *c, struct reply *reply_out)
{
	struct fault fault;
	int result = buf_append(&c->line, STR("\r\n")) != 0 ?
	    fault_temporary(&fault, "the line would be too long") :
	    client_auth(c->client, buf_str(&c->line), c->deadline, reply_out, &fault);

	c->is_echoed = result == 0 && is_echo(c, reply_out->text);
	if (c->line.at != NULL)
		explicit_bzero(c->line.at, c->line.len);
	buf_clear(&c->line);
	if (result != 0)
		trouble_of_fault(&fault, STATUS(4, 4, 2), "AUTH", c->trouble);
	return result;
}

/* The AUTH command, with the first answer where the mechanism begins and the line has room for it. */
static enum login_result
begin(struct conversation *c, struct reply *reply_out)
{
	struct str name = str_of(sasl_mechanism_name(c->mechanism));
	struct buf initial;
	int result = 0;

	if (sasl_client_begins(c->mechanism) && answer(c, STR_EMPTY) != 0)
		return LOGIN_REFUSED;
	initial = c->line;
	buf_init(&c->line, SMTP_AUTH_LINE_MAX_BYTES);
	result |= buf_printf(&c->line, "AUTH %.*s", STR_ARG(name));
	if (initial.len > 0 && c->line.len + 1 + initial.len + 2 <= COMMAND_LINE_MAX_BYTES) {
		result |= buf_append_char(&c->line, ' ');
		result |= buf_append(&c->line, buf_str(&initial));
		buf_clear(&initial);
	}
	if (result == 0)
		result = say(c, reply_out);
	if (result == 0 && initial.len > 0 && reply_out->code == 334) {
		buf_append(&c->line, buf_str(&initial));
		result = say(c, reply_out);
	}
	prepare_wipe(&initial);
	return result == 0 ? LOGIN_DONE : LOGIN_LOST;
}

static enum login_result
refused(struct conversation *c, const struct reply *reply)
{
	char context[80];

	snprintf(context, sizeof(context), "AUTH %s", sasl_mechanism_name(c->mechanism));
	if (c->is_echoed) {
		snprintf(context, sizeof(context), "AUTH %s: %d, with our own words", sasl_mechanism_name(c->mechanism), reply->code);
		trouble_of_text(STATUS(4, 7, 8), context, c->trouble);
	} else
		trouble_of_reply(reply, context, c->trouble);
	return LOGIN_REFUSED;
}

static enum login_result
converse(struct conversation *c, struct reply *reply_out)
{
	enum login_result result = begin(c, reply_out);

	while (result == LOGIN_DONE && reply_out->code == 334) {
		if (answer(c, reply_out->text) != 0)
			return LOGIN_REFUSED;
		result = say(c, reply_out) == 0 ? LOGIN_DONE : LOGIN_LOST;
	}
	if (result != LOGIN_DONE)
		return result;
	if (!reply_is_positive(reply_out))
		return refused(c, reply_out);
	if (!sasl_client_is_done(c->sasl)) {	/* RFC 5802 3: then it may be anybody */
		trouble_of_text(STATUS(4, 7, 8), "AUTH: the server did not prove that it knows the password", c->trouble);
		return LOGIN_REFUSED;
	}
	return LOGIN_DONE;
}

/* --- which --- */

static enum login_result
attempt(struct logins *logins, struct client *client, const struct login *login, enum sasl_mechanism mechanism,
    struct instant deadline, struct reply *reply_out, struct trouble *trouble_out)
{
	struct conversation c = {
		.logins = logins, .client = client, .login = login, .mechanism = mechanism, .deadline = deadline, .trouble = trouble_out,
		.sasl = sasl_client_new(logins->sasl, mechanism, login->name, login->password),
	};
	enum login_result result;

	*reply_out = (struct reply){ .code = 0 };
	if (c.sasl == NULL) {
		trouble_of_text(STATUS(4, 3, 0), "AUTH: no memory", trouble_out);
		return LOGIN_LOST;
	}
	buf_init(&c.line, SMTP_AUTH_LINE_MAX_BYTES);
	result = converse(&c, reply_out);
	prepare_wipe(&c.line);
	sasl_client_free(c.sasl);
	return result;
}

static int
choose(unsigned offered, enum sasl_mechanism mechanisms_out[AUTH_ATTEMPTS_MAX])
{
	int n = 0;

	if ((offered & AUTH_SCRAM_SHA_256) != 0)
		mechanisms_out[n++] = SASL_SCRAM_SHA_256;
	if ((offered & AUTH_PLAIN) != 0)
		mechanisms_out[n++] = SASL_PLAIN;
	else if ((offered & AUTH_LOGIN) != 0)
		mechanisms_out[n++] = SASL_LOGIN;
	return n;
}

enum login_result
login_say(struct logins *logins, struct client *client, const struct login *login, struct instant deadline,
    struct trouble *trouble_out)
{
	enum sasl_mechanism mechanisms[AUTH_ATTEMPTS_MAX];
	int n = choose(client->ehlo.auth_mechanisms, mechanisms);
	enum login_result result = LOGIN_REFUSED;
	struct reply reply;

	if (logins == NULL || client->tls.version[0] == '\0') {
		trouble_of_text(STATUS(4, 7, 10), logins == NULL ? "AUTH: no thread to hash the password" :
		    "AUTH: a login is for TLS only", trouble_out);
		return LOGIN_REFUSED;
	}
	if (n == 0)
		trouble_of_text(STATUS(4, 7, 0), "EHLO: neither SCRAM-SHA-256 nor PLAIN nor LOGIN is offered for the login", trouble_out);
	for (int i = 0; i < n; i++) {
		result = attempt(logins, client, login, mechanisms[i], deadline, &reply, trouble_out);
		if (result != LOGIN_REFUSED || !reply_is_permanent(&reply))
			break;
	}
	return result;
}
