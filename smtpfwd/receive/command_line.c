/*
 * command_line.c - command lines off the stream, of limited length and with the right end (RFC 5321 2.3.8)
 */
#include "smtpfwd/receive/command_line.h"
#include "smtpfwd/smtp/limits.h"

enum { COMMAND_SKIPPED_MAX_BYTES = 64 * 1024 };	/* of a line that is too long; then the session ends */

static enum command_line_step
refused(struct session *session, const struct reply *reply)
{
	return session_reply_error(session, reply) == 0 ? COMMAND_LINE_REFUSED : COMMAND_LINE_ENDED;
}

static enum command_line_step
refused_long(struct session *session, size_t max_bytes)
{
	return refused(session, max_bytes > SMTP_COMMAND_LINE_MAX_BYTES ?
	    &REPLY(500, 5, 5, 6, "Authentication exchange line is too long") : &REPLY(500, 5, 5, 2, "Line is too long"));
}

static enum command_line_step
turned_away(struct session *session, const struct reply *reply, const char *why)
{
	session_turn_away(session, "command", reply, why);
	return COMMAND_LINE_ENDED;
}

static enum command_line_step
turned_away_bare(struct session *session)
{
	return turned_away(session, &REPLY(500, 5, 5, 2, "Lines must end in CRLF; closing"), "bare line end");
}

static bool
may_end_bare(const struct session *session)
{
	return session->listener->settings.bare_line_end == BARE_LINE_END_REPAIR;
}

/* Reads over a line that is too long, up to and with its end. */
static enum command_line_step
skip(struct session *session, size_t max_bytes, struct instant deadline)
{
	size_t n_skipped = 0;
	char last = '\0';

	for (;;) {
		struct str input = stream_input(session->stream);
		ptrdiff_t lf = str_find(input, '\n');
		size_t n = lf >= 0 ? (size_t)lf + 1 : input.len;

		if (lf > 0 || (lf < 0 && n > 0))
			last = input.at[lf > 0 ? (size_t)lf - 1 : n - 1];
		stream_take(session->stream, n);
		n_skipped += n;
		if (lf >= 0 && last != '\r' && !may_end_bare(session))
			return turned_away_bare(session);
		if (lf >= 0)
			return refused_long(session, max_bytes);
		if (n_skipped > COMMAND_SKIPPED_MAX_BYTES)
			return turned_away(session, &REPLY(500, 5, 5, 2, "Line is too long"), "a line without end");
		if (session_await_input(session, deadline) != 0)
			return COMMAND_LINE_ENDED;
	}
}

/* A line with its end, complete: copied, taken off, looked at. */
static enum command_line_step
take(struct session *session, size_t max_bytes, struct str whole, struct arena *arena, struct str *line_out)
{
	bool has_crlf = str_ends_nocase(whole, STR("\r\n"));
	struct str line = str_sub(whole, 0, whole.len - (has_crlf ? 2 : 1));
	bool is_kept = whole.len <= max_bytes && arena_copy(arena, line, line_out);

	stream_take(session->stream, whole.len);
	if (!has_crlf && !may_end_bare(session))
		return turned_away_bare(session);
	if (!is_kept)
		return refused_long(session, max_bytes);
	if (str_find(*line_out, '\r') >= 0 || str_find(*line_out, '\0') >= 0)
		return refused(session, &REPLY(500, 5, 5, 2, "A command must not contain CR or NUL"));
	return COMMAND_LINE_READ;
}

enum command_line_step
command_line_read_to(struct session *session, size_t max_bytes, struct arena *arena, struct str *line_out)
{
	struct instant deadline = session_deadline(session, session->listener->settings.command_timeout);
	size_t n_searched = 0;

	for (;;) {
		struct str input = stream_input(session->stream);
		ptrdiff_t lf = str_find(str_from(input, n_searched), '\n');

		if (lf >= 0)
			return take(session, max_bytes, str_sub(input, 0, n_searched + (size_t)lf + 1), arena, line_out);
		if (input.len > max_bytes)
			return skip(session, max_bytes, deadline);
		n_searched = input.len;
		if (session_await_input(session, deadline) != 0)
			return COMMAND_LINE_ENDED;
	}
}

enum command_line_step
command_line_read(struct session *session, struct arena *arena, struct str *line_out)
{
	return command_line_read_to(session, SMTP_COMMAND_LINE_MAX_BYTES, arena, line_out);
}
