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
			    .status = STATUS(5, 1, 1), .remote_mta = STR("mail.new.example.net") } },
			{ .recipient = { .address = { STR("other"), STR("example.com") } },
			  .outcome = { .kind = OUTCOME_FAILED, .status = STATUS(4, 4, 1), .text = STR("not reached\r\nfor 5 days") } },
		},
	};
	arena_init(&f->arena, 100000);
	buf_init(&f->out, OUT_MAX_BYTES);
	f->owed = (struct owed){ .kind = kind, .envelope = &f->envelope, .facts = &f->facts, .recipients = f->recipients,
	    .n_recipients = 2, .expires = { 1795665600000000 }, .arena = &f->arena };
	f->dsn = (struct dsn){ .owed = &f->owed, .hostname = STR("mx.example.net"),
	    .now = { 1795237200000000 }, .is_full = false };
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

static void
test_failure(void)
{
	struct fixture f;

	set_up(&f, REPORT_FAILED);
	test_case("a failure has the fields of RFC 3464 for the mail and each recipient");
	expect_int(dsn_append_opening(&f.dsn, &f.out), 0);
	expect_int(dsn_append_closing(&f.dsn, &f.out), 0);
	expect(has(&f, "To: <alice@example.org>\r\n"));
	expect(has(&f, "Content-Type: multipart/report; report-type=delivery-status;"));
	expect(has(&f, "Auto-Submitted: auto-replied\r\n"));
	expect(has(&f, "Reporting-MTA: dns; mx.example.net\r\nOriginal-Envelope-Id: QQ+314159\r\n"
	    "Arrival-Date: Sat, 21 Nov 2026 04:00:00 +0000\r\n"));
	expect(has(&f, "\r\n\r\nOriginal-Recipient: rfc822; old+bad@example.com\r\nFinal-Recipient: rfc822; bad@example.com\r\n"
	    "Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mail.new.example.net\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user"));
	expect(has(&f, "\r\n\r\nFinal-Recipient: rfc822; other@example.com\r\nAction: failed\r\nStatus: 4.4.1\r\n"));
	expect(has(&f, "Content-Type: text/rfc822-headers\r\n"));
	expect_int(count(buf_str(&f.out), STR("--=_report_")), 4);

	test_case("no line is bare or longer than RFC 5322 allows");
	for (struct str rest = buf_str(&f.out), line; str_take_until(&rest, '\n', &line);) {
		if (rest.len != 0)
			expect(line.len > 0 && line.at[line.len - 1] == '\r');
		expect(line.len <= 999);
	}

	test_case("line ends in others' texts do not make lines of ours");
	expect(!has(&f, "not reached\r\nfor 5 days"));
	expect(has(&f, "not reached\\x0d\\x0afor 5 days"));
	tear_down(&f);
}

static void
test_others(void)
{
	struct fixture f;

	set_up(&f, REPORT_DELAYED);
	test_case("a delay says until when it is tried");
	expect_int(dsn_append_opening(&f.dsn, &f.out), 0);
	expect(has(&f, "Action: delayed\r\nStatus: 4.4.1\r\nWill-Retry-Until: Thu, 26 Nov 2026 04:00:00 +0000\r\n"));
	expect(has(&f, "Action: delayed\r\nStatus: 4.0.0\r\n"));
	tear_down(&f);

	set_up(&f, REPORT_FAILED);
	f.recipients[0].outcome.remote_mta = STR("192.0.2.1");
	f.recipients[1].outcome = f.recipients[0].outcome;
	f.recipients[1].outcome.remote_mta = STR("2001:db8::1");
	test_case("a remote MTA known by its address is a domain literal");
	expect_int(dsn_append_opening(&f.dsn, &f.out), 0);
	expect(has(&f, "Remote-MTA: dns; [192.0.2.1]\r\n"));
	expect(has(&f, "Remote-MTA: dns; [IPv6:2001:db8::1]\r\n"));
	tear_down(&f);

	set_up(&f, REPORT_FAILED);
	f.envelope.is_smtputf8 = true;
	f.recipients[0].recipient.address.local = STR("b\xc3\xa4" "d");
	test_case("an internationalised mail has the types of RFC 6533");
	expect_int(dsn_append_opening(&f.dsn, &f.out), 0);
	expect(has(&f, "Content-Type: message/global-delivery-status\r\n"));
	expect(has(&f, "Final-Recipient: utf-8; b\xc3\xa4" "d@example.com\r\n"));
	expect(has(&f, "Content-Type: message/global-headers\r\n"));
	tear_down(&f);
}

int
main(void)
{
	test_failure();
	test_others();
	return test_end();
}
