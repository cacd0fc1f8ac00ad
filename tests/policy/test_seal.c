/*
 * test_seal.c - which fields go and which mail is signed, and that libopendkim takes what a seal makes of a mail
 */
#include <stdio.h>
#include <time.h>

#include "base/insist.h"
#include "policy/seal.h"
#include "tests/expect.h"
#include "tests/policy/dkim_judge.h"
#include "tests/policy/dkim_vectors.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define ID		"mx.relay.example"

enum {
	ROOM_MAX_BYTES = 16 * 1024 * 1024,
	LIFETIME_S = 7 * 24 * 3600,
};

struct scene {
	struct policy		*policy;
	struct dkim_judge	*judge;
	struct arena		 arena;		/* of the mail at hand */
	int64_t			 now_s;		/* of the seal; the real time, since libopendkim holds x= against that */
};

/* --- the policy: example.com with both keys and its subdomains, example.net with one and x= --- */

static struct dkim_signer *
signer_of(const struct dkim_signer_settings *settings)
{
	struct dkim_signer *signer = dkim_signer_new(settings, NULL);

	insist(signer != NULL);
	return signer;
}

static void
scene_init(struct scene *s)
{
	struct dkim_key *keys[] = { dkim_key_make(DKIM_RSA_SHA256, 2048, NULL), dkim_key_new(STR(RFC8463_ED25519_PEM), NULL) };
	struct dkim_signer_settings both = { .domain = "example.com", .selectors = { { "2026a", keys[0] }, { "2026e", keys[1] } },
	    .n_selectors = 2 };
	struct dkim_signer_settings dated = { .domain = "example.net", .selectors = { { "one.e", keys[1] } }, .n_selectors = 1,
	    .lifetime = span_s(LIFETIME_S) };
	struct dkim_signer_settings timeless = { .domain = "news.example.net", .selectors = { { "2026e", keys[1] } }, .n_selectors = 1,
	    .without_time = true };
	struct sign_rule rules[] = { { .domain = "example.com", .with_subdomains = true, .signer = signer_of(&both) }, { .domain = "example.net", .signer = signer_of(&dated) },
	    { .domain = "news.example.net", .signer = signer_of(&timeless) } };
	struct policy_settings settings = { .hostname = "mail.relay.example", .verify = { .authserv_id = ID },
	    .signing = { .keys = keys, .n_keys = N_OF(keys), .rules = rules, .n_rules = N_OF(rules) }, .classes = { .field_name = "X-Traffic-Class" } };

	s->now_s = time(NULL);
	s->judge = dkim_judge_new((uint64_t)s->now_s + 1);
	dkim_judge_add(s->judge, "2026a", keys[0]);
	dkim_judge_add(s->judge, "2026e", keys[1]);
	dkim_judge_add(s->judge, "one.e", keys[1]);
	s->policy = policy_new(&settings, (uint64_t[]){ 1, 2 });
	arena_init(&s->arena, ROOM_MAX_BYTES);
}

static void
scene_fini(struct scene *s)
{
	arena_fini(&s->arena);
	dkim_judge_free(s->judge);
	policy_free(s->policy);
}

/* --- a mail sealed --- */

static struct seal *
begin(struct scene *s, enum sign_source source, const struct header_section *header)
{
	struct seal_inputs inputs = { .policy = s->policy, .source = source, .header = header,
	    .now = { s->now_s * INT64_C(1000000) + 999999 } };

	return seal_new(&inputs);
}

/* The whole way: edits, body in pieces, signature, all in one text that lives in the arena. */
static struct str
seal_mail(struct scene *s, enum sign_source source, struct str mail, size_t piece_bytes)
{
	struct header_section header, edited;
	struct edits edits;
	struct seal *seal;
	struct fault fault;
	struct str body, sealed;
	struct buf out;

	insist(header_read(mail, &s->arena, &header) == 0 && header.has_empty_line);
	body = str_from(mail, header.body_at);
	insist(seal_edits(s->policy, &header, &s->arena, &edits) && edits_apply(&edits, &header, &s->arena, &edited));
	seal = begin(s, source, &edited);
	for (size_t at = 0; at < body.len; at += piece_bytes)
		seal_body(seal, str_sub(body, at, piece_bytes));
	seal_ready(seal);
	buf_init(&out, ROOM_MAX_BYTES);
	expect_int(seal_sign(seal, &fault), 0);
	expect_int(seal_fields(seal, &out), 0);
	expect_int(out.len > 0, seal_is_signing(seal));
	for (int i = 0; i < edited.n_fields; i++)
		buf_append(&out, edited.fields[i].whole);
	buf_append(&out, STR("\r\n"));
	buf_append(&out, body);
	insist(arena_copy(&s->arena, buf_str(&out), &sealed));
	buf_fini(&out);
	seal_free(seal);
	return sealed;
}

/* --- which mail is signed --- */

#define FROM	"From: Joe <joe@example.com>\r\n"
#define COM	"example.com:2026a,2026e"

static const struct choice_row {
	const char		*name;
	enum sign_source	 source;
	const char		*header;
	const char		*reason, *signer;
} choices[] = {
	{ "a trusted peer's mail of our domain is signed", SIGN_SOURCE_TRUSTED, FROM, "exact", COM },
	{ "of a class for which signing is on too", SIGN_SOURCE_CLASS, FROM, "exact", COM },
	{ "our own report too", SIGN_SOURCE_OWN, FROM, "exact", COM },
	{ "mail that only claims our domain is not", SIGN_SOURCE_OUTSIDE, FROM, "outside", "" },
	{ "in any case, by any name", SIGN_SOURCE_TRUSTED, "fROM: \"a@example.org\" <JOE@Example.COM.>\r\n", "exact", COM },
	{ "a subdomain by the parent that is for them", SIGN_SOURCE_TRUSTED, "From: a@b.c.example.com\r\n", "parent", COM },
	{ "a parent that is not for them serves none", SIGN_SOURCE_TRUSTED, "From: a@www.example.net\r\n", "no-rule", "" },
	{ "another domain", SIGN_SOURCE_TRUSTED, "From: a@example.org\r\n", "no-rule", "" },
	{ "a domain that ends like ours", SIGN_SOURCE_TRUSTED, "From: a@notexample.com\r\n", "no-rule", "" },
	{ "two authors of the domain", SIGN_SOURCE_TRUSTED, "From: a@example.com, b@example.com\r\n", "exact", COM },
	{ "two authors of one signer", SIGN_SOURCE_TRUSTED, "From: a@example.com, b@www.example.com\r\n", "parent", COM },
	{ "authors of two signers", SIGN_SOURCE_TRUSTED, "From: a@example.com, b@example.net\r\n", "authors-differ", "" },
	{ "a stranger among the authors", SIGN_SOURCE_TRUSTED, "From: a@example.com, b@example.org\r\n", "authors-differ", "" },
	{ "a stranger in a From that cannot be read", SIGN_SOURCE_TRUSTED, "From: a@example.com b@example.org <\r\n", "authors-differ", "" },
	{ "an unquoted comma in the name, as old programs write it", SIGN_SOURCE_TRUSTED, "From: Smith, Joe <a@example.com>\r\n", "exact", COM },
	{ "more author domains than are read", SIGN_SOURCE_TRUSTED, "From: a@example.com, a@a.example.com, a@b.example.com,"
	  " a@c.example.com, a@d.example.com\r\n", "many-authors", "" },
	{ "no From", SIGN_SOURCE_TRUSTED, "Sender: joe@example.com\r\n", "no-author", "" },
	{ "an empty From", SIGN_SOURCE_TRUSTED, "From:\r\n", "no-author", "" },
	{ "a From without a domain", SIGN_SOURCE_TRUSTED, "From: root\r\n", "no-author", "" },
	{ "a From of a literal", SIGN_SOURCE_TRUSTED, "From: root@[192.0.2.1]\r\n", "no-author", "" },
	{ "two From fields of our domain", SIGN_SOURCE_TRUSTED, FROM "Subject: x\r\n" FROM, "several-from", "" },
	{ "one of them a stranger's", SIGN_SOURCE_TRUSTED, FROM "From: a@example.org\r\n", "several-from", "" },
	{ "a blank before the colon is a From too", SIGN_SOURCE_TRUSTED, FROM "From : a@example.com\r\n", "several-from", "" },
	{ "what the Sender says is nothing", SIGN_SOURCE_TRUSTED, "Sender: a@example.com\r\nFrom: a@example.org\r\n", "no-rule", "" },
	{ "the other rule", SIGN_SOURCE_TRUSTED, "From: a@example.net\r\n", "exact", "example.net:one.e" },
};

static void
test_choices(struct scene *s)
{
	for (int i = 0; i < N_OF(choices); i++) {
		struct header_section header;
		struct seal *seal;

		test_case("%s", choices[i].name);
		insist(header_read(str_of(choices[i].header), &s->arena, &header) == 0);
		seal = begin(s, choices[i].source, &header);
		expect_text(seal_reason(seal), choices[i].reason);
		expect_str(seal_signer(seal), str_of(choices[i].signer));
		expect_int(seal_is_signing(seal), choices[i].signer[0] != '\0');
		seal_free(seal);
	}
}

static void
test_many_fields(struct scene *s)
{
	struct header_section header;
	struct seal *seal;
	struct buf text;

	test_case("more fields than can be signed");
	buf_init(&text, ROOM_MAX_BYTES);
	buf_append(&text, STR(FROM));
	for (int i = 0; i <= DKIM_SIGNED_FIELDS_MAX; i++)
		buf_append(&text, STR("References: <a@b>\r\n"));
	insist(header_read(buf_str(&text), &s->arena, &header) == 0);
	seal = begin(s, SIGN_SOURCE_TRUSTED, &header);
	expect_text(seal_reason(seal), "many-fields");
	expect_str(seal_signer(seal), STR_EMPTY);
	seal_free(seal);
	test_case("a From that is too long to be read is not signed for");
	buf_clear(&text);
	buf_append(&text, STR("From: joe@example.com"));
	for (int i = 0; i < 2000; i++)
		buf_append(&text, STR(",\r\n joe@example.com"));
	buf_append(&text, STR("\r\n"));
	insist(header_read(buf_str(&text), &s->arena, &header) == 0);
	seal = begin(s, SIGN_SOURCE_TRUSTED, &header);
	expect_text(seal_reason(seal), "many-authors");
	seal_free(seal);
	buf_fini(&text);
}

/* --- what is signed, and how it reads --- */

#define MAIL \
	"Authentication-Results: " ID "; dkim=pass header.d=example.com\r\n" \
	"Received: from a by b; now\r\n" FROM "To: a@example.org\r\nSubject: one\r\n two\r\nDate: now\r\nMessage-ID: <a@b>\r\n\r\n"
#define BODY	"Hello  \r\n\r\n8-bit: \xc3\xa4\xff\r\n.\r\n\r\n\r\n"

/* The value of a tag in the first field, without folding; "" if it is not there. */
static struct str
tag(struct scene *s, struct str mail, const char *name)
{
	struct header_section header;
	struct str value, rest, part;
	char *flat;
	size_t n = 0;

	insist(header_read(mail, &s->arena, &header) == 0 && header.n_fields > 0);
	value = header.fields[0].value;
	flat = arena_alloc(&s->arena, value.len + 1);
	for (size_t i = 0; i < value.len; i++)
		if (strchr(" \t\r\n", value.at[i]) == NULL)
			flat[n++] = value.at[i];
	rest = str_n(flat, n);
	while (str_take_until(&rest, ';', &part))
		if (str_starts(part, str_of(name)) && part.len > strlen(name) && part.at[strlen(name)] == '=')
			return str_from(part, strlen(name) + 1);
	return STR_EMPTY;
}

static int
n_right_with(struct scene *s, const char *on_top, struct str sealed)
{
	struct str changed;

	insist(arena_printf(&s->arena, &changed, "%s%.*s", on_top, STR_ARG(sealed)));
	return dkim_judge_n_right(s->judge, "example.com", changed);
}

static void
test_judged(struct scene *s)
{
	static const char *const bodies[] = { BODY, "", "\r\n", ".\r\n", "a\r\n\r\n \t\r\n\r\n", "a  b \t c\r\n" };
	static const size_t pieces[] = { 1, 2, 3, 7, 4096 };
	struct str sealed, rest;

	for (int i = 0; i < N_OF(bodies); i++) {
		test_case("libopendkim takes both signatures, body %d in pieces of all lengths", i);
		for (int k = 0; k < N_OF(pieces); k++) {
			struct str mail;

			insist(arena_printf(&s->arena, &mail, "%s%s", MAIL, bodies[i]));
			expect_int(n_right_with(s, "", seal_mail(s, SIGN_SOURCE_TRUSTED, mail, pieces[k])), 2);
		}
	}
	sealed = seal_mail(s, SIGN_SOURCE_TRUSTED, STR(MAIL BODY), 5);
	test_case("two signatures stand on top, then all as it came but what was forged");
	rest = str_from(sealed, (size_t)str_find_str(sealed, STR("\r\nReceived:")) + 2);
	expect_str(rest, str_from(STR(MAIL BODY), (size_t)str_find_str(STR(MAIL), STR("Received:"))));
	expect(str_starts(sealed, STR("DKIM-Signature: ")));
	expect(str_find_str(sealed, STR("a=rsa-sha256")) < str_find_str(sealed, STR("a=ed25519-sha256")));
	test_case("what trace fields come on top later breaks nothing");
	expect_int(n_right_with(s, "Authentication-Results: " ID "; none\r\nReceived: by c; now\r\n", sealed), 2);
	test_case("names are oversigned: in h= once more than there are fields");
	expect_str(tag(s, sealed, "h"), STR("From:From:Reply-To:Subject:Subject:Date:Date:Message-ID:Message-ID:To:To:Cc"));
	test_case("a second From, Subject or To, or a Cc where there was none, breaks both");
	expect_int(n_right_with(s, "From: boss@example.com\r\n", sealed), 0);
	expect_int(n_right_with(s, "Subject: urgent\r\n", sealed), 0);
	expect_int(n_right_with(s, "To: b@example.org\r\n", sealed), 0);
	expect_int(n_right_with(s, "Cc: b@example.org\r\n", sealed), 0);
	arena_fini(&s->arena);
}

static void
expect_seconds(struct str got, int64_t want)
{
	char text[30];

	snprintf(text, sizeof(text), "%lld", (long long)want);
	expect_str(got, str_of(text));
}

static void
test_times(struct scene *s)
{
	struct str sealed;

	test_case("t= is the time of the seal; without a lifetime there is no x=");
	sealed = seal_mail(s, SIGN_SOURCE_OWN, STR(MAIL BODY), 100);
	expect_seconds(tag(s, sealed, "t"), s->now_s);
	expect_str(tag(s, sealed, "x"), STR_EMPTY);
	test_case("x= is the lifetime after t=");
	sealed = seal_mail(s, SIGN_SOURCE_TRUSTED, STR("From: a@example.net\r\n\r\nx\r\n"), 100);
	expect_seconds(tag(s, sealed, "t"), s->now_s);
	expect_seconds(tag(s, sealed, "x"), s->now_s + LIFETIME_S);
	expect_int(dkim_judge_n_right(s->judge, "example.net", sealed), 1);
	test_case("beyond x= it is right no more");
	s->now_s -= LIFETIME_S + 3600;	/* its clock may be wrong by minutes */
	sealed = seal_mail(s, SIGN_SOURCE_TRUSTED, STR("From: a@example.net\r\n\r\nx\r\n"), 100);
	expect_int(dkim_judge_n_right(s->judge, "example.net", sealed), 0);
	s->now_s += LIFETIME_S + 3600;
	test_case("neither t= nor x= where the rule wants none");
	sealed = seal_mail(s, SIGN_SOURCE_TRUSTED, STR("From: a@news.example.net\r\n\r\nx\r\n"), 100);
	expect_str(tag(s, sealed, "t"), STR_EMPTY);
	expect_str(tag(s, sealed, "x"), STR_EMPTY);
	expect_int(dkim_judge_n_right(s->judge, "news.example.net", sealed), 1);
	arena_fini(&s->arena);
}

static void
test_unsigned(struct scene *s)
{
	static const char mail[] = FROM "Subject: x\r\n\r\nbody\r\n";
	struct header_section header;
	struct seal *seal;
	struct buf small;

	test_case("what is not signed leaves as it came");
	expect_str(seal_mail(s, SIGN_SOURCE_OUTSIDE, str_of(mail), 3), str_of(mail));
	test_case("a seal that was dropped at any step leaves nothing behind");
	insist(header_read(str_of(mail), &s->arena, &header) == 0);
	seal_free(NULL);
	seal_free(begin(s, SIGN_SOURCE_TRUSTED, &header));
	seal = begin(s, SIGN_SOURCE_TRUSTED, &header);
	seal_body(seal, STR("body"));
	expect(seal_is_signing(seal));
	seal_free(seal);
	test_case("where the fields do not fit none is written");
	seal = begin(s, SIGN_SOURCE_TRUSTED, &header);
	seal_ready(seal);
	expect_int(seal_sign(seal, NULL), 0);
	buf_init(&small, 700);		/* the first would fit */
	buf_append(&small, STR("before"));
	expect_int(seal_fields(seal, &small), -1);
	expect_str(buf_str(&small), STR("before"));
	buf_fini(&small);
	seal_free(seal);
	arena_fini(&s->arena);
}

/* --- what goes --- */

static const struct forged_row {
	const char	*name, *field;
	bool		 goes;
} forged[] = {
	{ "plain", "Authentication-Results: " ID "; spf=pass\r\n", true },
	{ "in other case, id and name", "aUTHENTICATION-rESULTS: MX.Relay.EXAMPLE; spf=pass\r\n", true },
	{ "with a version", "Authentication-Results: " ID " 1; spf=pass\r\n", true },
	{ "with comments around", "Authentication-Results: (a (nested) one) " ID " (b); spf=pass\r\n", true },
	{ "with a comment that quotes a parenthesis", "Authentication-Results: (\\)) " ID "; spf=pass\r\n", true },
	{ "folded before the id", "Authentication-Results:\r\n\t " ID "\r\n ; spf=pass\r\n", true },
	{ "quoted", "Authentication-Results: \"" ID "\"; spf=pass\r\n", true },
	{ "quoted with escapes", "Authentication-Results: \"mx.\\relay.example\"; spf=pass\r\n", true },
	{ "with a last dot", "Authentication-Results: " ID ".; spf=pass\r\n", true },
	{ "blanks before the colon", "Authentication-Results \t: " ID "; spf=pass\r\n", true },
	{ "an encoded word", "Authentication-Results: =?us-ascii?Q?mx.relay.example?=; spf=pass\r\n", true },
	{ "a comment that never ends", "Authentication-Results: (" ID "; spf=pass\r\n", true },
	{ "in the wrong place of what cannot be read", "Authentication-Results: ; " ID "; spf=pass\r\n", true },
	{ "with no results", "Authentication-Results: " ID "; none\r\n", true },
	{ "with nothing behind", "Authentication-Results: " ID "\r\n", true },
	{ "another's", "Authentication-Results: mx.example.org; spf=pass\r\n", false },
	{ "another's, which tells of us", "Authentication-Results: mx.example.org; spf=pass smtp.helo=" ID "\r\n", false },
	{ "an id above ours", "Authentication-Results: relay.example; spf=pass\r\n", false },
	{ "an id below ours", "Authentication-Results: a." ID "; spf=pass\r\n", false },
	{ "our hostname, where the id is another", "Authentication-Results: mail.relay.example; spf=pass\r\n", false },
	{ "a field of another name", "X-Authentication-Results: " ID "; spf=pass\r\n", false },
	{ "a class, whoever says so", "X-Traffic-Class: list; direction=outbound\r\n", true },
	{ "a class in other case, with a blank and folded", "x-TRAFFIC-class \t:\r\n\tlist\r\n", true },
	{ "an empty class", "X-Traffic-Class:\r\n", true },
	{ "a field whose name only begins so", "X-Traffic-Class-Of: list\r\n", false },
	{ "of an ARC set, which says so itself", "ARC-Authentication-Results: i=1; " ID "; spf=pass\r\n", false },
};

#define ABOVE	"Received: from x\r\n\tby y; now\r\nX-Odd:\t \r\n  \xff\xfe folded \r\n"
#define BELOW	"Subject: " ID "\r\nx-bytes: \x01\x7f\r\nAuthentication-Results-X: " ID "; a\r\n"

static void
test_forged(struct scene *s)
{
	for (int i = 0; i < N_OF(forged); i++) {
		const char *stays = forged[i].goes ? "" : forged[i].field;
		struct str mail, want;

		test_case("%s: %s", forged[i].goes ? "goes" : "stays", forged[i].name);
		insist(arena_printf(&s->arena, &mail, "%s" ABOVE "%s" BELOW "%s%s\r\nbody\r\n", forged[i].field, forged[i].field, forged[i].field, forged[i].field));
		insist(arena_printf(&s->arena, &want, "%s" ABOVE "%s" BELOW "%s%s\r\nbody\r\n", stays, stays, stays, stays));
		expect_str(seal_mail(s, SIGN_SOURCE_OUTSIDE, mail, 10), want);
		arena_fini(&s->arena);
	}
}

static void
test_edits_limit(struct scene *s)
{
	struct header_section header;
	struct edits edits;
	struct arena small;
	struct buf text;

	test_case("at the arena's limit no forged field passes for removed");
	insist(header_read(STR(MAIL), &s->arena, &header) == 0);
	arena_init(&small, 1);
	expect(!seal_edits(s->policy, &header, &small, &edits));
	arena_fini(&small);
	test_case("one that is too long to be read is taken for forged");
	buf_init(&text, ROOM_MAX_BYTES);
	buf_append(&text, STR("Authentication-Results: \""));
	for (int i = 0; i < 100 * 1000; i++)
		buf_append(&text, STR("mx.example.org"));
	buf_append(&text, STR("\"; none\r\n"));
	insist(header_read(buf_str(&text), &s->arena, &header) == 0);
	expect(seal_edits(s->policy, &header, &s->arena, &edits));
	expect_int(edits.n_removed, 1);
	test_case("a thousand forged fields go, and their neighbours stay");
	buf_clear(&text);
	for (int i = 0; i < 1000; i++)
		buf_append(&text, STR("Authentication-Results: " ID "; spf=pass\r\nX: y\r\n"));
	insist(header_read(buf_str(&text), &s->arena, &header) == 0);
	expect(seal_edits(s->policy, &header, &s->arena, &edits));
	expect_int(edits.n_removed, 1000);
	for (int i = 0; i < 2000; i++)
		if (edits.removed[i] != (i % 2 == 0))
			expect_int(i, -1);
	buf_fini(&text);
	arena_fini(&s->arena);
}

int
main(void)
{
	struct scene s;

	scene_init(&s);
	test_choices(&s);
	test_many_fields(&s);
	test_judged(&s);
	test_times(&s);
	test_unsigned(&s);
	test_forged(&s);
	test_edits_limit(&s);
	scene_fini(&s);
	return test_end();
}
