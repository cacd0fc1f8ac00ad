/*
 * peer.c - a next hop by the letter of a dialogue
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/deliver/peer.h"

enum { TEXT_MAX_BYTES = 16 * 1024 * 1024 };

struct visit {				/* one connection */
	struct peer		*peer;
	struct stream		*stream;
	const char		*dialogue;
	int			 n_recipients;	/* M: of the mail at hand */
	bool			 is_turned_away;
	size_t			 data_bytes;	/* of the mail heard last: the end of peer->heard when that was */
};

static struct instant
patience(const struct visit *v)
{
	return instant_after(loop_now(v->peer->loop), span_s(100000));
}

static bool
complain(struct visit *v, const char *what, struct str got)
{
	buf_printf(&v->peer->complaint, "%s%s \"%.*s\"", v->peer->complaint.len > 0 ? "; " : "", what, STR_ARG(got));
	return false;
}

static bool
say(struct visit *v, struct str text, const char *end)
{
	if (stream_write(v->stream, text, patience(v), NULL) != 0 || stream_write(v->stream, str_of(end), patience(v), NULL) != 0)
		return false;
	return true;
}

/* Up to the separator, which is taken too; false at the end of input. */
static bool
hear_until(struct visit *v, struct str separator, struct buf *out)
{
	for (;;) {
		struct str input = stream_input(v->stream);
		ptrdiff_t at = str_find_str(input, separator);

		if (at >= 0) {
			buf_append(out, str_sub(input, 0, (size_t)at));
			stream_take(v->stream, (size_t)at + separator.len);
			return true;
		}
		if (input.len > 4096) {		/* long mail data: the end may hang over */
			buf_append(out, str_sub(input, 0, input.len - separator.len));
			stream_take(v->stream, input.len - separator.len);
		}
		if (stream_fill(v->stream, patience(v), NULL) <= 0)
			return false;
	}
}

static bool
hear_line(struct visit *v, struct str want)
{
	struct buf line;
	bool is_right = false;

	buf_init(&line, TEXT_MAX_BYTES);
	if (stream_flush(v->stream, patience(v), NULL) != 0 || !hear_until(v, STR("\r\n"), &line))
		complain(v, "the client is gone instead of saying", want);
	else if (!str_starts(buf_str(&line), want))
		complain(v, "the client said", buf_str(&line));
	else
		is_right = true;
	buf_append(&v->peer->heard, buf_str(&line));
	buf_append_char(&v->peer->heard, '\n');
	buf_fini(&line);
	return is_right;
}

static bool
hear_data(struct visit *v)
{
	struct buf data;
	bool is_whole;

	buf_init(&data, TEXT_MAX_BYTES);
	is_whole = stream_flush(v->stream, patience(v), NULL) == 0;
	if (is_whole) {
		/* The dot may be the first line: look for it as if a line end had come before. */
		while (stream_input(v->stream).len < 3 && is_whole)
			is_whole = stream_fill(v->stream, patience(v), NULL) > 0;
		if (is_whole && str_starts(stream_input(v->stream), STR(".\r\n")))
			stream_take(v->stream, 3);
		else
			is_whole = is_whole && hear_until(v, STR("\r\n.\r\n"), &data) && buf_append(&data, STR("\r\n")) == 0;
	}
	if (is_whole) {
		v->peer->n_mails++;
		v->peer->last_mail = os_wall_clock();
		buf_append(&v->peer->heard, buf_str(&data));
		v->data_bytes = data.len;
	}
	buf_fini(&data);
	return is_whole;
}

static bool
hear_bytes(struct visit *v, uint64_t n)
{
	while (stream_input(v->stream).len < n)
		if (stream_fill(v->stream, patience(v), NULL) <= 0)
			return complain(v, "the client is gone before", STR("H:"));
	stream_take(v->stream, n);
	return true;
}

static bool
say_raw(struct visit *v, struct str text)
{
	struct buf bytes;
	size_t i;
	bool went;

	buf_init(&bytes, TEXT_MAX_BYTES);
	for (i = 0; i < text.len; i++) {
		char c = text.at[i], hex[3] = { 0 };

		if (c == '\\' && i + 1 < text.len) {
			c = text.at[++i];
			if (c == 'x' && i + 2 < text.len) {
				memcpy(hex, text.at + i + 1, 2);
				c = (char)strtol(hex, NULL, 16);
				i += 2;
			} else
				c = c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
		}
		buf_append_char(&bytes, c);
	}
	went = say(v, buf_str(&bytes), "");
	buf_fini(&bytes);
	return went;
}

static bool
say_many(struct visit *v, struct str text, const char *end)
{
	struct str count;
	uint64_t n;

	insist(str_take_until(&text, ' ', &count) && str_to_u64(count, &n));
	while (n-- > 0) {
		if (!say(v, text, end))
			return false;
	}
	return true;
}

static bool
say_ehlo(struct visit *v, struct str keywords)
{
	struct str keyword;

	if (!say(v, STR("250-peer.example.com"), "\r\n"))
		return false;
	while (str_take_until(&keywords, ',', &keyword)) {
		if (!say(v, STR("250-"), "") || !say(v, keyword, "\r\n"))
			return false;
	}
	return say(v, STR("250 HELP"), "\r\n");
}

static bool
answer_data(struct visit *v)
{
	struct peer *peer = v->peer;
	int64_t wait_ms;
	struct str data;

	if (!say(v, STR("354 go"), "\r\n") || !hear_data(v))
		return false;
	data = str_from(buf_str(&peer->heard), peer->heard.len - v->data_bytes);
	if (peer->poison != NULL && str_find_str(data, str_of(peer->poison)) >= 0) {
		peer->n_mails--;
		return false;
	}
	wait_ms = data.len >= 1024 * 1024 ? peer->large_wait_ms : peer->reply_wait_ms;
	if (wait_ms > 0)
		fiber_sleep(instant_after(loop_now(peer->loop), span_ms(wait_ms)));
	return say(v, STR("250 2.6.0 taken"), "\r\n");
}

static bool
has(const struct peer *peer, struct str command)
{
	struct str rest = str_of(peer->has), local;
	char said[100];

	while (str_take_until(&rest, ' ', &local)) {
		snprintf(said, sizeof(said), "RCPT TO:<%.*s@", STR_ARG(local));
		if (str_starts(command, str_of(said)))
			return true;
	}
	return false;
}

static bool
answer_rcpt(struct visit *v, struct str command)
{
	const struct peer *peer = v->peer;

	if (peer->bad_rcpt != NULL && str_find_str(command, str_of(peer->bad_rcpt)) >= 0)
		return say(v, str_of(peer->rcpt_reply), "\r\n");
	if (peer->has != NULL && !has(peer, command))
		return say(v, STR("550 5.1.1 no such mailbox here"), "\r\n");
	v->n_recipients++;
	return say(v, STR("250 ok"), "\r\n");
}

static bool
answer(struct visit *v, struct str command, struct str keywords)
{
	if (str_starts(command, STR("EHLO")))
		return say_ehlo(v, keywords);
	if (str_eq(command, STR("DATA")))
		return v->n_recipients > 0 ? answer_data(v) : say(v, STR("554 5.5.1 no valid recipients"), "\r\n");
	if (str_starts(command, STR("RCPT")))
		return answer_rcpt(v, command);
	if (str_starts(command, STR("MAIL")))
		v->n_recipients = 0;
	if (str_starts(command, STR("MAIL")) && v->peer->mail_reply != NULL) {
		v->peer->n_refused++;
		return say(v, str_of(v->peer->mail_reply), "\r\n");
	}
	return say(v, STR("250 ok"), "\r\n");
}

/* A friendly server; false at its end. */
static bool
serve(struct visit *v, struct str keywords)
{
	bool is_on = true;
	struct buf line;

	buf_init(&line, TEXT_MAX_BYTES);
	while (is_on) {
		buf_clear(&line);
		is_on = stream_flush(v->stream, patience(v), NULL) == 0 && hear_until(v, STR("\r\n"), &line);
		if (!is_on)
			break;
		buf_append(&v->peer->heard, buf_str(&line));
		buf_append_char(&v->peer->heard, '\n');
		if (str_eq(buf_str(&line), STR("QUIT"))) {
			v->peer->n_quits++;
			is_on = say(v, STR("221 bye"), "\r\n") && stream_flush(v->stream, patience(v), NULL) != 0;
		} else
			is_on = answer(v, buf_str(&line), keywords);
	}
	buf_fini(&line);
	return false;
}

static bool
expect_silence(struct visit *v)
{
	if (!stream_has_input(v->stream))
		return true;
	return complain(v, "the client spoke too early:", stream_input(v->stream));
}

/* One line of the dialogue; false: it is over. */
static bool
play(struct visit *v, struct str line)
{
	struct str text = str_from(line, line.len > 2 && line.at[2] == ' ' ? 3 : 2);
	uint64_t n;

	switch (line.at[0]) {
	case 'S':
		return line.at[1] == '*' ? say_many(v, text, "\r\n") : say(v, text, "\r\n");
	case 'R':
		return line.at[1] == '*' ? say_many(v, text, "") : say_raw(v, text);
	case 'M':
		return serve(v, text);
	case 'C':
		return hear_line(v, text);
	case 'D':
		return hear_data(v);
	case 'H':
		insist(str_to_u64(text, &n));
		return hear_bytes(v, n);
	case 'W':
		insist(str_to_u64(text, &n));
		return stream_flush(v->stream, patience(v), NULL) == 0 &&
		    fiber_sleep(instant_after(loop_now(v->peer->loop), span_ms((int64_t)n))) == WAKE_TIMED_OUT;
	case 'T':
		return stream_flush(v->stream, patience(v), NULL) == 0 &&
		    stream_tls_accept(v->stream, v->peer->tls, NULL, patience(v), NULL) == 0;
	case 'N':
		return expect_silence(v);
	case 'X':
		stream_flush(v->stream, patience(v), NULL);
		return false;
	}
	insist(!"a line of a dialogue that is none");
	return false;
}

static void
hear_the_end(struct visit *v)
{
	struct buf line;

	buf_init(&line, TEXT_MAX_BYTES);
	if (stream_flush(v->stream, patience(v), NULL) == 0 && hear_until(v, STR("\r\n"), &line)) {
		if (!str_eq(buf_str(&line), STR("QUIT")))
			complain(v, "after the end the client said", buf_str(&line));
		else if (say(v, STR("221 bye"), "\r\n"))
			stream_flush(v->stream, patience(v), NULL);
	}
	buf_fini(&line);
}

static void
converse(void *arg)
{
	struct visit *v = arg;
	struct str rest = str_of(v->dialogue), line;
	bool is_on = true;

	while (is_on && str_take_until(&rest, '\n', &line))
		is_on = play(v, line);
	if (is_on)
		hear_the_end(v);
	stream_close(v->stream);
	v->peer->n_open -= !v->is_turned_away;
	mem_free(v);
}

static void
accept_all(struct watch *watch, unsigned what)
{
	struct peer *peer = (struct peer *)(void *)watch;
	const struct stream_limits limits = { .input_max_bytes = 1 << 20, .output_max_bytes = 1 << 16 };
	int socket;

	(void)what;
	while ((socket = os_accept(peer->listener, NULL, NULL)) >= 0) {
		struct visit *v = mem_new(sizeof(*v));
		int i = peer->n_connections++;

		insist(peer->n_dialogues > 0);
		*v = (struct visit){ .peer = peer };
		v->dialogue = peer->dialogues[i < peer->n_dialogues ? i : peer->n_dialogues - 1];
		v->stream = stream_new(peer->loop, socket, limits, NULL);
		insist(v->stream != NULL);
		v->is_turned_away = peer->is_closed || (peer->open_max > 0 && peer->n_open >= peer->open_max);
		if (v->is_turned_away) {
			v->dialogue = "S: 421 4.3.2 not now\nX:";
			peer->n_turned_away++;
		} else if (++peer->n_open > peer->n_open_most)
			peer->n_open_most = peer->n_open;
		insist(fiber_start(peer->loop, "peer", converse, v) != NULL);
	}
}

void
peer_listen(struct peer *peer)
{
	peer->listener = os_listen(&peer->at, 16);
	insist(peer->listener >= 0);
	peer->watch.notice = accept_all;
	insist(loop_watch(peer->loop, peer->listener, &peer->watch) == 0);
}

void
peer_start(struct peer *peer, struct loop *loop, const struct endpoint *at)
{
	*peer = (struct peer){ .loop = loop, .at = *at };
	buf_init(&peer->heard, TEXT_MAX_BYTES);
	buf_init(&peer->complaint, TEXT_MAX_BYTES);
	peer_listen(peer);
}

void
peer_says(struct peer *peer, const char *dialogue)
{
	insist(peer->n_dialogues < PEER_DIALOGUES_MAX);
	peer->dialogues[peer->n_dialogues++] = dialogue;
}

void
peer_stop(struct peer *peer)
{
	if (peer->listener < 0)
		return;
	loop_unwatch(peer->loop, peer->listener, &peer->watch);
	os_close(peer->listener);
	peer->listener = -1;
}

void
peer_free(struct peer *peer)
{
	peer_stop(peer);
	insist(peer->n_open == 0);
	buf_fini(&peer->heard);
	buf_fini(&peer->complaint);
}
