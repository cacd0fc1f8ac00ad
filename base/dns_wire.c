/*
 * dns_wire.c - the pieces of a DNS packet, read as if an enemy had written them
 */
#include <stdio.h>

#include "base/dns_wire.h"

enum {
	LABEL_MAX_BYTES = 63,		/* RFC 1035 2.3.4; the two bits above mean a pointer */
	POINTERS_MAX = 127,		/* in one name: as many as it can have labels, more lead nowhere */
};

bool
dns_read_u16(struct dns_reader *r, unsigned *value_out)
{
	if (r->len - r->pos < 2)
		return false;
	*value_out = (unsigned)r->packet[r->pos] << 8 | r->packet[r->pos + 1];
	r->pos += 2;
	return true;
}

bool
dns_read_u32(struct dns_reader *r, uint32_t *value_out)
{
	unsigned high, low;

	if (!dns_read_u16(r, &high) || !dns_read_u16(r, &low))
		return false;
	*value_out = (uint32_t)high << 16 | low;
	return true;
}

static bool
name_add_label(struct dns_name *name, const uint8_t *label, size_t n_bytes)
{
	/* The root's zero counts too. */
	if (name->len + 1 + n_bytes + 1 > DNS_NAME_MAX_BYTES)
		return false;
	name->bytes[name->len++] = (uint8_t)n_bytes;
	for (size_t i = 0; i < n_bytes; i++) {
		uint8_t c = label[i];

		name->bytes[name->len++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
	}
	return true;
}

/*
 * Reads a name that may be compressed.  Each pointer must lead before all that was read of
 * this name so far (RFC 1035 4.1.4: "a prior occurrence"), so that no chain of them is endless; and
 * they are counted: thousands in a row, at each of thousands of records, would hold the loop for seconds.
 */
bool
dns_read_name(struct dns_reader *r, struct dns_name *name_out)
{
	size_t at = r->pos, earliest = r->pos;
	int n_pointers = 0;

	name_out->len = 0;
	for (;;) {
		uint8_t length;

		if (at >= r->len)
			return false;
		length = r->packet[at++];
		if (length == 0)
			break;
		if (length <= LABEL_MAX_BYTES) {
			if (length > r->len - at || !name_add_label(name_out, r->packet + at, length))
				return false;
			at += length;
			continue;
		}
		if ((length & 0xc0) != 0xc0 || at >= r->len)
			return false;
		if (++n_pointers > POINTERS_MAX)
			return false;
		if (n_pointers == 1)
			r->pos = at + 1;
		at = (size_t)(length & 0x3f) << 8 | r->packet[at];
		if (at >= earliest)
			return false;
		earliest = at;
	}
	if (n_pointers == 0)
		r->pos = at;
	return true;
}

bool
dns_name_of_text(struct str text, struct dns_name *name_out)
{
	uint8_t label[LABEL_MAX_BYTES];
	size_t n_label = 0;

	name_out->len = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = (uint8_t)text.at[i];
		uint64_t value;

		if (c == '.') {
			if (n_label == 0 || !name_add_label(name_out, label, n_label))
				return false;
			n_label = 0;
			continue;
		}
		if (c == '\\') {
			if (text.len - i < 4 || !str_to_u64(str_sub(text, i + 1, 3), &value) || value > UINT8_MAX)
				return false;
			c = (uint8_t)value;
			i += 3;
		}
		if (n_label == LABEL_MAX_BYTES)
			return false;
		label[n_label++] = c;
	}
	if (n_label == 0)
		return text.len == 0;		/* the root; a last dot is not wanted */
	return name_add_label(name_out, label, n_label);
}

static bool
is_plain(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Bytes that are not of a host name become \DDD, a dot or backslash in a label too. */
bool
dns_name_text(const struct dns_name *name, struct arena *arena, struct str *text_out)
{
	char room[4 * DNS_NAME_MAX_BYTES + 1];
	size_t n = 0, i = 0;

	while (i < name->len) {
		size_t end = i + 1 + name->bytes[i];

		if (i != 0)
			room[n++] = '.';
		for (i++; i < end; i++) {
			if (is_plain(name->bytes[i]))
				room[n++] = (char)name->bytes[i];
			else
				n += (size_t)snprintf(room + n, sizeof(room) - n, "\\%03u", name->bytes[i]);
		}
	}
	return arena_copy(arena, str_n(room, n), text_out);
}

bool
dns_name_eq(const struct dns_name *a, const struct dns_name *b)
{
	return str_eq(str_n(a->bytes, a->len), str_n(b->bytes, b->len));
}

bool
dns_read_record(struct dns_reader *r, struct dns_wire_record *record_out)
{
	unsigned data_len;

	if (!dns_read_name(r, &record_out->owner) || !dns_read_u16(r, &record_out->type) ||
	    !dns_read_u16(r, &record_out->class) || !dns_read_u32(r, &record_out->ttl_s) || !dns_read_u16(r, &data_len))
		return false;
	if (data_len > r->len - r->pos)
		return false;
	if ((record_out->ttl_s & 0x80000000u) != 0)
		record_out->ttl_s = 0;			/* RFC 2181 8 */
	record_out->data_start = r->pos;
	record_out->data_len = data_len;
	r->pos += data_len;
	return true;
}

bool
dns_read_last_name(const struct dns_reader *r, const struct dns_wire_record *record, size_t offset,
    struct dns_name *name_out)
{
	/* A name may point back to anywhere, but does not go on behind its record. */
	struct dns_reader inner = {
		.packet = r->packet, .len = record->data_start + record->data_len, .pos = record->data_start + offset,
	};

	return offset <= record->data_len && dns_read_name(&inner, name_out) && inner.pos == inner.len;
}
