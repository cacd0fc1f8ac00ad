/*
 * test_record.c - records as bytes and back: nothing lost, and damage is seen
 */
#include <stdlib.h>

#include "base/mem.h"
#include "smtpfwd/queue/record.h"
#include "tests/expect.h"

enum { STAMP = 0x1234567890abcdef, ROOM_BYTES = 64 * 1024 };

static struct recipient recipients[2] = {
	{ .address = { .local = STR("b"), .domain = STR("x.example") }, .notify = NOTIFY_DELAY },
	{ .address = { .local = STR("c"), .domain = STR("y.example") }, .orcpt = STR("rfc822;c@z.example") },
};

static struct recipient_state states[2] = {
	{ .step = RECIPIENT_WAITING, .n_tries = 3, .next_try = { 1700000000000000 }, .owed = 2, .has_outcome = true },
	{ .step = RECIPIENT_DONE },
};

static const struct identity identity = {
	.client = { { .family = IP_V6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 } }, 4660 },
	.local = { { .family = IP_V4, .bytes = { 198, 51, 100, 2 } }, 25 },
	.name_state = PEER_NAME_DIFFERS, .name = STR(""), .reverse_name = STR("mx.example.org"),
	.helo = STR("client.example.org\xff"), .is_esmtp = true, .login = STR("alice"),
};

static void
fill(struct mail_record *mail, uint32_t *paid)
{
	states[0].outcome = (struct outcome){
		.kind = OUTCOME_DEFERRED, .reply = REPLY(450, 4, 2, 1, "not\nnow"), .status = STATUS(4, 2, 1),
		.remote_mta = STR("mx.x.example"), .text = STR("in words"),
	};
	paid[0] = 7;
	*mail = (struct mail_record){
		.id = { .bytes = "twelve bytes" },
		.facts = { .arrived = { 1699999999000001 }, .class_name = STR("list"), .client = STR("192.0.2.9"),
		    .listener = STR("mx"), .identity = &identity, .is_report = true, .is_unverified = true,
		    .comes_held = HOLD_BY_CLASS },
		.envelope = { .reverse_path = { .local = STR("a"), .domain = STR("b.example") }, .ret = RET_HDRS,
		    .recipients = recipients, .n_recipients = 2 },
		.state = { .version = 9, .is_held = true, .recipients = states, .n_recipients = 2 },
		.pays = { .mail = { .bytes = "another mail" }, .kind = REPORT_DELAYED, .recipients = paid, .n_recipients = 1 },
		.prefix_bytes = 8, .content_bytes = 11, .content_crc = 42,
	};
}

static void
encode(struct buf *out)
{
	struct mail_record mail;
	uint32_t paid[1];

	fill(&mail, paid);
	buf_init(out, ROOM_BYTES);
	expect_int(record_encode_mail(&mail, STR("prefix\r\n"), STR("the content"), 1000, out), 0);
	record_seal(out->at, STAMP, 5, RECORD_LAST_OF_BATCH);
}

static bool
decode(const char *bytes, struct arena *arena, struct mail_record *mail_out, struct record_header *header_out)
{
	return record_read_header(bytes, STAMP, header_out) && record_meta_is_whole(bytes, header_out) &&
	    record_decode_mail(bytes, header_out, arena, mail_out, NULL) == 0;
}

static void
expect_identity(const struct identity *got, bool is_trusted)
{
	if (!expect(got != NULL))
		return;
	expect(endpoint_eq(&got->client, &identity.client) && endpoint_eq(&got->local, &identity.local));
	expect_int(got->name_state, identity.name_state);
	expect_str(got->name, identity.name);
	expect_str(got->reverse_name, identity.reverse_name);
	expect_str(got->helo, identity.helo);
	expect(got->is_esmtp);
	expect_str(got->login, identity.login);
	expect_int(got->is_trusted, is_trusted);
}

static void
comes_back(void)
{
	struct buf bytes;
	struct arena arena;
	struct mail_record mail;
	struct record_header header;

	test_case("a mail comes back as it was");
	arena_init(&arena, ROOM_BYTES);
	encode(&bytes);
	expect_int((int64_t)bytes.len % RECORD_ALIGN_BYTES, 0);
	if (expect(decode(bytes.at, &arena, &mail, &header))) {
		expect_int((int64_t)header.batch, 5);
		expect_int(header.flags, RECORD_LAST_OF_BATCH);
		expect_int(record_span_bytes(header.length), (int64_t)bytes.len);
		expect_str(mail.facts.class_name, STR("list"));
		expect_int(mail.facts.comes_held, HOLD_BY_CLASS);
		expect(mail.facts.is_report && mail.facts.is_unverified && !mail.facts.is_from_trusted && !mail.is_large);
		expect_int(mail.facts.arrived.us, 1699999999000001);
		expect_identity(mail.facts.identity, mail.facts.is_from_trusted);
		expect_int(mail.envelope.n_recipients, 2);
		expect_int(mail.envelope.recipients[0].notify, NOTIFY_DELAY);
		expect_str(mail.envelope.recipients[1].orcpt, STR("rfc822;c@z.example"));
		expect_int(mail.state.version, 9);
		expect(mail.state.is_held && !mail.state.is_warned);
		expect_int(mail.state.recipients[0].n_tries, 3);
		expect_int(mail.state.recipients[0].next_try.us, 1700000000000000);
		expect_int(mail.state.recipients[0].owed, 2);
		expect_str(mail.state.recipients[0].outcome.reply.text, STR("not\nnow"));
		expect_str(mail.state.recipients[0].outcome.remote_mta, STR("mx.x.example"));
		expect_int(mail.state.recipients[1].step, RECIPIENT_DONE);
		expect_int(mail.pays.kind, REPORT_DELAYED);
		expect_int(mail.pays.recipients[0], 7);
		expect_str(str_n(bytes.at + record_stream_offset(&header, &mail), 19), STR("prefix\r\nthe content"));
	}
	buf_fini(&bytes);
	arena_fini(&arena);
}

/* A mail of one recipient, as written before there were facts with tags; stamp, batch and flags as below. */
static const char old_record[] =
	"\x51\x66\x52\x4d\x38\x33\x30\x44\x87\x00\x00\x00\x7c\x00\x00\x00\x02\x01\x00\x00\x00\x00"
	"\x00\x00\xef\xcd\xab\x90\x78\x56\x34\x12\x05\x00\x00\x00\x00\x00\x00\x00\x01\x02\x74\x77"
	"\x65\x6c\x76\x65\x20\x62\x79\x74\x65\x73\x00\x00\x00\x00\x0b\x00\x00\x00\x00\x00\x00\x00"
	"\x2a\x00\x00\x00\xc1\xfd\x0e\x18\x24\x0a\x06\x00\x04\x00\x6c\x69\x73\x74\x09\x00\x31\x39"
	"\x32\x2e\x30\x2e\x32\x2e\x39\x02\x00\x6d\x78\x1f\x00\x00\x00\x01\x01\x01\x61\x02\x09\x62"
	"\x2e\x65\x78\x61\x6d\x70\x6c\x65\x06\x0e\x01\x01\x62\x02\x09\x78\x2e\x65\x78\x61\x6d\x70"
	"\x6c\x65\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x74\x68\x65\x20\x63\x6f\x6e\x74\x65\x6e\x74\x00";

static void
old_ones_are_read(void)
{
	struct mail_record mail;
	struct record_header header;
	struct arena arena;
	struct buf again;

	test_case("a record from before there were more facts is read, and written the same");
	arena_init(&arena, ROOM_BYTES);
	buf_init(&again, ROOM_BYTES);
	if (expect(decode(old_record, &arena, &mail, &header))) {
		expect(mail.facts.identity == NULL && mail.facts.is_from_trusted && !mail.facts.is_report);
		expect_str(mail.facts.client, STR("192.0.2.9"));
		expect_int(record_encode_mail(&mail, STR(""), STR("the content"), 0, &again), 0);
		record_seal(again.at, STAMP, 5, RECORD_LAST_OF_BATCH);
		expect_str(buf_str(&again), str_n(old_record, sizeof(old_record) - 1));
	}
	buf_fini(&again);
	arena_fini(&arena);
}

/* Turns the octet that stands before a text in the record; the texts are in it once. */
static bool
decode_with_tag(const char *value, size_t n_value, unsigned tag, struct arena *arena, struct mail_record *mail_out)
{
	struct record_header header;
	struct buf bytes;
	ptrdiff_t at;
	bool is_read;

	encode(&bytes);
	at = str_find_str(buf_str(&bytes), str_n(value, n_value));
	expect(at > 3);
	bytes.at[at - 3] = (char)tag;
	record_seal(bytes.at, STAMP, 5, 0);
	is_read = decode(bytes.at, arena, mail_out, &header);
	buf_fini(&bytes);
	return is_read;
}

static void
tags(void)
{
	static const char client[] = "\x34\x12\x20\x01\x0d\xb8";		/* port and address */
	struct mail_record mail;
	struct arena arena;

	arena_init(&arena, ROOM_BYTES);
	test_case("a fact of a tag that nobody knows yet is passed over");
	if (expect(decode_with_tag("alice", 5, 200, &arena, &mail)) && expect(mail.facts.identity != NULL)) {
		expect_str(mail.facts.identity->login, STR(""));
		expect_str(mail.facts.identity->reverse_name, STR("mx.example.org"));
	}
	test_case("without a client there is no identity");
	expect(decode_with_tag(client, sizeof(client) - 1, 201, &arena, &mail) && mail.facts.identity == NULL);
	test_case("a text is no endpoint, no state, no truth");
	expect(!decode_with_tag("alice", 5, 1, &arena, &mail));
	expect(!decode_with_tag("alice", 5, 3, &arena, &mail));
	expect(!decode_with_tag("alice", 5, 7, &arena, &mail));
	arena_fini(&arena);
}

static void
long_texts(void)
{
	char text[400];
	struct identity said = { .helo = str_n(text, sizeof(text)), .login = str_n(text, sizeof(text)), .client = identity.client };
	struct mail_record mail;
	struct record_header header;
	struct arena arena;
	struct buf bytes;
	uint32_t paid[1];

	test_case("a HELO that is too long is cut, a login is left out");
	memset(text, 'x', sizeof(text));
	arena_init(&arena, ROOM_BYTES);
	buf_init(&bytes, ROOM_BYTES);
	fill(&mail, paid);
	mail.facts.identity = &said;
	expect_int(record_encode_mail(&mail, STR("prefix\r\n"), STR("the content"), 1000, &bytes), 0);
	record_seal(bytes.at, STAMP, 5, 0);
	if (expect(decode(bytes.at, &arena, &mail, &header) && mail.facts.identity != NULL)) {
		expect_int((int64_t)mail.facts.identity->helo.len, 255);
		expect_int((int64_t)mail.facts.identity->login.len, 0);
		expect_int(mail.facts.identity->local.ip.family, IP_NONE);
	}
	buf_fini(&bytes);
	arena_fini(&arena);
}

static void
damage_is_seen(void)
{
	struct buf bytes;
	struct record_header header;
	struct mail_record mail;
	int64_t n_unseen = 0, n_meta;

	test_case("any bit that turns over in header or meta is seen");
	encode(&bytes);
	expect(record_read_header(bytes.at, STAMP, &header));
	n_meta = RECORD_HEADER_BYTES + header.meta_length;
	for (int64_t bit = 0; bit < n_meta * 8; bit++) {
		struct arena arena;

		arena_init(&arena, ROOM_BYTES);
		bytes.at[bit / 8] ^= (char)(1 << bit % 8);
		n_unseen += decode(bytes.at, &arena, &mail, &header) ? 1 : 0;
		bytes.at[bit / 8] ^= (char)(1 << bit % 8);
		arena_fini(&arena);
	}
	expect_int(n_unseen, 0);
	expect(!record_read_header(bytes.at, STAMP + 1, &header));	/* of another generation */
	buf_fini(&bytes);
}

/* The checksum says nothing against whoever can compute it. */
static void
hostile_bytes_are_bounded(void)
{
	struct buf bytes;
	struct record_header header;
	struct mail_record mail;
	int64_t n_taken = 0;

	test_case("a record with a right checksum and wrong bytes is refused or makes sense");
	encode(&bytes);
	for (size_t at = RECORD_HEADER_BYTES; at < bytes.len; at++) {
		for (int value = 0; value < 256; value += 51) {
			char was = bytes.at[at];
			struct arena arena;

			arena_init(&arena, ROOM_BYTES);
			bytes.at[at] = (char)value;
			record_seal(bytes.at, STAMP, 5, 0);
			if (decode(bytes.at, &arena, &mail, &header)) {
				n_taken++;
				expect(mail.state.n_recipients == mail.envelope.n_recipients);
			}
			bytes.at[at] = was;
			arena_fini(&arena);
		}
	}
	expect(n_taken > 0);
	buf_fini(&bytes);
}

static void
small_ones(void)
{
	const struct skip skips[2] = { { 3, 4096, INT64_MAX }, { 4, 8192, 9000 } };
	const struct mail_id id = { .bytes = "twelve bytes" };
	struct mail_id got;
	struct skip *skips_got;
	uint32_t n;
	struct buf bytes;
	struct arena arena;
	struct record_header header;

	test_case("tombstones, starts and ends come back");
	arena_init(&arena, ROOM_BYTES);
	buf_init(&bytes, ROOM_BYTES);
	expect_int(record_encode_gone(&id, &bytes), 0);
	record_seal(bytes.at, STAMP, 1, 0);
	expect(record_is_sound(bytes.at, NULL));
	expect(record_read_header(bytes.at, STAMP, &header) && record_decode_gone(bytes.at, &header, &got, NULL) == 0);
	expect(mail_id_eq(&id, &got));
	buf_clear(&bytes);
	expect_int(record_encode_start(skips, 2, &bytes), 0);
	record_seal(bytes.at, STAMP, 1, 0);
	expect(record_read_header(bytes.at, STAMP, &header));
	expect_int(record_decode_start(bytes.at, &header, &arena, &skips_got, &n, NULL), 0);
	expect_int(n, 2);
	expect(skips_got[0].to == INT64_MAX && skips_got[1].from == 8192);
	buf_clear(&bytes);
	expect_int(record_encode_end(&bytes), 0);
	record_seal(bytes.at, STAMP, 1, 0);
	expect(record_is_sound(bytes.at, NULL));
	buf_fini(&bytes);
	arena_fini(&arena);
}

int
main(void)
{
	comes_back();
	old_ones_are_read();
	tags();
	long_texts();
	damage_is_seen();
	hostile_bytes_are_bounded();
	small_ones();
	return test_end();
}
