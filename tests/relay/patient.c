/*
 * patient.c - a client that tells each of its recipients' own end, and comes again for those without one
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/relay/patient.h"

enum { KEY_MAX_BYTES = 400, REPLY_MAX_BYTES = 2000, MAIL_MAX_BYTES = 4 << 20 };

struct visit {
	struct relay		*relay;
	const char		*subject;
	const char *const	*recipients;
	int			 n_recipients;
	unsigned		 taken;		/* bits */
	struct wire		 wire;
	struct buf		 line;		/* the last reply's */
	struct buf		 mail;
};

static struct str
key_of(const struct visit *v, int i, char room[KEY_MAX_BYTES])
{
	snprintf(room, KEY_MAX_BYTES, "%s to %s", v->subject, v->recipients[i]);
	return str_of(room);
}

static bool
has_end(const struct visit *v, int i)
{
	char room[KEY_MAX_BYTES];
	struct str key = key_of(v, i, room);

	return sim_n_notes(v->relay->sim, "promised", key) + sim_n_notes(v->relay->sim, "refused", key) > 0;
}

static void
note(const struct visit *v, int i, const char *kind, struct str bytes)
{
	char room[KEY_MAX_BYTES];

	sim_note(v->relay->sim, kind, key_of(v, i, room), bytes);
}

static void
note_taken(const struct visit *v, const char *kind, struct str bytes)
{
	for (int i = 0; i < v->n_recipients; i++)
		if ((v->taken >> i & 1) != 0)
			note(v, i, kind, bytes);
}

static int
ask(struct visit *v, const char *command)
{
	int code = 0;

	if (wire_write(&v->wire, str_of(command)))
		wire_read_reply_line(&v->wire, &code, &v->line);
	return code;
}

static bool
say_recipients(struct visit *v)
{
	char command[KEY_MAX_BYTES];

	for (int i = 0; i < v->n_recipients; i++) {
		int code;

		if (has_end(v, i))
			continue;
		snprintf(command, sizeof(command), "RCPT TO:<%s>\r\n", v->recipients[i]);
		code = ask(v, command);
		if (code == 0)
			return false;
		if (code == 250)
			v->taken |= 1u << i;
		else
			note(v, i, code >= 500 ? "refused" : "deferred", buf_str(&v->line));
	}
	return v->taken != 0;
}

static void
say_mail(struct visit *v)
{
	int code;

	if (ask(v, "MAIL FROM:<alice@example.org>\r\n") != 250 || !say_recipients(v) || ask(v, "DATA\r\n") != 354 ||
	    !wire_write(&v->wire, buf_str(&v->mail)))
		return;
	note_taken(v, "sent", STR(""));
	code = ask(v, ".\r\n");
	if (code == 0)
		return;
	note_taken(v, "answered", buf_str(&v->line));
	if (code == 250)
		note_taken(v, "promised", buf_str(&v->mail));
	else
		note_taken(v, code >= 500 ? "refused" : "deferred", buf_str(&v->line));
}

bool
patient_bring(struct relay *relay, const char *subject, const char *const *recipients, int n_recipients, struct str body)
{
	struct visit v = { .relay = relay, .subject = subject, .recipients = recipients, .n_recipients = n_recipients };
	bool is_over = true;

	insist(n_recipients <= 32);
	buf_init(&v.line, REPLY_MAX_BYTES);
	buf_init(&v.mail, MAIL_MAX_BYTES);
	buf_printf(&v.mail, "From: <alice@example.org>\r\nSubject: %s\r\n\r\n", subject);
	buf_append(&v.mail, body);
	if (client_open(relay, &v.wire) == 250)
		say_mail(&v);
	if (v.wire.stream != NULL)
		stream_close(v.wire.stream);
	buf_fini(&v.mail);
	buf_fini(&v.line);
	for (int i = 0; i < n_recipients; i++)
		is_over &= has_end(&v, i);
	return is_over;
}
