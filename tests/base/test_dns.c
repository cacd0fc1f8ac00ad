/*
 * test_dns.c - answers in DNS packets, friendly and hostile
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/dns.h"
#include "tests/expect.h"

enum { PACKET_MAX_BYTES = 65535, NS = 2, SOA = 6 };

struct made {				/* a packet in the making */
	struct buf	 bytes;
	struct arena	 arena;
	struct dns_answer answer;
};

static void
put_u16(struct made *m, unsigned value)
{
	buf_append_char(&m->bytes, (char)(value >> 8));
	buf_append_char(&m->bytes, (char)(value & 0xff));
}

/* Labels of a text, with the root's zero. */
static void
put_name(struct made *m, const char *text)
{
	struct str rest = str_of(text), label;

	while (str_take_until(&rest, '.', &label)) {
		buf_append_char(&m->bytes, (char)label.len);
		buf_append(&m->bytes, label);
	}
	buf_append_char(&m->bytes, '\0');
}

static void
put_head(struct made *m, unsigned flags, unsigned n_answers, unsigned n_authority, const char *name, unsigned type)
{
	buf_clear(&m->bytes);
	put_u16(m, 4711);
	put_u16(m, flags);
	put_u16(m, 1);
	put_u16(m, n_answers);
	put_u16(m, n_authority);
	put_u16(m, 0);
	put_name(m, name);
	put_u16(m, type);
	put_u16(m, 1);
}

static void
put_record(struct made *m, const char *name, unsigned type, unsigned ttl_s, struct str data)
{
	put_name(m, name);
	put_u16(m, type);
	put_u16(m, 1);
	put_u16(m, ttl_s >> 16);
	put_u16(m, ttl_s & 0xffff);
	put_u16(m, (unsigned)data.len);
	buf_append(&m->bytes, data);
}

static const struct dns_answer *
read_packet(struct made *m, const char *name, enum dns_type type)
{
	struct dns_question question = { .name = str_of(name), .type = type };
	/* A copy of the exact size, so that a read beyond its end is seen by the sanitizer. */
	size_t n = m->bytes.len;
	char *exact = malloc(n != 0 ? n : 1);

	memcpy(exact, m->bytes.at, n);
	arena_fini(&m->arena);
	dns_read_packet(str_n(exact, n), &question, &m->arena, &m->answer);
	free(exact);
	return &m->answer;
}

static void
expect_unsettled(struct made *m, const char *name, enum dns_type type, const char *why)
{
	const struct dns_answer *answer = read_packet(m, name, type);

	expect_int(answer->result, DNS_UNSETTLED);
	expect_text(answer->why, why);
	expect_int(answer->n_records, 0);
}

static void
test_records(struct made *m)
{
	const struct dns_answer *answer;
	char room[IP_TEXT_MAX];

	test_case("addresses are read, with the least TTL, whatever the case of the name");
	put_head(m, 0x8180, 2, 0, "Mail.Example.ORG", DNS_A);
	put_record(m, "mail.example.org", DNS_A, 300, STR("\xc0\x00\x02\x01"));
	put_record(m, "MAIL.example.org", DNS_A, 60, STR("\xc0\x00\x02\x02"));
	answer = read_packet(m, "mAIL.example.org", DNS_A);
	expect_int(answer->result, DNS_FOUND);
	expect_int(answer->ttl_s, 60);
	if (expect_int(answer->n_records, 2))
		expect_str(ip_text(&answer->records[1].ip, room), STR("192.0.2.2"));
	expect(!answer->is_secure && !answer->is_bogus);

	test_case("IPv6 addresses are read");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_AAAA);
	put_record(m, "a.example", DNS_AAAA, 1, STR("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"));
	answer = read_packet(m, "a.example", DNS_AAAA);
	if (expect_int(answer->n_records, 1))
		expect_str(ip_text(&answer->records[0].ip, room), STR("2001:db8::1"));

	test_case("MX hosts are lower case and may be compressed");
	put_head(m, 0x8180, 3, 0, "example.org", DNS_MX);
	put_record(m, "example.org", DNS_MX, 5, STR("\x00\x0a\x02MX\xc0\x0c"));
	put_record(m, "example.org", DNS_MX, 5, STR("\xff\xff\x01" "b\x07" "Example\x00"));
	put_record(m, "example.org", DNS_MX, 5, STR("\x00\x00\x00"));
	answer = read_packet(m, "example.org", DNS_MX);
	if (expect_int(answer->n_records, 3)) {
		expect_int(answer->records[0].preference, 10);
		expect_str(answer->records[0].name, STR("mx.example.org"));
		expect_int(answer->records[1].preference, 65535);
		expect_str(answer->records[1].name, STR("b.example"));
		expect_str(answer->records[2].name, STR(""));
	}

	test_case("strings of a TXT are joined, and bytes stay bytes");
	put_head(m, 0x8180, 1, 0, "t.example", DNS_TXT);
	put_record(m, "t.example", DNS_TXT, 5, STR("\x06v=spf1\x00\x05 a\0\xff."));
	answer = read_packet(m, "t.example", DNS_TXT);
	if (expect_int(answer->n_records, 1))
		expect_str(answer->records[0].text, STR("v=spf1 a\0\xff."));

	test_case("PTR, CNAME and TLSA are read as asked");
	put_head(m, 0x8180, 1, 0, "1.2.0.192.in-addr.arpa", DNS_PTR);
	put_record(m, "1.2.0.192.in-addr.arpa", DNS_PTR, 5, STR("\x04host\x07" "example\x00"));
	answer = read_packet(m, "1.2.0.192.in-addr.arpa", DNS_PTR);
	if (expect_int(answer->n_records, 1))
		expect_str(answer->records[0].name, STR("host.example"));
	put_head(m, 0x8180, 1, 0, "c.example", DNS_CNAME);
	put_record(m, "c.example", DNS_CNAME, 5, STR("\x01" "d\x00"));
	answer = read_packet(m, "c.example", DNS_CNAME);
	if (expect_int(answer->n_records, 1))
		expect_str(answer->records[0].name, STR("d"));
	put_head(m, 0x8180, 1, 0, "_25._tcp.a.example", DNS_TLSA);
	put_record(m, "_25._tcp.a.example", DNS_TLSA, 5, STR("\x03\x01\x01" "abcd"));
	answer = read_packet(m, "_25._tcp.a.example", DNS_TLSA);
	if (expect_int(answer->n_records, 1))
		expect_str(answer->records[0].text, STR("\x03\x01\x01" "abcd"));

	test_case("records of other names, types and classes are not taken");
	put_head(m, 0x8180, 3, 0, "a.example", DNS_A);
	put_record(m, "b.example", DNS_A, 5, STR("\x01\x02\x03\x04"));
	put_record(m, "a.example", DNS_TXT, 5, STR("\x01\x02"));
	put_record(m, "a.example", DNS_A, 5, STR("\xc0\x00\x02\x01"));
	answer = read_packet(m, "a.example", DNS_A);
	if (expect_int(answer->n_records, 1))
		expect_int(answer->records[0].ip.bytes[0], 0xc0);

	test_case("a TTL with its top bit set is 0");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_A);
	put_record(m, "a.example", DNS_A, 0x80000001, STR("\xc0\x00\x02\x01"));
	expect_int(read_packet(m, "a.example", DNS_A)->ttl_s, 0);

	test_case("at most 256 records are taken");
	put_head(m, 0x8180, 300, 0, "a.example", DNS_A);
	for (int i = 0; i < 300; i++)
		put_record(m, "a.example", DNS_A, 9, STR("\xc0\x00\x02\x01"));
	expect_int(read_packet(m, "a.example", DNS_A)->n_records, 256);
}

static void
test_names(struct made *m)
{
	const struct dns_answer *answer;

	test_case("bytes that are not of a host name are escaped, dots inside a label too");
	put_head(m, 0x8180, 1, 0, "example", DNS_MX);
	put_record(m, "example", DNS_MX, 5, STR("\x00\x01\x05" "a.b\n\\\x02" "-_\x00"));
	answer = read_packet(m, "example", DNS_MX);
	if (expect_int(answer->n_records, 1))
		expect_str(answer->records[0].name, STR("a\\046b\\010\\092.-_"));

	test_case("an escaped question is the name it means");
	put_head(m, 0x8180, 1, 0, "0/25.2.0.192.in-addr.arpa", DNS_PTR);
	put_record(m, "0/25.2.0.192.in-addr.arpa", DNS_PTR, 5, STR("\x01h\x00"));
	expect_int(read_packet(m, "0\\04725.2.0.192.in-addr.arpa", DNS_PTR)->result, DNS_FOUND);
	expect_int(read_packet(m, "0/25.2.0.192.in-addr.arpa", DNS_PTR)->result, DNS_FOUND);

	test_case("what is no name is not asked");
	expect_unsettled(m, "a..example", DNS_A, "the question is not a name");
	expect_unsettled(m, "a.example.", DNS_A, "the question is not a name");
	expect_unsettled(m, "a\\99", DNS_A, "the question is not a name");
	expect_unsettled(m, "a\\256", DNS_A, "the question is not a name");
	expect_unsettled(m, "0123456789012345678901234567890123456789012345678901234567890123.example", DNS_A,
	    "the question is not a name");
}

static void
test_cnames(struct made *m)
{
	const struct dns_answer *answer;

	test_case("CNAMEs are followed in any order, and the least TTL is the chain's");
	put_head(m, 0x8180, 3, 0, "www.example", DNS_A);
	put_record(m, "c.example", DNS_A, 300, STR("\xc0\x00\x02\x07"));
	put_record(m, "b.example", DNS_CNAME, 20, STR("\x01" "C\x07" "example\x00"));
	put_record(m, "www.example", DNS_CNAME, 500, STR("\x01" "b\xc0\x10"));
	answer = read_packet(m, "www.example", DNS_A);
	expect_int(answer->result, DNS_FOUND);
	expect_int(answer->ttl_s, 20);
	expect_int(answer->n_records, 1);

	test_case("a loop of CNAMEs settles nothing");
	put_head(m, 0x8180, 2, 0, "a.example", DNS_A);
	put_record(m, "a.example", DNS_CNAME, 5, STR("\x01" "b\x07" "example\x00"));
	put_record(m, "b.example", DNS_CNAME, 5, STR("\x01" "a\x07" "example\x00"));
	expect_unsettled(m, "a.example", DNS_A, "more than 16 CNAMEs");

	test_case("a chain to a name that is not there is no name");
	put_head(m, 0x8183, 1, 0, "a.example", DNS_A);
	put_record(m, "a.example", DNS_CNAME, 5, STR("\x01" "b\x07" "example\x00"));
	expect_int(read_packet(m, "a.example", DNS_A)->result, DNS_NO_NAME);
}

/* A zone's SOA: names, then serial, refresh, retry, expire and 120 s. */
#define SOA_DATA STR("\x02ns\x00\x02me\x00\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x78")

static void
test_negative(struct made *m)
{
	test_case("no name and no data hold as long as the lesser of the SOA's times");
	put_head(m, 0x8183, 0, 1, "a.example", DNS_A);
	put_record(m, "example", SOA, 3600, SOA_DATA);
	expect_int(read_packet(m, "a.example", DNS_A)->result, DNS_NO_NAME);
	expect_int(m->answer.ttl_s, 120);
	put_head(m, 0x8180, 0, 1, "a.example", DNS_A);
	put_record(m, "example", SOA, 60, SOA_DATA);
	expect_int(read_packet(m, "a.example", DNS_A)->result, DNS_NO_DATA);
	expect_int(m->answer.ttl_s, 60);

	test_case("a negative answer without an SOA does not hold");
	put_head(m, 0x8180, 0, 0, "a.example", DNS_A);
	expect_int(read_packet(m, "a.example", DNS_A)->result, DNS_NO_DATA);
	expect_int(m->answer.ttl_s, 0);

	test_case("a referral settles nothing");
	put_head(m, 0x8180, 0, 1, "a.example", DNS_A);
	put_record(m, "example", NS, 60, STR("\x02ns\x00"));
	expect_unsettled(m, "a.example", DNS_A, "a referral");

	test_case("a server's trouble settles nothing");
	put_head(m, 0x8182, 0, 0, "a.example", DNS_A);
	expect_unsettled(m, "a.example", DNS_A, "SERVFAIL");
	put_head(m, 0x8185, 0, 0, "a.example", DNS_A);
	expect_unsettled(m, "a.example", DNS_A, "REFUSED");
	put_head(m, 0x818b, 0, 0, "a.example", DNS_A);
	expect_unsettled(m, "a.example", DNS_A, "an unknown rcode");
}

/* An A record whose owner is a chain of so many pointers, which stands in a record before it, down to the question's name. */
static const struct dns_answer *
read_chain(struct made *m, unsigned n_pointers)
{
	unsigned at = 12;			/* of the question's name */
	size_t chain_at;

	put_head(m, 0x8180, 2, 0, "a.example", DNS_A);
	put_record(m, "b.example", DNS_TXT, 5, STR_EMPTY);
	chain_at = m->bytes.len;
	for (unsigned i = 1; i < n_pointers; i++) {
		put_u16(m, 0xc000 | at);
		at = (unsigned)m->bytes.len - 2;
	}
	m->bytes.at[chain_at - 2] = (char)((m->bytes.len - chain_at) >> 8);
	m->bytes.at[chain_at - 1] = (char)(m->bytes.len - chain_at);
	put_u16(m, 0xc000 | at);
	buf_append(&m->bytes, STR("\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\x00\x02\x01"));
	return read_packet(m, "a.example", DNS_A);
}

static void
test_hostile(struct made *m)
{
	char label[64];
	struct buf data;

	test_case("127 pointers make a name, more settle nothing");
	expect_int(read_chain(m, 127)->result, DNS_FOUND);
	expect_int(read_chain(m, 128)->result, DNS_UNSETTLED);

	test_case("what is not a whole answer to the question settles nothing");
	put_head(m, 0x0100, 0, 0, "a.example", DNS_A);
	expect_unsettled(m, "a.example", DNS_A, "not an answer");
	put_head(m, 0x8380, 0, 0, "a.example", DNS_A);
	expect_unsettled(m, "a.example", DNS_A, "truncated");
	put_head(m, 0x8180, 0, 0, "b.example", DNS_A);
	expect_unsettled(m, "a.example", DNS_A, "the answer to another question");
	put_head(m, 0x8180, 0, 0, "a.example", DNS_MX);
	expect_unsettled(m, "a.example", DNS_A, "the answer to another question");
	put_head(m, 0x8180, 0, 0, "a.example", DNS_A);
	m->bytes.at[5] = 2;
	expect_unsettled(m, "a.example", DNS_A, "not an answer");

	test_case("counts that lie settle nothing");
	put_head(m, 0x8180, 2, 0, "a.example", DNS_A);
	put_record(m, "a.example", DNS_A, 5, STR("\xc0\x00\x02\x01"));
	expect_unsettled(m, "a.example", DNS_A, "malformed records");
	put_head(m, 0x8180, 0, 65535, "a.example", DNS_A);
	expect_unsettled(m, "a.example", DNS_A, "malformed records");

	test_case("pointers to themselves, forward or behind the end settle nothing");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_A);
	buf_append(&m->bytes, STR("\xc0\x1b\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\x00\x02\x01"));
	expect_unsettled(m, "a.example", DNS_A, "malformed records");
	m->bytes.at[28] = 0x1d;
	expect_unsettled(m, "a.example", DNS_A, "malformed records");
	m->bytes.at[27] = (char)0xff;
	expect_unsettled(m, "a.example", DNS_A, "malformed records");
	m->bytes.at[27] = (char)0x80;			/* a label type that was never defined */
	expect_unsettled(m, "a.example", DNS_A, "malformed records");
	m->bytes.at[27] = (char)0xc0;
	m->bytes.at[28] = 0x0c;				/* and this is the right one */
	expect_int(read_packet(m, "a.example", DNS_A)->result, DNS_FOUND);

	test_case("data of a wrong length settles nothing");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_A);
	put_record(m, "a.example", DNS_A, 5, STR("\xc0\x00\x02"));
	expect_unsettled(m, "a.example", DNS_A, "malformed data, or too much of it");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_TXT);
	put_record(m, "a.example", DNS_TXT, 5, STR("\x05" "abc"));
	expect_unsettled(m, "a.example", DNS_TXT, "malformed data, or too much of it");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_TXT);
	put_record(m, "a.example", DNS_TXT, 5, STR(""));
	expect_unsettled(m, "a.example", DNS_TXT, "malformed data, or too much of it");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_MX);
	put_record(m, "a.example", DNS_MX, 5, STR("\x00"));
	expect_unsettled(m, "a.example", DNS_MX, "malformed data, or too much of it");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_MX);
	put_record(m, "a.example", DNS_MX, 5, STR("\x00\x01\x01" "b\x00junk"));
	expect_unsettled(m, "a.example", DNS_MX, "malformed data, or too much of it");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_CNAME);
	put_record(m, "a.example", DNS_CNAME, 5, STR("\x05" "b"));
	put_record(m, "a.example", DNS_CNAME, 5, STR("\x01" "c\x00"));
	expect_unsettled(m, "a.example", DNS_CNAME, "malformed data, or too much of it");

	test_case("a name of 255 bytes is read, one of 256 is not");
	memset(label, 'x', sizeof(label));
	buf_init(&data, 1000);
	for (int i = 0; i < 3; i++) {
		buf_append_char(&data, 63);
		buf_append(&data, str_n(label, 63));
	}
	buf_append_char(&data, 61);
	buf_append(&data, str_n(label, 61));
	buf_append_char(&data, '\0');
	expect_int((int64_t)data.len, 255);
	put_head(m, 0x8180, 1, 0, "a.example", DNS_PTR);
	put_record(m, "a.example", DNS_PTR, 5, buf_str(&data));
	expect_int(read_packet(m, "a.example", DNS_PTR)->result, DNS_FOUND);
	data.at[192] = 62;
	data.at[254] = 'x';
	buf_append_char(&data, '\0');
	put_head(m, 0x8180, 1, 0, "a.example", DNS_PTR);
	put_record(m, "a.example", DNS_PTR, 5, buf_str(&data));
	expect_unsettled(m, "a.example", DNS_PTR, "malformed data, or too much of it");
	buf_fini(&data);
}

/* Every cut of a packet, and every single wrong byte, must end well; the sanitizer watches. */
static void
test_damage(struct made *m)
{
	struct buf whole;
	bool are_unsettled = true;

	test_case("no cut of a packet is an answer");
	put_head(m, 0x8180, 3, 1, "www.example", DNS_MX);
	put_record(m, "www.example", DNS_CNAME, 500, STR("\x01" "b\xc0\x10"));
	put_record(m, "b.example", DNS_MX, 500, STR("\x00\x0a\x02mx\xc0\x0c"));
	put_record(m, "b.example", DNS_MX, 500, STR("\x00\x14\xc0\x0c"));
	put_record(m, "example", SOA, 60, SOA_DATA);
	expect_int(read_packet(m, "www.example", DNS_MX)->n_records, 2);
	buf_init(&whole, PACKET_MAX_BYTES);
	buf_append(&whole, buf_str(&m->bytes));
	while (m->bytes.len-- != 0)
		are_unsettled = are_unsettled && read_packet(m, "www.example", DNS_MX)->result == DNS_UNSETTLED;
	expect(are_unsettled);

	test_case("no wrong byte in a packet does harm");
	for (size_t i = 0; i < whole.len; i++) {
		for (int byte = 0; byte < 256; byte += 5) {
			buf_clear(&m->bytes);
			buf_append(&m->bytes, buf_str(&whole));
			m->bytes.at[i] = (char)byte;
			read_packet(m, "www.example", DNS_MX);
		}
	}
	expect(true);
	buf_fini(&whole);

	test_case("an answer beyond the arena's limit settles nothing");
	put_head(m, 0x8180, 1, 0, "a.example", DNS_TXT);
	put_record(m, "a.example", DNS_TXT, 5, STR("\x0aten bytes."));
	m->arena.max_bytes = 32;
	expect_unsettled(m, "a.example", DNS_TXT, "malformed data, or too much of it");
}

int
main(void)
{
	struct made m;

	buf_init(&m.bytes, PACKET_MAX_BYTES);
	arena_init(&m.arena, 1 << 20);
	test_records(&m);
	test_names(&m);
	test_cnames(&m);
	test_negative(&m);
	test_hostile(&m);
	test_damage(&m);
	buf_fini(&m.bytes);
	arena_fini(&m.arena);
	return test_end();
}
