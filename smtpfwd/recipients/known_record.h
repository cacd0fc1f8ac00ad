/*
 * known_record.h - what is known of one mailbox as bytes in the file, and back with care
 *
 *	2	bytes of all that follows the checksum
 *	4	CRC-32C of those two and of what follows it
 *	1	enum known; KNOWN_NOT: what was known is forgotten
 *	8	when it was told, in us since 1970
 *	2, n	the relay's name
 *	2, n	the address, "local@domain"
 *
 * Numbers are little-endian.  A later record of the same relay and address takes the place of an earlier one.
 */
#ifndef RECIPIENTS_KNOWN_RECORD_H
#define RECIPIENTS_KNOWN_RECORD_H

#include "base/instant.h"
#include "mail/address.h"
#include "smtpfwd/recipients/meaning.h"

enum {
	KNOWN_RELAY_MAX_BYTES = 1024,	/* of a relay's name; one that is longer is not kept */
	KNOWN_RECORD_HEAD_BYTES = 6,
	KNOWN_RECORD_MAX_BYTES = KNOWN_RECORD_HEAD_BYTES + 1 + 8 + 2 + KNOWN_RELAY_MAX_BYTES + 2 + ADDRESS_MAX_BYTES,
};

struct known_record {			/* points into what it was read from */
	enum known		 known;
	struct timestamp	 told;
	struct str		 relay;
	struct str		 address;	/* not looked at */
};

size_t	known_record_bytes(const struct known_record *record);	/* that it takes in a file */

/* 0, or -1 and nothing appended when out is full. */
int	known_record_append(const struct known_record *record, struct buf *out);

enum known_read {
	KNOWN_READ_ONE,
	KNOWN_READ_MORE_BYTES,		/* this is only the beginning of one, or of none */
	KNOWN_READ_DAMAGED,		/* what follows cannot be told either */
};

/* Takes the record at the front of *bytes. */
enum known_read	known_record_take(struct str *bytes, struct known_record *record_out);

#endif
