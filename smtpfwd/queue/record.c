/*
 * record.c - encodes and decodes the records of the log; the layout is in README
 *
 * What is read is believed only as far as it was checked: every length is bounded by what is
 * there, every enum by its names.
 */
#include "smtpfwd/queue/record.h"

#include "base/code.h"
#include "base/insist.h"
#include "base/octets.h"
#include "smtpfwd/queue/record_facts.h"
#include "smtpfwd/queue/record_state.h"

enum {
	RECORD_MAGIC = 0x4d526651,	/* "QfRM" */

	AT_MAGIC = 0, AT_CRC = 4, AT_LENGTH = 8, AT_META_LENGTH = 12, AT_TYPE = 16, AT_FLAGS = 17, AT_ZERO = 18,
	AT_STAMP = 24, AT_BATCH = 32,	/* offsets in the header */

	MAIL_LAYOUT = 1,		/* the version of what stands in a MAIL's meta */
	MAIL_IS_LARGE = 1, MAIL_IS_FROM_TRUSTED = 2, MAIL_IS_REPORT = 4,
	MAIL_IS_UNVERIFIED = 8,
	MAIL_HAS_MORE = 16,		/* facts with tags; the last known */
};

/* --- the frame around every record --- */

static size_t
record_begin(struct buf *out)
{
	size_t at = out->len;
	char *room = buf_room(out, RECORD_HEADER_BYTES);

	if (room == NULL)
		return SIZE_MAX;
	memset(room, 0, RECORD_HEADER_BYTES);
	buf_added(out, RECORD_HEADER_BYTES);
	return at;
}

static void
store_frame(char *record, enum record_type type, size_t length, size_t meta_length)
{
	octets_store(record + AT_MAGIC, RECORD_MAGIC, 4);
	octets_store(record + AT_LENGTH, length, 4);
	octets_store(record + AT_META_LENGTH, meta_length, 4);
	octets_store(record + AT_TYPE, type, 1);
}

static int
record_end(struct buf *out, size_t at, enum record_type type, size_t meta_end)
{
	size_t payload = out->len - at - RECORD_HEADER_BYTES;
	static const char zeros[RECORD_ALIGN_BYTES] = { 0 };
	int64_t span;

	if (payload > RECORD_MAX_BYTES)
		return -1;
	span = record_span_bytes((uint32_t)payload);
	if (buf_append(out, str_n(zeros, (size_t)span - (out->len - at))) != 0)
		return -1;
	store_frame(out->at + at, type, payload, meta_end - at - RECORD_HEADER_BYTES);
	return 0;
}

static uint32_t
record_crc(const char *record, uint32_t meta_length)
{
	return crc32c(0, record + AT_LENGTH, RECORD_HEADER_BYTES - AT_LENGTH + (size_t)meta_length);
}

void
record_seal(char *record, uint64_t stamp, uint64_t batch, unsigned flags)
{
	octets_store(record + AT_FLAGS, flags, 1);
	octets_store(record + AT_STAMP, stamp, 8);
	octets_store(record + AT_BATCH, batch, 8);
	octets_store(record + AT_CRC, record_crc(record, (uint32_t)octets_load(record + AT_META_LENGTH, 4)), 4);
}

bool
record_read_header(const char *bytes, uint64_t stamp, struct record_header *header_out)
{
	uint64_t type = octets_load(bytes + AT_TYPE, 1), length = octets_load(bytes + AT_LENGTH, 4);
	uint64_t meta_length = octets_load(bytes + AT_META_LENGTH, 4);

	if (octets_load(bytes + AT_MAGIC, 4) != RECORD_MAGIC || octets_load(bytes + AT_STAMP, 8) != stamp ||
	    type < RECORD_START || type > RECORD_END || length > RECORD_MAX_BYTES || meta_length > length ||
	    (type != RECORD_MAIL && meta_length != length) || octets_load(bytes + AT_ZERO, 6) != 0)
		return false;
	*header_out = (struct record_header){
		.type = (enum record_type)type,
		.flags = (unsigned)octets_load(bytes + AT_FLAGS, 1),
		.length = (uint32_t)length,
		.meta_length = (uint32_t)meta_length,
		.stamp = stamp,
		.batch = octets_load(bytes + AT_BATCH, 8),
	};
	return true;
}

bool
record_meta_is_whole(const char *record, const struct record_header *header)
{
	return octets_load(record + AT_CRC, 4) == record_crc(record, header->meta_length);
}

/* --- mails --- */

/*
 * Appends a part whose length is known only behind it.
 */
static int
end_part(struct buf *out, size_t length_at)
{
	octets_store(out->at + length_at, out->len - length_at - 4, 4);
	return 0;
}

static int
encode_payment(const struct payment *pays, struct buf *out)
{
	int failed;

	failed = buf_append(out, str_n(pays->mail.bytes, sizeof(pays->mail.bytes))) | octets_put(out, pays->kind, 1) |
	    octets_put(out, pays->n_recipients, 4);
	for (uint32_t i = 0; i < pays->n_recipients && failed == 0; i++)
		failed = octets_put(out, pays->recipients[i], 4);
	return failed;
}

static int
encode_mail_meta(const struct mail_record *m, size_t text_max_bytes, struct buf *out)
{
	unsigned flags = (m->is_large ? MAIL_IS_LARGE : 0) | (m->facts.is_from_trusted ? MAIL_IS_FROM_TRUSTED : 0) |
	    (m->facts.is_report ? MAIL_IS_REPORT : 0) | (m->facts.is_unverified ? MAIL_IS_UNVERIFIED : 0) |
	    (record_has_more_facts(&m->facts) ? MAIL_HAS_MORE : 0);
	size_t length_at;

	if (octets_put(out, MAIL_LAYOUT, 1) != 0 || octets_put(out, flags, 1) != 0 ||
	    buf_append(out, str_n(m->id.bytes, sizeof(m->id.bytes))) != 0 || octets_put(out, m->prefix_bytes, 4) != 0 ||
	    octets_put(out, (uint64_t)m->content_bytes, 8) != 0 || octets_put(out, m->content_crc, 4) != 0 ||
	    record_put_facts(&m->facts, out) != 0)
		return -1;
	length_at = out->len;
	if (octets_put(out, 0, 4) != 0 || envelope_encode(&m->envelope, out) != 0 || end_part(out, length_at) != 0)
		return -1;
	length_at = out->len;
	if (octets_put(out, 0, 4) != 0 || record_put_state(&m->state, text_max_bytes, out) != 0 || end_part(out, length_at) != 0)
		return -1;
	return encode_payment(&m->pays, out);
}

int
record_encode_mail(const struct mail_record *record, struct str prefix, struct str content, size_t text_max_bytes,
    struct buf *out)
{
	size_t at = record_begin(out), meta_end;

	insist(prefix.len == record->prefix_bytes);
	if (at == SIZE_MAX || encode_mail_meta(record, text_max_bytes, out) != 0 || buf_append(out, prefix) != 0)
		return -1;
	meta_end = out->len;
	return buf_append(out, content) != 0 ? -1 : record_end(out, at, RECORD_MAIL, meta_end);
}

int
record_encode_mail_start(const struct mail_record *record, struct str prefix, size_t text_max_bytes, struct buf *out,
    size_t *n_zeros_out)
{
	size_t at = record_begin(out), meta_bytes, length;

	insist(prefix.len == record->prefix_bytes && !record->is_large);
	if (at == SIZE_MAX || encode_mail_meta(record, text_max_bytes, out) != 0 || buf_append(out, prefix) != 0)
		return -1;
	meta_bytes = out->len - at - RECORD_HEADER_BYTES;
	length = meta_bytes + (size_t)record->content_bytes;
	if (length > RECORD_MAX_BYTES)
		return -1;
	store_frame(out->at + at, RECORD_MAIL, length, meta_bytes);
	*n_zeros_out = (size_t)record_span_bytes((uint32_t)length) - RECORD_HEADER_BYTES - length;
	return 0;
}

static bool
decode_payment(struct octets *o, struct arena *arena, struct payment *pays_out)
{
	struct str id = octets_take_bytes(o, sizeof(pays_out->mail.bytes));
	uint64_t kind = octets_take(o, 1), n = octets_take(o, 4);

	if (o->is_bad || kind > REPORT_RELAYED || n > ENVELOPE_RECIPIENTS_MAX)
		return false;
	memcpy(pays_out->mail.bytes, id.at, sizeof(pays_out->mail.bytes));
	pays_out->kind = (enum report_kind)kind;
	pays_out->n_recipients = (uint32_t)n;
	if (n == 0)
		return true;
	pays_out->recipients = arena_array(arena, (size_t)n, sizeof(*pays_out->recipients));
	if (pays_out->recipients == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++)
		pays_out->recipients[i] = (uint32_t)octets_take(o, 4);
	return !o->is_bad;
}

/* What the numbers say of each other and of the record's length. */
static bool
mail_adds_up(const struct mail_record *m, const struct record_header *header)
{
	int64_t tail = (int64_t)header->length - header->meta_length;

	return m->content_bytes >= 0 && !mail_id_is_none(&m->id) && m->envelope.n_recipients > 0 &&
	    m->state.n_recipients == m->envelope.n_recipients &&
	    tail == (m->is_large ? 0 : m->content_bytes);
}

int
record_decode_mail(const char *record, const struct record_header *header, struct arena *arena,
    struct mail_record *mail_out, struct fault *fault_out)
{
	struct octets o = octets_of(str_n(record + RECORD_HEADER_BYTES, header->meta_length)), part;
	uint64_t layout = octets_take(&o, 1), flags = octets_take(&o, 1);
	struct str id = octets_take_bytes(&o, sizeof(mail_out->id.bytes)), envelope;

	*mail_out = (struct mail_record){ .is_large = (flags & MAIL_IS_LARGE) != 0 };
	if (header->type != RECORD_MAIL || o.is_bad || layout != MAIL_LAYOUT || flags >= 2 * MAIL_HAS_MORE)
		return fault_permanent(fault_out, "not a mail record of a layout that is known");
	memcpy(mail_out->id.bytes, id.at, sizeof(mail_out->id.bytes));
	mail_out->prefix_bytes = (uint32_t)octets_take(&o, 4);
	mail_out->content_bytes = (int64_t)octets_take(&o, 8);
	mail_out->content_crc = (uint32_t)octets_take(&o, 4);
	mail_out->facts.is_from_trusted = (flags & MAIL_IS_FROM_TRUSTED) != 0;
	mail_out->facts.is_report = (flags & MAIL_IS_REPORT) != 0;
	mail_out->facts.is_unverified = (flags & MAIL_IS_UNVERIFIED) != 0;
	record_take_facts(&o, (flags & MAIL_HAS_MORE) != 0, arena, &mail_out->facts);
	envelope = octets_take_bytes(&o, (size_t)octets_take(&o, 4));
	part = octets_of(octets_take_bytes(&o, (size_t)octets_take(&o, 4)));
	if (o.is_bad)
		return fault_permanent(fault_out, "a mail record is cut short");
	if (envelope_decode(envelope, arena, &mail_out->envelope, fault_out) != 0)
		return -1;
	if (!record_take_state(&part, arena, &mail_out->state) || !octets_are_used_up(&part) ||
	    !decode_payment(&o, arena, &mail_out->pays) || octets_take_bytes(&o, mail_out->prefix_bytes).len !=
	    mail_out->prefix_bytes || !octets_are_used_up(&o) ||
	    !mail_adds_up(mail_out, header))
		return fault_permanent(fault_out, "a mail record does not add up");
	return 0;
}

/* --- the small ones --- */

int
record_encode_state(const struct mail_id *id, const struct mail_state *state, size_t text_max_bytes, struct buf *out)
{
	size_t at = record_begin(out);

	if (at == SIZE_MAX || buf_append(out, str_n(id->bytes, sizeof(id->bytes))) != 0 ||
	    record_put_state(state, text_max_bytes, out) != 0)
		return -1;
	return record_end(out, at, RECORD_STATE, out->len);
}

int
record_decode_state(const char *record, const struct record_header *header, struct arena *arena,
    struct mail_id *id_out, struct mail_state *state_out, struct fault *fault_out)
{
	struct octets o = octets_of(str_n(record + RECORD_HEADER_BYTES, header->meta_length));
	struct str id = octets_take_bytes(&o, sizeof(id_out->bytes));

	if (header->type != RECORD_STATE || o.is_bad || !record_take_state(&o, arena, state_out) ||
	    !octets_are_used_up(&o) || state_out->version == 0)
		return fault_permanent(fault_out, "a state record does not add up");
	memcpy(id_out->bytes, id.at, sizeof(id_out->bytes));
	return 0;
}

int
record_encode_gone(const struct mail_id *id, struct buf *out)
{
	size_t at = record_begin(out);

	if (at == SIZE_MAX || buf_append(out, str_n(id->bytes, sizeof(id->bytes))) != 0)
		return -1;
	return record_end(out, at, RECORD_GONE, out->len);
}

int
record_decode_gone(const char *record, const struct record_header *header, struct mail_id *id_out,
    struct fault *fault_out)
{
	if (header->type != RECORD_GONE || header->length != sizeof(id_out->bytes))
		return fault_permanent(fault_out, "a tombstone does not add up");
	memcpy(id_out->bytes, record + RECORD_HEADER_BYTES, sizeof(id_out->bytes));
	return 0;
}

int
record_encode_start(const struct skip *skips, uint32_t n_skips, struct buf *out)
{
	size_t at = record_begin(out);
	int failed = at == SIZE_MAX ? -1 : 0;

	for (uint32_t i = 0; i < n_skips && failed == 0; i++)
		failed = octets_put(out, skips[i].generation, 8) | octets_put(out, (uint64_t)skips[i].from, 8) |
		    octets_put(out, (uint64_t)skips[i].to, 8);
	return failed != 0 ? -1 : record_end(out, at, RECORD_START, out->len);
}

int
record_decode_start(const char *record, const struct record_header *header, struct arena *arena,
    struct skip **skips_out, uint32_t *n_skips_out, struct fault *fault_out)
{
	struct octets o = octets_of(str_n(record + RECORD_HEADER_BYTES, header->meta_length));
	uint32_t n = header->meta_length / (3 * 8);

	*n_skips_out = 0;
	*skips_out = NULL;
	if (header->type != RECORD_START || header->meta_length % (3 * 8) != 0)
		return fault_permanent(fault_out, "a start record does not add up");
	if (n == 0)
		return 0;
	*skips_out = arena_array(arena, n, sizeof(**skips_out));
	if (*skips_out == NULL)
		return fault_temporary(fault_out, "a start record is too long");
	for (uint32_t i = 0; i < n; i++) {
		struct skip *skip = &(*skips_out)[i];

		skip->generation = octets_take(&o, 8);
		skip->from = (int64_t)octets_take(&o, 8);
		skip->to = (int64_t)octets_take(&o, 8);
		if (skip->from < 0 || skip->to < skip->from)
			return fault_permanent(fault_out, "a start record does not add up");
	}
	*n_skips_out = n;
	return 0;
}

int
record_encode_end(struct buf *out)
{
	size_t at = record_begin(out);

	return at == SIZE_MAX ? -1 : record_end(out, at, RECORD_END, out->len);
}

bool
record_mail_id(const char *record, const struct record_header *header, struct mail_id *id_out)
{
	size_t at = RECORD_HEADER_BYTES + (header->type == RECORD_MAIL ? 2 : 0);

	if (header->type == RECORD_START || header->type == RECORD_END ||
	    header->meta_length < at - RECORD_HEADER_BYTES + sizeof(id_out->bytes))
		return false;
	memcpy(id_out->bytes, record + at, sizeof(id_out->bytes));
	return true;
}

bool
record_is_sound(const char *record, struct fault *fault_out)
{
	struct record_header header;
	struct arena arena;
	struct mail_record mail;
	struct mail_state state;
	struct mail_id id;
	struct skip *skips;
	uint32_t n_skips;
	int result = -1;

	if (!record_read_header(record, octets_load(record + AT_STAMP, 8), &header)) {
		(void)fault_permanent(fault_out, "a record's header does not add up");
		return false;
	}
	arena_init(&arena, 16 * (size_t)RECORD_MAX_BYTES);
	switch (header.type) {
	case RECORD_MAIL:
		result = record_decode_mail(record, &header, &arena, &mail, fault_out);
		break;
	case RECORD_STATE:
		result = record_decode_state(record, &header, &arena, &id, &state, fault_out);
		break;
	case RECORD_GONE:
		result = record_decode_gone(record, &header, &id, fault_out);
		break;
	case RECORD_START:
		result = record_decode_start(record, &header, &arena, &skips, &n_skips, fault_out);
		break;
	case RECORD_END:
		result = header.length == 0 ? 0 : fault_permanent(fault_out, "an end record does not add up");
		break;
	}
	arena_fini(&arena);
	return result == 0;
}
