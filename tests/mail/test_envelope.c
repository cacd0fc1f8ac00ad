/*
 * test_envelope.c - an envelope as bytes and back, also from bytes that are damaged
 */
#include "mail/envelope.h"
#include "tests/expect.h"

static struct str
made(char c, size_t n, struct arena *arena)
{
	char *text = arena_alloc(arena, n);

	memset(text, c, n);
	return str_n(text, n);
}

static void
fill(struct envelope *e, struct arena *arena)
{
	struct recipient r = { .address = { STR("bob"), STR("b.example") }, .notify = NOTIFY_UNSET };

	*e = (struct envelope){ .reverse_path = { STR("\"al ice\""), STR("a.example") },
		.srs_path = { STR("SRS0=HHHH=TT=a.example=al"), STR("fwd.example") }, .is_sender_ours = true, .srs_wish = SRS_WISH_NEVER,
		.envid = STR("QQ314159"), .ret = RET_HDRS, .is_8bit = true, .is_smtputf8 = true };
	expect(envelope_add_recipient(e, &r, arena));
	r = (struct recipient){ .address = { STR("Postmaster"), STR_EMPTY },
		.orcpt = STR("rfc822;Postmaster+40x"), .notify = NOTIFY_SUCCESS | NOTIFY_DELAY };
	expect(envelope_add_recipient(e, &r, arena));
	r = (struct recipient){ .address = { made('l', 255, arena), made('d', 255, arena) },
		.orcpt = made('o', 500, arena), .notify = NOTIFY_NEVER };
	expect(envelope_add_recipient(e, &r, arena));
}

static bool
same(const struct envelope *a, const struct envelope *b)
{
	bool is_same = a->srs_wish == b->srs_wish && address_eq(&a->reverse_path, &b->reverse_path) && address_eq(&a->srs_path, &b->srs_path) &&
	    a->is_sender_ours == b->is_sender_ours && str_eq(a->envid, b->envid) &&
	    a->ret == b->ret && a->is_8bit == b->is_8bit && a->is_smtputf8 == b->is_smtputf8 &&
	    a->n_recipients == b->n_recipients;

	for (int i = 0; is_same && i < a->n_recipients; i++) {
		is_same = address_eq(&a->recipients[i].address, &b->recipients[i].address) &&
		    str_eq(a->recipients[i].orcpt, b->recipients[i].orcpt) &&
		    a->recipients[i].notify == b->recipients[i].notify;
	}
	return is_same;
}

static void
test_round_trip(void)
{
	struct recipient r = { .address = { STR("bob"), STR("b.example") } };
	struct envelope e, got;
	struct arena arena;
	struct fault fault;
	struct buf out;

	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 20);
	test_case("an envelope comes back as it was, from other memory");
	fill(&e, &arena);
	expect_int(envelope_encode(&e, &out), 0);
	expect_int(envelope_decode(buf_str(&out), &arena, &got, &fault), 0);
	memset(out.at, 0, out.len);
	expect(same(&e, &got));

	test_case("xtext keeps its angle brackets (RFC 3461 4)");
	buf_clear(&out);
	e = (struct envelope){ .reverse_path = { STR("al"), STR("a.example") }, .envid = STR("<1@a.example>") };
	r.orcpt = STR("rfc822;<b@b.example>");
	expect(envelope_add_recipient(&e, &r, &arena));
	expect_int(envelope_encode(&e, &out), 0);
	expect_int(envelope_decode(buf_str(&out), &arena, &got, &fault), 0);
	expect(same(&e, &got));

	test_case("so does the least one");
	buf_clear(&out);
	e = (struct envelope){ .ret = RET_UNSET };
	expect_int(envelope_encode(&e, &out), 0);
	expect_int((int64_t)out.len, 1);
	expect_int(envelope_decode(buf_str(&out), &arena, &got, &fault), 0);
	expect(address_is_null(&got.reverse_path) && got.n_recipients == 0);

	test_case("a full buffer is left as it was");
	buf_fini(&out);
	buf_init(&out, 40);
	buf_append(&out, STR("before"));
	fill(&e, &arena);
	expect_int(envelope_encode(&e, &out), -1);
	expect_str(buf_str(&out), STR("before"));
	buf_fini(&out);
	arena_fini(&arena);
}

static void
test_known_bytes(void)
{
	/* version 1; local "a", domain "b.c"; unknown tag 200 of two bytes; a recipient with an unknown field */
	static const char bytes[] = "\x01" "\x01\x01" "a" "\x02\x03" "b.c" "\xc8\x01\x02" "zz"
	    "\x06\x0b" "\x01\x01" "x" "\x02\x01" "y" "\x09\x03" "new";
	struct envelope got;
	struct arena arena;
	struct fault fault;

	arena_init(&arena, 65536);
	test_case("what a later version adds is passed over");
	expect_int(envelope_decode(str_n(bytes, sizeof(bytes) - 1), &arena, &got, &fault), 0);
	expect_str(got.reverse_path.local, STR("a"));
	expect_str(got.reverse_path.domain, STR("b.c"));
	expect_int(got.n_recipients, 1);
	if (got.n_recipients == 1) {
		expect_str(got.recipients[0].address.local, STR("x"));
		expect_str(got.recipients[0].address.domain, STR("y"));
	}
	arena_fini(&arena);
}

static const struct {
	const char	*name;
	struct str	 bytes;
} damaged[] = {
	{ "nothing", { "", 0 } },
	{ "another version", { "\x02", 1 } },
	{ "a tag without a length", { "\x01\x01", 2 } },
	{ "a value that is cut", { "\x01\x01\x05" "ab", 5 } },
	{ "an endless number", { "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12 } },
	{ "a length of 2^64-1", { "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 } },
	{ "a length beyond 64 bits", { "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 12 } },
	{ "a local part without a domain", { "\x01\x01\x01" "a", 4 } },
	{ "a domain without a local part", { "\x01\x02\x01" "a", 4 } },
	{ "a local part twice", { "\x01\x01\x01" "a" "\x01\x01" "a" "\x02\x01" "b", 10 } },
	{ "a line end in the local part", { "\x01\x01\x02" "a\n" "\x02\x01" "b", 8 } },
	{ "one inside of quotes", { "\x01\x01\x03" "\"\r\"" "\x02\x01" "b", 9 } },
	{ "a blank outside of quotes", { "\x01\x01\x03" "a b" "\x02\x01" "b", 9 } },
	{ "a second quoted string in the local part", { "\x01\x01\x07" "\"x\"@y>\"" "\x02\x01" "b", 13 } },
	{ "quotes whose end is escaped", { "\x01\x01\x04" "\"x\\\"" "\x02\x01" "b", 10 } },
	{ "a bracket in the domain", { "\x01\x01\x01" "a" "\x02\x02" "b>", 8 } },
	{ "a NUL in the domain", { "\x01\x01\x01" "a" "\x02\x02" "b\0", 8 } },
	{ "a RET that is none", { "\x01\x04\x01\x03", 4 } },
	{ "a RET of two bytes", { "\x01\x04\x02\x01\x01", 5 } },
	{ "a blank in the envid", { "\x01\x03\x03" "a b", 6 } },
	{ "an empty recipient", { "\x01\x06\x00", 3 } },
	{ "a recipient without a domain", { "\x01\x06\x03\x01\x01" "x", 6 } },
	{ "a recipient whose field is cut", { "\x01\x06\x03\x01\x05" "x", 6 } },
	{ "NEVER with SUCCESS", { "\x01\x06\x09\x01\x01x\x02\x01y\x04\x01\x03", 12 } },
	{ "an unknown NOTIFY", { "\x01\x06\x09\x01\x01x\x02\x01y\x04\x01\x10", 12 } },
};

static void
test_damaged(void)
{
	struct envelope got;
	struct arena arena;
	struct fault fault;

	arena_init(&arena, 65536);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		test_case("refused: %s", damaged[i].name);
		expect_int(envelope_decode(damaged[i].bytes, &arena, &got, &fault), -1);
		expect_int(fault.kind, FAULT_PERMANENT);
	}
	arena_fini(&arena);
}

/* Every single byte changed to some other, and every cut: never a crash, and what is read is safe to send. */
static void
test_every_damage(void)
{
	struct envelope e, got;
	struct arena arena, scratch;
	struct fault fault;
	struct buf out;
	bool is_safe = true;

	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 20);
	test_case("no change of a byte and no cut gets a control character through");
	fill(&e, &arena);
	expect_int(envelope_encode(&e, &out), 0);
	for (size_t i = 0; i < out.len; i++) {
		for (int flip = 1; flip < 256; flip += 2) {
			arena_init(&scratch, 65536);
			out.at[i] = (char)(out.at[i] ^ flip);
			if (envelope_decode(buf_str(&out), &scratch, &got, &fault) == 0) {
				for (int r = 0; r < got.n_recipients; r++) {
					struct str local = got.recipients[r].address.local;

					is_safe = is_safe && local.len > 0 && local.len <= 255 &&
					    str_find(local, '\n') < 0 && str_find(local, '\r') < 0;
				}
			}
			out.at[i] = (char)(out.at[i] ^ flip);
			arena_fini(&scratch);
		}
		arena_init(&scratch, 65536);
		envelope_decode(str_n(out.at, i), &scratch, &got, &fault);
		arena_fini(&scratch);
	}
	expect(is_safe);
	buf_fini(&out);
	arena_fini(&arena);
}

static void
test_many(void)
{
	struct recipient r = { .address = { STR("user"), STR("example.org") } };
	struct envelope e = { .ret = RET_UNSET }, got;
	struct arena arena, small;
	struct fault fault;
	struct buf out;
	bool is_added = true;

	arena_init(&arena, 64 << 20);
	buf_init(&out, 64 << 20);
	test_case("50,000 recipients fit, one more does not");
	for (int i = 0; i < ENVELOPE_RECIPIENTS_MAX; i++)
		is_added = is_added && envelope_add_recipient(&e, &r, &arena);
	expect(is_added);
	expect(!envelope_add_recipient(&e, &r, &arena));
	expect_int(envelope_encode(&e, &out), 0);
	expect_int(envelope_decode(buf_str(&out), &arena, &got, &fault), 0);
	expect(same(&e, &got));
	buf_append(&out, STR("\x06\x06\x01\x01x\x02\x01y"));
	expect_int(envelope_decode(buf_str(&out), &arena, &got, &fault), -1);

	test_case("an arena that is too small is a temporary fault");
	out.len -= 8;
	arena_init(&small, 1000);
	expect_int(envelope_decode(buf_str(&out), &small, &got, &fault), -1);
	expect_int(fault.kind, FAULT_TEMPORARY);
	expect_int(fault.cause, FAULT_FULL);

	test_case("a copy is whole or without recipients");
	expect(envelope_copy(&e, false, &arena, &got));
	expect_int(got.n_recipients, 0);
	expect(envelope_copy(&e, true, &arena, &got) && same(&e, &got));
	expect(!envelope_copy(&e, true, &small, &got));
	arena_fini(&small);
	buf_fini(&out);
	arena_fini(&arena);
}

int
main(void)
{
	test_round_trip();
	test_known_bytes();
	test_damaged();
	test_every_damage();
	test_many();
	return test_end();
}
