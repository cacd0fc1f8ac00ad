/*
 * reply.c - what an SMTP server says to a command (RFC 5321 4.2)
 */
#include "base/code.h"
#include "base/decimal.h"
#include "mail/reply.h"

enum { REPLY_CODE_BYTES = 3 };

int
reply_append_line(const struct reply *reply, size_t max_bytes, struct buf *out)
{
	size_t len_before = out->len;
	char code[REPLY_CODE_BYTES], room[STATUS_TEXT_MAX];
	struct str rest = reply->text, line;

	decimal_put_padded(code, (uint64_t)reply->code, REPLY_CODE_BYTES);
	if (buf_append(out, str_n(code, sizeof(code))) != 0)
		return -1;
	if (reply->status.class != 0 &&
	    (buf_append_char(out, ' ') != 0 || buf_append(out, status_text(reply->status, room)) != 0))
		goto full;
	while (str_take_until(&rest, '\n', &line)) {
		size_t n = out->len - len_before + 1;

		line = str_trim(line);
		if (line.len == 0 || n >= max_bytes)
			continue;
		if (buf_append_char(out, ' ') != 0 ||
		    escape_append(line, false, max_bytes - n, out) != 0)
			goto full;
	}
	return 0;
full:
	out->len = len_before;
	return -1;
}
