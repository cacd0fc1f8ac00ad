/*
 * test_hostile.c - what clients do to a server that trusts them: smuggling, injection, floods
 *
 * Smuggling tries are sent whole, byte by byte, and in two pieces split at every byte.
 */
#include <stdio.h>

#include "tests/expect.h"
#include "tests/receive/stage.h"

#define GREETED	"S220", "CEHLO client.example.org", "S250"
#define MAIL	"CMAIL FROM:<a@example.org>", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250 2.1.5", "CDATA", "S354"

/* --- smuggling: what follows a false end of data must never become a mail of its own --- */

struct smuggled {
	const char	*name;
	const char	*end;		/* taken for the end of data by some servers */
	const char	*repaired;	/* what a listener that repairs line ends makes of it */
};

static const struct smuggled smuggles[] = {
	{ "LF . LF", "\n.\n", "\r\n.\r\n" },
	{ "LF . CRLF", "\n.\r\n", "\r\n.\r\n" },
	{ "CRLF . LF", "\r\n.\n", "\r\n\r\n" },	/* a dot first on a real line is the stuffed one */
	{ "CR . CR", "\r.\r", "\r\n.\r\n" },
	{ "CRLF . CR", "\r\n.\r", "\r\n\r\n" },
	{ "CR . CRLF", "\r.\r\n", "\r\n.\r\n" },
	{ "CR . LF", "\r.\n", "\r\n.\r\n" },
	{ "CRLF CR . CRLF", "\r\n\r.\r\n", "\r\n\r\n.\r\n" },
	{ "CR CRLF . CRLF", "\r\r\n.\r\n", NULL },	/* the end it is, behind a bare CR */
	{ "LF NUL . CRLF", "\n\1.\r\n", NULL },
	{ "CRLF . NUL CRLF", "\r\n.\1\r\n", NULL },
};

enum { SMUGGLE_MAX_BYTES = 300 };

static size_t
make_smuggle(char wire[SMUGGLE_MAX_BYTES], const char *end)
{
	return (size_t)snprintf(wire, SMUGGLE_MAX_BYTES, "RSubject: x\r\n\r\nbefore%sMAIL FROM:<evil@example.org>\r\n"
	    "RCPT TO:<victim@example.com>\r\nDATA\r\nsmuggled\r\n.\r\n", end) - 1;
}

struct smuggle_try {
	const char	*end;
	int		 split_at;
	bool		 is_by_byte;
};

static struct smuggle_try smuggle_try;

static void
smuggle(struct stage *stage)
{
	static const char *const before[] = { GREETED, MAIL, NULL };
	const char *after[] = { NULL, "S554 5.6.0", NULL };
	struct stage_client client = { .stage = stage };
	char wire[SMUGGLE_MAX_BYTES];

	make_smuggle(wire, smuggle_try.end);
	after[0] = wire;
	stage_connect(&client, stage);
	stage_play(&client, before);
	client.split_at = smuggle_try.split_at;
	client.is_by_byte = smuggle_try.is_by_byte;
	stage_play(&client, after);
	expect_int(stage->queue.n_mails, 0);
	stage_close(&client);
}

static void
try_smuggle(const struct smuggled *smuggled, int split_at, bool is_by_byte)
{
	struct stage stage;

	smuggle_try = (struct smuggle_try){ .end = smuggled->end, .split_at = split_at, .is_by_byte = is_by_byte };
	stage_init(&stage, NULL);
	stage_run(&stage, smuggle);
	stage_fini(&stage);
}

static void
try_smuggle_everyhow(const struct smuggled *smuggled)
{
	char wire[SMUGGLE_MAX_BYTES];
	int n_bytes = (int)make_smuggle(wire, smuggled->end);

	try_smuggle(smuggled, 0, false);
	try_smuggle(smuggled, 0, true);
	for (int at = 1; at < n_bytes; at++)
		try_smuggle(smuggled, at, false);
}

static void
repairs(struct stage *stage)
{
	stage->settings.bare_line_end = BARE_LINE_END_REPAIR;
}

/* A listener that repairs takes such mail whole: one mail, no end before the end. */
static void
try_repair(const struct smuggled *smuggled)
{
	char wire[SMUGGLE_MAX_BYTES], body[2 * SMUGGLE_MAX_BYTES];
	const char *script[] = { GREETED, MAIL, wire, "S250", "Q1", body, NULL };

	make_smuggle(wire, smuggled->end);
	snprintf(body, sizeof(body), "BSubject: x\r\n\r\nbefore%sMAIL FROM:<evil@example.org>\r\n"
	    "RCPT TO:<victim@example.com>\r\nDATA\r\nsmuggled\r\n", smuggled->repaired);
	stage_talk(repairs, script);
}

/* --- dialogues --- */

struct talk {
	const char	*name;
	void	       (*change)(struct stage *stage);
	const char	*script[64];
};

static void
watches_for_early_talkers(struct stage *stage)
{
	stage->settings.greeting_delay = span_ms(50);
}

static void
takes_short_lines(struct stage *stage)
{
	stage->settings.text_line_max_bytes = 1000;
}

#define TEN	"xxxxxxxxxx"
#define HUNDRED	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

static const struct talk talks[] = {
	{ "who talks before the greeting is turned away", watches_for_early_talkers, {
		"CEHLO spam", "S554 5.5.1", "E", "Dearly talker", NULL } },
	{ "who waits for a delayed greeting is served", watches_for_early_talkers, { GREETED, MAIL, NULL } },
	{ "a command that ends in a bare LF ends the session", NULL, {
		"S220", "REHLO x\n", "S500 5.5.2", "E", "Dbare line end", NULL } },
	{ "what follows a bare LF is not obeyed", NULL, {
		GREETED, "RNOOP\nMAIL FROM:<a@example.org>\r\nQUIT\r\n", "S500 5.5.2", "E", NULL } },
	{ "a listener that repairs takes commands that end in LF", repairs, {
		"S220", "REHLO x\n", "S250", "RNOOP\nNOOP\r\n", "S250", "S250", NULL } },
	{ "CR and NUL have no place in a command", NULL, {
		GREETED, "RNOOP\rQUIT\r\n", "S500 5.5.2", "RNOOP\1\r\n", "S500 5.5.2", "CNOOP", "S250", NULL } },
	{ "NUL in the data is refused, the session goes on", NULL, {
		GREETED, MAIL, "Ra\1b\r\n.\r\n", "S554 5.6.0", "Q0", MAIL, "C.", "S250", NULL } },
	{ "a command line that is too long is refused and read over", NULL, {
		GREETED, "CNOOP " THOUSAND THOUSAND THOUSAND, "S500 5.5.2", "CNOOP", "S250", NULL } },
	{ "a long line of data comes through by default", NULL, {
		GREETED, MAIL, "C" THOUSAND THOUSAND, "C.", "S250", "B\r\n" THOUSAND THOUSAND "\r\n", NULL } },
	{ "a long line is refused where the listener says so", takes_short_lines, {
		GREETED, MAIL, "C" THOUSAND, "C.", "S554 5.6.0", MAIL, "C" HUNDRED, "C.", "S250", NULL } },
	{ "mail data behind a DATA that was refused are not obeyed", NULL, {
		GREETED, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@elsewhere.example>\r\nDATA\r\nMAIL FROM:<evil@example.org>\r\n",
		"S250", "S550", "S554 5.5.1", "E", "Q0", NULL } },
	{ "another protocol's request ends the session", NULL, {
		"S220", "RPOST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@example.org>\r\n", "S554", "E", "Danother protocol",
		NULL } },
	{ "XCLIENT and PROXY from anybody are nothing", NULL, {
		GREETED, "CXCLIENT ADDR=127.0.0.1", "S5", "CPROXY TCP4 192.0.2.9 192.0.2.1 1 25", "S500", NULL } },
	{ "a hang-up amidst the data stores nothing", NULL, { GREETED, MAIL, "Chalf", NULL } },
	{ "forged line ends in addresses do not reach Received", NULL, {
		GREETED, "CMAIL FROM:<\"a\\\rb\"@example.org>", "S5", "CRCPT TO:<b@example.com> ORCPT=rfc822;b+0D+0Ax@example.com",
		"S5", NULL } },
};

/* --- what never ends --- */

static void
set_small(struct stage *stage)
{
	stage->settings.message_max_bytes = 2000;
}

static void
send_many(struct stage_client *client, const char *text, int n)
{
	for (int i = 0; i < n; i++)
		stage_send(client, str_of(text));
}

static void
sends_too_much(struct stage *stage)
{
	static const char *const before[] = { GREETED, MAIL, NULL };
	static const char *const after[] = { "C.", "S552 5.3.4", "Q0", MAIL, "Csmall", "C.", "S250", "Q1", NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, before);
	send_many(&client, HUNDRED "\r\n", 50);
	stage_play(&client, after);
	expect(stage->queue.most_bytes <= 2000);
	stage_close(&client);
}

static void
sends_without_end(struct stage *stage)
{
	static const char *const before[] = { GREETED, MAIL, NULL };
	static const char *const after[] = { "S552 5.3.4", "E", "Q0", NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, before);
	send_many(&client, HUNDRED "\r\n", 100);
	stage_play(&client, after);
	expect(stage->queue.most_bytes <= 2000);
	stage_close(&client);
}

static void
commands_without_end(struct stage *stage)
{
	struct stage_client client = { .stage = stage };
	int n_heard = 0;

	stage_connect(&client, stage);
	expect(stage_hear(&client));
	send_many(&client, "NOOP\r\n", 400);
	while (stage_hear(&client) && str_starts(buf_str(&client.reply), STR("250")))
		n_heard++;
	expect(str_starts(buf_str(&client.reply), STR("421 4.7.0")));
	expect(n_heard < 200);
	stage_close(&client);
}

static void
set_full(struct stage *stage)
{
	stage->queue.is_full = true;
}

static void
mails_without_end(struct stage *stage)
{
	static const char *const before[] = { GREETED, NULL };
	struct stage_client client = { .stage = stage };
	int n_heard = 0;

	stage_connect(&client, stage);
	stage_play(&client, before);
	send_many(&client, "MAIL FROM:<a@example.org>\r\n", 400);
	while (stage_hear(&client) && str_starts(buf_str(&client.reply), STR("452")))
		n_heard++;
	expect(str_starts(buf_str(&client.reply), STR("421 4.7.0")));
	expect(n_heard < 200);
	stage_close(&client);
}

/* How many replies begin with the code before the session ends with a 421. */
static int
count_replies(struct stage_client *client, const char *code)
{
	int n = 0;

	while (stage_hear(client) && str_starts(buf_str(&client->reply), str_of(code)))
		n++;
	expect(str_starts(buf_str(&client->reply), STR("421 4.7.0")));
	return n;
}

static void
chunks_without_end(struct stage *stage)
{
	static const char *const before[] = {
		GREETED, "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@example.com>", "S250", NULL,
	};
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, before);
	send_many(&client, "BDAT 0\r\n", 400);
	expect(count_replies(&client, "250 2.0.0 0 octets") < 200);
	stage_close(&client);
}

/* A list ten times as long as a mail may have is told of each address, an endless one is not. */
static void
recipients_without_end(struct stage *stage)
{
	static const char *const before[] = { GREETED, "CMAIL FROM:<a@example.org>", "S250", NULL };
	struct stage_client client = { .stage = stage };
	int n;

	stage_connect(&client, stage);
	stage_play(&client, before);
	send_many(&client, "RCPT TO:<b@example.com>\r\n", 1300);
	for (n = 0; n < 100 && stage_hear(&client); n++)
		expect(str_starts(buf_str(&client.reply), STR("250")));
	n = count_replies(&client, "452 4.5.3");
	expect(n > 1000 && n < 1200);
	stage_close(&client);
}

static void
line_without_end(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	expect(stage_hear(&client));
	send_many(&client, THOUSAND, 80);
	expect(stage_hear(&client));
	expect(str_starts(buf_str(&client.reply), STR("500 5.5.2")));
	expect(!stage_hear(&client));
	stage_close(&client);
}

static void
header_without_end(struct stage *stage)
{
	static const char *const before[] = { GREETED, MAIL, NULL };
	static const char *const after[] = { "C.", "S552 5.3.4", "Q0", NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, before);
	send_many(&client, "X: " THOUSAND "\r\n", 300);
	stage_play(&client, after);
	stage_close(&client);
}

static void
body_without_header(struct stage *stage)
{
	static const char *const before[] = { GREETED, MAIL, NULL };
	static const char *const after[] = { "C.", "S250", "Q1", NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, before);
	send_many(&client, THOUSAND "\r\n", 300);
	stage_play(&client, after);
	stage_close(&client);
}

static void
set_large(struct stage *stage)
{
	stage->settings.message_max_bytes = 1000000;
}

struct flood {
	const char	*name;
	void	       (*change)(struct stage *stage);
	void	       (*play)(struct stage *stage);
};

static const struct flood floods[] = {
	{ "a mail beyond the limit is read to its end and refused", set_small, sends_too_much },
	{ "a mail without end is cut off", set_small, sends_without_end },
	{ "commands that do nothing come to an end", NULL, commands_without_end },
	{ "so do mails that a full queue refuses, each with a line in the log", set_full, mails_without_end },
	{ "so do empty chunks", NULL, chunks_without_end },
	{ "a list of recipients that is far too long is told so, one without end comes to it", NULL, recipients_without_end },
	{ "a command line without end is cut off", NULL, line_without_end },
	{ "a header section beyond its limit is refused", set_large, header_without_end },
	{ "a long mail whose first line is no field is a mail", set_large, body_without_header },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		test_case("%s", talks[i].name);
		stage_talk(talks[i].change, talks[i].script);
	}
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		struct stage stage;

		test_case("%s", floods[i].name);
		stage_init(&stage, floods[i].change);
		stage_run(&stage, floods[i].play);
		stage_fini(&stage);
	}
	for (size_t i = 0; i < sizeof(smuggles) / sizeof(smuggles[0]); i++) {
		test_case("%s smuggles nothing, however it is split", smuggles[i].name);
		try_smuggle_everyhow(&smuggles[i]);
		if (smuggles[i].repaired == NULL)
			continue;
		test_case("%s repaired is one mail still", smuggles[i].name);
		try_repair(&smuggles[i]);
	}
	return test_end();
}
