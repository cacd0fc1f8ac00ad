/*
 * test_allowance.c - limits of rate of a class: when a client hears of them, what counts, and what the log has of it, in simulated time
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

enum { SCRIPT_MAX = 64, LIMITS_MAX = 3 };

#define HELLO	"S220", "CEHLO client.example.org", "S250"
#define FROM	"CMAIL FROM:<a@example.org>", "S250 2.1.0"
#define RCPT	"CRCPT TO:<b@example.com>", "S250"
#define DOT	"CDATA", "S354", "CSubject: x\r\n\r\nx\r\n."
#define MAIL	FROM, RCPT, DOT, "S250"		/* of 17 bytes */
#define LATER	"S450 4.7.1 Limit of class in: "
#define AS(login)	"CXCLIENT LOGIN=" login, "S220", "CEHLO c", "S250"

struct row {
	const char	*name;
	const char	*limits[LIMITS_MAX];	/* of the class "in", which all mail is of */
	bool		 is_trusted;		/* and may be of the class "urgent", by a field; which has no limit */
	bool		 is_by_recipient;	/* "in" is of mail to few-*, and other mail has no limit */
	const char	*rcpts;			/* the next hop is asked, and answers as fake_online says */
	char		 mail;
	int		 errors_max;		/* 0: many */
	const char	*script[SCRIPT_MAX];
	void	       (*play)(struct stage *stage);	/* instead */
};

static const struct row rows[] = {
	/* --- where it is said --- */
	{ .name = "messages, at MAIL: which limit it is, and when to come again", .limits = { "2 messages/1h per client" }, .script = {
	    HELLO, MAIL, MAIL, "CMAIL FROM:<a@example.org>", LATER "2 messages/1h per client; try again in 30m", "Q2", "P1740000",
	    "CMAIL FROM:<a@example.org>", LATER "2 messages/1h per client; try again in 1m", "P61000", MAIL, "Q3",
	    "CMAIL FROM:<a@example.org>", LATER, "CRCPT TO:<b@example.com>", "S503" } },
	{ .name = "recipients, at RCPT: the others get the mail", .limits = { "3 recipients/1h per client" }, .script = {
	    HELLO, FROM, RCPT, "CRCPT TO:<c@example.com>", "S250", "CRCPT TO:<d@example.com>", "S250", "CRCPT TO:<e@example.com>",
	    LATER "3 recipients/1h per client; try again in 20m", DOT, "S250", "Q1", "Tb@example.com c@example.com d@example.com",
	    FROM, "CRCPT TO:<e@example.com>", LATER "3 recipients/1h per client; try again in 20m", "P1200000", "CRCPT TO:<e@example.com>", "S250", DOT, "S250",
	    "Te@example.com" } },
	{ .name = "bytes, at MAIL by SIZE", .limits = { "40 bytes/1h per client" }, .script = {
	    HELLO, MAIL, MAIL, "CMAIL FROM:<a@example.org> SIZE=17", LATER "40 bytes/1h per client; try again in 17m", "CMAIL FROM:<a@example.org> SIZE=5", "S250" } },
	{ .name = "bytes, at the end of data without it", .limits = { "40 bytes/1h per client" }, .script = {
	    HELLO, MAIL, MAIL, FROM, RCPT, DOT, LATER "40 bytes/1h per client; try again in 17m", "Q2" } },
	{ .name = "bytes, in chunks", .limits = { "30 bytes/1h per client" }, .script = {
	    HELLO, MAIL, FROM, RCPT, "RBDAT 8\r\nA: b\r\n\r\n", "S250", "RBDAT 10 LAST\r\n12345678\r\n", LATER "30 bytes", "Q1", FROM, RCPT,
	    "RBDAT 8 LAST\r\nA: b\r\n\r\n", "S250", "Q2" } },
	{ .name = "a mail larger than the whole limit, when nothing is used", .limits = { "10 bytes/1h per client" }, .script = {
	    HELLO, MAIL, "CMAIL FROM:<a@example.org>", LATER "10 bytes/1h per client", "Q1", "P6121000", MAIL, "Q2" } },
	{ .name = "of several limits the one with the longest wait", .limits = { "5 messages/1h per client", "1 message/1d per sender", "2 recipients/1h per client" },
	  .script = { HELLO, MAIL, "CMAIL FROM:<A@EXAMPLE.org>", LATER "1 message/1d per sender; try again in 1d", "CMAIL FROM:<c@example.org>", "S250", RCPT,
	    "CRCPT TO:<c@example.com>", LATER "2 recipients/1h per client", DOT, "S250", "Q2" } },

	/* --- who it is for --- */
	{ .name = "per login: of each, from wherever", .limits = { "1 message/1h per login" }, .script = {
	    HELLO, MAIL, MAIL, AS("joe"), MAIL, "CMAIL FROM:<a@example.org>", LATER "1 message/1h per login", AS("ann"), MAIL, "CMAIL FROM:<a@example.org>", LATER,
	    AS("joe"), "CMAIL FROM:<a@example.org>", LATER, "Q4" } },
	{ .name = "per client: whom XCLIENT speaks for", .limits = { "1 message/1h per client" }, .script = {
	    HELLO, "CXCLIENT ADDR=198.51.100.1", "S220", "CEHLO c", "S250", MAIL, "CMAIL FROM:<a@example.org>", LATER, "Q1" } },
	{ .name = "per sender: a null one is its client's", .limits = { "1 message/1h per sender" }, .script = {
	    HELLO, "CMAIL FROM:<>", "S250", RCPT, DOT, "S250", "CMAIL FROM:<>", LATER, MAIL, "CMAIL FROM:<a@example.org>", LATER, "Q2" } },

	/* --- a class that is not settled yet --- */
	{ .name = "before the header nothing is put off by a limit that may not be the mail's", .limits = { "1 message/1h per client" }, .is_trusted = true,
	  .script = { HELLO, MAIL, FROM, RCPT, DOT, LATER "1 message/1h per client", "Q1",
	    FROM, RCPT, "CDATA", "S354", "CX-Urgent: yes\r\n\r\nx\r\n.", "S250", FROM, RCPT, "CDATA", "S354", "CX-Urgent: yes\r\n\r\nx\r\n.", "S250", "Q3",
	    "HX-Traffic-Class: urgent" } },
	{ .name = "recipients at the end of data, all or none", .limits = { "2 recipients/1h per client" }, .is_trusted = true, .script = {
	    HELLO, MAIL, FROM, RCPT, "CRCPT TO:<c@example.com>", "S250", DOT, LATER "2 recipients/1h per client; try again in 30m", "Q1", MAIL, "Q2" } },
	{ .name = "put off when the header is whole, in the middle of chunks", .limits = { "1 message/1h per client" }, .is_trusted = true, .script = {
	    HELLO, MAIL, FROM, RCPT, "RBDAT 4\r\nA: b", "S250", "RBDAT 4\r\n\r\n\r\n", LATER, "RBDAT 1 LAST\r\nx", "S503", "Q1" } },

	/* --- what counts --- */
	{ .name = "recipients that are refused for good count: names cannot be tried without end", .limits = { "3 recipients/1h per client" }, .rcpts = "5",
	  .script = { HELLO, FROM, "CRCPT TO:<b1@example.com>", "S550", "CRCPT TO:<b2@example.com>", "S550", "CRCPT TO:<b3@example.com>", "S550",
	    "CRCPT TO:<b4@example.com>", LATER "3 recipients/1h per client; try again in 20m", "CRSET", "S250", FROM, "CRCPT TO:<b5@example.com>", LATER,
	    "Onew relay:moved a 0; rcpt b1; rcpt b2; rcpt b3; drop; " } },
	{ .name = "of a class by recipients as well", .limits = { "3 recipients/1h per client" }, .is_by_recipient = true, .rcpts = "+555555",
	  .script = { HELLO, FROM, RCPT, "CRCPT TO:<few-1@example.com>", "S550", "CRCPT TO:<few-2@example.com>", "S550", "CRCPT TO:<few-3@example.com>",
	    LATER "3 recipients/1h per client; try again in 20m", "CRCPT TO:<c1@example.com>", "S550", "CRCPT TO:<c2@example.com>", "S550", "CRCPT TO:<c3@example.com>", "S550",
	    "CRSET", "S250", FROM, "CRCPT TO:<few-4@example.com>", "S550", "CRCPT TO:<few-5@example.com>", LATER } },
	{ .name = "those that we refuse ourselves too", .limits = { "2 recipients/1h per client" }, .script = {
	    HELLO, FROM, "CRCPT TO:<b@elsewhere.example>", "S550", "CRCPT TO:<c@elsewhere.example>", "S550", "CRCPT TO:<b@example.com>", LATER } },
	{ .name = "and those of a transaction without data", .limits = { "2 recipients/1h per client" }, .script = {
	    HELLO, FROM, RCPT, "CRSET", "S250", FROM, RCPT, "CEHLO c", "S250", FROM, "CRCPT TO:<b@example.com>", LATER, "Q0" } },
	{ .name = "also where some data came before its client ended it", .limits = { "2 recipients/1h per client" }, .script = {
	    HELLO, FROM, RCPT, "RBDAT 1\r\nA", "S250", "CRSET", "S250", FROM, RCPT, "RBDAT 8\r\nA: b\r\n\r\n", "S250", "CEHLO c", "S250",
	    FROM, "CRCPT TO:<b@example.com>", LATER, "Q0" } },
	{ .name = "recipients that are put off do not", .limits = { "2 recipients/1h per client" }, .rcpts = "4444+", .mail = '+', .script = {
	    HELLO, FROM, "CRCPT TO:<b@example.com>", "S450 4.2.9", "CRCPT TO:<b@example.com>", "S450 4.2.9", "CRCPT TO:<b@example.com>", "S450 4.2.9",
	    "CRCPT TO:<b@example.com>", "S450 4.2.9", RCPT, "CRCPT TO:<c@example.com>", "S250", "CRCPT TO:<d@example.com>", LATER, DOT, "S250" } },
	{ .name = "mail that is refused for good counts", .limits = { "2 messages/1h per client" }, .rcpts = "+", .mail = '5', .script = {
	    HELLO, FROM, RCPT, DOT, "S550", FROM, RCPT, DOT, "S550", "CMAIL FROM:<a@example.org>", LATER } },
	{ .name = "for its bytes too", .limits = { "1 message/1h per client" }, .script = {
	    HELLO, FROM, RCPT, "CDATA", "S354", "RSubject: x\r\n\r\nbare\nline\r\n.\r\n", "S55", "CMAIL FROM:<a@example.org>", LATER, "Q0" } },
	{ .name = "mail that is put off does not, however often it comes again", .limits = { "1 message/1h per client", "17 bytes/1h per client" }, .rcpts = "+",
	  .mail = '4', .script = { HELLO, FROM, RCPT, DOT, "S450 4.2.9", FROM, RCPT, DOT, "S450 4.2.9", FROM, RCPT, DOT, "S450 4.2.9", "Q0" } },
	{ .name = "the limit is asked before the next hop is", .limits = { "1 recipient/1h per client" }, .rcpts = "+", .mail = '+', .script = {
	    HELLO, MAIL, FROM, "CRCPT TO:<c@example.com>", LATER, "Onew relay:moved a 0; rcpt b; send 1 17; drop; " } },
	{ .name = "and before it gets the mail", .limits = { "1 message/1h per client" }, .is_trusted = true, .rcpts = "+", .mail = '+', .script = {
	    HELLO, MAIL, FROM, RCPT, DOT, LATER, "Onew relay:moved a 0; rcpt b; send 1 17; drop; new relay:moved a 0; rcpt b; drop; " } },
	{ .name = "without limits there is none", .script = { HELLO, MAIL, MAIL, MAIL, MAIL, MAIL, "Q5" } },
};

static const struct row *row;
static struct class_rates *rates;

static void
change(struct stage *stage)
{
	static const char *const domains[] = { "example.com" };
	static const uint64_t seed[2] = { 1, 2 };
	static const struct network everybody[] = { { .ip = { IP_V4, { 0 } }, .prefix_bits = 0 } };
	static const char *const urgent[] = { "X-Urgent" };
	static const char *const few[] = { "few-*@example.com" };
	static struct class_rate limits[LIMITS_MAX];
	struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1,
	    .forwarding = { .is_online = row->rcpts != NULL, .online_timeout = span_s(60) } } };
	struct class_section sections[] = {
		{ .name = "urgent", .networks = everybody, .n_networks = 1, .fields = urgent, .n_fields = 1 },
		{ .name = "in", .networks = everybody, .n_networks = 1, .recipients = few, .n_recipients = row->is_by_recipient ? 1 : 0, .actions.rates = limits },
	};
	const char *why;

	for (int i = 0; i < LIMITS_MAX && row->limits[i] != NULL; i++)
		insist(class_rate_read(str_of(row->limits[i]), &limits[sections[1].actions.n_rates++], &why));
	policy_free(stage->policy);
	stage->policy = policy_new(&(struct policy_settings){ .hostname = "relay.example.com", .relays = relays, .n_relays = 1,
	    .classes = { .sections = sections, .n_sections = 2, .field_name = "X-Traffic-Class" } }, seed);
	rates = class_rates_new(seed);
	class_rates_adopt(rates, sections, 2);
	stage->rates = rates;
	stage->settings.command_timeout = span_s(10000);
	stage->settings.session_max = span_s(100000);
	stage->settings.errors_max = row->errors_max > 0 ? row->errors_max : 100;
	stage->settings.xclient_from = everybody;
	stage->settings.n_xclient_from = 1;
	stage->settings.networks = everybody;
	stage->settings.n_networks = row->is_trusted ? 1 : 0;
	stage->couriers.rcpts = row->rcpts;
	stage->couriers.mail = row->mail;
}

static void
talk(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, row->script);
	stage_close(&client);
}

static void
play(void (*main)(struct stage *stage))
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .short_percent = -1 });
	struct stage stage;

	sim_enter(sim);
	stage_init(&stage, change);
	endpoint_parse(STR("192.0.2.1:25"), &stage.at);
	stage_run(&stage, main);
	stage_fini(&stage);
	class_rates_free(rates);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

/* --- several clients, and the log --- */

static int
count_in_log(const struct stage *stage, struct str text)
{
	struct str rest = buf_str(&stage->log.text);
	ptrdiff_t at;
	int n = 0;

	for (; (at = str_find_str(rest, text)) >= 0; n++)
		rest = str_from(rest, (size_t)at + text.len);
	return n;
}

static void
hammers(struct stage *stage)
{
	static const char *const begin[] = { HELLO, MAIL, NULL };
	static const char *const again[] = { "CMAIL FROM:<a@example.org>", LATER, NULL };
	static const char *const rcpt[] = { "CMAIL FROM:<other@example.org>", LATER, NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, begin);
	for (int i = 0; i < 90; i++)
		stage_play(&client, again);
	fiber_sleep(instant_after(loop_now(stage->loop), span_ms(1)));
	expect_int(count_in_log(stage, STR("why=rate")), 1);
	fiber_sleep(instant_after(loop_now(stage->loop), span_s(60)));
	stage_play(&client, rcpt);
	fiber_sleep(instant_after(loop_now(stage->loop), span_ms(1)));
	expect_int(count_in_log(stage, STR("rejected stage=mail")), 2);
	expect_int(count_in_log(stage, STR("why=\"rate, 90 times since the last line\"")), 1);
	stage_close(&client);
}

static void
hammers_with_mail(struct stage *stage)
{
	static const char *const begin[] = { HELLO, MAIL, NULL };
	static const char *const again[] = { FROM, RCPT, DOT, LATER, NULL };
	struct stage_client client = { .stage = stage };
	int n_lines;

	stage_connect(&client, stage);
	stage_play(&client, begin);
	stage_play(&client, again);
	fiber_sleep(instant_after(loop_now(stage->loop), span_ms(1)));
	n_lines = count_in_log(stage, STR("\n"));
	expect_int(count_in_log(stage, STR("why=rate")), 1);
	for (int i = 0; i < 50; i++)
		stage_play(&client, again);
	fiber_sleep(instant_after(loop_now(stage->loop), span_ms(1)));
	expect_int(count_in_log(stage, STR("\n")), n_lines);
	stage_close(&client);
}

/* RFC 2920: the answer to MAIL comes when the rest is on its way. */
static void
sends_in_rounds(struct stage *stage)
{
	static const char *const begin[] = { HELLO, MAIL, NULL };
	static const char *const round[] = { "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", LATER, "S503 5.5.1", "S503 5.5.1", "CRSET", "S250",
	    NULL };
	static const char *const rcpts[] = { "P3600000", "RMAIL FROM:<c@example.org>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nRCPT TO:<d@example.com>\r\n",
	    "S250", "S250", "S250", LATER "2 recipients/1h", DOT, "S250", NULL };
	static const char *const rounds[] = { "RMAIL FROM:<d@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", "S250", LATER, "S554 5.5.1", "CRSET", "S250", NULL };
	static const char *const then[] = { "P3600000", MAIL, "CRCPT TO:<b@example.com>", "S503", "S421", NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, begin);
	for (int i = 0; i < 20; i++)
		stage_play(&client, round);
	stage_play(&client, rcpts);
	for (int i = 0; i < 20; i++)
		stage_play(&client, rounds);
	stage_play(&client, then);
	stage_close(&client);
}

/* All of them were told 250 at MAIL. */
static void
come_together(struct stage *stage)
{
	enum { N = 5 };
	static const char *const begin[] = { HELLO, FROM, RCPT, "CDATA", "S354", NULL };
	struct stage_client clients[N];
	int n_taken = 0;

	for (int i = 0; i < N; i++) {
		clients[i] = (struct stage_client){ .stage = stage };
		stage_connect(&clients[i], stage);
		stage_play(&clients[i], begin);
	}
	for (int i = 0; i < N; i++)
		stage_send(&clients[i], STR("Subject: x\r\n\r\nx\r\n.\r\n"));
	for (int i = 0; i < N; i++) {
		n_taken += stage_hear(&clients[i]) && str_starts(buf_str(&clients[i].reply), STR("250"));
		stage_close(&clients[i]);
	}
	expect_int(n_taken, 3);
}

/* A connection breaks in the middle of data: the mail comes again, and is one. */
static void
breaks(struct stage *stage)
{
	static const char *const half[] = { HELLO, FROM, RCPT, "CDATA", "S354", "CSubject: x\r\n\r\nx", NULL };
	static const char *const whole[] = { HELLO, MAIL, NULL };

	for (int i = 0; i < 4; i++) {
		struct stage_client client = { .stage = stage };

		stage_connect(&client, stage);
		stage_play(&client, i < 3 ? half : whole);
		stage_close(&client);
	}
	expect_int(stage->queue.n_mails, 1);
}

/* A limit that comes by a reload in the middle of a transaction is for the next one. */
static void
come_by_reload(struct stage *stage)
{
	static const char *const begin[] = { HELLO, FROM, RCPT, NULL };
	static const char *const then[] = { "CRCPT TO:<b@elsewhere.example>", "S550", RCPT, DOT, "S250", "Q1", NULL };
	struct class_rate limit;
	struct class_section section = { .name = "in", .actions = { .rates = &limit, .n_rates = 1 } };
	struct stage_client client = { .stage = stage };
	const char *why;

	insist(class_rate_read(STR("1 recipient/1h per client"), &limit, &why));
	stage_connect(&client, stage);
	stage_play(&client, begin);
	class_rates_adopt(rates, &section, 1);
	stage_play(&client, then);
	stage_close(&client);
}

static void
is_full(struct stage *stage)
{
	static const char *const said[] = { HELLO, FROM, RCPT, DOT, "S451", FROM, RCPT, DOT, "S451", NULL };
	static const char *const then[] = { MAIL, "CMAIL FROM:<a@example.org>", LATER, NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage->queue.does_put_fail = true;
	stage_play(&client, said);
	stage->queue.does_put_fail = false;
	stage_play(&client, then);
	stage_close(&client);
}

static const struct row scenes[] = {
	{ .name = "a client that hammers has a line a minute in the log", .limits = { "1 message/1h per client" }, .play = hammers },
	{ .name = "with whole mails too", .limits = { "1 message/1h per client" }, .is_trusted = true, .play = hammers_with_mail },
	{ .name = "what was sent behind a MAIL that is put off is no error", .limits = { "1 message/1h per sender", "2 recipients/1h per client" }, .errors_max = 1, .play = sends_in_rounds },
	{ .name = "who come together get no more than the limit", .limits = { "3 messages/1h per client" }, .play = come_together },
	{ .name = "a connection that breaks in the data costs nothing", .limits = { "1 recipient/1h per client", "1 message/1h per client" }, .play = breaks },
	{ .name = "nor does what we cannot store", .limits = { "1 message/1h per client", "1 recipient/1h per client" }, .play = is_full },
	{ .name = "limits that a reload brings are none of the mail at hand", .play = come_by_reload },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		row = &rows[i];
		test_case("%s", row->name);
		play(talk);
	}
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		row = &scenes[i];
		test_case("%s", row->name);
		play(row->play);
	}
	return test_end();
}
