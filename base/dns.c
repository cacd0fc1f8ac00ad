/*
 * dns.c - the answer to a question, found in a DNS packet that anyone may have written
 *
 * Whether the answer is authentic is not seen here.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/dns.h"
#include "base/dns_wire.h"

enum {
	RECORDS_MAX = 256,		/* the contract's; more hosts or keys than anyone can use */
	CNAMES_MAX = 16,		/* longer chains are loops or jokes; resolvers stop near here too */
	CLASS_IN = 1,
	TYPE_NS = 2,			/* these two only stand in the authority section */
	TYPE_SOA = 6,
	SOA_FIXED_BYTES = 20,		/* five numbers behind two names */
	FLAG_ANSWER = 0x8000,
	FLAG_OPCODE = 0x7800,
	FLAG_TRUNCATED = 0x0200,
	RCODE_NXDOMAIN = 3,
	TLSA_FIXED_BYTES = 3,		/* usage, selector, matching type: RFC 6698 2.1 */
};

struct section {			/* of records */
	size_t		 start;		/* in the packet */
	unsigned	 n_records;
};

/* Goes over a section, so that it is known to be there whole. */
static bool
read_section(struct dns_reader *r, unsigned n_records, struct section *section_out)
{
	struct dns_wire_record record;

	section_out->start = r->pos;
	section_out->n_records = n_records;
	for (unsigned i = 0; i < n_records; i++) {
		if (!dns_read_record(r, &record))
			return false;
	}
	return true;
}

static bool
read_text(const struct dns_reader *r, const struct dns_wire_record *record, struct arena *arena,
    struct str *text_out)
{
	const uint8_t *data = r->packet + record->data_start;
	char *joined;
	size_t n = 0, i = 0;

	if (record->data_len == 0)
		return false;			/* one string at least, RFC 1035 3.3.14 */
	joined = arena_alloc(arena, record->data_len);
	if (joined == NULL)
		return false;
	while (i < record->data_len) {
		size_t length = data[i++];

		if (length > record->data_len - i)
			return false;
		if (length != 0)
			memcpy(joined + n, data + i, length);
		n += length;
		i += length;
	}
	*text_out = str_n(joined, n);
	return true;
}

static bool
read_data(const struct dns_reader *r, const struct dns_wire_record *record, enum dns_type type,
    struct arena *arena, struct dns_record *out)
{
	const uint8_t *data = r->packet + record->data_start;
	struct dns_name name;

	switch (type) {
	case DNS_A:
		if (record->data_len != 4)
			return false;
		out->ip = ip_of_bytes(IP_V4, data);
		return true;
	case DNS_AAAA:
		if (record->data_len != 16)
			return false;
		out->ip = ip_of_bytes(IP_V6, data);
		return true;
	case DNS_MX:
		if (!dns_read_last_name(r, record, 2, &name))
			return false;
		out->preference = (uint16_t)(data[0] << 8 | data[1]);
		return dns_name_text(&name, arena, &out->name);
	case DNS_CNAME:
	case DNS_PTR:
		return dns_read_last_name(r, record, 0, &name) && dns_name_text(&name, arena, &out->name);
	case DNS_TXT:
		return read_text(r, record, arena, &out->text);
	case DNS_TLSA:
		return record->data_len > TLSA_FIXED_BYTES &&
		    arena_copy(arena, str_n(data, record->data_len), &out->text);
	}
	return false;
}

static void __attribute__((format(printf, 2, 3)))
unsettled(struct dns_answer *answer, const char *format, ...)
{
	va_list args;

	*answer = (struct dns_answer){ .result = DNS_UNSETTLED };
	va_start(args, format);
	vsnprintf(answer->why, sizeof(answer->why), format, args);
	va_end(args);
}

/* How many records a name has of a type; the first in *record_out, the least TTL into *ttl_s. */
static int
count_records(const struct dns_reader *packet, const struct section *section, const struct dns_name *name,
    unsigned type, struct dns_wire_record *first_out, uint32_t *ttl_s)
{
	struct dns_reader r = *packet;
	struct dns_wire_record record;
	int n = 0;

	r.pos = section->start;
	for (unsigned i = 0; i < section->n_records && dns_read_record(&r, &record); i++) {
		if (record.class != CLASS_IN || record.type != type || !dns_name_eq(&record.owner, name))
			continue;
		if (n++ == 0)
			*first_out = record;
		if (record.ttl_s < *ttl_s)
			*ttl_s = record.ttl_s;
	}
	return n;
}

/* The records of a name that are of the question's type; the answer's counts are set already. */
static bool
take_records(const struct dns_reader *packet, const struct section *section, const struct dns_name *name,
    enum dns_type type, struct arena *arena, struct dns_answer *answer)
{
	struct dns_reader r = *packet;
	struct dns_wire_record record;
	int n = 0;

	answer->records = arena_array(arena, (size_t)answer->n_records, sizeof(answer->records[0]));
	if (answer->records == NULL)
		return false;
	r.pos = section->start;
	while (n < answer->n_records && dns_read_record(&r, &record)) {
		if (record.class != CLASS_IN || record.type != (unsigned)type || !dns_name_eq(&record.owner, name))
			continue;
		if (!read_data(packet, &record, type, arena, &answer->records[n++]))
			return false;
	}
	return true;
}

/*
 * How long a negative answer holds: the lesser of the SOA's TTL and its last number
 * (RFC 2308 5); 0 without one.  False for a referral, which answers nothing.
 */
static bool
negative_ttl(const struct dns_reader *packet, const struct section *authority, uint32_t *ttl_s_out)
{
	struct dns_reader r = *packet;
	struct dns_wire_record record;
	bool has_ns = false;

	r.pos = authority->start;
	for (unsigned i = 0; i < authority->n_records && dns_read_record(&r, &record); i++) {
		struct dns_reader soa = *packet;
		uint32_t minimum_s;

		has_ns = has_ns || record.type == TYPE_NS;
		if (record.type != TYPE_SOA || record.class != CLASS_IN || record.data_len < SOA_FIXED_BYTES)
			continue;
		soa.pos = record.data_start + record.data_len - 4;
		if (!dns_read_u32(&soa, &minimum_s))
			continue;
		*ttl_s_out = record.ttl_s < minimum_s ? record.ttl_s : minimum_s;
		return true;
	}
	*ttl_s_out = 0;
	return !has_ns;
}

struct packet {				/* as far as it is known to be whole */
	struct dns_reader	 reader;
	unsigned	 rcode;
	struct section	 answer, authority;
};

/* True when the packet is a whole answer to the question; else *answer says what is wrong. */
static bool
open_packet(struct str bytes, const struct dns_question *question, const struct dns_name *wanted,
    struct packet *packet_out, struct dns_answer *answer)
{
	struct dns_reader r = { .packet = (const uint8_t *)bytes.at, .len = bytes.len };
	unsigned id, flags, n_questions, n_answers, n_authority, n_additional, type, class;
	struct dns_name asked;

	if (!dns_read_u16(&r, &id) || !dns_read_u16(&r, &flags) || !dns_read_u16(&r, &n_questions) ||
	    !dns_read_u16(&r, &n_answers) || !dns_read_u16(&r, &n_authority) || !dns_read_u16(&r, &n_additional)) {
		unsettled(answer, "malformed header");
		return false;
	}
	if ((flags & FLAG_ANSWER) == 0 || (flags & FLAG_OPCODE) != 0 || n_questions != 1) {
		unsettled(answer, "not an answer");
		return false;
	}
	if ((flags & FLAG_TRUNCATED) != 0) {
		unsettled(answer, "truncated");
		return false;
	}
	if (!dns_read_name(&r, &asked) || !dns_read_u16(&r, &type) || !dns_read_u16(&r, &class)) {
		unsettled(answer, "malformed question");
		return false;
	}
	if (!dns_name_eq(&asked, wanted) || type != (unsigned)question->type || class != CLASS_IN) {
		unsettled(answer, "the answer to another question");
		return false;
	}
	packet_out->rcode = flags & 15;
	if (!read_section(&r, n_answers, &packet_out->answer) ||
	    !read_section(&r, n_authority, &packet_out->authority)) {
		unsettled(answer, "malformed records");
		return false;
	}
	packet_out->reader = r;
	return true;
}

/* No record: the name is not there, or not with this type, or this was no answer at all. */
static void
read_nothing(const struct packet *packet, uint32_t chain_ttl_s, struct dns_answer *answer)
{
	uint32_t ttl_s;

	if (!negative_ttl(&packet->reader, &packet->authority, &ttl_s) && packet->rcode != RCODE_NXDOMAIN) {
		unsettled(answer, "a referral");
		return;
	}
	answer->result = packet->rcode == RCODE_NXDOMAIN ? DNS_NO_NAME : DNS_NO_DATA;
	answer->ttl_s = ttl_s < chain_ttl_s ? ttl_s : chain_ttl_s;
}

/* From the name along its CNAMEs to the records asked for; the name is then the last one's. */
static void
read_answer(const struct packet *packet, struct dns_name *name, enum dns_type type, struct arena *arena,
    struct dns_answer *answer)
{
	uint32_t ttl_s = UINT32_MAX;
	struct dns_wire_record cname;
	int n_records, n_cnames = 0;

	for (;;) {
		n_records = count_records(&packet->reader, &packet->answer, name, (unsigned)type, &cname, &ttl_s);
		if (n_records != 0 || type == DNS_CNAME)
			break;
		if (count_records(&packet->reader, &packet->answer, name, DNS_CNAME, &cname, &ttl_s) == 0)
			break;
		if (n_cnames++ == CNAMES_MAX) {
			unsettled(answer, "more than %d CNAMEs", CNAMES_MAX);
			return;
		}
		if (!dns_read_last_name(&packet->reader, &cname, 0, name)) {
			unsettled(answer, "malformed CNAME");
			return;
		}
	}
	if (n_records == 0 || packet->rcode == RCODE_NXDOMAIN) {
		read_nothing(packet, ttl_s, answer);
		return;
	}
	answer->result = DNS_FOUND;
	answer->ttl_s = ttl_s;
	answer->n_records = n_records < RECORDS_MAX ? n_records : RECORDS_MAX;
	if (!take_records(&packet->reader, &packet->answer, name, type, arena, answer))
		unsettled(answer, "malformed data, or too much of it");
}

/* RFC 1035 4.1.1 */
static const char *
rcode_text(unsigned rcode)
{
	static const char *const texts[] = { "no error", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED" };

	return rcode < sizeof(texts) / sizeof(texts[0]) ? texts[rcode] : "an unknown rcode";
}

void
dns_read_packet(struct str packet_bytes, const struct dns_question *question, struct arena *arena,
    struct dns_answer *answer_out)
{
	struct packet packet;
	struct dns_name name;

	*answer_out = (struct dns_answer){ .result = DNS_UNSETTLED };
	if (!dns_name_of_text(question->name, &name)) {
		unsettled(answer_out, "the question is not a name");
		return;
	}
	if (!open_packet(packet_bytes, question, &name, &packet, answer_out))
		return;
	if (packet.rcode != 0 && packet.rcode != RCODE_NXDOMAIN) {
		unsettled(answer_out, "%s", rcode_text(packet.rcode));
		return;
	}
	read_answer(&packet, &name, question->type, arena, answer_out);
}
