/*
 * test_hostile.c - reports of what strangers may put into them, judged by grammar.py
 *
 * Addresses, ORCPT, ENVID, replies, names and subjects are drawn from all that the parsers of commands,
 * replies and fields let through.  HOSTILE_SEED= and HOSTILE_REPORTS= for other and longer runs.
 */
#include <stdlib.h>

#include "base/insist.h"
#include "mail/xtext.h"
#include "smtpfwd/report/dsn.h"
#include "smtpfwd/report/wording.h"
#include "tests/expect.h"
#include "tests/report/judge.h"

enum { OUT_MAX_BYTES = 1024 * 1024, RECIPIENTS_MAX = 4, REPORTS_USUAL = 500 };

struct draw {				/* a report in the making */
	uint64_t		 state;
	struct arena		 arena;
	struct envelope		 envelope;
	struct mail_facts	 facts;
	struct owed_recipient	 recipients[RECIPIENTS_MAX];
	struct owed		 owed;
	struct returned		 returned;
	struct dsn		 dsn;
	struct buf		 mail, report;
};

static uint64_t
draw(struct draw *d, uint64_t n)
{
	d->state ^= d->state << 13;		/* xorshift64 */
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return d->state % n;
}

static struct str
keep(struct draw *d, struct buf *text)
{
	struct str kept;

	insist(arena_copy(&d->arena, buf_str(text), &kept));
	buf_fini(text);
	return kept;
}

/* Any bytes, with a liking for those that end lines, words and parts. */
static struct str
draw_bytes(struct draw *d, size_t max)
{
	static const struct str likely[] = {
		{ "\r\n", 2 }, { "\n", 1 }, { "\r", 1 }, { "\0", 1 }, { " ", 1 }, { "\t", 1 }, { "\\", 1 }, { "--=_report_", 11 },
		{ "\r\n\r\n", 4 }, { "\xe2\x80\xae", 3 }, { "\xc2\x85", 2 }, { "\xe2\x80\xa8", 3 }, { "\xc3\xa4", 2 },
		{ "\xe4\xb8\xad", 3 }, { "\xf0\x9f\x98\x80", 4 }, { "\xff", 1 }, { "\x7f", 1 }, { "\x1b[2J", 4 }, { "=?utf-8?q?x?=", 13 },
		{ "Bcc: x", 6 }, { ";", 1 }, { "\"", 1 }, { "=", 1 }, { "word", 4 }, { "\n.\r\n", 4 },
	};
	size_t n = draw(d, max + 1);
	struct buf text;

	buf_init(&text, max + 16);
	while (text.len < n) {
		if (draw(d, 4) != 0)
			buf_append(&text, likely[draw(d, sizeof(likely) / sizeof(likely[0]))]);
		else
			buf_append_char(&text, (char)draw(d, 256));
	}
	return keep(d, &text);
}

static struct address
draw_address(struct draw *d, bool may_be_utf8)
{
	static char long_local[ADDRESS_LOCAL_MAX_BYTES];
	const struct str locals[] = {
		STR("bob"), STR("\"a \\\"b\\\\\""), STR("a+b=c"), STR("\"<>@,;:()\""), STR("{x}/y|z%~"), str_n(long_local, sizeof(long_local)),
		STR("b\xc3\xa4" "d"), STR("\xe4\xb8\xad\xe6\x96\x87+x"), STR("\xe2\x80\xae" "evil"), STR("\"\xc2\x85 \xf0\x9f\x98\x80\""),
	};
	const struct str domains[] = {
		STR("example.com"), STR("[192.0.2.1]"), STR("[IPv6:2001:db8::1]"), STR("xn--bcher-kva.example"), STR("a_b.example"),
		STR("b\xc3\xbc" "cher.example"), STR("\xe4\xbe\x8b\xe3\x81\x88.example"),
	};

	memset(long_local, 'l', sizeof(long_local));
	return (struct address){ .local = locals[draw(d, may_be_utf8 ? 10 : 6)], .domain = domains[draw(d, may_be_utf8 ? 7 : 5)] };
}

static struct str
draw_xtext(struct draw *d, const char *type, size_t max)
{
	struct buf text;

	buf_init(&text, 2000);
	buf_append(&text, str_of(type));
	xtext_encode(draw_bytes(d, max), &text);
	return keep(d, &text);
}

static struct str
draw_orcpt(struct draw *d, bool may_be_utf8)
{
	switch (draw(d, may_be_utf8 ? 6 : 4)) {
	case 0:
		return STR_EMPTY;
	case 1:
		return draw_xtext(d, "rfc822;", 150);
	case 2:
		return draw_xtext(d, "x-unknown;", 20);
	case 3:
		return STR("rfc822;bob+2Bold@example.com");
	case 4:
		return STR("utf-8;\xe4\xb8\xad\xe2\x80\xae\xc2\x85@example.com");
	default:
		return STR("utf-8;a\\x{4E2D}@example.com");
	}
}

static struct outcome
draw_outcome(struct draw *d, enum report_kind kind)
{
	static const int codes[] = { 550, 421, 250 };
	static const struct str names[] = { { "mx.example.net", 14 }, { "192.0.2.1", 9 }, { "2001:db8::1", 11 }, { "", 0 } };
	uint8_t class = kind == REPORT_FAILED ? 5 : kind == REPORT_DELAYED ? 4 : 2;
	struct outcome outcome = { .text = draw_bytes(d, 1500), .reply.text = STR_EMPTY, .remote_mta = names[draw(d, 4)] };

	if (draw(d, 2) == 0) {
		outcome.reply.code = codes[kind];
		outcome.reply.text = draw_bytes(d, 1500);
		if (draw(d, 2) == 0)
			outcome.reply.status = STATUS(class, (uint16_t)draw(d, 1000), (uint16_t)draw(d, 1000));
	}
	if (draw(d, 3) != 0)
		outcome.status = STATUS((uint8_t)(draw(d, 5) == 0 ? 4 : class), (uint16_t)draw(d, 8), (uint16_t)draw(d, 12));
	if (draw(d, 8) == 0)
		outcome.remote_mta = draw_bytes(d, 255);
	return outcome;
}

/* A mail with CRLF line ends, as the queue has it; what is to be returned of it. */
static void
draw_mail(struct draw *d)
{
	bool has_8bit_header = draw(d, 3) == 0, has_8bit_body = draw(d, 2) == 0;
	struct str part;

	buf_append(&d->mail, STR("From: <alice@example.org>\r\nSubject: x "));
	if (has_8bit_header)
		buf_append(&d->mail, draw(d, 2) == 0 ? STR("\xc3\xa4") : STR("\xff"));
	buf_append(&d->mail, STR(" \r\n\t \r\nX-Blank: \t\r\n"));
	part = buf_str(&d->mail);
	d->returned.is_full = draw(d, 2) == 0;
	if (d->returned.is_full) {
		buf_append(&d->mail, STR("\r\n. dot \r\n--=_report_\r\n"));
		if (has_8bit_body)
			buf_append(&d->mail, STR("Gr\xc3\xbc\xc3\x9f" "e \r\n"));
		if (draw(d, 4) == 0)
			buf_append(&d->mail, STR("no line end"));
		part = buf_str(&d->mail);
	}
	d->returned.n_bytes = (int64_t)part.len;
	d->returned.is_8bit = !str_is_ascii(part);
	d->returned.subject = draw_bytes(d, 180);
	d->returned.message_id = draw(d, 2) == 0 ? STR_EMPTY : STR("<a!#$%b@example.org>");
}

static void
draw_report(struct draw *d)
{
	enum report_kind kind = (enum report_kind)draw(d, 3);
	bool is_smtputf8 = draw(d, 2) == 0;
	int n = 1 + (int)draw(d, RECIPIENTS_MAX);

	d->envelope = (struct envelope){ .reverse_path = draw_address(d, is_smtputf8), .is_smtputf8 = is_smtputf8,
	    .envid = draw(d, 2) == 0 ? STR_EMPTY : draw_xtext(d, "", 30) };
	for (int i = 0; i < n; i++)
		d->recipients[i] = (struct owed_recipient){
			.recipient = { .address = draw_address(d, is_smtputf8), .orcpt = draw_orcpt(d, is_smtputf8) },
			.outcome = draw_outcome(d, kind), .last_try = { (int64_t)draw(d, 2) * 1795233600000000 },
		};
	d->facts = (struct mail_facts){ .arrived = { 1795233600000000 } };
	d->owed = (struct owed){ .kind = kind, .envelope = &d->envelope, .facts = &d->facts, .recipients = d->recipients,
	    .n_recipients = n, .expires = { 1795665600000000 }, .arena = &d->arena };
	draw_mail(d);
	d->dsn = (struct dsn){ .owed = &d->owed, .returned = &d->returned, .hostname = STR("mx.example.net"),
	    .now = { 1795237200000000 } };
	d->dsn.is_utf8 = dsn_address(&d->envelope.reverse_path, &d->arena, &d->dsn.to);
}

static void
compose(struct draw *d)
{
	struct str part = str_sub(buf_str(&d->mail), 0, (size_t)d->returned.n_bytes);
	struct quoted quoted = { .column = 0 };

	expect_int(dsn_append_opening(&d->dsn, &d->report), 0);
	if (dsn_is_quoted(&d->dsn)) {
		expect_int(quoted_append(&quoted, part, &d->report), 0);
		expect_int(quoted_end(&quoted, &d->report), 0);
	} else
		expect_int(buf_append(&d->report, part), 0);
	expect_int(dsn_append_closing(&d->dsn, &d->report), 0);
}

static void
tell_judge(uint64_t *state, struct judge *judge)
{
	struct draw d = { .state = *state };

	arena_init(&d.arena, OUT_MAX_BYTES);
	buf_init(&d.mail, OUT_MAX_BYTES);
	buf_init(&d.report, OUT_MAX_BYTES);
	draw_report(&d);
	compose(&d);
	judge_tell(judge, d.dsn.is_utf8, dsn_is_8bit(&d.dsn), buf_str(&d.mail), buf_str(&d.report));
	*state = d.state;
	buf_fini(&d.mail);
	buf_fini(&d.report);
	arena_fini(&d.arena);
}

static int
number_of(const char *name, int usual)
{
	const char *text = getenv(name);

	return text != NULL ? atoi(text) : usual;
}

int
main(void)
{
	int n_reports = number_of("HOSTILE_REPORTS", REPORTS_USUAL), seed = number_of("HOSTILE_SEED", 1);
	uint64_t state = (uint64_t)seed * 0x9e3779b97f4a7c15u + 1;
	struct judge *judge = judge_start();

	test_case("%d reports of hostile texts are what RFC 3464, 6522 and 6533 say (seed %d)", n_reports, seed);
	for (int i = 0; i < n_reports; i++)
		tell_judge(&state, judge);
	expect_int(judge_end(judge), n_reports);
	return test_end();
}
