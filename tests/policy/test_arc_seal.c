/*
 * test_arc_seal.c - the sets we add: their text, which instance and cv=, what is in h=, which mail gets none
 *
 * Whether others find them right is asked in test_arc_judges.c.
 */
#include <openssl/evp.h>

#include "base/insist.h"
#include "policy/dkim/dkim_check.h"
#include "tests/expect.h"
#include "tests/policy/arc_stage.h"
#include "tests/policy/dkim_vectors.h"

#define SIGNED_MAIL	"DKIM-Signature: v=1; b=x\r\nFrom: Joe <joe@football.example.com>\r\nSubject: x\r\n\r\nHi.\r\n"
#define MAIL		"From: Joe <joe@football.example.com>\r\nSubject: x\r\n\r\nHi.\r\n"
#define RESULTS		"relay.example.net;\r\n\tarc=none; spf=pass smtp.mailfrom=football.example.com"
#define KEYS		"key s1._domainkey.example.org " RFC8463_RSA_RECORD "\n"

enum { ROOM_MAX_BYTES = 8 * 1024 * 1024 };

struct scene {
	struct arc_stage	 stage;
	struct dkim_key		*key, *ed25519;
	struct arc_sealer	*sealer;	/* of the usual settings */
	struct arena		 arena;
	struct buf		 mail;
};

static struct arc_sealer_settings
usual(const struct scene *s)
{
	return (struct arc_sealer_settings){ .domain = "example.org", .selector = { .name = "s1", .key = s->key } };
}

/* The mail with a set more; what it was if it gets none. */
static struct str
seal(struct scene *s, struct str mail, enum arc_status cv)
{
	struct str sealed;
	struct fault fault;

	if (arc_stage_seal(s->sealer, mail, cv, STR(RESULTS), 1000, &s->mail, &fault) != 0)
		return mail;
	insist(arena_copy(&s->arena, buf_str(&s->mail), &sealed));
	return sealed;
}

/* --- text --- */

static void
test_text(struct scene *s)
{
	struct str mail, line, rest, b;
	size_t n_lines = 0;

	test_case("a set stands on top: seal, signature and results, tags in the order of the alphabet, nothing parted");
	mail = seal(s, STR(MAIL), ARC_NONE);
	rest = mail;
	expect(str_take_until(&rest, '\n', &line) && str_eq(line, STR("ARC-Seal: a=rsa-sha256;\r")));
	expect(str_take_until(&rest, '\n', &b) && str_starts(b, STR(" b=")) && b.len == strlen(" b=;\r") + 172);
	expect(str_take_until(&rest, '\n', &line) && str_eq(line, STR(" cv=none; d=example.org;\r")));
	expect(str_take_until(&rest, '\n', &line) && str_eq(line, STR(" i=1; s=s1; t=1795219200\r")));
	expect(str_take_until(&rest, '\n', &line) && str_eq(line, STR("ARC-Message-Signature: a=rsa-sha256;\r")));
	expect(str_take_until(&rest, '\n', &b) && str_starts(b, STR(" b=")) && b.len == strlen(" b=;\r") + 172);
	/* printf 'Hi.\r\n' | openssl sha256 -binary | base64 */
	expect(str_take_until(&rest, '\n', &line) &&
	    str_eq(line, STR(" bh=UrA8rmgY3eNBotmDWtzAmHyn5RyZv8Gea45sNGsP0zw=; c=relaxed/relaxed;\r")));
	expect(str_take_until(&rest, '\n', &line) && str_eq(line, STR(" d=example.org;\r")));
	expect(str_take_until(&rest, '\n', &line) && str_eq(line, STR(" h=from:from:reply-to:subject:subject:to:cc;\r")));
	expect(str_take_until(&rest, '\n', &line) && str_eq(line, STR(" i=1; s=s1; t=1795219200\r")));
	expect_str(rest, STR("ARC-Authentication-Results: i=1; " RESULTS "\r\n" MAIL));
	test_case("the same mail in pieces gets the same set");
	expect_int(arc_stage_seal(s->sealer, STR(MAIL), ARC_NONE, STR(RESULTS), 1, &s->mail, NULL), 0);
	expect_str(buf_str(&s->mail), mail);
	test_case("no line of ours is longer than RFC 5322 lets it be");
	while (str_take_until(&mail, '\n', &line)) {
		expect(line.len <= 998);
		n_lines++;
	}
	expect(n_lines > 10);
}

static void
test_long_names(struct scene *s)
{
	static const char *names[DKIM_SIGNED_NAMES_MAX];
	struct arc_sealer_settings settings = usual(s);
	struct arena arena;
	struct str mail, line;
	struct buf out;

	test_case("a long h= is folded behind colons, and still right");
	for (int i = 0; i < DKIM_SIGNED_NAMES_MAX; i++)
		names[i] = "X-A-Rather-Long-Name-Of-A-Field-That-Nobody-Has";
	names[0] = "From";
	settings.names = names;
	settings.n_names = DKIM_SIGNED_NAMES_MAX;
	s->sealer = arc_sealer_new(&settings, NULL);
	insist(s->sealer != NULL);
	arena_init(&arena, ROOM_MAX_BYTES);
	buf_init(&out, ROOM_MAX_BYTES);
	expect_int(arc_stage_seal(s->sealer, STR(MAIL), ARC_NONE, STR(RESULTS), 1000, &out, NULL), 0);
	expect_text(arc_status_word(arc_stage_verify(&s->stage, buf_str(&out), 1000, &arena)->status), "pass");
	mail = buf_str(&out);
	while (str_take_until(&mail, '\n', &line))
		expect(line.len <= 998);
	buf_fini(&out);
	arena_fini(&arena);
	arc_sealer_free(s->sealer);
}

/* --- chains --- */

static void
test_chain(struct scene *s)
{
	struct str mail = STR(MAIL), more;
	const struct arc_result *result;
	struct arena arena;
	struct fault fault;

	test_case("a chain grows to 50 sets, each of which passes");
	for (int i = 1; i <= ARC_INSTANCES_MAX; i++) {
		mail = seal(s, mail, i == 1 ? ARC_NONE : ARC_PASS);
		arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
		result = arc_stage_verify(&s->stage, mail, 1000, &arena);
		if (!expect_text(arc_status_word(result->status), "pass") || !expect_int(result->n_sealers, i))
			expect_str(result->reason, STR_EMPTY);
		expect_int(result->oldest_pass, 0);
		expect(result->n_sealers > 0 && str_eq(result->sealers[0].domain, STR("example.org")) &&
		    str_eq(result->sealers[0].selector, STR("s1")));
		arena_fini(&arena);
	}
	test_case("and not further (RFC 8617 4.2.1)");
	expect_int(arc_stage_seal(s->sealer, mail, ARC_PASS, STR(RESULTS), 1000, &s->mail, &fault), -1);
	expect(fault.kind == FAULT_PERMANENT);
	expect_text(fault.text, "the chain has 50 sets");
	more = seal(s, mail, ARC_PASS);
	expect(more.at == mail.at);
}

/* cv= of the newest seal; "" if there is no set of that instance on top. */
static const char *
cv_of(struct scene *s, struct str mail, int instance)
{
	static const char *const words[] = { "none", "pass", "fail" };
	struct str wanted;

	for (int i = 0; i < 3; i++) {
		insist(arena_printf(&s->arena, &wanted, ";\r\n cv=%s; d=example.org;\r\n i=%d; s=s1; t=1795219200\r\nARC-Message-Signature:",
		    words[i], instance));
		if (str_starts(mail, STR("ARC-Seal: ")) && str_find_str(mail, wanted) >= 0)
			return words[i];
	}
	return "";
}

static void
test_cv(struct scene *s)
{
	static const struct {
		const char *name, *top;		/* above a good set, or above the bare mail */
		bool on_set;
		enum arc_status cv;
		const char *want;
		int instance;
	} rows[] = {
		{ "nothing there is none", "", false, ARC_NONE, "none", 1 },
		{ "a pass where nothing is is a failure", "", false, ARC_PASS, "fail", 1 },
		{ "a set that passed", "", true, ARC_PASS, "pass", 2 },
		{ "a set that failed", "", true, ARC_FAIL, "fail", 2 },
		{ "a none where a set is, is a failure", "", true, ARC_NONE, "fail", 2 },
		{ "results without a set", "ARC-Authentication-Results: i=1; x\r\n", false, ARC_FAIL, "fail", 2 },
		{ "a chain with a hole, whoever says it passed", "ARC-Authentication-Results: i=9; x\r\n", true, ARC_PASS, "fail", 10 },
		{ "a field of ARC without an instance", "ARC-Seal: x\r\n", false, ARC_FAIL, "fail", 1 },
		{ "the same above a set", "ARC-Seal: x\r\n", true, ARC_FAIL, "fail", 2 },
		{ "a set twice", "ARC-Authentication-Results: i=1; x\r\n", true, ARC_FAIL, "fail", 2 },
	};
	struct str good = seal(s, STR(MAIL), ARC_NONE), mail;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_case("cv: %s", rows[i].name);
		insist(arena_printf(&s->arena, &mail, "%s%.*s", rows[i].top, STR_ARG(rows[i].on_set ? good : STR(MAIL))));
		expect_text(cv_of(s, seal(s, mail, rows[i].cv), rows[i].instance), rows[i].want);
	}
}

static void
hash_more(void *context, struct str bytes)
{
	insist(buf_append(context, bytes) == 0);
}

static void
test_failed(struct scene *s)
{
	struct str good = seal(s, seal(s, STR(MAIL), ARC_NONE), ARC_PASS), failed, again;
	struct header_section section;
	struct arc_field field;
	struct dkim_public key;
	uint8_t hash[DKIM_HASH_BYTES];
	struct fault fault;
	struct buf text;
	const char *why;

	test_case("a failed chain's seal signs its own set only (RFC 8617 5.1.2)");
	failed = seal(s, good, ARC_FAIL);
	expect_text(cv_of(s, failed, 3), "fail");
	insist(header_read(failed, &s->arena, &section) == 0);
	insist(arc_field_read(ARC_SEAL, &section.fields[0], (struct timestamp){ 0 }, 0, &s->arena, &field) && field.trouble == NULL);
	insist(dkim_public_read(STR(RFC8463_RSA_RECORD), &s->arena, &key, &why));
	buf_init(&text, ROOM_MAX_BYTES);
	dkim_canon_field(DKIM_RELAXED, section.fields[2].whole, true, (struct dkim_sink){ hash_more, &text });
	dkim_canon_field(DKIM_RELAXED, section.fields[1].whole, true, (struct dkim_sink){ hash_more, &text });
	arc_field_hash(&field, DKIM_RELAXED, (struct dkim_sink){ hash_more, &text });
	insist(EVP_Digest(text.at, text.len, hash, NULL, EVP_sha256(), NULL) == 1);
	expect(dkim_check(&key, hash, field.b));
	buf_fini(&text);
	test_case("and nobody adds to it (5.1 step 2)");
	expect_int(arc_stage_seal(s->sealer, failed, ARC_FAIL, STR(RESULTS), 1000, &s->mail, &fault), -1);
	expect_text(fault.text, "the chain has failed before");
	again = seal(s, failed, ARC_FAIL);
	expect(again.at == failed.at);
}

/* --- what is signed --- */

static void
test_fields(struct scene *s)
{
	static const struct {
		const char *name, *header, *want;	/* h=, or why not */
	} rows[] = {
		{ "DKIM signatures that are there are signed (RFC 8617 4.1.2)", "DKIM-Signature: a\r\nDKIM-Signature: b\r\nFrom: a@b.example\r\n",
		  "\r\n h=from:from:reply-to:subject:to:cc:dkim-signature:dkim-signature;\r\n" },
		{ "Authentication-Results, Received and fields of ARC are not", "Authentication-Results: x\r\nReceived: x\r\nReturn-Path: <>\r\nFrom: a@b.example\r\n",
		  "\r\n h=from:from:reply-to:subject:to:cc;\r\n" },
		{ "no From", "To: x\r\n", "the mail has no From" },
		{ "two From", "From: x\r\nFrom: y\r\n", "the mail has several From fields" },
	};
	struct str mail;
	struct fault fault;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_case("%s", rows[i].name);
		insist(arena_printf(&s->arena, &mail, "%s\r\n", rows[i].header));
		if (arc_stage_seal(s->sealer, mail, ARC_NONE, STR(RESULTS), 1000, &s->mail, &fault) != 0)
			expect_text(fault.text, rows[i].want);
		else
			expect(str_find_str(buf_str(&s->mail), str_of(rows[i].want)) >= 0);
	}
	test_case("a header that is too large");
	mail = STR_EMPTY;
	insist(arena_printf(&s->arena, &mail, "From: a@b.example\r\nX: %0*d\r\n\r\n", ARC_HEADER_MAX_BYTES, 0));
	expect_int(arc_stage_seal(s->sealer, mail, ARC_NONE, STR(RESULTS), 1000, &s->mail, &fault), -1);
	expect_text(fault.text, "the header is too large");
}

static void
test_own_fields(struct scene *s)
{
	static const char *const names[] = { "From", "Subject" };
	struct arc_sealer_settings settings = usual(s);
	struct arc_sealer *sealer;
	struct fault fault;

	test_case("nor do names of one's own seal a mail of several authors' fields, of which they would sign one");
	settings.names = names;
	settings.n_names = 2;
	sealer = arc_sealer_new(&settings, NULL);
	insist(sealer != NULL);
	expect_int(arc_stage_seal(sealer, STR("From: x\r\nFrom: y\r\n\r\n"), ARC_NONE, STR(RESULTS), 1000, &s->mail, &fault), -1);
	expect_text(fault.text, "the mail has several From fields");
	expect_int(arc_stage_seal(sealer, STR("Subject: x\r\n\r\n"), ARC_NONE, STR(RESULTS), 1000, &s->mail, &fault), -1);
	expect_text(fault.text, "the mail has no From");
	arc_sealer_free(sealer);
}

/* The mail with two signatures and a set on top, as the daemon puts them there; h= has these names, or is the sealer's choice. */
static struct str
seal_signed(struct scene *s, const char *const *names, int n_names)
{
	static const char signatures[] = "DKIM-Signature: v=1; b=rsa\r\nDKIM-Signature: v=1;\r\n\tb=ed\r\n";
	struct arc_sealer_settings settings = usual(s);
	struct header_section section;
	struct arc_sealing *sealing;
	struct arc_sealer *sealer;
	struct str whole;

	settings.names = names;
	settings.n_names = n_names;
	sealer = arc_sealer_new(&settings, NULL);
	insist(sealer != NULL && header_read(STR(SIGNED_MAIL), &s->arena, &section) == 0);
	sealing = arc_sealing_new(sealer, &section, 2, (struct timestamp){ ARC_STAGE_NOW_S * INT64_C(1000000) }, NULL);
	insist(sealing != NULL);
	arc_sealing_body(sealing, str_from(STR(SIGNED_MAIL), section.body_at));
	arc_sealing_ready(sealing, ARC_NONE, STR(RESULTS), str_of(signatures));
	buf_clear(&s->mail);
	insist(arc_sealing_sign(sealing, NULL) == 0 && arc_sealing_fields(sealing, &s->mail) == 0);
	insist(buf_append(&s->mail, str_of(signatures)) == 0 && buf_append(&s->mail, STR(SIGNED_MAIL)) == 0);
	insist(arena_copy(&s->arena, buf_str(&s->mail), &whole));
	arc_sealing_free(sealing);
	arc_sealer_free(sealer);
	return whole;
}

static void
test_own_signatures(struct scene *s)
{
	static const struct {
		const char *name;
		const char *names[6];
		int n_names;
	} rows[] = {
		{ "our signatures are signed with the set (4.1.2)", { NULL }, 0 },
		{ "by names of one's own too, as many as these have", { "From", "DKIM-Signature", "DKIM-Signature", "DKIM-Signature", "Subject" }, 5 },
		{ "more than there are", { "DKIM-Signature", "DKIM-Signature", "From", "DKIM-Signature", "DKIM-Signature", "DKIM-Signature" }, 6 },
		{ "with our results among them", { "From", "DKIM-Signature", "DKIM-Signature", "ARC-Authentication-Results", "DKIM-Signature" }, 5 },
		{ "only the one of others", { "From", "DKIM-Signature" }, 2 },
	};
	const struct arc_result *result;
	struct arena arena;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_case("%s", rows[i].name);
		arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
		result = arc_stage_verify(&s->stage, seal_signed(s, rows[i].n_names > 0 ? rows[i].names : NULL, rows[i].n_names), 1000, &arena);
		expect_text(arc_status_word(result->status), "pass");
		expect_str(result->reason, STR_EMPTY);
		arena_fini(&arena);
	}
}

static void
test_settings(struct scene *s)
{
	static const char *const bad_names[] = { "ARC-Seal", "arc-message-signature", "Authentication-Results", "Received", "return-path", "a b", "", "a:b", "a;b" };
	static const char *many[DKIM_SIGNED_NAMES_MAX + 1];
	struct arc_sealer_settings settings;
	struct arc_sealer *sealer;
	struct fault fault;

	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		test_case("\"%s\" is not sealed", bad_names[i]);
		settings = usual(s);
		settings.names = &bad_names[i];
		settings.n_names = 1;
		expect(arc_sealer_new(&settings, &fault) == NULL && fault.kind == FAULT_PERMANENT);
	}
	test_case("nor are no names, and too many");
	for (int i = 0; i <= DKIM_SIGNED_NAMES_MAX; i++)
		many[i] = "X";
	many[0] = "From";
	settings = usual(s);
	settings.names = many;
	expect(arc_sealer_new(&settings, &fault) == NULL);
	settings.n_names = DKIM_SIGNED_NAMES_MAX + 1;
	expect(arc_sealer_new(&settings, &fault) == NULL);
	settings.n_names = DKIM_SIGNED_NAMES_MAX;
	sealer = arc_sealer_new(&settings, &fault);
	expect(sealer != NULL);
	arc_sealer_free(sealer);
	test_case("nor names without From: the set would be right for another author's mail");
	settings.names = many + 1;
	settings.n_names = 1;
	expect(arc_sealer_new(&settings, &fault) == NULL);
	expect_text(fault.text, "From has to be among the fields to be sealed");
	test_case("Ed25519 is not for ARC; bad domains and selectors are refused");
	settings = usual(s);
	settings.selector.key = s->ed25519;
	expect(arc_sealer_new(&settings, &fault) == NULL);
	expect_text(fault.text, "ARC needs an RSA key");
	settings = usual(s);
	settings.domain = "exa mple";
	expect(arc_sealer_new(&settings, &fault) == NULL);
	settings = usual(s);
	settings.selector.name = "a..b";
	expect(arc_sealer_new(&settings, &fault) == NULL);
	arc_sealer_free(NULL);
	arc_sealing_free(NULL);
}

int
main(void)
{
	struct arc_sealer_settings settings;
	struct scene s;

	arc_stage_init(&s.stage, STR(KEYS));
	s.key = dkim_key_new(STR(RFC8463_RSA_PEM), NULL);
	s.ed25519 = dkim_key_new(STR(RFC8463_ED25519_PEM), NULL);
	insist(s.key != NULL && s.ed25519 != NULL);
	settings = usual(&s);
	s.sealer = arc_sealer_new(&settings, NULL);
	insist(s.sealer != NULL);
	arena_init(&s.arena, ROOM_MAX_BYTES);
	buf_init(&s.mail, ROOM_MAX_BYTES);
	test_text(&s);
	test_chain(&s);
	test_cv(&s);
	test_failed(&s);
	test_fields(&s);
	test_own_fields(&s);
	test_own_signatures(&s);
	test_settings(&s);
	arc_sealer_free(s.sealer);
	test_long_names(&s);
	buf_fini(&s.mail);
	arena_fini(&s.arena);
	dkim_key_free(s.key);
	dkim_key_free(s.ed25519);
	return test_end();
}
