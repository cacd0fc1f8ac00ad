/*
 * wire.c - lines and mail data over a stream
 */
#include "base/insist.h"
#include "tests/relay/wire.h"

enum { LINE_MAX_BYTES = 64 * 1024 };

const struct stream_limits wire_limits = { .input_max_bytes = LINE_MAX_BYTES, .output_max_bytes = LINE_MAX_BYTES };

static struct instant
deadline(const struct wire *wire)
{
	return instant_after(loop_now(wire->loop), wire->patience);
}

bool
wire_write(const struct wire *wire, struct str bytes)
{
	return stream_write(wire->stream, bytes, deadline(wire), NULL) == 0 && stream_flush(wire->stream, deadline(wire), NULL) == 0;
}

bool
wire_read_bytes(const struct wire *wire, size_t n_bytes, void *room)
{
	while (stream_input(wire->stream).len < n_bytes)
		if (stream_fill(wire->stream, deadline(wire), NULL) <= 0)
			return false;
	if (n_bytes > 0)
		memcpy(room, stream_input(wire->stream).at, n_bytes);
	stream_take(wire->stream, n_bytes);
	return true;
}

bool
wire_read_line(const struct wire *wire, struct buf *line)
{
	ptrdiff_t end;

	while ((end = str_find_str(stream_input(wire->stream), STR("\r\n"))) < 0)
		if (stream_fill(wire->stream, deadline(wire), NULL) <= 0)
			return false;
	buf_clear(line);
	insist(buf_append(line, str_sub(stream_input(wire->stream), 0, (size_t)end)) == 0);
	stream_take(wire->stream, (size_t)end + 2);
	return true;
}

bool
wire_read_data(const struct wire *wire, struct buf *mail)
{
	struct buf line;
	bool is_whole = false;

	buf_init(&line, LINE_MAX_BYTES);
	while (!is_whole && wire_read_line(wire, &line)) {
		struct str text = buf_str(&line);

		is_whole = str_eq(text, STR("."));
		if (str_starts(text, STR(".")))
			text = str_from(text, 1);
		insist(is_whole || (buf_append(mail, text) == 0 && buf_append(mail, STR("\r\n")) == 0));
	}
	buf_fini(&line);
	return is_whole;
}

bool
wire_read_reply(const struct wire *wire, int *code_out)
{
	return wire_read_reply_line(wire, code_out, NULL);
}

bool
wire_read_reply_line(const struct wire *wire, int *code_out, struct buf *last)
{
	uint64_t code = 0;
	bool is_last = false;
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	while (!is_last && wire_read_line(wire, &line)) {
		insist(line.len >= 4 && str_to_u64(str_sub(buf_str(&line), 0, 3), &code));
		is_last = line.at[3] == ' ';
	}
	if (last != NULL) {
		buf_clear(last);
		insist(!is_last || buf_append(last, buf_str(&line)) == 0);
	}
	buf_fini(&line);
	*code_out = is_last ? (int)code : 0;
	return is_last;
}
