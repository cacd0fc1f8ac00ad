/*
 * test_inspect.c - one mail through all checks: what a usual, a forwarded, a listed and a forged mail are found to be
 */
#include "base/insist.h"
#include "tests/expect.h"
#include "tests/policy/inspect_stage.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define ALICE		"From: Alice <alice@example.com>\r\n"
#define REST		"To: bob@relay.example\r\nSubject: hello\r\n\r\nHello.\r\n"

static struct inspect_stage stage;

/* --- kinds of mail --- */

static const struct mail_row {
	const char *name;
	const char *client, *helo, *reverse_path;	/* NULL: example.com's own */
	const char *mail;
	const char *domain, *how;			/* of the signature; NULL: none */
	const char *edit_from, *edit_to;		/* on the way, behind the signature; NULL: nothing */
	const char *list_how;				/* list.example signs behind that; NULL: not */
	const char *want;
} mails[] = {
	{ .name = "a mail from where it should come, signed", .mail = ALICE REST, .domain = "example.com", .how = "r",
	  .want = "spf-helo=pass spf=pass dkim=pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ .name = "with both kinds of signatures", .mail = ALICE REST, .domain = "example.com", .how = "re",
	  .want = "spf-helo=pass spf=pass dkim=pass:example.com:r,pass:example.com:e dmarc=pass:example.com verdict=accept" },
	{ .name = "unsigned", .mail = ALICE REST,
	  .want = "spf-helo=pass spf=pass dkim=none dmarc=pass:example.com verdict=accept" },
	{ .name = "forwarded, the signature whole", .client = "203.0.113.9", .helo = "fwd.example", .mail = ALICE REST,
	  .domain = "example.com", .how = "e",
	  .want = "spf-helo=none spf=fail dkim=pass:example.com:e dmarc=pass:example.com verdict=accept" },
	{ .name = "forwarded by rewriting the reverse-path", .client = "198.51.100.7", .helo = "list.example",
	  .reverse_path = "SRS0=x=y=example.com=alice@list.example", .mail = ALICE REST, .domain = "example.com", .how = "r",
	  .want = "spf-helo=pass spf=pass dkim=pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ .name = "forwarded, unsigned, is what p=reject forbids", .client = "203.0.113.9", .helo = "fwd.example", .mail = ALICE REST,
	  .want = "spf-helo=none spf=fail dkim=none dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ .name = "a mailing list that changes the subject and signs", .client = "198.51.100.7", .helo = "list.example",
	  .reverse_path = "bounce@list.example", .mail = ALICE REST, .domain = "example.com", .how = "r",
	  .edit_from = "Subject: hello", .edit_to = "Subject: [list] hello", .list_how = "r",
	  .want = "spf-helo=pass spf=pass dkim=pass:list.example:r,fail:example.com:r dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ .name = "a mailing list that changes the body", .client = "198.51.100.7", .helo = "list.example",
	  .reverse_path = "bounce@list.example", .mail = ALICE REST, .domain = "example.com", .how = "e",
	  .edit_from = "Hello.\r\n", .edit_to = "Hello.\r\n-- \r\nlist\r\n", .list_how = "e",
	  .want = "spf-helo=pass spf=pass dkim=pass:list.example:e,fail:example.com:e dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ .name = "a mailing list that leaves all as it was", .client = "198.51.100.7", .helo = "list.example",
	  .reverse_path = "bounce@list.example", .mail = ALICE REST, .domain = "example.com", .how = "r", .list_how = "r",
	  .want = "spf-helo=pass spf=pass dkim=pass:list.example:r,pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ .name = "an author borrowed by who is in order himself", .client = "203.0.113.9", .helo = "evil.example",
	  .reverse_path = "x@evil.example", .mail = ALICE REST, .domain = "evil.example", .how = "r",
	  .want = "spf-helo=pass spf=pass dkim=pass:evil.example:r dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ .name = "a domain of quarantine", .client = "203.0.113.9", .helo = "evil.example", .reverse_path = "x@evil.example",
	  .mail = "From: a@news.example\r\n" REST,
	  .want = "spf-helo=pass spf=pass dkim=none dmarc=fail:news.example:quarantine verdict=mark:dmarc" },
	{ .name = "a domain without a policy", .client = "203.0.113.9", .helo = "evil.example", .reverse_path = "x@evil.example",
	  .mail = "From: a@list.example\r\n" REST,
	  .want = "spf-helo=pass spf=pass dkim=none dmarc=none:list.example verdict=accept" },
	{ .name = "softfail does not pass", .client = "203.0.113.9", .reverse_path = "a@news.example",
	  .mail = "From: a@news.example\r\n" REST,
	  .want = "spf-helo=fail spf=softfail dkim=none dmarc=fail:news.example:quarantine verdict=mark:dmarc" },
	{ .name = "a report: for the null reverse-path HELO counts, below the author's domain", .reverse_path = "", .mail = ALICE REST,
	  .want = "spf-helo=pass spf=pass dkim=none dmarc=pass:example.com verdict=accept" },
	{ .name = "a report by a HELO of somebody else's", .client = "203.0.113.9", .reverse_path = "", .mail = ALICE REST,
	  .want = "spf-helo=fail spf=fail dkim=none dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ .name = "HELO alone proves no author where there is a reverse-path", .reverse_path = "x@evil.example", .mail = ALICE REST,
	  .want = "spf-helo=pass spf=pass dkim=none dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ .name = "a HELO that is an address literal", .helo = "[192.0.2.1]", .mail = ALICE REST,
	  .want = "spf-helo=none spf=pass dkim=none dmarc=pass:example.com verdict=accept" },
	{ .name = "a HELO of one label, and the null reverse-path", .helo = "localhost", .reverse_path = "", .mail = ALICE REST,
	  .want = "spf-helo=none spf=none dkim=none dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ .name = "several From fields, one of them proven", .mail = ALICE "From: b@news.example\r\n" REST,
	  .want = "spf-helo=pass spf=pass dkim=none dmarc=fail:news.example:quarantine verdict=mark:dmarc" },
	{ .name = "several From fields of one proven domain never pass", .mail = ALICE "From: b@example.com\r\n" REST,
	  .want = "spf-helo=pass spf=pass dkim=none dmarc=permerror:example.com verdict=accept" },
	{ .name = "two authors of two proven domains", .mail = "From: alice@example.com, b@news.example\r\n" REST,
	  .domain = "news.example", .how = "r",
	  .want = "spf-helo=pass spf=pass dkim=pass:news.example:r dmarc=pass:example.com verdict=accept" },
	{ .name = "no From at all", .mail = REST, .want = "spf-helo=pass spf=pass dkim=none dmarc=permerror verdict=accept" },
	{ .name = "a signature past its time", .client = "203.0.113.9", .mail = ALICE REST, .domain = "example.com", .how = "rx",
	  .want = "spf-helo=fail spf=fail dkim=permerror:example.com:r dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ .name = "a key in testing mode proves the author as any other", .reverse_path = "x@evil.example",
	  .mail = "From: a@testing.example\r\n" REST, .domain = "testing.example", .how = "r",
	  .want = "spf-helo=pass spf=pass dkim=pass:testing.example:r dmarc=pass:testing.example verdict=accept" },
	{ .name = "nor does it excuse what does not verify", .reverse_path = "x@evil.example",
	  .mail = "From: a@testing.example\r\n" REST, .domain = "testing.example", .how = "r", .edit_from = "Hello.", .edit_to = "Hullo.",
	  .want = "spf-helo=pass spf=pass dkim=fail:testing.example:r dmarc=fail:testing.example:reject verdict=reject:dmarc" },
	{ .name = "a signature that was cut to a part of the body", .client = "203.0.113.9", .mail = ALICE REST,
	  .domain = "example.com", .how = "r", .edit_from = " v=1;", .edit_to = " v=1; l=3;",
	  .want = "spf-helo=fail spf=fail dkim=fail:example.com:r dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ .name = "a malformed SPF record", .reverse_path = "a@broken.example", .mail = ALICE REST, .domain = "example.com", .how = "r",
	  .want = "spf-helo=pass spf=permerror dkim=pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ .name = "a domain whose servers are dead sends nothing that is refused for good", .reverse_path = "a@slow.example",
	  .mail = "From: a@slow.example\r\n" REST,
	  .want = "spf-helo=pass spf=temperror dkim=none dmarc=temperror:slow.example verdict=defer:dmarc-unsettled" },
	{ .name = "dead servers of the reverse-path do not matter to who signs", .reverse_path = "a@slow.example", .mail = ALICE REST,
	  .domain = "example.com", .how = "r",
	  .want = "spf-helo=pass spf=temperror dkim=pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ .name = "nor do a HELO's", .helo = "slow.example", .mail = ALICE REST,
	  .want = "spf-helo=temperror spf=pass dkim=none dmarc=pass:example.com verdict=accept" },
	{ .name = "nor a strange signature's", .mail = ALICE REST, .domain = "slow.example", .how = "r",
	  .want = "spf-helo=pass spf=pass dkim=temperror:slow.example:r dmarc=pass:example.com verdict=accept" },
	{ .name = "a stranger's signature that may pass later proves no author", .client = "203.0.113.9", .mail = ALICE REST,
	  .domain = "slow.example", .how = "r",
	  .want = "spf-helo=fail spf=fail dkim=temperror:slow.example:r dmarc=fail:example.com:reject verdict=reject:dmarc" },
};

static struct str
replaced(struct str mail, const char *from, const char *to)
{
	ptrdiff_t at = str_find_str(mail, str_of(from));
	struct str text;

	insist(at >= 0);
	insist(arena_printf(&stage.mails, &text, "%.*s%s%.*s", (int)at, mail.at, to, STR_ARG(str_from(mail, (size_t)at + strlen(from)))));
	return text;
}

static struct str
make_mail(const struct mail_row *row)
{
	struct str mail = str_of(row->mail);

	if (row->domain != NULL)
		mail = inspect_stage_sign(&stage, row->domain, row->how, mail);
	if (row->edit_from != NULL)
		mail = replaced(mail, row->edit_from, row->edit_to);
	if (row->list_how != NULL)
		mail = inspect_stage_sign(&stage, "list.example", row->list_how, mail);
	return mail;
}

static void
test_mails(void)
{
	for (int i = 0; i < N_OF(mails); i++) {
		const struct mail_row *row = &mails[i];
		struct str words;

		test_case("%s", row->name);
		inspect_stage_reset(&stage);
		inspect_stage_set_client(&stage, row->client != NULL ? row->client : "192.0.2.1",
		    row->helo != NULL ? row->helo : "mail.example.com");
		inspect_stage_set_reverse_path(&stage, row->reverse_path != NULL ? row->reverse_path : "alice@example.com");
		words = inspect_stage_judge(&stage, make_mail(row));
		expect(str_starts(words, STR("iprev=pass ")));
		expect_str(str_from(words, strlen("iprev=pass ")), str_of(row->want));
	}
}

/* By RFC 6376 3.4 they are bytes as any other, and mail in unencoded Japanese (ISO-2022-JP) has ESC in its Subject. */
static void
test_controls(void)
{
	for (int c = 1; c <= 0x7f; c = c == 0x1f ? 0x7f : c + 1) {
		for (int k = 0; k < 2; k++) {
			struct str mail, words;

			if (c >= '\t' && c <= '\r')
				continue;	/* what the library takes for blanks (test_dkim_verify), and line ends */
			test_case("a field with control character %d stays signed, %s", c, k == 0 ? "relaxed" : "simple");
			inspect_stage_reset(&stage);
			inspect_stage_set_client(&stage, "203.0.113.9", "fwd.example");
			insist(arena_printf(&stage.mails, &mail, "Subject: %c a %c%c b %c\r\n" ALICE "\r\nx\r\n", c, c, c, c));
			words = inspect_stage_judge(&stage, inspect_stage_sign(&stage, "example.com", k == 0 ? "r" : "rs", mail));
			expect(str_find_str(words, STR("dkim=pass:example.com:r dmarc=pass:example.com verdict=accept")) >= 0);
		}
	}
}

/* --- what is checked, by the rules --- */

static const struct rules_row {
	const char *name;
	bool spf, dkim;
	enum dmarc_mode dmarc;
	bool is_trusted;
	enum class_verify verify;
	const char *want;
} rules[] = {
	{ "all rules off", false, false, DMARC_OFF, false, CLASS_VERIFY_AUTO, "unchecked=off verdict=accept" },
	{ "all rules off, whatever the class", false, false, DMARC_OFF, false, CLASS_VERIFY_OFF, "unchecked=off verdict=accept" },
	{ "a trusted peer's mail", true, true, DMARC_ENFORCE, true, CLASS_VERIFY_AUTO, "unchecked=trusted verdict=accept" },
	{ "a trusted peer's, of a class that is checked", true, false, DMARC_ENFORCE, true, CLASS_VERIFY_ON,
	  "iprev=pass spf-helo=fail spf=fail dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ "a class that is not checked", true, true, DMARC_ENFORCE, false, CLASS_VERIFY_OFF, "unchecked=class verdict=accept" },
	{ "a trusted peer's, of such a class", true, true, DMARC_ENFORCE, true, CLASS_VERIFY_OFF, "unchecked=trusted verdict=accept" },
	{ "SPF alone", true, false, DMARC_OFF, false, CLASS_VERIFY_AUTO, "iprev=pass spf-helo=fail spf=fail verdict=accept" },
	{ "DKIM alone", false, true, DMARC_OFF, false, CLASS_VERIFY_AUTO, "iprev=pass dkim=pass:example.com:r verdict=accept" },
	{ "DMARC by SPF alone", true, false, DMARC_ENFORCE, false, CLASS_VERIFY_AUTO,
	  "iprev=pass spf-helo=fail spf=fail dmarc=fail:example.com:reject verdict=reject:dmarc" },
	{ "DMARC by DKIM alone", false, true, DMARC_ENFORCE, false, CLASS_VERIFY_AUTO,
	  "iprev=pass dkim=pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ "DMARC that only stamps", true, false, DMARC_STAMP, false, CLASS_VERIFY_AUTO,
	  "iprev=pass spf-helo=fail spf=fail dmarc=fail:example.com:reject verdict=accept" },
};

static void
test_rules(void)
{
	inspect_stage_reset(&stage);
	for (int i = 0; i < N_OF(rules); i++) {
		const struct rules_row *row = &rules[i];
		int n_asks;

		test_case("%s", row->name);
		inspect_stage_set_client(&stage, "203.0.113.9", "mail.example.com");
		stage.rules.spf = row->spf;
		stage.rules.dkim = row->dkim;
		stage.rules.dmarc = row->dmarc;
		stage.peer.is_trusted = row->is_trusted;
		stage.verify = row->verify;
		inspect_stage_set_rules(&stage);
		n_asks = stage.zone.n_asks;
		expect_str(inspect_stage_judge(&stage, inspect_stage_sign(&stage, "example.com", "r", STR(ALICE REST))), str_of(row->want));
		expect_int(stage.zone.n_asks > n_asks, !str_starts(str_of(row->want), STR("unchecked")));
	}
}

/* --- signatures of ours, verified --- */

#define LINE	"0123456789 abcdefghij  klmnopqrst\tuvwxyz"

static struct str
repeated(const char *text, size_t n_bytes)
{
	char *room = arena_alloc(&stage.mails, n_bytes);

	insist(room != NULL);
	for (size_t i = 0; i < n_bytes; i++)
		room[i] = text[i % strlen(text)];
	return str_n(room, n_bytes);
}

static struct str
joined(const char *header, struct str body)
{
	size_t n_header = strlen(header), n = n_header + 2 + body.len;
	char *room = arena_alloc(&stage.mails, n);

	insist(room != NULL);
	memcpy(room, header, n_header);
	memcpy(room + n_header, "\r\n", 2);
	memcpy(room + n_header + 2, body.at, body.len);
	return str_n(room, n);
}

static void
test_bodies(void)
{
	const struct { const char *name, *header; struct str body; } texts[] = {
		{ "no body", ALICE, STR("") },
		{ "empty lines only", ALICE, STR("\r\n\r\n\r\n") },
		{ "empty lines and blanks at the end", ALICE, STR("a \t \r\nb\t\r\n  \r\n\r\n\r\n") },
		{ "blanks at the ends of lines of the header", "From:   Alice \r\n\t<alice@example.com> \t\r\n", STR("x\r\n") },
		{ "fields folded in odd places", ALICE "Subject:\r\n one\r\n \t two\r\n\t\r\n three\r\nto: \r\n\tb@example.org\r\n", STR("x\r\n") },
		{ "blanks before a colon", ALICE "to   : b@example.org\r\n", STR("x\r\n") },
		{ "an empty field, and fields twice", ALICE "Subject:\r\nX-A: 1\r\nX-A: 2\r\nTo: a@a.example\r\nTo: b@b.example\r\n", STR("x\r\n") },
		{ "bytes beyond ASCII", "From: =?utf-8?q?x?= <alice@example.com>\r\nSubject: gr\303\274n \377\376\r\n", STR("\200\377 \303\244\r\n") },
		{ "a NUL in the body", ALICE, STR("a\0b\r\nc\r\n") },
		{ "no line end at the end", ALICE, STR("a\r\nb") },
		{ "lines that begin with dots", ALICE, STR(".\r\n..\r\n.x\r\n") },
		{ "a line of 100 KB", ALICE, repeated(LINE, 100000) },
		{ "a megabyte", ALICE, repeated(LINE "\r\n", 1024 * 1024) },
	};
	static const char *const ways[] = { "r", "e", "rs", "es" };

	inspect_stage_reset(&stage);
	for (int i = 0; i < N_OF(texts); i++) {
		for (int k = 0; k < N_OF(ways); k++) {
			struct str mail;
			const struct findings *findings;

			test_case("our signature (%s) is right for: %s", ways[k], texts[i].name);
			mail = inspect_stage_sign(&stage, "example.com", ways[k], joined(texts[i].header, texts[i].body));
			findings = inspect_stage_inspect(&stage, mail);
			if (!expect(findings != NULL && findings->n_dkim == 1))
				continue;
			expect_text(dkim_verdict_word(findings->dkim[0].verdict), "pass");
			expect_str(findings->dkim[0].reason, STR(""));
		}
	}
}

/* The library takes no tab there (RFC 5322 4.5); blanks in that place are nothing to relaxed canonicalization. */
static void
test_tab(void)
{
	test_case("a tab before a colon does not keep a mail from being checked");
	inspect_stage_reset(&stage);
	expect_str(inspect_stage_judge(&stage, inspect_stage_sign(&stage, "example.com", "r", STR(ALICE "To\t: b@example.org\r\n\r\nx\r\n"))),
	    STR("iprev=pass spf-helo=pass spf=pass dkim=pass:example.com:r dmarc=pass:example.com verdict=accept"));
}

static void
test_large(void)
{
	struct str mail;

	test_case("10 MB, both signatures");
	inspect_stage_reset(&stage);
	mail = inspect_stage_sign(&stage, "example.com", "re", joined(ALICE, repeated(LINE "\r\n", 10 * 1024 * 1024)));
	expect_str(inspect_stage_judge(&stage, mail), STR("iprev=pass spf-helo=pass spf=pass dkim=pass:example.com:r,pass:example.com:e"
	    " dmarc=pass:example.com verdict=accept"));
	expect(stage.arena.used_bytes < 1024 * 1024);	/* the body is not kept */
}

static void
test_chunks(void)
{
	struct str mail = inspect_stage_sign(&stage, "example.com", "rs", STR(ALICE "\r\nHello \r\n\r\n . \r\n..\r\n\tx\r\n\r\n\r\n"));

	mail = inspect_stage_sign(&stage, "list.example", "re", mail);
	test_case("a body in pieces of any size");
	inspect_stage_reset(&stage);
	for (size_t n = 1; n < 40; n++) {
		stage.chunk_bytes = n;
		expect_str(inspect_stage_judge(&stage, mail), STR("iprev=pass spf-helo=pass spf=pass dkim=pass:list.example:r,pass:list.example:e,"
		    "pass:example.com:r dmarc=pass:example.com verdict=accept"));
	}
}

int
main(void)
{
	inspect_stage_init(&stage);
	test_mails();
	test_controls();
	test_rules();
	test_bodies();
	test_tab();
	test_large();
	test_chunks();
	inspect_stage_fini(&stage);
	return test_end();
}
