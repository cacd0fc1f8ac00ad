/*
 * talk.c - the lines of a .talk dialogue, one by one
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/code.h"
#include "base/insist.h"
#include "tests/expect.h"
#include "tests/sim/talk.h"
#include "tests/sim/talk_text.h"

enum {
	FILE_MAX_BYTES = 1 << 20,
	SENT_MAX_BYTES = 64 << 20,	/* of lines not yet sent: \{...} makes large ones */
	REPLY_MAX_BYTES = 1 << 20,
	SHOWN_MAX_BYTES = 400,
};

struct play {				/* a dialogue under way */
	const struct talk	*talk;
	const char		*name;
	int			 line;		/* from 1 */
	bool			 has_failed;
	struct stream		*stream;	/* NULL: not connected */
	struct buf		 unsent, reply, why, shown;
	struct span		 pause;		/* between bytes; 0: as usual */
	bool			 has_greeted, has_ehlo, has_mail, has_rcpt, has_data, is_in_data;
};

static void
fail(struct play *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
fail(struct play *p, const char *format, ...)
{
	char what[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	p->has_failed = true;
	expect_true(false, what, p->name, p->line);
}

/* Bytes of the server on one line, for messages; valid until the next call. */
static struct str
shown(struct play *p, struct str bytes)
{
	buf_clear(&p->shown);
	escape_append(bytes, false, SHOWN_MAX_BYTES, &p->shown);
	return buf_str(&p->shown);
}

static struct instant
patience(const struct play *p)
{
	return instant_after(loop_now(p->talk->loop), p->talk->patience.ns != 0 ? p->talk->patience : span_s(300));
}

static void
open_connection(struct play *p, const struct ip *from)
{
	struct endpoint local = { .ip = *from };
	struct stream_limits limits = { .input_max_bytes = REPLY_MAX_BYTES, .output_max_bytes = 64 << 10 };
	struct fault fault = { .text = "" };

	if (p->stream != NULL)
		stream_close(p->stream);
	p->has_greeted = p->has_ehlo = p->has_mail = p->has_rcpt = p->has_data = p->is_in_data = false;
	p->stream = stream_connect(p->talk->loop, &p->talk->to, from->family != IP_NONE ? &local : NULL, limits, patience(p), &fault);
	if (p->stream == NULL)
		fail(p, "a connection: %s", fault.text);
}

static void
say_line(struct play *p, struct str line)
{
	bool is_whole;

	if (p->stream == NULL)
		open_connection(p, &p->talk->from);
	if (!talk_unescape(line, &p->unsent, &is_whole)) {
		fail(p, "an escape is not understood");
		return;
	}
	if (!is_whole)
		buf_append(&p->unsent, STR("\r\n"));
	p->has_ehlo = p->has_ehlo || str_starts_nocase(line, STR("EHLO")) || str_starts_nocase(line, STR("HELO"));
	if (str_eq_nocase(line, STR("RSET")) || str_starts_nocase(line, STR("EHLO")) ||
	    (str_starts_nocase(line, STR("BDAT ")) && str_ends_nocase(line, STR(" LAST"))))
		p->has_mail = p->has_rcpt = p->has_data = false;
	p->has_mail = p->has_mail || str_starts_nocase(line, STR("MAIL "));
	p->has_rcpt = p->has_rcpt || str_starts_nocase(line, STR("RCPT "));
	p->has_data = p->has_data || str_eq_nocase(line, STR("DATA"));
}

static void
send_slowly(struct play *p)
{
	for (size_t i = 0; i < p->unsent.len && !p->has_failed; i++) {
		struct fault fault = { .text = "" };

		if (stream_write(p->stream, str_n(p->unsent.at + i, 1), patience(p), &fault) != 0 ||
		    stream_flush(p->stream, patience(p), &fault) != 0)
			break;		/* closed on us: what follows in the dialogue judges it */
		fiber_sleep(instant_after(loop_now(p->talk->loop), p->pause));
	}
	buf_clear(&p->unsent);
}

static void
send_unsent(struct play *p)
{
	struct fault fault = { .text = "" };

	if (p->unsent.len == 0 || p->stream == NULL)
		return;
	if (p->pause.ns != 0) {
		send_slowly(p);
		return;
	}
	if ((stream_write(p->stream, buf_str(&p->unsent), patience(p), &fault) != 0 ||
	    stream_flush(p->stream, patience(p), &fault) != 0) && fault.cause != FAULT_CLOSED)
		fail(p, "all is sent: %s", fault.text);
	buf_clear(&p->unsent);
}

static bool
read_reply(struct play *p)
{
	struct fault fault = { .text = "" };
	size_t n;

	buf_clear(&p->reply);
	while ((n = talk_reply_bytes(stream_input(p->stream))) == 0) {
		int got = stream_fill(p->stream, patience(p), &fault);

		if (got > 0)
			continue;
		fail(p, "a reply; %s%s%.*s", got == 0 ? "the server hung up" : fault.text,
		    stream_input(p->stream).len > 0 ? ", half a reply: " : "", STR_ARG(shown(p, stream_input(p->stream))));
		return false;
	}
	buf_append(&p->reply, str_sub(stream_input(p->stream), 0, n));
	stream_take(p->stream, n);
	return true;
}

static void
hear_reply(struct play *p, struct str want)
{
	if (p->stream == NULL)
		open_connection(p, &p->talk->from);
	if (p->has_failed || !read_reply(p))
		return;
	p->has_greeted = true;
	if (p->is_in_data)		/* whatever it says, the transaction is over */
		p->has_mail = p->has_rcpt = p->has_data = false;
	p->is_in_data = str_starts(buf_str(&p->reply), STR("354"));
	if (talk_reply_starts(buf_str(&p->reply), want))
		expect_true(true, "S:", p->name, p->line);
	else
		fail(p, "S: %.*s\n#   got       %.*s", STR_ARG(want), STR_ARG(shown(p, buf_str(&p->reply))));
}

/* Says `before value after` (before NULL: nothing) and hears its reply, as one of the usual steps. */
static void
step(struct play *p, const char *reply, const char *before, const char *value, const char *after)
{
	char line[400];

	if (p->has_failed)
		return;
	if (before != NULL) {
		snprintf(line, sizeof(line), "%s%s%s", before, value, after);
		say_line(p, str_of(line));
		send_unsent(p);
	}
	if (!p->has_failed)
		hear_reply(p, str_of(reply));
}

static void
open_as_usual(struct play *p)
{
	const struct talk *t = p->talk;

	if (p->stream == NULL)
		open_connection(p, &t->from);
	if (!p->has_greeted)
		step(p, "220", NULL, "", "");
	if (!p->has_ehlo)
		step(p, "250", "EHLO ", t->helo != NULL ? t->helo : "client.example.org", "");
}

static void
lead_to_data(struct play *p)
{
	const struct talk *t = p->talk;

	open_as_usual(p);
	if (!p->has_mail)
		step(p, "250", "MAIL FROM:<", t->reverse_path != NULL ? t->reverse_path : "a@example.org", ">");
	if (!p->has_rcpt)
		step(p, "250", "RCPT TO:<", t->forward_path != NULL ? t->forward_path : "b@example.com", ">");
	if (!p->has_data)
		step(p, "354", "DATA", "", "");
}

static void
look_in_reply(struct play *p, struct str text, bool want)
{
	if (talk_reply_has(buf_str(&p->reply), text) == want)
		expect_true(true, "has", p->name, p->line);
	else
		fail(p, "%s %.*s\n#   got %.*s", want ? "has" : "lacks", STR_ARG(text), STR_ARG(shown(p, buf_str(&p->reply))));
}

static void
pass_time(struct play *p, struct str text, bool is_silent)
{
	struct instant until;
	struct fault fault;
	struct span span;

	if (!talk_span(text, &span)) {
		fail(p, "a span of time: %.*s", STR_ARG(text));
		return;
	}
	until = instant_after(loop_now(p->talk->loop), span);
	if (!is_silent) {
		fiber_sleep(until);
		return;
	}
	if (p->stream == NULL)
		open_connection(p, &p->talk->from);
	if (p->has_failed)
		return;
	if (stream_input(p->stream).len == 0 && stream_fill(p->stream, until, &fault) < 0 && fault.cause == FAULT_TIMED_OUT)
		expect_true(true, "silent", p->name, p->line);
	else
		fail(p, "silent; got %.*s", STR_ARG(shown(p, stream_input(p->stream))));
}

static void
expect_closed(struct play *p)
{
	struct fault fault = { .text = "" };
	int got = stream_input(p->stream).len > 0 ? 1 : stream_fill(p->stream, patience(p), &fault);

	if (got == 0 || (got < 0 && fault.cause == FAULT_CLOSED))
		expect_true(true, "closed", p->name, p->line);
	else
		fail(p, "closed; got %s%.*s", fault.text, STR_ARG(shown(p, stream_input(p->stream))));
	stream_close(p->stream);
	p->stream = NULL;
}

static void
shake_hands(struct play *p)
{
	struct tls_expect any = { .must_verify = false };
	struct fault fault = { .text = "there is no TLS in this test" };

	if (p->talk->tls == NULL || stream_tls_connect(p->stream, p->talk->tls, &any, patience(p), &fault) != 0)
		fail(p, "starttls: %s", fault.text);
	p->has_ehlo = p->has_mail = p->has_rcpt = p->has_data = false;
}

static void
judge(struct play *p, struct str words)
{
	buf_clear(&p->why);
	if (p->talk->judge != NULL && p->talk->judge(p->talk->context, words, &p->why))
		expect_true(true, "expect", p->name, p->line);
	else if (p->why.len == 0)
		fail(p, "expect %.*s (not understood)", STR_ARG(words));
	else
		fail(p, "expect %.*s\n#   got %.*s", STR_ARG(words), STR_ARG(shown(p, buf_str(&p->why))));
}

static void
connect_from(struct play *p, struct str rest)
{
	struct ip from = p->talk->from;
	struct str word;

	if (str_take_word(&rest, &word) && (!str_eq(word, STR("from")) || !ip_parse(str_trim(rest), &from)))
		fail(p, "connect [from IP]");
	else
		open_connection(p, &from);
}

/* Lines that are neither said nor heard. */
static void
play_word(struct play *p, struct str word, struct str rest)
{
	bool needs_connection = str_eq(word, STR("starttls")) || str_eq(word, STR("closed"));

	send_unsent(p);
	if (p->has_failed)
		return;
	if (needs_connection && p->stream == NULL)
		fail(p, "%.*s, and there is no connection", STR_ARG(word));
	else if (str_eq(word, STR("...")))
		lead_to_data(p);
	else if (str_eq(word, STR("connect")))
		connect_from(p, rest);
	else if (str_eq(word, STR("has")) || str_eq(word, STR("lacks")))
		look_in_reply(p, rest, str_eq(word, STR("has")));
	else if (str_eq(word, STR("advance")) || str_eq(word, STR("silent")))
		pass_time(p, rest, str_eq(word, STR("silent")));
	else if (str_eq(word, STR("slowly"))) {
		if (!talk_span(rest, &p->pause))
			fail(p, "a span of time: %.*s", STR_ARG(rest));
	} else if (str_eq(word, STR("starttls")))
		shake_hands(p);
	else if (str_eq(word, STR("closed")))
		expect_closed(p);
	else if (str_eq(word, STR("expect")))
		judge(p, rest);
	else if (str_eq(word, STR("close"))) {
		if (p->stream != NULL)
			stream_close(p->stream);
		p->stream = NULL;
	} else
		fail(p, "a line of a dialogue: %.*s", STR_ARG(word));
}

static void
play_line(struct play *p, struct str line, bool *is_first)
{
	struct str rest = line, word;

	if (!str_take_word(&rest, &word) || word.at[0] == '#')
		return;
	rest = str_from(line, (size_t)(word.at - line.at) + word.len);
	rest = str_from(rest, rest.len > 0 ? 1 : 0);	/* one blank; more of them are meant */
	if (*is_first && !str_eq(word, STR("connect")) && !str_eq(word, STR("S:")) && !str_eq(word, STR("...")) &&
	    !str_eq(word, STR("silent")))
		open_as_usual(p);
	*is_first = false;
	if (p->has_failed)
		return;
	if (str_eq(word, STR("C:"))) {
		say_line(p, rest);
	} else if (str_eq(word, STR("S:"))) {
		send_unsent(p);
		hear_reply(p, rest);
	} else {
		play_word(p, word, str_trim(rest));
	}
}

bool
talk_play_text(const struct talk *talk, const char *name, struct str text)
{
	struct play p = { .talk = talk, .name = name };
	bool is_first = true;
	struct str line;

	buf_init(&p.unsent, SENT_MAX_BYTES);
	buf_init(&p.reply, REPLY_MAX_BYTES);
	buf_init(&p.why, REPLY_MAX_BYTES);
	buf_init(&p.shown, 4 * SHOWN_MAX_BYTES + 10);
	while (!p.has_failed && str_take_until(&text, '\n', &line)) {
		p.line++;
		play_line(&p, line, &is_first);
	}
	if (!p.has_failed)
		send_unsent(&p);
	if (p.stream != NULL)
		stream_close(p.stream);
	buf_fini(&p.unsent);
	buf_fini(&p.reply);
	buf_fini(&p.why);
	buf_fini(&p.shown);
	return !p.has_failed;
}

bool
talk_play(const struct talk *talk, const char *path)
{
	struct buf text;
	bool has_held;

	buf_init(&text, FILE_MAX_BYTES);
	if (!talk_read_file(path, &text)) {
		expect_true(false, "the dialogue can be read", path, 0);
		buf_fini(&text);
		return false;
	}
	has_held = talk_play_text(talk, path, buf_str(&text));
	buf_fini(&text);
	return has_held;
}
