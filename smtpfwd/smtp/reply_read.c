/*
 * reply_read.c - replies off the wire, from bytes that come in any pieces, and onto it
 */
#include "base/code.h"
#include "base/decimal.h"
#include "smtpfwd/smtp/limits.h"
#include "smtpfwd/smtp/reply_read.h"

enum {
	CODE_BYTES = 3,
	SHOWN_MAX_BYTES = 100,		/* of a malformed line, in a fault */
};

void
reply_reader_init(struct reply_reader *r)
{
	*r = (struct reply_reader){ .code = 0 };
	buf_init(&r->line, SMTP_REPLY_READ_LINE_MAX_BYTES);
	buf_init(&r->text, SMTP_REPLY_READ_TEXT_MAX_BYTES);
}

void
reply_reader_fini(struct reply_reader *r)
{
	buf_fini(&r->line);
	buf_fini(&r->text);
}

static void
start_anew(struct reply_reader *r)
{
	buf_clear(&r->line);
	buf_clear(&r->text);
	r->code = r->n_lines = 0;
	r->status = STATUS_NONE;
	r->is_taken = false;
}

static enum reply_step
malformed(struct fault *fault_out, const char *what, struct str line)
{
	char room[SHOWN_MAX_BYTES + 16];
	struct buf shown = { .at = room, .cap = sizeof(room), .max = sizeof(room) };

	escape_append(line, false, SHOWN_MAX_BYTES, &shown);
	fault_temporary(fault_out, "%s: %.*s", what, STR_ARG(buf_str(&shown)));
	return REPLY_MALFORMED;
}

/* RFC 5321 4.2: the first digit is 2 to 5; more is not asked, so that odd codes still tell their class. */
static bool
take_code(struct str *line, int *code_out)
{
	int code = 0;

	if (line->len < CODE_BYTES || line->at[0] < '2' || line->at[0] > '5')
		return false;
	for (int i = 0; i < CODE_BYTES; i++) {
		if (line->at[i] < '0' || line->at[i] > '9')
			return false;
		code = code * 10 + (line->at[i] - '0');
	}
	*line = str_from(*line, CODE_BYTES);
	*code_out = code;
	return true;
}

/* A status of the code's class leaves the text; another one is just words (RFC 2034 4). */
static void
take_status(struct reply_reader *r, struct str *text)
{
	struct str rest = *text;
	struct status status;

	if (!status_take(&rest, &status) || status.class != r->code / 100)
		return;
	if (r->status.class != 0 && !status_eq(r->status, status))
		return;
	r->status = status;
	*text = rest;
}

/* One line without its line end. */
static enum reply_step
read_line(struct reply_reader *r, struct str line, struct fault *fault_out)
{
	struct str rest = line;
	bool is_last;
	int code;

	if (!take_code(&rest, &code))
		return malformed(fault_out, "malformed reply", line);
	if (rest.len > 0 && rest.at[0] != ' ' && rest.at[0] != '-')
		return malformed(fault_out, "malformed reply", line);
	if (r->n_lines > 0 && code != r->code)
		return malformed(fault_out, "reply of several codes", line);
	if (++r->n_lines > SMTP_REPLY_READ_LINES_MAX)
		return malformed(fault_out, "reply of too many lines", line);
	r->code = code;
	is_last = rest.len == 0 || rest.at[0] == ' ';
	rest = str_from(rest, 1);
	take_status(r, &rest);
	if ((r->n_lines > 1 && buf_append_char(&r->text, '\n') != 0) || buf_append(&r->text, rest) != 0)
		return malformed(fault_out, "reply too long", line);
	return is_last ? REPLY_DONE : REPLY_MORE;
}

/*
 * Takes a line off the input, without its line end, straight from there if it is whole.  1: a
 * line; 0: more is needed; -1: there is no end to it.
 */
static int
take_line(struct reply_reader *r, struct str *input, struct str *line_out)
{
	ptrdiff_t end = str_find(*input, '\n');
	size_t n = end < 0 ? input->len : (size_t)end;

	*line_out = str_sub(*input, 0, n);
	if (r->line.len + n > SMTP_REPLY_READ_LINE_MAX_BYTES)
		return -1;
	if (end < 0 || r->line.len > 0) {
		if (buf_append(&r->line, *line_out) != 0)
			return -1;
		*line_out = buf_str(&r->line);
	}
	*input = str_from(*input, end < 0 ? n : n + 1);
	if (end < 0)
		return 0;
	if (line_out->len > 0 && line_out->at[line_out->len - 1] == '\r')
		line_out->len--;
	return 1;
}

enum reply_step
reply_read(struct reply_reader *r, struct str *input, struct reply *reply_out, struct fault *fault_out)
{
	enum reply_step step = REPLY_MORE;
	struct str line;

	if (r->is_taken)
		start_anew(r);
	while (step == REPLY_MORE && input->len > 0) {
		int taken = take_line(r, input, &line);

		if (taken < 0)
			return malformed(fault_out, "reply line too long", line);
		if (taken > 0) {
			step = read_line(r, line, fault_out);
			buf_clear(&r->line);
		}
	}
	if (step == REPLY_DONE) {
		r->is_taken = true;
		*reply_out = (struct reply){ .code = r->code, .status = r->status, .text = buf_str(&r->text) };
	}
	return step;
}

/* --- writing --- */

/* How much of the text goes on one line: cut at a blank if there is one in its latter half. */
static size_t
line_bytes(struct str text, size_t room)
{
	ptrdiff_t blank;

	if (text.len <= room)
		return text.len;
	blank = str_rfind(str_sub(text, 0, room), ' ');
	return blank > (ptrdiff_t)room / 2 ? (size_t)blank + 1 : room;
}

static int
write_line(struct str prefix, bool is_last, struct str status, struct str text, struct buf *out)
{
	char *room;

	if (buf_append(out, prefix) != 0 || buf_append_char(out, is_last ? ' ' : '-') != 0 ||
	    buf_append(out, status) != 0)
		return -1;
	if (status.len > 0 && text.len > 0 && buf_append_char(out, ' ') != 0)
		return -1;
	room = buf_room(out, text.len + 2);
	if (room == NULL)
		return -1;
	for (size_t i = 0; i < text.len; i++)
		room[i] = text.at[i] < ' ' || text.at[i] > '~' ? '?' : text.at[i];
	memcpy(room + text.len, "\r\n", 2);
	buf_added(out, text.len + 2);
	return 0;
}

int
reply_write(const struct reply *reply, bool with_status, struct buf *out)
{
	char code_room[CODE_BYTES], status_room[STATUS_TEXT_MAX];
	struct str code = str_n(code_room, CODE_BYTES), status = STR_EMPTY, rest = reply->text;
	size_t len_before = out->len, room;

	decimal_put_padded(code_room, (unsigned)reply->code, CODE_BYTES);
	if (with_status && reply->status.class == reply->code / 100)
		status = status_text(reply->status, status_room);
	room = SMTP_REPLY_LINE_MAX_BYTES - (sizeof("250-") - 1) - status.len - 1 - (sizeof("\r\n") - 1);
	while (rest.len > 0 && (rest.at[rest.len - 1] == '\n' || rest.at[rest.len - 1] == '\r'))
		rest.len--;
	for (;;) {
		ptrdiff_t end = str_find(rest, '\n');
		struct str line = end < 0 ? rest : str_sub(rest, 0, (size_t)end);
		size_t n = line_bytes(line, room);
		bool is_last = end < 0 && n == rest.len;

		if (n == line.len && n > 0 && line.at[n - 1] == '\r')
			line.len--;
		if (write_line(code, is_last, status, str_sub(line, 0, n), out) != 0) {
			out->len = len_before;
			return -1;
		}
		if (is_last)
			return 0;
		rest = str_from(rest, end >= 0 && n >= (size_t)end ? (size_t)end + 1 : n);
	}
}
