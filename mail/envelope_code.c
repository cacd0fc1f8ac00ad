/*
 * envelope_code.c - an envelope as bytes to be stored, and back
 *
 * A version byte, then fields: tag, length, that many bytes; numbers are LEB128.  A recipient is
 * a field that holds fields.  Empty and zero values are not written.  A reader skips tags it does
 * not know; the version changes only if skipping them would be wrong.
 */
#include "mail/domain.h"
#include "mail/envelope.h"

enum { VERSION = 1, NUMBER_MAX_BYTES = 10 };

enum tag {				/* never given a new meaning */
	TAG_LOCAL	= 1,		/* of the reverse-path */
	TAG_DOMAIN	= 2,
	TAG_ENVID	= 3,
	TAG_RET		= 4,		/* enum ret */
	TAG_FLAGS	= 5,		/* enum flag */
	TAG_RECIPIENT	= 6,
	TAG_SRS_LOCAL	= 7,		/* of the SRS form; who does not know it sends the reverse-path */
	TAG_SRS_DOMAIN	= 8,
	TAG_SRS_WISH	= 9,		/* enum srs_wish; who does not know it does as the way says */
};

enum recipient_tag {
	RECIPIENT_LOCAL	 = 1,
	RECIPIENT_DOMAIN = 2,
	RECIPIENT_ORCPT	 = 3,
	RECIPIENT_NOTIFY = 4,
};

enum flag { FLAG_8BIT = 1, FLAG_SMTPUTF8 = 2, FLAG_SENDER_OURS = 4 };

enum { NOTIFY_ALL = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY };

/* --- writing --- */

static size_t
number_bytes(uint64_t number)
{
	size_t n = 1;

	while (number >>= 7)
		n++;
	return n;
}

static int
put_number(uint64_t number, struct buf *out)
{
	char room[NUMBER_MAX_BYTES];
	size_t n = 0;

	for (; number >= 0x80; number >>= 7)
		room[n++] = (char)(number | 0x80);
	room[n++] = (char)number;
	return buf_append(out, str_n(room, n));
}

static int
put_str(unsigned tag, struct str value, struct buf *out)
{
	if (value.len == 0)
		return 0;
	if (put_number(tag, out) != 0 || put_number(value.len, out) != 0)
		return -1;
	return buf_append(out, value);
}

static int
put_small(unsigned tag, unsigned value, struct buf *out)	/* value < 128: one byte */
{
	char byte = (char)value;

	return value == 0 ? 0 : put_str(tag, str_n(&byte, 1), out);
}

static size_t
str_field_bytes(struct str value)		/* of a tag < 128 */
{
	return value.len == 0 ? 0 : 1 + number_bytes(value.len) + value.len;
}

static int
put_recipient(const struct recipient *r, struct buf *out)
{
	size_t n = str_field_bytes(r->address.local) + str_field_bytes(r->address.domain) +
	    str_field_bytes(r->orcpt) + (r->notify != NOTIFY_UNSET ? 3 : 0);

	if (put_number(TAG_RECIPIENT, out) != 0 || put_number(n, out) != 0 ||
	    put_str(RECIPIENT_LOCAL, r->address.local, out) != 0 ||
	    put_str(RECIPIENT_DOMAIN, r->address.domain, out) != 0 ||
	    put_str(RECIPIENT_ORCPT, r->orcpt, out) != 0)
		return -1;
	return put_small(RECIPIENT_NOTIFY, r->notify, out);
}

int
envelope_encode(const struct envelope *envelope, struct buf *out)
{
	size_t len_before = out->len;
	unsigned flags = (envelope->is_8bit ? FLAG_8BIT : 0) | (envelope->is_smtputf8 ? FLAG_SMTPUTF8 : 0) |
	    (envelope->is_sender_ours ? FLAG_SENDER_OURS : 0);

	if (buf_append_char(out, VERSION) != 0 ||
	    put_str(TAG_LOCAL, envelope->reverse_path.local, out) != 0 ||
	    put_str(TAG_DOMAIN, envelope->reverse_path.domain, out) != 0 ||
	    put_str(TAG_SRS_LOCAL, envelope->srs_path.local, out) != 0 ||
	    put_str(TAG_SRS_DOMAIN, envelope->srs_path.domain, out) != 0 ||
	    put_small(TAG_SRS_WISH, (unsigned)envelope->srs_wish, out) != 0 ||
	    put_str(TAG_ENVID, envelope->envid, out) != 0 ||
	    put_small(TAG_RET, (unsigned)envelope->ret, out) != 0 ||
	    put_small(TAG_FLAGS, flags, out) != 0)
		goto full;
	for (int i = 0; i < envelope->n_recipients; i++) {
		if (put_recipient(&envelope->recipients[i], out) != 0)
			goto full;
	}
	return 0;
full:
	out->len = len_before;
	return -1;
}

/* --- reading --- */

struct field {
	uint64_t	 tag;
	struct str	 value;
};

enum take { TAKE_FIELD, TAKE_END, TAKE_DAMAGED };

static bool
take_number(struct str *rest, uint64_t *number_out)
{
	uint64_t number = 0;

	for (size_t i = 0; i < rest->len && i < NUMBER_MAX_BYTES; i++) {
		unsigned char byte = (unsigned char)rest->at[i];

		if (i == NUMBER_MAX_BYTES - 1 && byte > 1)	/* beyond 64 bits */
			return false;
		number |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (byte < 0x80) {
			*rest = str_from(*rest, i + 1);
			*number_out = number;
			return true;
		}
	}
	return false;
}

static enum take
take_field(struct str *rest, struct field *field_out)
{
	uint64_t n;

	if (rest->len == 0)
		return TAKE_END;
	if (!take_number(rest, &field_out->tag) || !take_number(rest, &n) || n > rest->len)
		return TAKE_DAMAGED;
	field_out->value = str_sub(*rest, 0, (size_t)n);
	*rest = str_from(*rest, (size_t)n);
	return TAKE_FIELD;
}

enum wire_form {
	WIRE_LOCAL,			/* blanks and angle brackets only inside quotes */
	WIRE_DOMAIN,			/* neither */
	WIRE_XTEXT,			/* of a parameter, behind the path: brackets are bytes as others */
};

/*
 * A text that can stand in a command: no controls, and nothing that would end it early.  Not the
 * whole grammar: what was accepted once must be readable even if address.c has become stricter since.
 */
static bool
is_wire_safe(struct str s, size_t max_bytes, enum wire_form form)
{
	bool is_quoted = form == WIRE_LOCAL && s.len > 1 && s.at[0] == '"' && s.at[s.len - 1] == '"';
	bool is_escaped = false;

	if (s.len == 0 || s.len > max_bytes)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c < ' ' || c == 0x7f || (c == ' ' && !is_quoted) ||
		    ((c == '<' || c == '>') && !is_quoted && form != WIRE_XTEXT))
			return false;
		/* The first quote that is not escaped is the last byte, or the rest could be parameters. */
		if (is_quoted && c == '"' && i > 0 && is_escaped == (i + 1 == s.len))
			return false;
		is_escaped = is_quoted && c == '\\' && !is_escaped;
	}
	return true;
}

static bool
set_str(struct str *place, struct str value, size_t max_bytes, enum wire_form form)
{
	if (place->len != 0 || !is_wire_safe(value, max_bytes, form))	/* twice, or bad */
		return false;
	*place = value;
	return true;
}

static bool
set_small(unsigned *place, struct str value, unsigned max)
{
	if (*place != 0 || value.len != 1 || value.at[0] <= 0 || (unsigned)value.at[0] > max)
		return false;
	*place = (unsigned)value.at[0];
	return true;
}

/* Everything points into the bytes. */
static bool
read_recipient(struct str bytes, struct recipient *out)
{
	struct recipient r = { .notify = NOTIFY_UNSET };
	struct field f;
	enum take take;

	while ((take = take_field(&bytes, &f)) == TAKE_FIELD) {
		bool is_good = true;

		if (f.tag == RECIPIENT_LOCAL)
			is_good = set_str(&r.address.local, f.value, ADDRESS_LOCAL_MAX_BYTES, WIRE_LOCAL);
		else if (f.tag == RECIPIENT_DOMAIN)
			is_good = set_str(&r.address.domain, f.value, DOMAIN_MAX_BYTES, WIRE_DOMAIN);
		else if (f.tag == RECIPIENT_ORCPT)
			is_good = set_str(&r.orcpt, f.value, ENVELOPE_ORCPT_MAX_BYTES, WIRE_XTEXT);
		else if (f.tag == RECIPIENT_NOTIFY)
			is_good = set_small(&r.notify, f.value, NOTIFY_ALL);
		if (!is_good)
			return false;
	}
	if ((r.notify & NOTIFY_NEVER) != 0 && r.notify != NOTIFY_NEVER)
		return false;
	*out = r;
	return take == TAKE_END && r.address.local.len > 0 &&
	    (r.address.domain.len > 0 || str_eq_nocase(r.address.local, STR("postmaster")));
}

static bool
read_flags(struct str value, struct envelope *e)	/* unknown bits are skipped as unknown tags are */
{
	if (value.len != 1)
		return false;
	e->is_8bit = (value.at[0] & FLAG_8BIT) != 0;
	e->is_smtputf8 = (value.at[0] & FLAG_SMTPUTF8) != 0;
	e->is_sender_ours = (value.at[0] & FLAG_SENDER_OURS) != 0;
	return true;
}

/* All but the recipients, which are counted and checked. */
static bool
read_fields(struct str bytes, struct envelope *e, int *n_recipients_out)
{
	struct recipient recipient;
	unsigned ret = RET_UNSET, srs_wish = SRS_WISH_NONE;
	struct field f;
	enum take take;
	int n = 0;

	while ((take = take_field(&bytes, &f)) == TAKE_FIELD) {
		bool is_good = true;

		if (f.tag == TAG_LOCAL)
			is_good = set_str(&e->reverse_path.local, f.value, ADDRESS_LOCAL_MAX_BYTES, WIRE_LOCAL);
		else if (f.tag == TAG_DOMAIN)
			is_good = set_str(&e->reverse_path.domain, f.value, DOMAIN_MAX_BYTES, WIRE_DOMAIN);
		else if (f.tag == TAG_SRS_LOCAL)
			is_good = set_str(&e->srs_path.local, f.value, ADDRESS_LOCAL_MAX_BYTES, WIRE_LOCAL);
		else if (f.tag == TAG_SRS_DOMAIN)
			is_good = set_str(&e->srs_path.domain, f.value, DOMAIN_MAX_BYTES, WIRE_DOMAIN);
		else if (f.tag == TAG_ENVID)
			is_good = set_str(&e->envid, f.value, ENVELOPE_ENVID_MAX_BYTES, WIRE_XTEXT);
		else if (f.tag == TAG_RET)
			is_good = set_small(&ret, f.value, RET_HDRS);
		else if (f.tag == TAG_SRS_WISH)
			is_good = set_small(&srs_wish, f.value, SRS_WISH_NEVER);
		else if (f.tag == TAG_FLAGS)
			is_good = read_flags(f.value, e);
		else if (f.tag == TAG_RECIPIENT)
			is_good = ++n <= ENVELOPE_RECIPIENTS_MAX && read_recipient(f.value, &recipient);
		if (!is_good)
			return false;
	}
	e->ret = (enum ret)ret;
	e->srs_wish = (enum srs_wish)srs_wish;
	*n_recipients_out = n;
	return take == TAKE_END && (e->reverse_path.local.len > 0) == (e->reverse_path.domain.len > 0) &&
	    (e->srs_path.local.len > 0) == (e->srs_path.domain.len > 0);
}

int
envelope_decode(struct str bytes, struct arena *arena, struct envelope *envelope_out,
    struct fault *fault_out)
{
	struct envelope found = { .ret = RET_UNSET }, copy;
	struct recipient recipient;
	struct str rest = str_from(bytes, 1);
	struct field f;
	int n;

	if (bytes.len == 0 || bytes.len > ENVELOPE_MAX_BYTES)
		return fault_permanent(fault_out, "envelope of %zu bytes", bytes.len);
	if (bytes.at[0] != VERSION)
		return fault_permanent(fault_out, "envelope of version %d, known is %d",
		    (unsigned char)bytes.at[0], VERSION);
	if (!read_fields(rest, &found, &n))
		return fault_permanent(fault_out, "damaged envelope");
	if (!envelope_copy(&found, false, arena, &copy))
		goto full;
	copy.cap_recipients = n;
	if (n > 0 && (copy.recipients = arena_array(arena, (size_t)n, sizeof(recipient))) == NULL)
		goto full;
	while (take_field(&rest, &f) == TAKE_FIELD) {
		if (f.tag != TAG_RECIPIENT || !read_recipient(f.value, &recipient))
			continue;
		if (!envelope_add_recipient(&copy, &recipient, arena))
			goto full;
	}
	*envelope_out = copy;
	return 0;
full:
	return fault_because(fault_out, FAULT_FULL, "no room for an envelope of %d recipients", n);
}
