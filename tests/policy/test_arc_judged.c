/*
 * test_arc_judged.c - ARC on the way of a judged mail: inspected, told in fields and words, sealed beside our DKIM signature
 *
 * What a chain is found to be is in test_arc_suite.c, the text of sets in test_arc_seal.c.
 */
#include <stdio.h>

#include "base/insist.h"
#include "policy/inspect.h"
#include "policy/seal.h"
#include "policy/stamp.h"
#include "tests/expect.h"
#include "tests/policy/arc_stage.h"
#include "tests/policy/dkim_vectors.h"

#define MAIL	"From: Joe <joe@football.example.com>\r\nSubject: x\r\n\r\nHi.\r\n"
#define KEYS	"key s1._domainkey.example.org " RFC8463_RSA_RECORD "\n" \
		"key e._domainkey.football.example.com " RFC8463_ED25519_RECORD "\n"

enum { ROOM_MAX_BYTES = 8 * 1024 * 1024 };

struct scene {
	struct arc_stage stage;
	const struct policy *policy;
	struct peer	 peer;
	struct envelope	 envelope;
	struct arena	 arena;		/* the mails' */
	struct arena	 findings_arena;
	size_t		 waiting_bytes;	/* what the inspection held while the body came */
	int		 n_rests;
};

static struct scene scene;

static void
count_rest(void)
{
	scene.n_rests++;
}

static const struct policy *
make_policy(bool with_arc, bool with_sealer)
{
	struct dkim_key *keys[] = { dkim_key_new(STR(RFC8463_RSA_PEM), NULL), dkim_key_new(STR(RFC8463_ED25519_PEM), NULL) };
	const struct arc_sealer_settings sealer = { .domain = "example.org", .selector = { "s1", keys[0] } };
	const struct dkim_signer_settings signer = { .domain = "football.example.com", .selectors = { { "e", keys[1] } }, .n_selectors = 1 };
	struct sign_rule rule = { .domain = "football.example.com", .signer = dkim_signer_new(&signer, NULL) };
	struct policy_settings settings = {
		.hostname = "mx.relay.example", .verify = { .arc = with_arc, .dkim_settings = { .drift_s = 300 } },
		.signing = { .keys = keys, .n_keys = 2, .rules = &rule, .n_rules = 1 },
	};

	if (with_sealer)
		settings.signing.sealer = arc_sealer_new(&sealer, NULL);
	return policy_new(&settings, (uint64_t[]){ 1, 2 });
}

static const struct findings *
inspect(struct scene *s, struct str mail, size_t max_bytes)
{
	struct header_section header;
	struct inspect_inputs inputs = {
		.policy = s->policy, .peer = &s->peer, .envelope = &s->envelope, .header = &header,
		.now = { ARC_STAGE_NOW_S * INT64_C(1000000) }, .resolver = &s->stage.resolver, .rest = count_rest,
	};
	struct inspection *inspection;

	insist(header_read(mail, &s->arena, &header) == 0);
	arena_fini(&s->findings_arena);
	arena_init(&s->findings_arena, max_bytes);
	s->n_rests = 0;
	inspection = inspect_begin(&inputs, INSTANT_NEVER, &s->findings_arena, NULL);
	insist(inspection != NULL);
	s->waiting_bytes = inspect_memory_bytes(inspection);
	if (inspect_wants_body(inspection))
		inspect_body(inspection, str_from(mail, header.body_at));
	return inspect_end(inspection, INSTANT_NEVER);
}

static struct stamp_inputs
stamp_inputs(const struct scene *s, const struct findings *findings)
{
	return (struct stamp_inputs){ .policy = s->policy, .peer = &s->peer, .envelope = &s->envelope, .findings = findings };
}

static struct seal *
begin_seal(struct scene *s, struct str mail, enum sign_source source, bool is_checked)
{
	struct header_section header;
	struct seal *seal;

	insist(header_read(mail, &s->arena, &header) == 0);
	seal = seal_new(&(struct seal_inputs){ .policy = s->policy, .source = source, .header = &header, .is_checked = is_checked,
	    .now = { ARC_STAGE_NOW_S * INT64_C(1000000) } });
	seal_body(seal, str_from(mail, header.body_at));
	return seal;
}

/* The mail as it leaves; freed with the scene. */
static struct str
end_seal(struct scene *s, struct seal *seal, const struct findings *findings, struct str mail)
{
	const struct stamp_inputs inputs = stamp_inputs(s, findings);
	struct buf results, out;
	struct str whole;

	buf_init(&results, STAMP_FIELDS_MAX_BYTES);
	buf_init(&out, ROOM_MAX_BYTES);
	expect_int(stamp_results(&inputs, &results), 0);
	seal_found(seal, &findings->arc, buf_str(&results));
	seal_ready(seal);
	expect_int(seal_sign(seal, NULL), 0);
	expect_int(seal_fields(seal, &out), 0);
	insist(buf_append(&out, mail) == 0 && arena_copy(&s->arena, buf_str(&out), &whole));
	buf_fini(&results);
	buf_fini(&out);
	seal_free(seal);
	return whole;
}

/* A set more, as all mail of strangers gets it. */
static struct str
passed_on(struct scene *s, struct str mail)
{
	struct seal *seal = begin_seal(s, mail, SIGN_SOURCE_OUTSIDE, true);

	return end_seal(s, seal, inspect(s, mail, ROOM_MAX_BYTES), mail);
}

static void
expect_told(struct scene *s, const struct findings *findings, const char *field, const char *words)
{
	const struct stamp_inputs inputs = stamp_inputs(s, findings);
	const struct verdict verdict = { .action = ACTION_ACCEPT };
	char flat[2000] = "";
	struct buf out;
	size_t n = 0;

	buf_init(&out, STAMP_FIELDS_MAX_BYTES);
	expect_int(stamp_results(&inputs, &out), 0);
	for (size_t i = 0; i < out.len && n + 1 < sizeof(flat); i++)		/* unfolded */
		if (out.at[i] != '\r' && out.at[i] != '\n')
			flat[n++] = out.at[i] == '\t' ? ' ' : out.at[i];
	expect_str(str_n(flat, n), str_of(field));
	buf_clear(&out);
	stamp_words(&inputs, &verdict, &out);
	expect_str(buf_str(&out), str_of(words));
	buf_fini(&out);
}

/* --- checked --- */

static void
test_checked(struct scene *s)
{
	struct str mail = STR(MAIL), two;
	const struct findings *findings = inspect(s, mail, ROOM_MAX_BYTES);

	test_case("no chain: none, with the client's address");
	expect_told(s, findings, "mx.relay.example; arc=none smtp.remote-ip=192.0.2.1", "arc=none verdict=accept");
	expect_int((int64_t)s->waiting_bytes, 0);
	test_case("two sets that are right: pass, and whose the last one is");
	two = passed_on(s, passed_on(s, mail));
	findings = inspect(s, two, ROOM_MAX_BYTES);
	expect_told(s, findings, "mx.relay.example; arc=pass smtp.remote-ip=192.0.2.1 header.oldest-pass=0", "arc=pass:example.org verdict=accept");
	expect_int(findings->arc.n_sealers, 2);
	expect_str(findings->arc.sealers[1].selector, STR("s1"));
	expect(s->waiting_bytes > 0);
	test_case("others have their turn between its signatures");
	expect(s->n_rests >= 4);
	test_case("a broken one: fail, and why; it holds no memory while the body comes");
	insist(arena_printf(&s->arena, &mail, "Subject: y\r\n%.*s", STR_ARG(two)));
	findings = inspect(s, mail, ROOM_MAX_BYTES);
	expect_told(s, findings, "mx.relay.example; arc=fail reason=\"ARC-Message-Signature i=2: signature did not verify\" smtp.remote-ip=192.0.2.1",
	    "arc=fail verdict=accept");
	expect_int((int64_t)s->waiting_bytes, 0);
	test_case("a silent DNS: fail, for now");
	s->stage.is_silent = true;
	findings = inspect(s, two, ROOM_MAX_BYTES);
	expect(findings->arc.status == ARC_FAIL && findings->arc.is_temporary);
	s->stage.is_silent = false;
	test_case("a result for which there is no room: fail, for now");
	for (size_t bytes = 16 * 1024; bytes > 256; bytes -= 128) {
		struct header_section header;
		struct inspect_inputs inputs = { .policy = s->policy, .peer = &s->peer, .envelope = &s->envelope, .header = &header,
		    .now = { ARC_STAGE_NOW_S * INT64_C(1000000) }, .resolver = &s->stage.resolver };
		struct inspection *inspection;
		struct arena small;

		arena_init(&small, bytes);
		insist(header_read(two, &s->arena, &header) == 0);
		inspection = inspect_begin(&inputs, INSTANT_NEVER, &small, NULL);
		if (inspection != NULL) {
			inspect_body(inspection, str_from(two, header.body_at));
			findings = inspect_end(inspection, INSTANT_NEVER);
			expect(findings->arc.status == ARC_PASS || (findings->arc.is_temporary && findings->arc.reason.len > 0));
		}
		arena_fini(&small);
	}
}

/* --- sealed --- */

static void
expect_status(struct scene *s, struct str mail, const char *want)
{
	struct arena arena;

	arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
	expect_text(arc_status_word(arc_stage_verify(&s->stage, mail, 5, &arena)->status), want);
	arena_fini(&arena);
}

static void
test_sealed(struct scene *s)
{
	const struct findings *findings;
	struct str mail = STR(MAIL), changed, closed;
	struct seal *seal;
	ptrdiff_t at;

	test_case("mail that is checked gets a set, others get none, and nobody asks why");
	seal = begin_seal(s, mail, SIGN_SOURCE_OUTSIDE, true);
	expect(seal_is_sealing(seal) && !seal_is_signing(seal) && seal_instance(seal) == 1);
	expect_str(seal_sealer(seal), STR("example.org:s1"));
	expect(seal_memory_bytes(seal) > strlen("from:Joe"));
	seal_free(seal);
	seal = begin_seal(s, mail, SIGN_SOURCE_TRUSTED, false);
	expect(!seal_is_sealing(seal) && seal_is_signing(seal) && seal_instance(seal) == 0 && seal_unsealed_reason(seal)[0] == '\0');
	seal_free(seal);

	test_case("beside a signature of ours the set stands on top, and both are right");
	findings = inspect(s, mail, ROOM_MAX_BYTES);
	mail = end_seal(s, begin_seal(s, mail, SIGN_SOURCE_CLASS, true), findings, mail);
	expect(str_starts(mail, STR("ARC-Seal: ")));
	expect(str_find_str(mail, STR("\r\nDKIM-Signature: ")) > str_find_str(mail, STR("\r\nARC-Authentication-Results: i=1; mx.relay.example;")));
	expect_status(s, mail, "pass");
	test_case("the set is over our signature too (RFC 8617 4.1.2)");
	expect(str_find_str(mail, STR(":dkim-signature;\r\n i=1;")) > 0);
	at = str_find_str(mail, STR("DKIM-Signature: v=1;"));
	insist(at > 0 && arena_copy(&s->arena, mail, &changed));
	((char *)(uintptr_t)changed.at)[(size_t)at + strlen("DKIM-Signature: v=")] = '2';
	expect_status(s, changed, "fail");

	test_case("a chain that could not be checked for now gets none: cv=fail would be for good");
	s->stage.is_silent = true;
	findings = inspect(s, mail, ROOM_MAX_BYTES);
	s->stage.is_silent = false;
	seal = begin_seal(s, mail, SIGN_SOURCE_OUTSIDE, true);
	seal_found(seal, &findings->arc, STR("x; none"));
	expect(!seal_is_sealing(seal));
	expect_text(seal_unsealed_reason(seal), "the chain could not be checked");
	expect_str(seal_sealer(seal), STR_EMPTY);
	seal_free(seal);

	test_case("one that fails is sealed as such, once (RFC 8617 5.1 step 2)");
	insist(arena_printf(&s->arena, &closed, "Subject: y\r\n%.*s", STR_ARG(mail)));
	closed = passed_on(s, closed);
	expect(str_find_str(closed, STR("cv=fail; d=example.org;\r\n i=2;")) > 0);
	seal = begin_seal(s, closed, SIGN_SOURCE_OUTSIDE, true);
	expect(!seal_is_sealing(seal));
	expect_text(seal_unsealed_reason(seal), "the chain has failed before");
	seal_free(seal);
}

static void
test_off(struct scene *s)
{
	const struct findings *findings;
	struct seal *seal;

	test_case("without arc in the rules nothing of it is told or done");
	policy_free(s->policy);
	s->policy = make_policy(false, false);
	findings = inspect(s, STR("ARC-Seal: i=1\r\n" MAIL), ROOM_MAX_BYTES);
	expect(!findings->has_arc);
	expect_text(findings->why_unchecked, "off");
	seal = begin_seal(s, STR(MAIL), SIGN_SOURCE_OUTSIDE, true);
	expect(!seal_is_sealing(seal) && seal_unsealed_reason(seal)[0] == '\0');
	seal_free(seal);
	test_case("checked and not sealed");
	policy_free(s->policy);
	s->policy = make_policy(true, false);
	seal = begin_seal(s, STR(MAIL), SIGN_SOURCE_OUTSIDE, true);
	expect(!seal_is_sealing(seal));
	seal_free(seal);
	expect(inspect(s, STR(MAIL), ROOM_MAX_BYTES)->has_arc);
	test_case("a trusted client's mail is not checked");
	s->peer.is_trusted = true;
	expect_text(inspect(s, STR(MAIL), ROOM_MAX_BYTES)->why_unchecked, "trusted");
}

int
main(void)
{
	struct scene *s = &scene;

	arc_stage_init(&s->stage, STR(KEYS));
	arena_init(&s->arena, ROOM_MAX_BYTES);
	arena_init(&s->findings_arena, ROOM_MAX_BYTES);
	insist(ip_parse(STR("192.0.2.1"), &s->peer.client.ip));
	s->policy = make_policy(true, true);
	test_checked(s);
	test_sealed(s);
	test_off(s);
	policy_free(s->policy);
	arena_fini(&s->findings_arena);
	arena_fini(&s->arena);
	return test_end();
}
