/*
 * test_reply.c - status codes, replies on one line, and the ids of mails
 */
#include "mail/mail_id.h"
#include "mail/reply.h"
#include "tests/expect.h"

static void
test_status(void)
{
	static const struct {
		const char	*text;
		bool		 is_good;
		struct status	 want;
	} codes[] = {
		{ "5.1.1", true, { 5, 1, 1 } },
		{ "2.0.0", true, { 2, 0, 0 } },
		{ "4.999.999", true, { 4, 999, 999 } },
		{ "5.7.28", true, { 5, 7, 28 } },
		{ "3.0.0", false, { 0, 0, 0 } },
		{ "5.1", false, { 0, 0, 0 } },
		{ "5.1.", false, { 0, 0, 0 } },
		{ "5..1", false, { 0, 0, 0 } },
		{ "5.1000.1", false, { 0, 0, 0 } },
		{ "5.1.1000", false, { 0, 0, 0 } },
		{ "5.1.1.1", false, { 0, 0, 0 } },
		{ "5.1.1-", false, { 0, 0, 0 } },
		{ "55.1.1", false, { 0, 0, 0 } },
		{ "", false, { 0, 0, 0 } },
		{ "5", false, { 0, 0, 0 } },
		{ "5.1.99999999999", false, { 0, 0, 0 } },
	};
	char room[STATUS_TEXT_MAX];
	struct status got;
	struct str rest;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		test_case("status: \"%s\"", codes[i].text);
		rest = str_of(codes[i].text);
		expect_int(status_take(&rest, &got), codes[i].is_good);
		expect_str(rest, codes[i].is_good ? STR("") : str_of(codes[i].text));
		if (!codes[i].is_good)
			continue;
		expect(status_eq(got, codes[i].want));
		expect_str(status_text(got, room), str_of(codes[i].text));
	}
	test_case("a status is taken off a text, with the blanks behind it");
	rest = STR("5.1.1 \t no such user");
	expect(status_take(&rest, &got));
	expect_str(rest, STR("no such user"));
	rest = STR("5.1.1");
	expect(status_take(&rest, &got));
	expect_str(rest, STR(""));
	rest = STR("5.1.1.2 is a version");
	expect(!status_take(&rest, &got));
	expect_str(rest, STR("5.1.1.2 is a version"));
	expect_str(status_text(STATUS_NONE, room), STR(""));
}

static void
test_line(void)
{
	struct reply reply = REPLY(550, 5, 1, 1, "no such user\n here \n\nask\x1b[2J them");
	struct buf out;

	buf_init(&out, 200);
	test_case("a reply on one line is safe to show");
	expect_int(reply_append_line(&reply, 150, &out), 0);
	expect_str(buf_str(&out), STR("550 5.1.1 no such user here ask\\x1b[2J them"));
	test_case("and has a greatest length");
	for (size_t max = 20; max < 45; max++) {
		buf_clear(&out);
		expect_int(reply_append_line(&reply, max, &out), 0);
		expect(out.len <= max);
	}
	test_case("a reply without status and text");
	reply = (struct reply){ .code = 250 };
	buf_clear(&out);
	expect_int(reply_append_line(&reply, 50, &out), 0);
	expect_str(buf_str(&out), STR("250"));
	test_case("replies have a class");
	expect(reply_is_positive(&(struct reply){ .code = 354 }) && !reply_is_temporary(&(struct reply){ .code = 354 }));
	expect(reply_is_temporary(&(struct reply){ .code = 421 }) && reply_is_permanent(&(struct reply){ .code = 554 }));
	expect(!reply_is_positive(&(struct reply){ .code = 0 }) && !reply_is_permanent(&(struct reply){ .code = 0 }));
	buf_fini(&out);
}

static void
test_mail_id(void)
{
	struct mail_id none = { .bytes = { 0 } }, most, a, b, got;
	char room[MAIL_ID_TEXT_MAX], before[MAIL_ID_TEXT_MAX] = "";
	uint64_t state = 42;

	test_case("ids at the ends of the range");
	expect_str(mail_id_text(&none, room), STR("00000000000000000"));
	expect(mail_id_is_none(&none));
	memset(most.bytes, 0xff, sizeof(most.bytes));
	/* 2^96 - 1 in base 62, by bc */
	expect_str(mail_id_text(&most, room), STR("1f2SI9UJPXvb7vdJ1"));
	expect(mail_id_parse(str_of(room), &got) && mail_id_eq(&got, &most));
	expect(!mail_id_parse(STR("1f2SI9UJPXvb7vdJ2"), &got));
	expect(!mail_id_parse(STR("zzzzzzzzzzzzzzzzz"), &got));
	expect(!mail_id_parse(STR("0000000000000000"), &got));
	expect(!mail_id_parse(STR("000000000000000000"), &got));
	expect(!mail_id_parse(STR("0000000000000000-"), &got));
	expect(!mail_id_parse(str_n("0000000000000000\0", 17), &got));

	test_case("ids tell their time and sort by it, as text too");
	for (int64_t us = 1700000000000000; us < 1700000000000000 + 2000; us++) {
		uint8_t random[MAIL_ID_RANDOM_BYTES];

		for (int i = 0; i < MAIL_ID_RANDOM_BYTES; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			random[i] = (uint8_t)(state >> 56);
		}
		a = mail_id_make((struct timestamp){ us }, random);
		expect_int(mail_id_time(&a).us, us);
		mail_id_text(&a, room);
		expect(strcmp(before, room) < 0);
		memcpy(before, room, sizeof(room));
		expect(mail_id_parse(str_of(room), &b) && mail_id_cmp(&a, &b) == 0);
	}
}

int
main(void)
{
	test_status();
	test_line();
	test_mail_id();
	return test_end();
}
