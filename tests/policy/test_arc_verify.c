/*
 * test_arc_verify.c - chains under hostile hands: bounds, silence of the DNS, what is asked; and the body not asked for in vain
 *
 * What a chain is found to be, case by case, is in test_arc_suite.c.
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/policy/arc_stage.h"
#include "tests/policy/dkim_vectors.h"

#define MAIL		"From: Joe <joe@football.example.com>\r\nSubject: x\r\n\r\nHi.\r\n"
#define KEYS		"key s1._domainkey.example.org " RFC8463_RSA_RECORD "\n"

enum { ROOM_MAX_BYTES = 8 * 1024 * 1024 };

struct scene {
	struct arc_stage	 stage;
	struct dkim_key		*key;
	struct arc_sealer	*sealer;
	struct arena		 arena;
	struct str		 one, five;	/* mails of so many good sets */
};

static struct str
sealed(struct scene *s, struct str mail, int n)
{
	struct buf out;

	buf_init(&out, ROOM_MAX_BYTES);
	for (int i = 0; i < n; i++) {
		insist(arc_stage_seal(s->sealer, mail, i == 0 ? ARC_NONE : ARC_PASS, STR("relay.example.net; none"), 1000, &out, NULL) == 0);
		insist(arena_copy(&s->arena, buf_str(&out), &mail));
	}
	buf_fini(&out);
	return mail;
}

static void
expect_failure(struct scene *s, struct str mail, const char *reason)
{
	const struct arc_result *result;
	struct arena arena;

	arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
	result = arc_stage_verify(&s->stage, mail, 1000, &arena);
	expect_text(arc_status_word(result->status), "fail");
	expect_str(result->reason, str_of(reason));
	arena_fini(&arena);
}

static struct arc_verification *
begin(struct scene *s, const struct header_section *section, struct arena *arena, struct fault *fault_out)
{
	return arc_verify_begin(&(struct arc_verify_inputs){ .header = section, .resolver = &s->stage.resolver, .deadline = INSTANT_NEVER },
	    arena, fault_out);
}

static void
test_questions(struct scene *s)
{
	const struct arc_result *result;
	struct arena arena;

	test_case("five sets of one key are one question");
	arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
	s->stage.n_asks = s->stage.n_questions = 0;
	result = arc_stage_verify(&s->stage, s->five, 1000, &arena);
	expect_text(arc_status_word(result->status), "pass");
	expect_int(s->stage.n_asks, 1);
	expect_int(s->stage.n_questions, 1);
	test_case("a mail without ARC asks nothing, nor does a chain that is none");
	s->stage.n_asks = 0;
	result = arc_stage_verify(&s->stage, STR(MAIL), 1000, &arena);
	expect_text(arc_status_word(result->status), "none");
	result = arc_stage_verify(&s->stage, STR("ARC-Seal: i=1\r\n" MAIL), 1000, &arena);
	expect_text(arc_status_word(result->status), "fail");
	expect_int(s->stage.n_asks, 0);
	test_case("silence is a failure, said to be one that might pass (RFC 8617 5.2.1)");
	s->stage.is_silent = true;
	result = arc_stage_verify(&s->stage, s->one, 1000, &arena);
	expect_text(arc_status_word(result->status), "fail");
	expect(result->is_temporary);
	expect_str(result->reason, STR("ARC-Message-Signature i=1: key cannot be looked up now"));
	s->stage.is_silent = false;
	arena_fini(&arena);
}

static void
test_body(struct scene *s)
{
	static const struct {
		const char *name;
		const char *top;
		bool wants;
	} rows[] = {
		{ "the body decides of a chain whose signatures are right", "", true },
		{ "not of one that is broken", "Subject: y\r\n", false },
		{ "nor of one that is none", "ARC-Seal: x\r\n", false },
	};
	struct arc_verification *verification;
	struct header_section section;
	struct arena arena;
	struct str mail;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_case("%s", rows[i].name);
		arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
		insist(arena_printf(&s->arena, &mail, "%s%.*s", rows[i].top, STR_ARG(s->five)) && header_read(mail, &arena, &section) == 0);
		verification = begin(s, &section, &arena, NULL);
		insist(verification != NULL);
		expect(arc_verify_wants_body(verification) == rows[i].wants);
		arc_verify_body(verification, STR("Hi."));
		arc_verify_drop(verification);		/* half-way; nothing leaks */
		arena_fini(&arena);
	}
	arc_verify_drop(NULL);
}

/* --- bounds --- */

static void
test_large(struct scene *s)
{
	struct buf mail;

	buf_init(&mail, ROOM_MAX_BYTES);
	test_case("a header of too many bytes is not looked at");
	insist(buf_printf(&mail, "X: %0*d\r\n%.*s", ARC_HEADER_MAX_BYTES, 0, STR_ARG(s->one)) == 0);
	expect_failure(s, buf_str(&mail), "header too large to be checked");
	test_case("nor one of too many fields");
	buf_clear(&mail);
	for (int i = 0; i < ARC_HEADER_FIELDS_MAX; i++)
		insist(buf_printf(&mail, "X: y\r\n") == 0);
	insist(buf_append(&mail, s->one) == 0);
	expect_failure(s, buf_str(&mail), "header too large to be checked");
	test_case("a seal of too many bytes");
	buf_clear(&mail);
	insist(buf_printf(&mail, "ARC-Seal: i=2; x=%0*d\r\n%.*s", ARC_FIELD_MAX_BYTES, 0, STR_ARG(s->one)) == 0);
	expect_failure(s, buf_str(&mail), "ARC-Seal: too large");
	test_case("a list of names that is long, and one byte too long");
	for (int more = 0; more <= 1; more++) {
		struct header_section section;
		struct arc_field field;
		struct arena arena;

		arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
		buf_clear(&mail);
		insist(buf_printf(&mail, "ARC-Message-Signature: i=1; a=rsa-sha256; d=a.example; s=x; b=AAAA; h=%0*d;\r\n"
		    " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n", ARC_NAMES_MAX_BYTES + more, 0) == 0);
		insist(header_read(buf_str(&mail), &arena, &section) == 0);
		expect(arc_field_read(ARC_MESSAGE, &section.fields[0], (struct timestamp){ 0 }, 0, &arena, &field));
		expect_text(field.trouble, more ? "h= is too long" : NULL);
		arena_fini(&arena);
	}
	test_case("hundreds of fields of ARC");
	buf_clear(&mail);
	for (int i = 0; i < 800; i++)
		insist(buf_printf(&mail, "ARC-Message-Signature: i=%d; a=rsa-sha256; d=a.example; s=x; b=AAAA; bh=; h=a:b:c:d\r\n", i % 60) == 0);
	insist(buf_append(&mail, s->one) == 0);
	expect_failure(s, buf_str(&mail), "ARC-Message-Signature: bh= is no SHA-256 hash");
	buf_fini(&mail);
}

/* Whoever has a sealed mail could show people another author of it. */
static void
test_second_author(struct scene *s)
{
	static const char *const once[] = { "From" }, *const twice[] = { "From", "From" };
	struct arc_sealer_settings settings = { .domain = "example.org", .selector = { .name = "s1", .key = s->key }, .names = once, .n_names = 1 };
	struct arc_sealer *usual = s->sealer;
	struct str mail;

	test_case("a From on top of the one that is signed");
	s->sealer = arc_sealer_new(&settings, NULL);
	insist(arena_printf(&s->arena, &mail, "From: eve@football.example.com\r\n%.*s", STR_ARG(sealed(s, STR(MAIL), 1))));
	expect_failure(s, mail, "ARC-Message-Signature i=1: signs not all From fields");
	arc_sealer_free(s->sealer);
	test_case("where From is signed once more than there are, such a one breaks the signature");
	settings.names = twice;
	settings.n_names = 2;
	s->sealer = arc_sealer_new(&settings, NULL);
	insist(arena_printf(&s->arena, &mail, "From: eve@football.example.com\r\n%.*s", STR_ARG(sealed(s, STR(MAIL), 1))));
	expect_failure(s, mail, "ARC-Message-Signature i=1: signature did not verify");
	arc_sealer_free(s->sealer);
	s->sealer = usual;
}

/* Older signatures with long lists in h=: as many are looked at as is cheap, and the chain passes all the same. */
static void
test_older(struct scene *s)
{
	static const char *names[DKIM_SIGNED_NAMES_MAX];
	struct arc_sealer_settings settings = { .domain = "example.org", .selector = { .name = "s1", .key = s->key }, .names = names,
	    .n_names = DKIM_SIGNED_NAMES_MAX };
	struct arc_sealer *usual = s->sealer;
	const struct arc_result *result;
	struct arena arena;

	test_case("of many older signatures with many names each the newer ones are looked at");
	for (int i = 0; i < DKIM_SIGNED_NAMES_MAX; i++)
		names[i] = "From";
	s->sealer = arc_sealer_new(&settings, NULL);
	insist(s->sealer != NULL);
	arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
	result = arc_stage_verify(&s->stage, sealed(s, STR(MAIL), 30), 1000, &arena);
	expect_text(arc_status_word(result->status), "pass");
	expect_int(result->oldest_pass, 30 - ARC_OLDER_NAMES_MAX / DKIM_SIGNED_NAMES_MAX);
	arena_fini(&arena);
	arc_sealer_free(s->sealer);
	s->sealer = usual;
}

static void
test_no_room(struct scene *s)
{
	struct arc_verification *verification;
	const struct arc_result *result;
	struct header_section section;
	struct arena arena, small;
	struct fault fault;
	int n_refused = 0;

	test_case("an arena of any size is enough, or the trouble is said to be temporary and nothing leaks");
	arena_init(&arena, ROOM_MAX_BYTES);
	insist(header_read(s->five, &arena, &section) == 0);
	for (size_t bytes = 0; bytes < 200 * 1024; bytes += 997) {
		arena_init(&small, bytes);
		verification = begin(s, &section, &small, &fault);
		if (verification != NULL) {
			arc_verify_body(verification, STR("Hi.\r\n"));
			result = arc_verify_end(verification);
			expect(result->status == ARC_PASS || result->is_temporary);
		} else {
			expect(fault.kind == FAULT_TEMPORARY);
			n_refused++;
		}
		arena_fini(&small);
	}
	expect(n_refused > 0 && n_refused < 200);
	arena_fini(&arena);
}

int
main(void)
{
	struct arc_sealer_settings settings = { .domain = "example.org", .selector = { .name = "s1" } };
	struct scene s;

	arc_stage_init(&s.stage, STR(KEYS));
	settings.selector.key = s.key = dkim_key_new(STR(RFC8463_RSA_PEM), NULL);
	s.sealer = arc_sealer_new(&settings, NULL);
	insist(s.sealer != NULL);
	arena_init(&s.arena, ROOM_MAX_BYTES);
	s.one = sealed(&s, STR(MAIL), 1);
	s.five = sealed(&s, STR(MAIL), 5);
	test_questions(&s);
	test_body(&s);
	test_large(&s);
	test_second_author(&s);
	test_older(&s);
	test_no_room(&s);
	arena_fini(&s.arena);
	arc_sealer_free(s.sealer);
	dkim_key_free(s.key);
	return test_end();
}
