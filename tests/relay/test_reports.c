/*
 * test_reports.c - who is told what about which recipients, through the whole relay (RFC 3461, 6533)
 *
 * What arrives at the sender's server is judged by tests/report/grammar.py as well.
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/expect.h"
#include "tests/relay/stage.h"
#include "tests/report/judge.h"

#define MAIL_TEXT "Message-ID: <1@example.org>\r\nSubject: hello\r\n\r\nHello.\r\n"
#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const char PLAIN[] = "250-server\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
static const char BARE[] = "250 server\r\n";
static const char ALL[] = "250-server\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n";

/* Sends a mail for NAME@example.com with parameters: MAIL's first, then one text a recipient. */
static void
send_mail(struct story *story, const char *const *commands, int n)
{
	expect_int(client_talk(&story->relay, commands, n, STR(MAIL_TEXT)), 250);
	sleep_for(story, span_s(30));
}

/* How many reports reached the sender that have the part; "" for all. */
static int
n_reports(struct story *story, const char *part)
{
	struct str key, bytes;
	int n = 0;

	for (int i = 0; sim_find_note(story->relay.sim, "arrived", (struct str){ .at = NULL }, i, &key, &bytes); i++)
		n += str_find_str(bytes, STR("multipart/report")) >= 0 && str_find_str(bytes, str_of(part)) >= 0;
	return n;
}

/* All that arrived is judged; what is returned starts with the relay's own Received, which the report must have as it is. */
static void
judge_all(struct story *story, bool is_utf8)
{
	struct judge *judge = judge_start();
	struct str key, bytes;
	int n = 0;

	for (int i = 0; sim_find_note(story->relay.sim, "arrived", (struct str){ .at = NULL }, i, &key, &bytes); i++) {
		ptrdiff_t at = str_find_str(bytes, STR("\r\n\r\nReceived: ")), end;
		struct str returned;

		if (str_find_str(bytes, STR("multipart/report")) < 0)
			continue;
		insist(at >= 0);
		returned = str_from(bytes, (size_t)at + 4);
		end = str_find_str(returned, STR("\r\n--=_report_"));
		insist(end >= 0);
		judge_tell(judge, is_utf8, is_utf8, str_sub(returned, 0, (size_t)end), bytes);
		n++;
	}
	expect_int(judge_end(judge), n);
}

static void
tell_mixed(struct story *story)
{
	static const char *const commands[] = {
		"MAIL FROM:<alice@example.org> RET=HDRS ENVID=QQ+2B1",
		"RCPT TO:<bad1@example.com> NOTIFY=NEVER",
		"RCPT TO:<bad2@example.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;old+2B2@example.com",
		"RCPT TO:<bad3@example.com> NOTIFY=SUCCESS",
		"RCPT TO:<bad4@example.com>",
		"RCPT TO:<bob@example.com> NOTIFY=SUCCESS ORCPT=rfc822;old@example.com",
		"RCPT TO:<carol@example.com>",
	};

	send_mail(story, commands, N(commands));
	test_case("of a mail with mixed NOTIFY one report tells of the failures that were asked for, or not spoken of");
	expect_int(n_reports(story, ""), 1);
	expect_int(n_reports(story, "Final-Recipient: rfc822; bad2@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"), 1);
	expect_int(n_reports(story, "Final-Recipient: rfc822; bad4@example.com\r\n"), 1);
	expect_int(n_reports(story, "Original-Recipient: rfc822; old+2@example.com\r\n"), 1);
	expect_int(n_reports(story, "Original-Envelope-Id: QQ+1\r\n"), 1);
	expect_int(n_reports(story, "bad1"), 0);
	expect_int(n_reports(story, "bad3"), 0);
	expect_int(n_reports(story, "bob@"), 0);
	expect_int(n_reports(story, "Last-Attempt-Date: "), 1);
	expect_int(n_reports(story, "In-Reply-To: <1@example.org>\r\n"), 1);
	expect_int(n_mails(story), 0);

	test_case("to a next hop with DSN all parameters are passed on as they came, and none is added (RFC 3461 5.2.1)");
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<alice@example.org>"), STR(" RET=HDRS ENVID=QQ+2B1")), 1);
	expect_int(n_commands(story, "rcpt", STR("RCPT TO:<bob@example.com> NOTIFY=SUCCESS ORCPT=rfc822;old@example.com"), STR_EMPTY), 1);
	expect_int(n_commands(story, "rcpt", STR("RCPT TO:<bad1@example.com> NOTIFY=NEVER"), STR_EMPTY), 1);
	expect_int(n_commands(story, "rcpt", STR("RCPT TO:<carol@example.com>"), STR("NOTIFY")), 0);
	expect_int(n_commands(story, "rcpt", STR("RCPT TO:<carol@example.com>"), STR("ORCPT")), 0);

	test_case("a report goes from nobody, and asks for no report");
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<>"), STR_EMPTY), 1);
	expect_int(n_commands(story, "rcpt", STR("RCPT TO:<alice@example.org> NOTIFY=NEVER"), STR_EMPTY), 1);
	judge_all(story, false);
}

static void
tell_relayed(struct story *story)
{
	static const char *const commands[] = {
		"MAIL FROM:<alice@example.org> RET=FULL ENVID=1",
		"RCPT TO:<bob@example.com> NOTIFY=SUCCESS,FAILURE",
		"RCPT TO:<carol@example.com> NOTIFY=SUCCESS",
		"RCPT TO:<dave@example.com>",
		"RCPT TO:<erin@example.com> NOTIFY=FAILURE",
		"RCPT TO:<bad@example.com> NOTIFY=SUCCESS,FAILURE",
	};

	server_offer(&story->relay, NEW_SERVER_AT, PLAIN);
	send_mail(story, commands, N(commands));
	test_case("a next hop without DSN: who asked for SUCCESS is told that it was relayed, only who did");
	expect_int(n_reports(story, "Action: relayed"), 1);
	expect_int(n_reports(story, "Final-Recipient: rfc822; bob@example.com\r\nAction: relayed\r\nStatus: 2.0.0\r\n"), 1);
	expect_int(n_reports(story, "Final-Recipient: rfc822; carol@example.com\r\nAction: relayed\r\n"), 1);
	expect_int(n_reports(story, "dave@"), 0);
	expect_int(n_reports(story, "erin@"), 0);
	expect_int(n_reports(story, "Action: failed"), 1);

	test_case("such a report returns the header only, also where RET=FULL was given (RFC 3461 6.2)");
	expect_int(n_reports(story, "text/rfc822-headers"), 1);
	expect_int(n_reports(story, "message/rfc822"), 1);

	test_case("a next hop without DSN sees no parameter of it");
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<alice@"), STR("RET=")), 0);
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<alice@"), STR("ENVID=")), 0);
	expect_int(n_commands(story, "rcpt", STR("RCPT TO:<"), STR("@example.com> NOTIFY")), 0);
	judge_all(story, false);
}

static void
tell_patience(struct story *story)
{
	static const char *const commands[] = {
		"MAIL FROM:<alice@example.org>",
		"RCPT TO:<silent@example.com> NOTIFY=FAILURE",
		"RCPT TO:<delay@example.com> NOTIFY=DELAY",
		"RCPT TO:<never@example.com> NOTIFY=NEVER",
		"RCPT TO:<both@example.com>",
		"RCPT TO:<success@example.com> NOTIFY=SUCCESS",
	};

	set_new_server(story, SIM_HOST_UNREACHABLE);
	send_mail(story, commands, N(commands));
	sleep_for(story, span_s(4 * 3600 + 600));
	test_case("a delay is told for those who asked for it or said nothing");
	expect_int(n_reports(story, ""), 1);
	expect_int(n_reports(story, "Action: delayed"), 1);
	expect_int(n_reports(story, "Final-Recipient: rfc822; delay@example.com\r\n"), 1);
	expect_int(n_reports(story, "Final-Recipient: rfc822; both@example.com\r\n"), 1);
	expect_int(n_reports(story, "Will-Retry-Until: "), 1);
	expect_int(n_reports(story, "silent@"), 0);

	sleep_for(story, span_s(5 * 86400));
	test_case("and later the failure, for those who asked for that or said nothing");
	expect_int(n_reports(story, ""), 2);
	expect_int(n_reports(story, "Final-Recipient: rfc822; silent@example.com\r\nAction: failed\r\nStatus: 4.4.7\r\n"), 1);
	expect_int(n_reports(story, "Final-Recipient: rfc822; both@example.com\r\nAction: failed\r\nStatus: 4.4.7\r\n"), 1);
	expect_int(n_reports(story, "delay@"), 1);
	expect_int(n_reports(story, "never@"), 0);
	expect_int(n_reports(story, "success@"), 0);
	expect_int(n_mails(story), 0);
	judge_all(story, false);
}

static void
tell_nobody(struct story *story)
{
	static const char *const from_nobody[] = { "MAIL FROM:<>", "RCPT TO:<bad@example.com>" };
	static const char *const from_unknown[] = { "MAIL FROM:<bad@example.org>", "RCPT TO:<bad@example.com>" };

	send_mail(story, from_nobody, 2);
	test_case("nobody is told of a mail from nobody");
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<>"), STR_EMPTY), 1);
	expect_int(n_mails(story), 0);

	send_mail(story, from_unknown, 2);
	test_case("a report that fails makes no report, and the log says so");
	expect_int(story->relay.n_lost_reports, 1);
	expect_int(n_commands(story, "rcpt", STR("RCPT TO:<bad@example.org>"), STR_EMPTY), 1);
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<>"), STR_EMPTY), 2);
	expect_int(n_reports(story, ""), 0);
	expect_int(n_mails(story), 0);
}

static void
tell_international(struct story *story)
{
	static const char *const to_world[] = { "MAIL FROM:<alice@example.org> SMTPUTF8 BODY=8BITMIME", "RCPT TO:<b\xc3\xa4" "d@example.com>" };
	static const char *const needless[] = { "MAIL FROM:<alice@example.org> SMTPUTF8", "RCPT TO:<bob@example.com>" };
	const struct str mail = STR("Subject: gr\xc3\xbc\xc3\x9f" "e\r\n\r\nGr\xc3\xbc\xc3\x9f" "e\r\n");

	test_case("a mail to an address beyond ASCII fails with 5.6.7 where the next hop has no SMTPUTF8 for five minutes");
	expect_int(client_talk(&story->relay, to_world, 2, mail), 250);
	sleep_for(story, span_s(30));
	expect_int(n_reports(story, ""), 0);
	sleep_for(story, span_s(300));
	expect_int(n_reports(story, "Final-Recipient: utf-8; b\\x{E4}d@example.com\r\nAction: failed\r\nStatus: 5.6.7\r\n"), 1);
	expect_int(n_mails(story), 0);

	test_case("its report needs neither SMTPUTF8 nor 8BITMIME on the way back");
	server_offer(&story->relay, HOME_AT, BARE);
	sleep_for(story, span_s(30));		/* until no session of before is open */
	expect_int(client_talk(&story->relay, to_world, 2, mail), 250);
	sleep_for(story, span_s(330));
	expect_int(n_reports(story, "Status: 5.6.7\r\n"), 2);
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<>"), STR("8BITMIME")), 0);
	expect_int(n_reports(story, "Content-Type: message/global\r\nContent-Transfer-Encoding: quoted-printable\r\n"), 2);

	test_case("a mail that asked for SMTPUTF8 and is all ASCII goes to any next hop");
	server_offer(&story->relay, NEW_SERVER_AT, BARE);
	sleep_for(story, span_s(30));
	send_mail(story, needless, 2);
	expect_int(sim_n_notes(story->relay.sim, "arrived", STR("hello to bob@example.com")), 1);
	expect_int(n_reports(story, ""), 2);
}

static void
tell_own_language(struct story *story)
{
	static const char *const commands[] = { "MAIL FROM:<\xc3\xa4lice@b\xc3\xbc" "cher.example> SMTPUTF8", "RCPT TO:<bad@example.com>" };
	const struct str mail = STR("Subject: gr\xc3\xbc\xc3\x9f" "e\r\n\r\nHello.\r\n");

	server_offer(&story->relay, NEW_SERVER_AT, ALL);
	server_offer(&story->relay, HOME_AT, ALL);
	test_case("a sender whose address is beyond ASCII is told by SMTPUTF8, in the types of RFC 6533");
	expect_int(client_talk(&story->relay, commands, 2, mail), 250);
	sleep_for(story, span_s(30));
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<> "), STR("SMTPUTF8")), 1);
	expect_int(n_reports(story, "message/global-delivery-status"), 1);
	expect_int(n_reports(story, "To: <\xc3\xa4lice@b\xc3\xbc" "cher.example>\r\n"), 1);
	judge_all(story, true);

	test_case("where the way back has no SMTPUTF8 nothing can reach that sender, and the log says so");
	server_offer(&story->relay, HOME_AT, PLAIN);
	sleep_for(story, span_s(30));
	expect_int(client_talk(&story->relay, commands, 2, mail), 250);
	sleep_for(story, span_s(330));
	expect_int(n_reports(story, ""), 1);
	expect_int(n_mails(story), 0);
	expect_int(story->relay.n_lost_reports, 1);
}

/* A mail of so many bytes for somebody who is not there. */
static void
put_long(struct story *story, enum ret ret, int64_t n_bytes)
{
	struct recipient bad = { .address = { STR("bad"), STR("example.com") } };
	struct envelope envelope = { .reverse_path = { STR("alice"), STR("example.org") }, .ret = ret, .n_recipients = 1,
	    .cap_recipients = 1, .recipients = &bad };
	struct mail_facts facts = { .arrived = os_wall_clock(), .class_name = STR("incoming"), .client = STR(""), .listener = STR("mx") };
	struct draft *draft = draft_new(story->relay.queue);
	struct instant deadline = instant_after(loop_now(story->relay.loop), span_s(100));
	char line[1000];

	memset(line, 'x', sizeof(line));
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	expect_int(draft_append(draft, STR(MAIL_TEXT), deadline, NULL), 0);
	for (int64_t n = (int64_t)strlen(MAIL_TEXT); n < n_bytes; n += (int64_t)sizeof(line))
		expect_int(draft_append(draft, str_n(line, sizeof(line)), deadline, NULL), 0);
	expect_int(queue_put(story->relay.queue, draft, &envelope, &facts, STR("Received: x\r\n"), deadline, NULL), 0);
	sleep_for(story, span_s(60));
}

static void
tell_long(struct story *story)
{
	static const struct {
		const char	*name;
		enum ret	 ret;
		int64_t		 n_bytes;
		int		 n_whole;	/* reports so far that returned all */
	} mails[] = {
		{ "a small mail is returned whole", RET_UNSET, 60 * 1000, 1 },
		{ "of a large one the header, where nothing was asked", RET_UNSET, 70 * 1000, 1 },
		{ "all of it, where that was asked", RET_FULL, 1000 * 1000, 2 },
		{ "but not more than a mailbox takes", RET_FULL, 11 * 1024 * 1024, 2 },
		{ "of a small one the header, where that was asked", RET_HDRS, 1000, 2 },
	};

	for (int i = 0; i < N(mails); i++) {
		test_case("%s", mails[i].name);
		put_long(story, mails[i].ret, mails[i].n_bytes);
		expect_int(n_reports(story, ""), i + 1);
		expect_int(n_reports(story, "Content-Type: message/rfc822"), mails[i].n_whole);
		expect_int(n_reports(story, "Content-Type: text/rfc822-headers"), i + 1 - mails[i].n_whole);
	}
	judge_all(story, false);
}

/* As a mail with so many recipients stands in the queue; who sent it by SMTP made several of it. */
static void
put_large(struct story *story, int n)
{
	struct envelope envelope = { .reverse_path = { STR("alice"), STR("example.org") }, .n_recipients = n, .cap_recipients = n,
	    .recipients = mem_new_array((size_t)n, sizeof(struct recipient)) };
	struct mail_facts facts = { .arrived = os_wall_clock(), .class_name = STR("incoming"), .client = STR("192.0.2.9"), .listener = STR("mx") };
	struct draft *draft = draft_new(story->relay.queue);
	struct instant deadline = instant_after(loop_now(story->relay.loop), span_s(100));
	char *locals = mem_new_array((size_t)n, 16);

	for (int i = 0; i < n; i++)
		envelope.recipients[i].address = (struct address){
			.local = str_n(locals + 16 * i, (size_t)snprintf(locals + 16 * i, 16, "bad%d", i)), .domain = STR("example.com") };
	expect_int(draft_append(draft, STR(MAIL_TEXT), deadline, NULL), 0);
	expect_int(queue_put(story->relay.queue, draft, &envelope, &facts, STR("Received: x\r\n"), deadline, NULL), 0);
	mem_free(locals);
	mem_free(envelope.recipients);
}

static void
tell_many(struct story *story)
{
	struct str key, bytes;
	size_t largest = 0;
	int n_told = 0;

	test_case("2,500 failures make a few reports of bounded size, and each recipient is told once");
	put_large(story, 2500);
	sleep_for(story, span_s(600));
	expect_int(n_mails(story), 0);
	for (int i = 0; sim_find_note(story->relay.sim, "arrived", (struct str){ .at = NULL }, i, &key, &bytes); i++) {
		largest = bytes.len > largest ? bytes.len : largest;
		for (ptrdiff_t at; (at = str_find_str(bytes, STR("Final-Recipient: "))) >= 0; n_told++)
			bytes = str_from(bytes, (size_t)at + 17);
	}
	expect_int(n_told, 2500);
	expect(n_reports(story, "") >= 3);
	expect(largest < 1000 * 300);
	judge_all(story, false);
}

int
main(void)
{
	uint64_t seed = sim_seed(11);

	play(seed, tell_mixed);
	play(seed, tell_relayed);
	play(seed, tell_patience);
	play(seed, tell_nobody);
	play(seed, tell_international);
	play(seed, tell_own_language);
	play(seed, tell_long);
	play(seed, tell_many);
	return test_end();
}
