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

enum {
	RECORD_MAGIC = 0x4d526651,	/* "QfRM" */

	AT_MAGIC = 0, AT_CRC = 4, AT_LENGTH = 8, AT_META_LENGTH = 12, AT_TYPE = 16, AT_FLAGS = 17, AT_ZERO = 18,
	AT_STAMP = 24, AT_BATCH = 32,	/* offsets in the header */

	MAIL_LAYOUT = 1,		/* the version of what stands in a MAIL's meta */
	MAIL_IS_LARGE = 1, MAIL_IS_FROM_TRUSTED = 2, MAIL_IS_REPORT = 4,
	MAIL_IS_UNVERIFIED = 8,
	MAIL_HAS_MORE = 16,		/* facts with tags; the last known */
	STATE_IS_HELD = 1, STATE_IS_WARNED = 2, STATE_IS_REMOVED = 4,
	STATE_LIVES_UNTIL = 8,		/* a time follows */
	STATE_IS_BOUNCED = 16,		/* the last known */
	STEP_MASK = 3, HAS_OUTCOME = 4, HAS_TRIES = 8, HAS_DEBT = 16, HAS_LAST_TRY = 32,	/* a recipient's first octet */
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
	octets_store(out->at + at + AT_MAGIC, RECORD_MAGIC, 4);
	octets_store(out->at + at + AT_LENGTH, payload, 4);
	octets_store(out->at + at + AT_META_LENGTH, meta_end - at - RECORD_HEADER_BYTES, 4);
	octets_store(out->at + at + AT_TYPE, type, 1);
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

/* --- states --- */

static int
encode_outcome(const struct outcome *outcome, size_t text_max_bytes, struct buf *out)
{
	return octets_put(out, outcome->kind, 1) | octets_put(out, (uint64_t)outcome->reply.code, 2) |
	    octets_put(out, outcome->reply.status.class, 1) | octets_put(out, outcome->reply.status.subject, 2) |
	    octets_put(out, outcome->reply.status.detail, 2) | octets_put(out, outcome->status.class, 1) |
	    octets_put(out, outcome->status.subject, 2) | octets_put(out, outcome->status.detail, 2) |
	    octets_put_text(out, str_sub(outcome->reply.text, 0, text_max_bytes)) |
	    octets_put_text(out, str_sub(outcome->remote_mta, 0, text_max_bytes == 0 ? 0 : OUTCOME_REMOTE_MAX_BYTES)) |
	    octets_put_text(out, str_sub(outcome->text, 0, text_max_bytes));
}

static int
encode_recipient_state(const struct recipient_state *r, size_t text_max_bytes, struct buf *out)
{
	/* Of one that is done and owes nothing nobody asks any more: a broadcast's state stays small. */
	bool is_over = r->step == RECIPIENT_DONE && (r->owed & ~r->paid) == 0;
	bool has_outcome = r->has_outcome && !is_over;
	bool has_tries = (r->n_tries != 0 || r->next_try.us != 0) && !is_over, has_debt = (r->owed | r->paid) != 0;
	bool has_last_try = r->last_try.us != 0 && !is_over;
	int failed;

	failed = octets_put(out, (unsigned)r->step | (has_outcome ? HAS_OUTCOME : 0) | (has_tries ? HAS_TRIES : 0) |
	    (has_debt ? HAS_DEBT : 0) | (has_last_try ? HAS_LAST_TRY : 0), 1);
	if (has_tries)
		failed |= octets_put(out, r->n_tries, 4) | octets_put(out, (uint64_t)r->next_try.us, 8);
	if (has_last_try)
		failed |= octets_put(out, (uint64_t)r->last_try.us, 8);
	if (has_debt)
		failed |= octets_put(out, r->owed, 1) | octets_put(out, r->paid, 1);
	if (has_outcome)
		failed |= encode_outcome(&r->outcome, text_max_bytes, out);
	return failed;
}

static int
encode_state(const struct mail_state *state, size_t text_max_bytes, struct buf *out)
{
	int failed;

	failed = octets_put(out, state->version, 4) | octets_put(out, (state->is_held ? STATE_IS_HELD : 0) |
	    (state->is_warned ? STATE_IS_WARNED : 0) | (state->is_removed ? STATE_IS_REMOVED : 0) |
	    (state->lives_until.us != 0 ? STATE_LIVES_UNTIL : 0) | (state->is_bounced ? STATE_IS_BOUNCED : 0), 1) |
	    octets_put(out, (uint64_t)state->n_recipients, 4);
	if (state->lives_until.us != 0)
		failed |= octets_put(out, (uint64_t)state->lives_until.us, 8);
	if (failed != 0 || state->version == 0)		/* as it came in: nothing to tell of recipients */
		return failed;
	for (int i = 0; i < state->n_recipients && failed == 0; i++)
		failed = encode_recipient_state(&state->recipients[i], text_max_bytes, out);
	return failed;
}

static void
decode_outcome(struct octets *o, struct arena *arena, struct outcome *outcome_out)
{
	uint64_t kind = octets_take(o, 1);

	if (kind > OUTCOME_FAILED)
		o->is_bad = true;
	outcome_out->kind = (enum outcome_kind)kind;
	outcome_out->reply.code = (int)octets_take(o, 2);
	outcome_out->reply.status.class = (uint8_t)octets_take(o, 1);
	outcome_out->reply.status.subject = (uint16_t)octets_take(o, 2);
	outcome_out->reply.status.detail = (uint16_t)octets_take(o, 2);
	outcome_out->status.class = (uint8_t)octets_take(o, 1);
	outcome_out->status.subject = (uint16_t)octets_take(o, 2);
	outcome_out->status.detail = (uint16_t)octets_take(o, 2);
	outcome_out->reply.text = octets_take_text(o, arena);
	outcome_out->remote_mta = octets_take_text(o, arena);
	outcome_out->text = octets_take_text(o, arena);
	if (outcome_out->reply.code > 599)
		o->is_bad = true;
}

static void
decode_recipient_state(struct octets *o, struct arena *arena, struct recipient_state *r)
{
	uint64_t first = octets_take(o, 1), owed_max = (1 << (REPORT_RELAYED + 1)) - 1;

	if ((first & STEP_MASK) > RECIPIENT_FAILED || first >= 2 * HAS_LAST_TRY)
		o->is_bad = true;
	r->step = (enum recipient_step)(first & STEP_MASK);
	if (first & HAS_TRIES) {
		r->n_tries = (uint32_t)octets_take(o, 4);
		r->next_try.us = (int64_t)octets_take(o, 8);
	}
	if (first & HAS_LAST_TRY)
		r->last_try.us = (int64_t)octets_take(o, 8);
	if (first & HAS_DEBT) {
		r->owed = (unsigned)octets_take(o, 1);
		r->paid = (unsigned)octets_take(o, 1);
		if (r->owed > owed_max || r->paid > owed_max)
			o->is_bad = true;
	}
	r->has_outcome = (first & HAS_OUTCOME) != 0;
	if (r->has_outcome)
		decode_outcome(o, arena, &r->outcome);
}

bool
mail_state_init(struct mail_state *state, int n_recipients, struct arena *arena)
{
	*state = (struct mail_state){ .n_recipients = n_recipients };
	state->recipients = arena_array(arena, (size_t)n_recipients, sizeof(*state->recipients));
	return state->recipients != NULL || n_recipients == 0;
}

static bool
decode_state(struct octets *o, struct arena *arena, struct mail_state *state_out)
{
	uint32_t version = (uint32_t)octets_take(o, 4), flags = (uint32_t)octets_take(o, 1);
	uint64_t n = octets_take(o, 4);

	if (o->is_bad || n > ENVELOPE_RECIPIENTS_MAX || flags >= 2 * STATE_IS_BOUNCED ||
	    !mail_state_init(state_out, (int)n, arena))
		return false;
	state_out->version = version;
	state_out->is_held = (flags & STATE_IS_HELD) != 0;
	state_out->is_warned = (flags & STATE_IS_WARNED) != 0;
	state_out->is_removed = (flags & STATE_IS_REMOVED) != 0;
	state_out->is_bounced = (flags & STATE_IS_BOUNCED) != 0;
	if ((flags & STATE_LIVES_UNTIL) != 0)
		state_out->lives_until.us = (int64_t)octets_take(o, 8);
	if (version == 0)
		return true;
	for (int i = 0; i < state_out->n_recipients && !o->is_bad; i++)
		decode_recipient_state(o, arena, &state_out->recipients[i]);
	return !o->is_bad;
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
	if (octets_put(out, 0, 4) != 0 || encode_state(&m->state, text_max_bytes, out) != 0 || end_part(out, length_at) != 0)
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
	if (!decode_state(&part, arena, &mail_out->state) || !octets_are_used_up(&part) ||
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
	    encode_state(state, text_max_bytes, out) != 0)
		return -1;
	return record_end(out, at, RECORD_STATE, out->len);
}

int
record_decode_state(const char *record, const struct record_header *header, struct arena *arena,
    struct mail_id *id_out, struct mail_state *state_out, struct fault *fault_out)
{
	struct octets o = octets_of(str_n(record + RECORD_HEADER_BYTES, header->meta_length));
	struct str id = octets_take_bytes(&o, sizeof(id_out->bytes));

	if (header->type != RECORD_STATE || o.is_bad || !decode_state(&o, arena, state_out) ||
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
