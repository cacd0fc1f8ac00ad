/*
 * dns_wire.h - the pieces of a DNS packet: numbers, names, records; for dns.c, and names for who asks
 *
 * Each read_ returns false when the packet ends too soon or is malformed.  Names are in
 * wire form, lower case and uncompressed, so that no byte in a label can pass for a dot.
 */
#ifndef BASE_DNS_WIRE_H
#define BASE_DNS_WIRE_H

#include "base/arena.h"

enum { DNS_NAME_MAX_BYTES = 255 };	/* on the wire, RFC 1035 2.3.4 */

struct dns_name {			/* labels with their lengths; the root's 0 is left out */
	uint8_t	 bytes[DNS_NAME_MAX_BYTES];
	size_t	 len;
};

struct dns_reader {
	const uint8_t	*packet;
	size_t		 len;
	size_t		 pos;
};

struct dns_wire_record {		/* any record, as it stands in the packet */
	struct dns_name	 owner;
	unsigned	 type, class;
	uint32_t	 ttl_s;
	size_t		 data_start, data_len;
};

bool	dns_read_u16(struct dns_reader *r, unsigned *value_out);
bool	dns_read_u32(struct dns_reader *r, uint32_t *value_out);
bool	dns_read_name(struct dns_reader *r, struct dns_name *name_out);
bool	dns_read_record(struct dns_reader *r, struct dns_wire_record *record_out);

/* Reads the name from offset on that ends a record's data exactly. */
bool	dns_read_last_name(const struct dns_reader *r, const struct dns_wire_record *record, size_t offset,
	    struct dns_name *name_out);

bool	dns_name_eq(const struct dns_name *a, const struct dns_name *b);

/* A name as a question has it: dots part the labels, \DDD is a byte (RFC 1035 5.1); no last dot. */
bool	dns_name_of_text(struct str text, struct dns_name *name_out);

/* And back.  False at the arena's limit. */
bool	dns_name_text(const struct dns_name *name, struct arena *arena, struct str *text_out);

#endif
