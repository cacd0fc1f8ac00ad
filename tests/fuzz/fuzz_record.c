/*
 * fuzz_record.c - records of the queue with right checksums and any payload: what is read can be written and read again
 */
#include "base/mem.h"
#include "smtpfwd/queue/record.h"
#include "tests/fuzz/fuzz.h"

enum { STAMP = 42, AT_LENGTH = 8, AT_META_LENGTH = 12, AT_TYPE = 16 };	/* offsets: queue/README */

struct round {				/* one record read, and written again */
	const char		*record;
	struct record_header	 header;
	struct arena		 arena;
	struct buf		 again;
};

static int
rewrite_mail(struct round *r)
{
	struct mail_record mail;
	struct fault fault;
	struct str stream;

	if (record_decode_mail(r->record, &r->header, &r->arena, &mail, &fault) != 0)
		return -1;
	insist(mail.envelope.n_recipients > 0 && mail.state.n_recipients == mail.envelope.n_recipients);
	stream = str_n(r->record + record_stream_offset(&r->header, &mail), mail.prefix_bytes + (mail.is_large ? 0 : mail.content_bytes));
	insist(record_encode_mail(&mail, str_sub(stream, 0, mail.prefix_bytes), str_from(stream, mail.prefix_bytes),
	    OUTCOME_TEXT_MAX_BYTES, &r->again) == 0);
	return 0;
}

static int
rewrite_state(struct round *r)
{
	struct mail_state state;
	struct mail_id id;
	struct fault fault;

	if (record_decode_state(r->record, &r->header, &r->arena, &id, &state, &fault) != 0)
		return -1;
	insist(record_encode_state(&id, &state, OUTCOME_TEXT_MAX_BYTES, &r->again) == 0);
	return 0;
}

static int
rewrite_small(struct round *r)
{
	struct skip *skips;
	struct mail_id id;
	struct fault fault;
	uint32_t n;

	if (r->header.type == RECORD_GONE && record_decode_gone(r->record, &r->header, &id, &fault) == 0)
		return record_encode_gone(&id, &r->again);
	if (r->header.type == RECORD_START && record_decode_start(r->record, &r->header, &r->arena, &skips, &n, &fault) == 0)
		return record_encode_start(skips, n, &r->again);
	if (r->header.type == RECORD_END && r->header.length == 0)
		return record_encode_end(&r->again);
	return -1;
}

/* Reads the record and appends it, as we would write it, to again, sealed.  False if it cannot be read. */
static bool
rewrite(const char *record, struct buf *again)
{
	struct round r = { .record = record };
	int result;

	insist(record_read_header(record, STAMP, &r.header) && record_meta_is_whole(record, &r.header));
	arena_init(&r.arena, FUZZ_ROOM_MAX_BYTES);
	buf_init(&r.again, FUZZ_ROOM_MAX_BYTES);
	result = r.header.type == RECORD_MAIL ? rewrite_mail(&r) : r.header.type == RECORD_STATE ? rewrite_state(&r) : rewrite_small(&r);
	insist(record_is_sound(record, NULL) == (result == 0));
	if (result == 0) {
		record_seal(r.again.at, STAMP, r.header.batch, r.header.flags);
		insist(buf_append(again, buf_str(&r.again)) == 0);
	}
	arena_fini(&r.arena);
	buf_fini(&r.again);
	return result == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice, tail;
	struct record_header header;
	struct buf first, second;
	char *record;
	size_t span;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	tail = choice % 5 + 1 == RECORD_MAIL ? fuzz_byte(&f) : 0;
	if (tail > f.rest.len)
		tail = (unsigned)f.rest.len;
	span = (size_t)record_span_bytes((uint32_t)f.rest.len);
	record = mem_new(span);
	memcpy(record, "QfRM", 4);
	for (int i = 0; i < 4; i++) {
		record[AT_LENGTH + i] = (char)(f.rest.len >> 8 * i);
		record[AT_META_LENGTH + i] = (char)((f.rest.len - tail) >> 8 * i);
	}
	record[AT_TYPE] = (char)(choice % 5 + 1);
	if (f.rest.len > 0)
		memcpy(record + RECORD_HEADER_BYTES, f.rest.at, f.rest.len);
	record_seal(record, STAMP, 7, choice & 0x80 ? RECORD_LAST_OF_BATCH : 0);
	buf_init(&first, FUZZ_ROOM_MAX_BYTES);
	buf_init(&second, FUZZ_ROOM_MAX_BYTES);
	insist(record_read_header(record, STAMP, &header) && !record_read_header(record, STAMP + 1, &header));
	if (rewrite(record, &first)) {
		insist(rewrite(first.at, &second));
		insist(str_eq(buf_str(&first), buf_str(&second)));
	}
	buf_fini(&first);
	buf_fini(&second);
	mem_free(record);
	fuzz_end(&f);
	return 0;
}
