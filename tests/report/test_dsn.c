/*
 * test_dsn.c - the fields that RFC 3464 asks for, and that nobody's bytes get out of their place
 */
#include "base/mem.h"
#include "smtpfwd/report/dsn.h"
#include "tests/expect.h"

enum { OUT_MAX_BYTES = 1024 * 1024 };

struct fixture {
	struct arena		 arena;
	struct envelope		 envelope;
	struct mail_facts	 facts;
	struct owed_recipient	 recipients[2];
	struct owed		 owed;
	struct returned		 returned;
	struct dsn		 dsn;
	struct buf		 out;
};

static void
set_up(struct fixture *f, enum report_kind kind)
{
	*f = (struct fixture){
		.envelope = { .reverse_path = { STR("alice"), STR("example.org") }, .envid = STR("QQ+2B314159") },
		.facts = { .arrived = { 1795233600000000 } },	/* 2026-11-21 04:00:00 UTC, by date(1) */
		.recipients = {
			{ .recipient = { .address = { STR("bad"), STR("example.com") }, .orcpt = STR("rfc822;old+2Bbad@example.com") },
			  .outcome = { .kind = OUTCOME_FAILED, .reply = REPLY(550, 5, 1, 1, "no such user\nat all"),
			    .status = STATUS(5, 1, 1), .remote_mta = STR("mail.new.example.net") },
			  .last_try = { 1795237199000000 } },
			{ .recipient = { .address = { STR("other"), STR("example.com") } },
			  .outcome = { .kind = OUTCOME_FAILED, .status = STATUS(4, 4, 1), .text = STR("not reached\r\nfor 5 days") } },
		},
	};
	arena_init(&f->arena, 100000);
	buf_init(&f->out, OUT_MAX_BYTES);
	f->owed = (struct owed){ .kind = kind, .envelope = &f->envelope, .facts = &f->facts, .recipients = f->recipients,
	    .n_recipients = 2, .expires = { 1795665600000000 }, .arena = &f->arena };
	f->returned = (struct returned){ .n_bytes = 100, .message_id = STR("<1@example.org>"), .subject = STR("Lunch") };
	f->dsn = (struct dsn){ .owed = &f->owed, .returned = &f->returned, .hostname = STR("mx.example.net"),
	    .now = { 1795237200000000 } };
	f->dsn.is_utf8 = dsn_address(&f->envelope.reverse_path, &f->arena, &f->dsn.to);
	f->dsn.id.bytes[0] = 1;
}

static void
tear_down(struct fixture *f)
{
	buf_fini(&f->out);
	arena_fini(&f->arena);
}

static bool
has(const struct fixture *f, const char *part)
{
	return str_find_str(buf_str(&f->out), str_of(part)) >= 0;
}

static int
count(struct str text, struct str part)
{
	ptrdiff_t at;
	int n = 0;

	while ((at = str_find_str(text, part)) >= 0) {
		n++;
		text = str_from(text, (size_t)at + part.len);
	}
	return n;
}

/* The report in full, made anew. */
static void
compose(struct fixture *f)
{
	buf_clear(&f->out);
	f->dsn.is_utf8 = dsn_address(&f->envelope.reverse_path, &f->arena, &f->dsn.to);
	expect_int(dsn_append_opening(&f->dsn, &f->out), 0);
	expect_int(dsn_append_closing(&f->dsn, &f->out), 0);
}

static void
test_failure(void)
{
	struct fixture f;

	set_up(&f, REPORT_FAILED);
	test_case("a failure has the fields of RFC 3464 for the mail and each recipient");
	compose(&f);
	expect(has(&f, "To: <alice@example.org>\r\n"));
	expect(has(&f, "Content-Type: multipart/report; report-type=delivery-status;"));
	expect(has(&f, "Auto-Submitted: auto-replied\r\n"));
	expect(has(&f, "Reporting-MTA: dns; mx.example.net\r\nOriginal-Envelope-Id: QQ+314159\r\n"
	    "Arrival-Date: Sat, 21 Nov 2026 04:00:00 +0000\r\n"));
	expect(has(&f, "\r\n\r\nOriginal-Recipient: rfc822; old+bad@example.com\r\nFinal-Recipient: rfc822; bad@example.com\r\n"
	    "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mail.new.example.net\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user"));
	expect(has(&f, "Last-Attempt-Date: Sat, 21 Nov 2026 04:59:59 +0000\r\n"));
	expect(has(&f, "\r\n\r\nFinal-Recipient: rfc822; other@example.com\r\nAction: failed\r\nStatus: 4.4.1\r\n"
	    "Diagnostic-Code: x-smtpfwd; not reached\\x0d\\x0afor 5 days\r\n\r\n"));
	expect(has(&f, "Content-Type: text/rfc822-headers\r\n"));
	expect_int(count(buf_str(&f.out), STR("--=_report_")), 4);

	test_case("its subject tells what happened, and it stands in the thread of the mail");
	expect(has(&f, "\r\nSubject: Mail to bad@example.com and 1 other could not be delivered\r\n"));
	expect(has(&f, "\r\nIn-Reply-To: <1@example.org>\r\nReferences: <1@example.org>\r\n"));

	test_case("a person is told first: which mail, to whom, who said what, and what to do");
	expect(has(&f, "could not be delivered. It will not be tried again.\r\n"));
	expect(has(&f, "    Subject:  Lunch\r\n    Taken in: Sat, 21 Nov 2026 04:00:00 +0000\r\n"));
	expect(has(&f, "\r\n<bad@example.com>\r\n    mail.new.example.net answered:\r\n    550 5.1.1 no such user at all\r\n"
	    "    What to do: Look for a typing error in the address"));

	test_case("no line is bare or longer than RFC 5322 allows");
	for (struct str rest = buf_str(&f.out), line; str_take_until(&rest, '\n', &line);) {
		if (rest.len != 0)
			expect(line.len > 0 && line.at[line.len - 1] == '\r');
		expect(line.len <= 999);
	}

	test_case("line ends in others' texts do not make lines of ours");
	expect(!has(&f, "not reached\r\nfor 5 days"));
	tear_down(&f);
}

static void
test_others(void)
{
	struct fixture f;

	set_up(&f, REPORT_DELAYED);
	test_case("a delay says until when it is tried, and that nothing need be done");
	compose(&f);
	expect(has(&f, "Action: delayed\r\nStatus: 4.4.1\r\nDiagnostic-Code: x-smtpfwd; not reached\\x0d\\x0afor 5 days\r\n"
	    "Will-Retry-Until: Thu, 26 Nov 2026 04:00:00 +0000\r\n"));
	expect(has(&f, "Action: delayed\r\nStatus: 4.0.0\r\n"));
	expect(has(&f, "YOU NEED DO NOTHING"));
	expect(has(&f, "Subject: Mail to bad@example.com and 1 other is delayed\r\n"));
	expect(!has(&f, "What to do"));
	tear_down(&f);

	set_up(&f, REPORT_RELAYED);
	f.owed.n_recipients = 1;
	f.recipients[0].outcome.reply = REPLY(250, 2, 0, 0, "taken");
	f.recipients[0].outcome.status = STATUS(2, 0, 0);
	test_case("a report of success on to a server without reports is called relayed");
	compose(&f);
	expect(has(&f, "Action: relayed\r\nStatus: 2.0.0\r\n"));
	expect(has(&f, "Subject: Mail to bad@example.com was passed on\r\n"));
	tear_down(&f);

	set_up(&f, REPORT_FAILED);
	f.recipients[0].outcome.remote_mta = STR("192.0.2.1");
	f.recipients[1].outcome = f.recipients[0].outcome;
	f.recipients[1].outcome.remote_mta = STR("2001:db8::1");
	test_case("a remote MTA known by its address is a domain literal");
	compose(&f);
	expect(has(&f, "Remote-MTA: dns; [192.0.2.1]\r\n"));
	expect(has(&f, "Remote-MTA: dns; [IPv6:2001:db8::1]\r\n"));

	test_case("recipients who failed for one reason stand together in the text");
	f.recipients[1].outcome = f.recipients[0].outcome;
	compose(&f);
	expect(has(&f, "\r\n<bad@example.com>\r\n<other@example.com>\r\n    192.0.2.1 answered:\r\n"));

	test_case("an ENVID and a quoted local part are given byte by byte, backslashes too");
	f.envelope.envid = STR("a\\b");
	f.recipients[0].recipient.address.local = STR("\"a\\\"b\"");
	compose(&f);
	expect(has(&f, "\r\nOriginal-Envelope-Id: a\\b\r\n"));
	expect(has(&f, "\r\nFinal-Recipient: rfc822; \"a\\\"b\"@example.com\r\n"));
	tear_down(&f);
}

static void
test_international(void)
{
	struct fixture f;

	set_up(&f, REPORT_FAILED);
	f.envelope.is_smtputf8 = true;
	f.returned.is_8bit = true;
	f.recipients[0].recipient.address.local = STR("b\xc3\xa4" "d+x");
	f.recipients[0].recipient.orcpt = STR("utf-8;\xe4\xb8\xad@example.com");
	f.recipients[1].recipient.orcpt = STR("utf-8;a\\x{4E2D}b@example.com");
	test_case("to an ASCII sender the report of an internationalised mail is ASCII, addresses in RFC 6533's 7-bit form");
	compose(&f);
	expect(str_is_ascii(buf_str(&f.out)));
	expect(!f.dsn.is_utf8 && !dsn_is_8bit(&f.dsn));
	expect(has(&f, "Content-Type: message/delivery-status\r\n\r\n"));
	expect(has(&f, "Original-Recipient: utf-8; \\x{4E2D}@example.com\r\nFinal-Recipient: utf-8; b\\x{E4}d\\x{2B}x@example.com\r\n"));
	expect(has(&f, "Original-Recipient: utf-8; a\\x{4E2D}b@example.com\r\n"));
	expect(has(&f, "Subject: Mail to\r\n =?utf-8?q?b=C3=A4d+x@example.com?=\r\n and 1 other could not be delivered\r\n"));
	expect(has(&f, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n"));
	expect(has(&f, "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n"));

	test_case("a sender whose domain alone is not ASCII is written to by its A-label");
	f.envelope.reverse_path.domain = STR("b\xc3\xbc" "cher.example");
	compose(&f);
	expect(str_is_ascii(buf_str(&f.out)));
	expect(has(&f, "To: <alice@xn--bcher-kva.example>\r\n"));

	test_case("a sender whose local part is not ASCII gets the types of RFC 6533, by SMTPUTF8");
	f.envelope.reverse_path.local = STR("\xc3\xa4lice");
	compose(&f);
	expect(f.dsn.is_utf8 && dsn_is_8bit(&f.dsn) && !dsn_is_quoted(&f.dsn));
	expect(has(&f, "To: <\xc3\xa4lice@b\xc3\xbc" "cher.example>\r\n"));
	expect(has(&f, "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n"));
	expect(has(&f, "Final-Recipient: utf-8; b\xc3\xa4" "d+x@example.com\r\n"));
	expect(has(&f, "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n"));
	tear_down(&f);

	set_up(&f, REPORT_FAILED);
	f.returned.is_8bit = true;
	test_case("an 8-bit header section of old is returned encoded, so that the report stays ASCII");
	compose(&f);
	expect(dsn_is_quoted(&f.dsn) && !dsn_is_8bit(&f.dsn));
	expect(has(&f, "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n"));

	test_case("an 8-bit mail is returned as it is, for message/rfc822 must not be encoded");
	f.returned.is_full = true;
	compose(&f);
	expect(!dsn_is_quoted(&f.dsn) && dsn_is_8bit(&f.dsn));
	expect(has(&f, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n"));
	tear_down(&f);
}

int
main(void)
{
	test_failure();
	test_others();
	test_international();
	return test_end();
}
