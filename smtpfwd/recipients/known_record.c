/*
 * known_record.c - records made and read
 */
#include "base/code.h"
#include "base/octets.h"
#include "smtpfwd/recipients/known_record.h"

enum {
	LENGTH_BYTES = 2,
	FIXED_BYTES = 1 + 8 + 2 + 2,	/* behind the head */
};

static uint32_t
checksum(struct str length, struct str rest)
{
	return crc32c(crc32c(0, length.at, length.len), rest.at, rest.len);
}

size_t
known_record_bytes(const struct known_record *record)
{
	return KNOWN_RECORD_HEAD_BYTES + FIXED_BYTES + record->relay.len + record->address.len;
}

int
known_record_append(const struct known_record *record, struct buf *out)
{
	size_t n_bytes = known_record_bytes(record);
	char *at;

	if (n_bytes > KNOWN_RECORD_MAX_BYTES || buf_room(out, n_bytes) == NULL)
		return -1;
	at = out->at + out->len;
	(void)octets_put(out, n_bytes - KNOWN_RECORD_HEAD_BYTES, LENGTH_BYTES);
	(void)octets_put(out, 0, 4);
	(void)octets_put(out, (uint64_t)record->known, 1);
	(void)octets_put(out, (uint64_t)record->told.us, 8);
	(void)octets_put_text(out, record->relay);
	(void)octets_put_text(out, record->address);
	octets_store(at + LENGTH_BYTES, checksum(str_n(at, LENGTH_BYTES),
	    str_n(at + KNOWN_RECORD_HEAD_BYTES, n_bytes - KNOWN_RECORD_HEAD_BYTES)), 4);
	return 0;
}

enum known_read
known_record_take(struct str *bytes, struct known_record *record_out)
{
	struct octets head = octets_of(*bytes), rest;
	struct str length = octets_take_bytes(&head, LENGTH_BYTES), body;
	uint32_t sum = (uint32_t)octets_take(&head, 4);
	size_t n_bytes;
	uint64_t known;

	if (head.is_bad)
		return KNOWN_READ_MORE_BYTES;
	n_bytes = (size_t)octets_load(length.at, LENGTH_BYTES);
	if (n_bytes < FIXED_BYTES || n_bytes > KNOWN_RECORD_MAX_BYTES - KNOWN_RECORD_HEAD_BYTES)
		return KNOWN_READ_DAMAGED;
	body = octets_take_bytes(&head, n_bytes);
	if (head.is_bad)
		return KNOWN_READ_MORE_BYTES;
	if (sum != checksum(length, body))
		return KNOWN_READ_DAMAGED;
	rest = octets_of(body);
	known = octets_take(&rest, 1);
	record_out->known = (enum known)known;
	record_out->told.us = (int64_t)octets_take(&rest, 8);
	record_out->relay = octets_take_bytes(&rest, (size_t)octets_take(&rest, 2));
	record_out->address = octets_take_bytes(&rest, (size_t)octets_take(&rest, 2));
	if (!octets_are_used_up(&rest) || known > KNOWN_BAD)
		return KNOWN_READ_DAMAGED;
	*bytes = str_from(*bytes, KNOWN_RECORD_HEAD_BYTES + n_bytes);
	return KNOWN_READ_ONE;
}
