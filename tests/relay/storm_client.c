/*
 * storm_client.c - the senders of a storm: each in its own manner, at its own speed, and many cut off
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/relay/storm.h"

enum {
	PATIENCE_S = 700,
	WIRE_MAX_BYTES = 4 << 20,
	CUT_PERCENT = 4,		/* of mails, at a place of their own */
	VANISH_PERCENT = 2,		/* of clients while the next hop may be asked about recipients */
	OPEN_AT_END = 32,		/* one of so many is not waited for: the calm is to find the queue full */
};

enum manner { IN_TURN, PIPELINED, CHUNKED, N_MANNERS };

struct client {
	struct storm	*storm;
	struct wire	 session;	/* its stream NULL: none */
	struct buf	 wire;
	enum manner	 manner;
	bool		 is_slow;
	bool		 is_trusted;	/* connects from where mail is signed for; has mail of ours, and no other */
	int		 number;	/* of the mail */
	unsigned	 taken;		/* bits of the recipients that take it */
	bool		 has_sent_all;	/* the final dot, or the last chunk */
	int		 code;		/* of the latest reply; 0: none came */
};

static uint64_t
dice(const struct client *c, uint64_t below)
{
	return sim_random(c->storm->relay.sim, below);
}

static void
pause_ms(const struct client *c, uint64_t ms_max)
{
	fiber_sleep(instant_after(loop_now(c->storm->relay.loop), span_ms(1 + (int64_t)dice(c, ms_max))));
}

static void
hang_up(struct client *c)
{
	if (c->session.stream != NULL)
		stream_close(c->session.stream);
	c->session.stream = NULL;
}

/* --- the wire --- */

static bool
send_bytes(struct client *c, struct str bytes)
{
	while (bytes.len > 0) {
		struct str piece = c->is_slow ? str_sub(bytes, 0, 1 + dice(c, 2000)) : bytes;

		if (!wire_write(&c->session, piece))
			return false;
		bytes = str_from(bytes, piece.len);
		if (c->is_slow)
			pause_ms(c, 3000);
	}
	return true;
}

/* One reply; false when the connection broke. */
static bool
read_reply(struct client *c)
{
	return wire_read_reply(&c->session, &c->code);
}

static bool
ask(struct client *c, const char *command, int want)
{
	return send_bytes(c, str_of(command)) && read_reply(c) && c->code == want;
}

static bool
open_session(struct client *c)
{
	struct loop *loop = c->storm->relay.loop;
	struct endpoint at, from = { .port = 0 };

	insist(endpoint_parse(str_of(RELAY_AT), &at) && ip_parse(str_of(TRUSTED_AT), &from.ip));
	c->session = (struct wire){ .loop = loop, .patience = span_s(PATIENCE_S),
	    .stream = stream_connect(loop, &at, c->is_trusted ? &from : NULL, wire_limits, instant_after(loop_now(loop), span_s(PATIENCE_S)), NULL) };
	return c->session.stream != NULL && read_reply(c) && c->code == 220 && ask(c, "EHLO client.example\r\n", 250);
}

/* --- a mail --- */

static void
write_mail_command(struct client *c)
{
	struct storm_ledger *ledger = c->storm->ledger;

	buf_printf(&c->wire, "MAIL FROM:<");
	ledger_write_sender(ledger, c->number, &c->wire);
	buf_printf(&c->wire, ">%s\r\n", c->number % 5 == 0 ? " BODY=8BITMIME RET=HDRS" : "");
}

static void
write_rcpt_command(struct client *c, int i)
{
	struct storm_ledger *ledger = c->storm->ledger;
	const char *notify = ledger->mails[c->number].notify;

	buf_printf(&c->wire, "RCPT TO:<");
	ledger_write_address(ledger, c->number, i, &c->wire);
	buf_printf(&c->wire, ">%s%s\r\n", notify != NULL ? " NOTIFY=" : "", notify != NULL ? notify : "");
}

enum envelope_end { ENVELOPE_BROKEN, ENVELOPE_FOR_NOBODY, ENVELOPE_TAKEN };

static bool
wants(const struct client *c, int i)
{
	const struct storm_mail *mail = &c->storm->ledger->mails[c->number];

	return i < mail->n_recipients && outcome_is_open(mail, &mail->recipients[i]);
}

/* Some do not wait for the answer. */
static bool
read_rcpt_reply(struct client *c, int i)
{
	if (dice(c, 100) < VANISH_PERCENT) {
		pause_ms(c, 3000);
		c->code = 0;
		return false;
	}
	if (!read_reply(c))
		return false;
	c->taken |= outcome_of_rcpt(c->storm, c->number, i, c->code) ? 1u << i : 0;
	return true;
}

static enum envelope_end
leave_transaction(struct client *c)
{
	return ask(c, "RSET\r\n", 250) ? ENVELOPE_FOR_NOBODY : ENVELOPE_BROKEN;
}

static enum envelope_end
send_in_turn(struct client *c)
{
	buf_clear(&c->wire);
	write_mail_command(c);
	if (!send_bytes(c, buf_str(&c->wire)) || !read_reply(c) || c->code != 250)
		return ENVELOPE_BROKEN;
	for (int i = 0; i < STORM_RECIPIENTS_MAX; i++) {
		if (!wants(c, i))
			continue;
		buf_clear(&c->wire);
		write_rcpt_command(c, i);
		if (!send_bytes(c, buf_str(&c->wire)) || !read_rcpt_reply(c, i))
			return ENVELOPE_BROKEN;
	}
	if (c->taken == 0)
		return leave_transaction(c);
	return ask(c, "DATA\r\n", 354) ? ENVELOPE_TAKEN : ENVELOPE_BROKEN;
}

static enum envelope_end
send_at_once(struct client *c)
{
	bool wanted[STORM_RECIPIENTS_MAX], has_mail;

	buf_clear(&c->wire);
	write_mail_command(c);
	for (int i = 0; i < STORM_RECIPIENTS_MAX; i++)
		if ((wanted[i] = wants(c, i)))
			write_rcpt_command(c, i);
	if (c->manner == PIPELINED)
		buf_append(&c->wire, STR("DATA\r\n"));
	if (!send_bytes(c, buf_str(&c->wire)) || !read_reply(c))
		return ENVELOPE_BROKEN;
	has_mail = c->code == 250;
	for (int i = 0; i < STORM_RECIPIENTS_MAX; i++)
		if (wanted[i] && !read_rcpt_reply(c, i))
			return ENVELOPE_BROKEN;
	if (c->manner == PIPELINED && !read_reply(c))
		return ENVELOPE_BROKEN;
	if (c->taken != 0)
		return c->manner == CHUNKED || c->code == 354 ? ENVELOPE_TAKEN : ENVELOPE_BROKEN;
	c->storm->ledger->counts.n_strange += c->manner == PIPELINED && c->code == 354;
	return has_mail ? leave_transaction(c) : ENVELOPE_BROKEN;
}

static void
write_dotted(struct client *c)
{
	struct buf mail;
	struct str rest, line;

	buf_init(&mail, WIRE_MAX_BYTES);
	ledger_write_mail(c->storm->ledger, c->number, false, &mail);
	rest = buf_str(&mail);
	while (str_take_until(&rest, '\n', &line)) {
		if (str_starts(line, STR(".")))
			buf_append_char(&c->wire, '.');
		buf_append(&c->wire, line);
		buf_append_char(&c->wire, '\n');
	}
	buf_append(&c->wire, STR(".\r\n"));
	buf_fini(&mail);
}

/* All but the last few bytes may be cut off anywhere; behind them the relay has the mail whole. */
static bool
send_dotted(struct client *c)
{
	struct str bytes;

	buf_clear(&c->wire);
	write_dotted(c);
	bytes = buf_str(&c->wire);
	if (dice(c, 100) < CUT_PERCENT) {
		size_t at = dice(c, 3) == 0 ? bytes.len - 1 - dice(c, 3) : dice(c, bytes.len);

		send_bytes(c, str_sub(bytes, 0, at));
		return false;
	}
	c->has_sent_all = true;
	c->code = 0;
	return send_bytes(c, bytes);
}

static bool
send_chunks(struct client *c)
{
	bool is_cut = dice(c, 100) < CUT_PERCENT;
	char command[60];
	struct str rest;

	buf_clear(&c->wire);
	ledger_write_mail(c->storm->ledger, c->number, false, &c->wire);
	rest = buf_str(&c->wire);
	for (;;) {
		struct str chunk = str_sub(rest, 0, dice(c, 3) == 0 ? rest.len : dice(c, rest.len + 1));

		rest = str_from(rest, chunk.len);
		if (is_cut && (rest.len == 0 || dice(c, 4) == 0)) {
			send_bytes(c, STR("BDAT 1000 LAST\r\nhalf a chunk"));
			return false;
		}
		c->has_sent_all = rest.len == 0;
		c->code = 0;
		snprintf(command, sizeof(command), "BDAT %zu%s\r\n", chunk.len, rest.len == 0 ? " LAST" : "");
		if (!send_bytes(c, str_of(command)) || !send_bytes(c, chunk))
			return false;
		if (rest.len == 0)
			return true;
		if (!read_reply(c) || c->code != 250)
			return false;
	}
}

/* True: the session stands, and its last reply tells. */
static bool
send_mail(struct client *c)
{
	switch (c->manner == IN_TURN ? send_in_turn(c) : send_at_once(c)) {
	case ENVELOPE_BROKEN:
		return false;
	case ENVELOPE_FOR_NOBODY:
		return true;
	case ENVELOPE_TAKEN:
		break;
	}
	if (!(c->manner == CHUNKED ? send_chunks(c) : send_dotted(c)))
		return false;
	if (dice(c, 100) < CUT_PERCENT) {	/* right before our 250, or behind it */
		pause_ms(c, 100);
		c->code = 0;
		return false;
	}
	return read_reply(c);
}

/* --- visits --- */

/* Some mails in one session, or what can be done of them. */
static void
visit(struct client *c)
{
	int n_mails = 1 + (int)dice(c, 4);

	c->manner = (enum manner)dice(c, N_MANNERS);
	c->is_slow = dice(c, 10) == 0;
	c->is_trusted = dice(c, 4) == 0;
	if (!open_session(c)) {
		hang_up(c);
		return;
	}
	while (n_mails-- > 0 && !c->storm->is_over && (c->number = outcome_next_mail(c->storm, c->is_trusted, !c->is_trusted)) >= 0) {
		struct storm_mail *mail = &c->storm->ledger->mails[c->number];
		int n_reloads = c->storm->ledger->counts.n_reloads;
		bool stands;

		mail->is_busy = true;
		mail->is_weakly_checked |= c->storm->is_reconfigured;
		c->has_sent_all = false;
		c->taken = 0;
		c->code = 0;
		stands = send_mail(c);
		mail->is_weakly_checked |= n_reloads != c->storm->ledger->counts.n_reloads;
		outcome_of_mail(c->storm, c->number, c->taken, c->has_sent_all, c->code);
		if (!stands) {
			hang_up(c);
			return;
		}
	}
	if (dice(c, 3) != 0)
		ask(c, "QUIT\r\n", 221);
	hang_up(c);
}

static void
run_client(void *arg)
{
	struct client *c = arg;
	struct storm *storm = c->storm;

	buf_init(&c->wire, WIRE_MAX_BYTES);
	while (storm->n_open > storm->n_until / OPEN_AT_END && !storm->is_over) {
		pause_ms(c, 60000);
		if (!storm->is_over && outcome_next_mail(storm, true, true) >= 0)
			visit(c);
	}
	buf_fini(&c->wire);
	storm->n_clients--;
	mem_free(c);
}

void
clients_start(struct storm *storm)
{
	outcome_count_open(storm);
	for (int i = 0; i < STORM_CLIENTS; i++) {
		struct client *c = mem_new(sizeof(*c));

		c->storm = storm;
		insist(fiber_start(storm->relay.loop, "client", run_client, c) != NULL);
		storm->n_clients++;
	}
}
