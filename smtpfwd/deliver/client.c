/*
 * client.c - the SMTP client's session in the order of RFC 5321, but for its transactions
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/client_inside.h"
#include "smtpfwd/smtp/limits.h"

enum {
	INPUT_MAX_BYTES = 8192,		/* replies are taken as they come; one line need not fit */
	OUTPUT_MAX_BYTES = 65536,	/* a group of commands or a small mail leaves in one write */
};

static const char *const step_names[] = {
	[CLIENT_GREETING] = "the greeting",
	[CLIENT_EHLO] = "the reply to EHLO",
	[CLIENT_STARTTLS] = "the reply to STARTTLS",
	[CLIENT_AUTH] = "the reply to AUTH",
	[CLIENT_XCLIENT] = "the reply to XCLIENT",
	[CLIENT_XFORWARD] = "the reply to XFORWARD",
	[CLIENT_RSET] = "the reply to RSET",
	[CLIENT_MAIL] = "the reply to MAIL",
	[CLIENT_RCPT] = "the reply to RCPT",
	[CLIENT_DATA] = "the reply to DATA",
	[CLIENT_FINAL] = "the reply to the end of the mail",
	[CLIENT_QUIT] = "the reply to QUIT",
};

static struct span
step_timeout(const struct client *client, enum client_step step)
{
	const struct client_settings *s = client->settings;

	switch (step) {
	case CLIENT_GREETING:
	case CLIENT_EHLO:
	case CLIENT_STARTTLS:
	case CLIENT_AUTH:
	case CLIENT_XCLIENT:
		return s->greeting_timeout;
	case CLIENT_XFORWARD:
	case CLIENT_RSET:
	case CLIENT_MAIL:
	case CLIENT_QUIT:
		return s->mail_timeout;
	case CLIENT_RCPT:
		return s->rcpt_timeout;
	case CLIENT_DATA:
		return s->data_timeout;
	case CLIENT_FINAL:
		return s->final_timeout;
	}
	insist(!"a step without a timeout");
	return s->mail_timeout;
}

struct instant
client_within(const struct client *client, struct span timeout, struct instant deadline)
{
	return instant_min(deadline, instant_after(loop_now(client->loop), timeout));
}

int
client_broken(struct client *client)
{
	client->is_broken = true;
	return -1;
}

/* --- replies in --- */

/* 2xx everywhere but for the 354 of DATA, and 334 where more is asked of a login; 4xx and 5xx everywhere. */
static bool
reply_fits(enum client_step step, int code)
{
	if (code >= 400 && code < 600)
		return true;
	if (step == CLIENT_AUTH && code == 334)
		return true;
	return step == CLIENT_DATA ? code == 354 : code >= 200 && code < 300;
}

static void
note_reply(struct client *client, enum client_step step, const struct reply *reply)
{
	client->n_replies++;
	if (reply->code == 421)
		client->is_closing = true;
	if (step == CLIENT_RCPT && !reply_is_positive(reply))
		client->n_refused++;
	if (step == CLIENT_FINAL && reply_is_positive(reply))
		client->n_refused = 0;
	if (step == CLIENT_MAIL && reply_is_positive(reply))
		client->is_in_transaction = true;
	/* Behind a refused mail it is over too (RFC 5321 4.1.1.4), but Postfix's end-of-data restrictions leave it open. */
	if ((step == CLIENT_FINAL || step == CLIENT_RSET) && reply_is_positive(reply))
		client->is_in_transaction = false;
}

static int
reply_misfit(const struct reply *reply, enum client_step step, struct fault *fault_out)
{
	char room[200];
	struct buf line = { .at = room, .cap = sizeof(room), .max = sizeof(room) };

	reply_append_line(reply, 120, &line);
	return fault_temporary(fault_out, "the next hop breaks the protocol: %s was \"%.*s\"", step_names[step],
	    STR_ARG(buf_str(&line)));
}

int
client_read(struct client *client, enum client_step step, struct instant deadline, struct reply *reply_out,
    struct fault *fault_out)
{
	insist(client->n_outstanding > 0);
	deadline = client_within(client, step_timeout(client, step), deadline);
	for (;;) {
		struct str input = stream_input(client->stream), rest = input;
		enum reply_step got = input.len > 0 ? reply_read(&client->reader, &rest, reply_out, fault_out) : REPLY_MORE;
		int filled;

		stream_take(client->stream, input.len - rest.len);
		if (got == REPLY_MALFORMED) {
			fault_prefix(fault_out, "%s", step_names[step]);
			return client_broken(client);
		}
		if (got == REPLY_DONE)
			break;
		filled = stream_fill(client->stream, deadline, fault_out);
		if (filled == 0)
			fault_because(fault_out, FAULT_CLOSED, "the next hop closed the connection");
		if (filled <= 0) {
			fault_prefix(fault_out, "waiting for %s", step_names[step]);
			return client_broken(client);
		}
	}
	client->n_outstanding--;
	note_reply(client, step, reply_out);
	if (!reply_fits(step, reply_out->code)) {
		reply_misfit(reply_out, step, fault_out);
		client->is_out_of_step = true;
		return client_broken(client);
	}
	return 0;
}

bool
client_is_stale(struct client *client)
{
	return client->is_broken || client->is_closing || stream_has_input(client->stream);
}

/*
 * What came in while nothing was asked: a 421 of a server that is going, its end, or a reply to a question that we
 * did not put yet.  The last would be taken for the answer to the next command, and a mail be taken for delivered
 * that never was.
 */
static int
refuse_early_talk(struct client *client, struct fault *fault_out)
{
	struct str input = stream_input(client->stream);

	if (input.len == 0)
		fault_because(fault_out, FAULT_CLOSED, "the next hop closed the connection");
	else if (str_starts(input, STR("421")))
		fault_because(fault_out, FAULT_CLOSED, "the next hop closes the connection (421)");
	else {
		fault_temporary(fault_out, "the next hop breaks the protocol: it answered before it was asked");
		client->is_out_of_step = true;
	}
	return client_broken(client);
}

bool
client_is_ahead(struct client *client, struct fault *fault_out)
{
	struct str input;

	if (client->n_outstanding > 0 || !stream_has_input(client->stream))
		return false;
	input = stream_input(client->stream);
	if (input.len == 0 || (input.at[0] != '2' && input.at[0] != '3') || str_starts(input, STR("221")))
		return false;
	refuse_early_talk(client, fault_out);
	return true;
}

/* --- commands out --- */

int
client_write_bytes(struct client *client, struct str bytes, struct instant deadline, struct fault *fault_out)
{
	if (stream_write(client->stream, bytes, client_within(client, client->settings->block_timeout, deadline), fault_out) != 0)
		return client_broken(client);
	return 0;
}

int
client_write_command(struct client *client, struct str line, struct instant deadline, struct fault *fault_out)
{
	if (client->n_outstanding == 0 && stream_has_input(client->stream))
		return refuse_early_talk(client, fault_out);
	if (client_write_bytes(client, line, deadline, fault_out) != 0)
		return -1;
	client->n_outstanding++;
	client->n_bytes_behind_end += (int64_t)line.len;
	return 0;
}

int
client_flush(struct client *client, struct instant deadline, struct fault *fault_out)
{
	if (stream_flush(client->stream, client_within(client, client->settings->block_timeout, deadline), fault_out) != 0)
		return client_broken(client);
	return 0;
}

int
client_command(struct client *client, enum client_step step, struct str line, struct instant deadline,
    struct reply *reply_out, struct fault *fault_out)
{
	if (client_write_command(client, line, deadline, fault_out) != 0 || client_flush(client, deadline, fault_out) != 0)
		return -1;
	return client_read(client, step, deadline, reply_out, fault_out);
}

/* --- the session's start --- */

struct client *
client_connect(struct loop *loop, const struct client_settings *settings, const struct endpoint *to,
    const struct endpoint *from, struct instant deadline, struct fault *fault_out)
{
	const struct stream_limits limits = { .input_max_bytes = INPUT_MAX_BYTES, .output_max_bytes = OUTPUT_MAX_BYTES };
	struct instant until = instant_min(deadline, instant_after(loop_now(loop), settings->connect_timeout));
	struct stream *stream = stream_connect(loop, to, from, limits, until, fault_out);
	struct client *client;

	if (stream == NULL)
		return NULL;
	client = mem_new(sizeof(*client));
	*client = (struct client){ .loop = loop, .settings = settings, .stream = stream, .remote = *to, .n_outstanding = 1 };
	reply_reader_init(&client->reader);
	return client;
}

int
client_say_first(struct client *client, struct str bytes, struct instant deadline, struct fault *fault_out)
{
	insist(client->n_replies == 0);
	if (client_write_bytes(client, bytes, deadline, fault_out) != 0)
		return -1;
	return client_flush(client, deadline, fault_out);
}

int
client_greeting(struct client *client, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	return client_read(client, CLIENT_GREETING, deadline, reply_out, fault_out);
}

static int
hello(struct client *client, const char *verb, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	const char *name = client->hello[0] != '\0' ? client->hello : client->settings->hostname;
	struct buf line;
	int done;

	buf_init(&line, SMTP_COMMAND_LINE_MAX_BYTES);
	insist(buf_printf(&line, "%s %s\r\n", verb, name) == 0);
	done = client_command(client, CLIENT_EHLO, buf_str(&line), deadline, reply_out, fault_out);
	buf_fini(&line);
	return done;
}

int
client_ehlo(struct client *client, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	struct ehlo offered;

	client->ehlo = (struct ehlo){ .has_size = false };
	if (hello(client, "EHLO", deadline, reply_out, fault_out) != 0)
		return -1;
	if (reply_is_positive(reply_out)) {
		ehlo_read(reply_out->text, &client->ehlo);
		client->ehlo.has_extensions = true;
		return 0;
	}
	if (reply_out->code != 500 && reply_out->code != 501 && reply_out->code != 502 && reply_out->code != 504)
		return 0;
	if (hello(client, "HELO", deadline, reply_out, fault_out) != 0)
		return -1;
	if (reply_is_positive(reply_out)) {		/* its name; HELO offers nothing */
		ehlo_read(reply_out->text, &offered);
		memcpy(client->ehlo.domain, offered.domain, sizeof(offered.domain));
	}
	return 0;
}

int
client_starttls(struct client *client, const struct tls_client *tls, const struct tls_expect *expect,
    struct instant deadline, struct reply *reply_out, bool *is_handshake_out, struct fault *fault_out)
{
	*is_handshake_out = false;
	if (client_command(client, CLIENT_STARTTLS, STR("STARTTLS\r\n"), deadline, reply_out, fault_out) != 0)
		return -1;
	if (!reply_is_positive(reply_out))
		return 0;
	/* Plaintext behind the 220 would be somebody's in the middle: a TLS server waits for us. */
	if (stream_has_input(client->stream))
		return refuse_early_talk(client, fault_out);
	if (stream_tls_connect(client->stream, tls, expect,
	    client_within(client, client->settings->greeting_timeout, deadline), fault_out) != 0) {
		*is_handshake_out = true;
		return client_broken(client);
	}
	stream_tls_info(client->stream, &client->tls);
	client->ehlo = (struct ehlo){ .has_size = false };	/* what was said in the clear is void */
	return 0;
}

int
client_auth(struct client *client, struct str line, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	return client_command(client, CLIENT_AUTH, line, deadline, reply_out, fault_out);
}

int
client_introduce(struct client *client, enum client_step step, struct str line, struct instant deadline,
    struct reply *reply_out, struct fault *fault_out)
{
	insist(!client->is_in_transaction);
	return client_command(client, step, line, deadline, reply_out, fault_out);
}

/* --- the session's end --- */

bool
client_is_reusable(const struct client *client)
{
	return !client->is_broken && !client->is_closing && client->n_outstanding == 0 &&
	    (client->ehlo.limit_mailmax == 0 || client->n_transactions < client->ehlo.limit_mailmax);
}

void
client_quit(struct client *client, struct instant deadline)
{
	struct reply reply;
	struct fault fault;

	if (!client->is_broken && !client->is_closing && client->n_outstanding == 0)
		client_command(client, CLIENT_QUIT, STR("QUIT\r\n"), deadline, &reply, &fault);
	client_close(client);
}

void
client_close(struct client *client)
{
	insist(!list_has_link(&client->in_pool));
	stream_close(client->stream);
	reply_reader_fini(&client->reader);
	mem_free(client);
}
