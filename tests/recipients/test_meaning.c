/*
 * test_meaning.c - which replies tell something about a mailbox, and what a client hears while nobody can be asked
 */
#include "smtpfwd/recipients/meaning.h"
#include "smtpfwd/recipients/outage.h"
#include "tests/expect.h"

#define BARE(c, t)		{ .code = (c), .text = STR(t) }

static void
test_replies(void)
{
	static const struct {
		const char		*name;
		struct reply		 reply;
		enum recipient_question	 question;
		enum recipient_asker	 asker;
		enum meaning		 want;
	} cases[] = {
		{ "250 is good", { .code = 250, .status = { 2, 1, 5 } }, QUESTION_RCPT, ASKER_CLIENT, MEANS_GOOD },
		{ "250 to ourselves is good", BARE(250, "ok"), QUESTION_RCPT, ASKER_OURSELVES, MEANS_GOOD },
		{ "251 (will forward) is good", BARE(251, "will forward"), QUESTION_RCPT, ASKER_CLIENT, MEANS_GOOD },
		{ "252 is good", BARE(252, "will attempt"), QUESTION_RCPT, ASKER_CLIENT, MEANS_GOOD },
		{ "250 to a mail's content is good for its one recipient", BARE(250, "queued"), QUESTION_CONTENT, ASKER_CLIENT, MEANS_GOOD },
		{ "250 to anything else tells nothing", BARE(250, "ok"), QUESTION_OTHER, ASKER_OURSELVES, MEANS_NOTHING },
		{ "354 tells nothing", BARE(354, "go on"), QUESTION_RCPT, ASKER_CLIENT, MEANS_NOTHING },
		{ "no reply tells nothing", { .code = 0 }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },

		{ "550 5.1.1 is bad, whoever asked", { .code = 550, .status = { 5, 1, 1 } }, QUESTION_RCPT, ASKER_CLIENT, MEANS_BAD },
		{ "550 5.1.6 (moved) is bad", { .code = 550, .status = { 5, 1, 6 } }, QUESTION_RCPT, ASKER_CLIENT, MEANS_BAD },
		{ "550 5.1.10 is bad", { .code = 550, .status = { 5, 1, 10 } }, QUESTION_RCPT, ASKER_CLIENT, MEANS_BAD },
		{ "554 5.1.1 is bad: the status says why", { .code = 554, .status = { 5, 1, 1 } }, QUESTION_RCPT, ASKER_CLIENT, MEANS_BAD },
		{ "550 5.1.10 to the content is bad: Exchange looks then", { .code = 550, .status = { 5, 1, 10 } }, QUESTION_CONTENT, ASKER_CLIENT, MEANS_BAD },
		{ "550 5.1.1 to anything else tells nothing", { .code = 550, .status = { 5, 1, 1 } }, QUESTION_OTHER, ASKER_OURSELVES, MEANS_NOTHING },

		{ "a bare 550 to ourselves may be bad", BARE(550, "no such user"), QUESTION_RCPT, ASKER_OURSELVES, MEANS_BAD_PERHAPS },
		{ "a bare 550 to a client may be meant for the client", BARE(550, "no such user"), QUESTION_RCPT, ASKER_CLIENT, MEANS_NOTHING },
		{ "a bare 550 to the content is about the content", BARE(550, "spam"), QUESTION_CONTENT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "a bare 551 tells nothing", BARE(551, "try elsewhere"), QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "a bare 553 tells nothing", BARE(553, "name not allowed"), QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "a bare 554 tells nothing", BARE(554, "no"), QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "a bare 503 tells nothing", BARE(503, "MAIL first"), QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },

		{ "550 5.7.1 to a blocked client tells nothing", { .code = 550, .status = { 5, 7, 1 } }, QUESTION_RCPT, ASKER_CLIENT, MEANS_NOTHING },
		{ "554 5.7.1 to our own address tells nothing", { .code = 554, .status = { 5, 7, 1 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "550 5.7.23 (SPF) tells nothing", { .code = 550, .status = { 5, 7, 23 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "550 5.1.0 tells nothing", { .code = 550, .status = { 5, 1, 0 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "550 5.1.2 (no such system) tells nothing", { .code = 550, .status = { 5, 1, 2 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "553 5.1.3 (syntax) tells nothing", { .code = 553, .status = { 5, 1, 3 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "550 5.1.7 (the sender's syntax) tells nothing", { .code = 550, .status = { 5, 1, 7 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "550 5.1.8 (the sender's system) tells nothing", { .code = 550, .status = { 5, 1, 8 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "550 5.2.1 (disabled) tells nothing", { .code = 550, .status = { 5, 2, 1 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "552 5.2.2 (full) tells nothing", { .code = 552, .status = { 5, 2, 2 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "550 5.4.1 tells nothing", { .code = 550, .status = { 5, 4, 1 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },

		{ "450 4.1.1 tells nothing", { .code = 450, .status = { 4, 1, 1 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "451 tells nothing", BARE(451, "greylisted"), QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "550 4.1.1, which contradicts itself, tells nothing", { .code = 550, .status = { 4, 1, 1 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "450 5.1.1, which contradicts itself, tells nothing", { .code = 450, .status = { 5, 1, 1 } }, QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
		{ "421 tells nothing", BARE(421, "bye"), QUESTION_RCPT, ASKER_OURSELVES, MEANS_NOTHING },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%s", cases[i].name);
		expect_int(meaning_of(&(struct recipient_answer){ .reply = &cases[i].reply, .question = cases[i].question,
		    .asker = cases[i].asker }), cases[i].want);
	}
}

static void
test_closed(void)
{
	test_case("a mailbox that is disabled or full takes nothing now");
	expect(meaning_is_closed(&REPLY(550, 5, 2, 1, "disabled")) && meaning_is_closed(&REPLY(552, 5, 2, 2, "full")));
	test_case("one that may take the next mail, or has too many of them at a time, is open");
	expect(!meaning_is_closed(&REPLY(450, 4, 2, 1, "busy")) && !meaning_is_closed(&REPLY(452, 4, 2, 2, "full")));
	expect(!meaning_is_closed(&REPLY(550, 5, 2, 121, "too many in an hour")) && !meaning_is_closed(&REPLY(552, 5, 2, 3, "too large")));
	test_case("who contradicts himself says nothing");
	expect(!meaning_is_closed(&REPLY(450, 5, 2, 1, "?")) && !meaning_is_closed(&REPLY(550, 4, 2, 1, "?")));
}

static void
test_outage(void)
{
	static const struct {
		const char		*name;
		enum known		 known;
		enum outage_unknown	 setting;
		int			 code;
		const char		*status;
	} cases[] = {
		{ "known good is accepted, to be queued", KNOWN_GOOD, OUTAGE_DEFER, 250, "2.1.5" },
		{ "known good is accepted whatever the setting", KNOWN_GOOD, OUTAGE_ACCEPT, 250, "2.1.5" },
		{ "known bad is refused", KNOWN_BAD, OUTAGE_DEFER, 550, "5.1.1" },
		{ "known bad is refused whatever the setting", KNOWN_BAD, OUTAGE_ACCEPT, 550, "5.1.1" },
		{ "of whom nothing is known is deferred", KNOWN_NOT, OUTAGE_DEFER, 451, "4.4.1" },
		{ "of whom nothing is known is accepted where the relay wants that", KNOWN_NOT, OUTAGE_ACCEPT, 250, "2.1.5" },
	};
	char room[STATUS_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply reply = outage_reply(cases[i].known, cases[i].setting);

		test_case("%s", cases[i].name);
		expect_int(reply.code, cases[i].code);
		expect_str(status_text(reply.status, room), str_of(cases[i].status));
	}
}

int
main(void)
{
	test_replies();
	test_closed();
	test_outage();
	return test_end();
}
