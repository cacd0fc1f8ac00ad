/*
 * fuzz_reply.c - a server's replies: pieces make no difference, and what we write reads back
 */
#include "smtpfwd/smtp/limits.h"
#include "smtpfwd/smtp/reply_read.h"
#include "tests/fuzz/fuzz.h"

/* Notes a reply so that two runs can be compared. */
static void
note(const struct reply *reply, struct buf *story)
{
	char room[STATUS_TEXT_MAX];

	insist(buf_printf(story, "%d %.*s %zu ", reply->code, STR_ARG(status_text(reply->status, room)), reply->text.len) == 0);
	insist(buf_append(story, reply->text) == 0);
}

/* Written by us, one line or several, a reply means the same; only bytes that are not ASCII are lost. */
static void
check_written(const struct reply *reply)
{
	struct reply_reader reader;
	struct reply again;
	struct fault fault;
	struct str wire, line;
	struct buf out;

	buf_init(&out, FUZZ_ROOM_MAX_BYTES);
	insist(reply_write(reply, true, &out) == 0);
	wire = buf_str(&out);
	while (str_take_until(&wire, '\n', &line))
		insist(line.len < SMTP_REPLY_LINE_MAX_BYTES && str_is_printable(str_sub(line, 0, line.len - 1)));
	reply_reader_init(&reader);
	wire = buf_str(&out);
	switch (reply_read(&reader, &wire, &again, &fault)) {
	case REPLY_DONE:
		insist(wire.len == 0 && again.code == reply->code);
		/* A text without a status may look like one, once a CR at its end is gone. */
		insist(reply->status.class == 0 || status_eq(again.status, reply->status));
		break;
	case REPLY_MALFORMED:		/* its lines were split, and now they are too many */
		insist(out.len > SMTP_REPLY_READ_TEXT_MAX_BYTES / 2);
		break;
	case REPLY_MORE:
		insist(!"a reply of ours has an end");
	}
	reply_reader_fini(&reader);
	buf_fini(&out);
}

static void
read_all(struct fuzz *f, struct str input, size_t piece_max_bytes, struct buf *story)
{
	struct reply_reader reader;
	enum reply_step step = REPLY_MORE;
	struct reply reply;
	struct fault fault;
	struct str piece;

	reply_reader_init(&reader);
	while (step != REPLY_MALFORMED && fuzz_piece(f, piece_max_bytes, &input, &piece)) {
		while ((step = reply_read(&reader, &piece, &reply, &fault)) == REPLY_DONE) {
			insist(reply.code >= 200 && reply.code <= 599);
			insist(reply.text.len <= SMTP_REPLY_READ_TEXT_MAX_BYTES);
			note(&reply, story);
			check_written(&reply);
		}
	}
	insist(buf_append(story, step == REPLY_MALFORMED ? STR("malformed") : STR("more")) == 0);
	reply_reader_fini(&reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	struct buf whole, pieces;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	buf_init(&whole, FUZZ_ROOM_MAX_BYTES);
	buf_init(&pieces, FUZZ_ROOM_MAX_BYTES);
	read_all(&f, f.rest, SIZE_MAX / 2, &whole);
	read_all(&f, f.rest, 1 + choice % 16, &pieces);
	insist(str_eq(buf_str(&whole), buf_str(&pieces)));
	buf_fini(&whole);
	buf_fini(&pieces);
	fuzz_end(&f);
	return 0;
}
