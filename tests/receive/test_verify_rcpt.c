/*
 * test_verify_rcpt.c - the next hop is asked whether it has the mailbox: each answer, and what the client hears
 */
#include <stdio.h>

#include "base/mem.h"
#include "smtpfwd/receive/transaction.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

enum { SCRIPT_MAX = 60, KEEP_S = 3600, TEXT_MAX_BYTES = 200 };

#define HELLO	"S220", "CEHLO client.example.org", "S250"
#define FROM	"CMAIL FROM:<a@example.org>", "S250 2.1.0"
#define RCPT(l)	"CRCPT TO:<" l "@example.com>"
#define TAKEN	"S250 2.1.5 Recipient ok"
#define LATER	"S451 4.4.1"
#define NONE	"S550 5.1.1"
#define CONTENT	"CDATA", "S354", "CSubject: x\r\n\r\nx\r\n.", "S250 2.0.0 queued as"
#define LISTED	"CRCPT TO:<k@example.com>", TAKEN

struct row {
	const char	*name;
	const char	*rcpts;		/* what comes of each question, see fake_online.h */
	int		 told_s;	/* k is known to be good and x to be bad, for so long; 0: nothing is known */
	bool		 accepts_unknown;
	const char	*script[SCRIPT_MAX];
};

static const struct row rows[] = {
	/* --- answers about the mailbox --- */
	{ .name = "there is one: the mail is taken into the queue", .rcpts = "+", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, CONTENT, "Q1", "Tb@example.com", "Oask relay:moved; rcpt b; drop; " } },
	{ .name = "there is none: the next hop's words", .rcpts = "5+", .script = {
	    HELLO, FROM, RCPT("b"), "S550 5.1.1 here, caf??", "L5.1.1 the next hop: never", RCPT("c"), TAKEN, CONTENT, "Q1", "Tc@example.com",
	    "Oask relay:moved; rcpt b; rcpt c; drop; ", "Dto=b@example.com",
	    "Dwhy=\"new.example.net:25 said to our own RCPT: 550 5.1.1 the next hop: never" } },
	{ .name = "it is full: that is no good to queue for, and nothing to remember", .rcpts = "cu", .told_s = 0, .script = {
	    HELLO, FROM, RCPT("b"), "S550 5.2.2 the mailbox is full", RCPT("b"), LATER, "Q0" } },
	{ .name = "the mailbox was asked about a while ago: once in a while is enough", .rcpts = "5", .told_s = KEEP_S / 8 - 1, .script = {
	    HELLO, FROM, LISTED, CONTENT, "Q1", "O" } },
	{ .name = "an eighth of its time ago: it is asked about", .rcpts = "5", .told_s = KEEP_S / 8, .script = {
	    HELLO, FROM, RCPT("k"), NONE, "Oask relay:moved; rcpt k; " } },
	{ .name = "who was none is asked about each time", .rcpts = "+", .told_s = 1, .script = {
	    HELLO, FROM, RCPT("x"), TAKEN, "Oask relay:moved; rcpt x; " } },
	{ .name = "what it says is remembered: one more mail costs no question", .rcpts = "+u", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, CONTENT, FROM, RCPT("b"), TAKEN, RCPT("B"), LATER, CONTENT, "Q2",
	    "Oask relay:moved; rcpt b; drop; ask relay:moved; rcpt B; drop; " } },

	/* --- answers that are not --- */
	{ .name = "a 4xx is no answer: known good", .rcpts = "4", .told_s = 1000, .script = { HELLO, FROM, LISTED, CONTENT, "Q1" } },
	{ .name = "a 4xx is no answer: known bad", .rcpts = "4", .told_s = 1000, .script = { HELLO, FROM, RCPT("x"), "S550 5.1.1 No such mailbox, its server said" } },
	{ .name = "a 4xx is no answer: unknown", .rcpts = "4", .told_s = 1000, .script = {
	    HELLO, FROM, RCPT("b"), LATER, "Dwhy=\"new.example.net:25 said to our own RCPT: 450 4.2.9 the next hop: not now\"" } },
	{ .name = "a 4xx is no answer: unknown, accepted", .rcpts = "4", .accepts_unknown = true, .script = { HELLO, FROM, RCPT("b"), TAKEN, CONTENT, "Q1" } },
	{ .name = "our address is on a list: known good", .rcpts = "p", .told_s = 1000, .script = { HELLO, FROM, LISTED, CONTENT, "Q1" } },
	{ .name = "our address is on a list: known bad", .rcpts = "p", .told_s = 1000, .script = { HELLO, FROM, RCPT("x"), NONE } },
	{ .name = "our address is on a list: unknown, and the next time too", .rcpts = "p", .script = {
	    HELLO, FROM, RCPT("b"), LATER, "CRSET", "S250", FROM, RCPT("b"), LATER } },
	{ .name = "our address is on a list: unknown, accepted", .rcpts = "p", .accepts_unknown = true, .script = { HELLO, FROM, RCPT("b"), TAKEN } },
	{ .name = "null reverse-paths are refused: asked once, known good", .rcpts = "n", .told_s = 1000, .script = {
	    HELLO, FROM, RCPT("b"), LATER, LISTED, RCPT("x"), NONE, CONTENT, "Q1", "Tk@example.com", "Oask relay:moved; rcpt b; drop; ",
	    "Dsaid to our own MAIL: 550 5.7.1" } },
	{ .name = "a 5.1.1 to MAIL is nothing either", .rcpts = "m", .script = { HELLO, FROM, RCPT("b"), LATER, RCPT("c"), LATER } },
	{ .name = "another 5.6.x to MAIL is nothing", .rcpts = "6", .script = { HELLO, FROM, RCPT("b"), LATER } },
	{ .name = "no SMTPUTF8 there: no mail could be brought", .rcpts = "8", .script = {
	    HELLO, "CMAIL FROM:<a@example.org> SMTPUTF8", "S250", "CRCPT TO:<\xc3\xa9@example.com>", "S550 5.6.7", "Dhas no SMTPUTF8" } },
	{ .name = "which is no reason to refuse one that is ASCII", .rcpts = "8", .script = { HELLO, FROM, RCPT("b"), LATER } },
	{ .name = "such a mailbox takes none", .rcpts = "7", .script = {
	    HELLO, "CMAIL FROM:<a@example.org> SMTPUTF8", "S250", "CRCPT TO:<\xc3\xa9@example.com>", "S550 5.6.7 needs an ASCII name",
	    "Dsaid to our own RCPT: 553 5.6.7" } },

	/* --- a bare 550 --- */
	{ .name = "a bare 550 before it accepted anything may be meant for us", .rcpts = "b", .script = { HELLO, FROM, RCPT("b"), LATER } },
	{ .name = "after that it is the mailbox's, if it was asked about alone", .rcpts = "+bb", .script = {
	    HELLO, FROM, RCPT("a"), TAKEN, RCPT("b"), "S550 5.1.1 go away",
	    "Oask relay:moved; rcpt a; rcpt b; drop; ask relay:moved; rcpt b; " } },
	{ .name = "much later one that it accepted is asked about again: it is the mailbox", .rcpts = "+b+", .script = {
	    HELLO, FROM, RCPT("a"), TAKEN, "CRSET", "S250", "P70000", FROM, RCPT("b"), "S550 5.1.1 go away", RCPT("c"), TAKEN,
	    "Oask relay:moved; rcpt a; drop; ask relay:moved; rcpt b; drop; ask relay:moved; rcpt a; rcpt c; ",
	    "Dsaid to our own RCPT: 550 go away" } },
	{ .name = "or it is us", .rcpts = "+bbbu", .script = {
	    HELLO, FROM, RCPT("a"), TAKEN, "CRSET", "S250", "P70000", FROM, RCPT("b"), LATER, "CRSET", "S250", FROM, RCPT("b"), LATER, RCPT("b"), LATER,
	    "Oask relay:moved; rcpt a; drop; ask relay:moved; rcpt b; drop; ask relay:moved; rcpt a; drop; ask relay:moved; rcpt b; drop; "
	    "ask relay:moved; rcpt a; drop; " } },
	{ .name = "a postmaster that it accepts proves nothing", .rcpts = "+b", .script = {
	    HELLO, FROM, RCPT("postmaster"), TAKEN, RCPT("b"), LATER } },
	{ .name = "beside others it may be that a null reverse-path has one recipient", .rcpts = "+b+", .script = {
	    HELLO, FROM, RCPT("a"), TAKEN, RCPT("b"), TAKEN, CONTENT, "Q1", "Ta@example.com b@example.com",
	    "Oask relay:moved; rcpt a; rcpt b; drop; ask relay:moved; rcpt b; drop; " } },
	{ .name = "so may a 5.7.1", .rcpts = "+p+", .script = { HELLO, FROM, RCPT("a"), TAKEN, RCPT("b"), TAKEN } },
	{ .name = "a 550 5.1.1 beside others is clear", .rcpts = "+5", .script = {
	    HELLO, FROM, RCPT("a"), TAKEN, RCPT("b"), NONE, "Oask relay:moved; rcpt a; rcpt b; " } },
	{ .name = "what is known good is not forgotten for a bare 550", .rcpts = "+bb", .told_s = 1000, .script = {
	    HELLO, FROM, RCPT("a"), TAKEN, LISTED, CONTENT, "Q1", "Ta@example.com k@example.com" } },
	{ .name = "too many for the next hop's transaction: another one", .rcpts = "+f+", .script = {
	    HELLO, FROM, RCPT("a"), TAKEN, RCPT("b"), TAKEN, "Oask relay:moved; rcpt a; rcpt b; drop; ask relay:moved; rcpt b; " } },
	{ .name = "too many, and it is the first: no answer", .rcpts = "f", .script = { HELLO, FROM, RCPT("a"), LATER } },

	/* --- no answer at all --- */
	{ .name = "nobody there: known good", .rcpts = "u", .told_s = 1000, .script = { HELLO, FROM, LISTED, CONTENT, "Q1", "Oask relay:moved; rcpt k; drop; " } },
	{ .name = "nobody there: known bad", .rcpts = "u", .told_s = 1000, .script = { HELLO, FROM, RCPT("x"), NONE, "Dwhy=\"nobody there\"" } },
	{ .name = "nobody there: unknown, and asked once in a transaction", .rcpts = "u", .script = {
	    HELLO, FROM, RCPT("b"), LATER, RCPT("c"), LATER, "CDATA", "S554", "Oask relay:moved; rcpt b; drop; ", "Dwhy=\"nobody there\"" } },
	{ .name = "nobody there: unknown, accepted", .rcpts = "u", .accepts_unknown = true, .script = { HELLO, FROM, RCPT("b"), TAKEN, CONTENT, "Q1" } },
	{ .name = "nobody there: what was known is too old", .rcpts = "u", .told_s = KEEP_S + 300, .script = { HELLO, FROM, RCPT("k"), LATER, RCPT("x"), LATER } },
	{ .name = "the next transaction asks anew", .rcpts = "u+", .script = { HELLO, FROM, RCPT("b"), LATER, "CRSET", "S250", FROM, RCPT("b"), TAKEN } },
	{ .name = "slow: ten seconds", .rcpts = "w", .script = { HELLO, FROM, RCPT("b"), "P9000", "P2000", LATER, "Dwhy=\"too slow\"", RCPT("c"), LATER } },
	{ .name = "then nobody waits for it, for half a minute", .rcpts = "w+", .told_s = 1000, .script = {
	    HELLO, FROM, RCPT("b"), "P11000", LATER, "CRSET", "S250", FROM, RCPT("b"), LATER, LISTED, RCPT("x"), NONE,
	    "Dwhy=\"its next hop did not answer in time a little while ago\"", "CRSET", "S250", FROM, "CRCPT TO:<b@example.net>", TAKEN, "CRSET", "S250",
	    "P30000", FROM, RCPT("b"), TAKEN, "Oask relay:moved; rcpt b; drop; ask relay:other; rcpt b; drop; ask relay:moved; rcpt b; " } },
	{ .name = "slow each time: a minute for all of a transaction", .rcpts = "s", .script = {
	    HELLO, FROM, "RRCPT TO:<1@example.com>\r\nRCPT TO:<2@example.com>\r\n", "P5000", TAKEN, TAKEN, CONTENT, "Q1" } },

	{ .name = "a client that pauses: the session was given back, and nobody is said again in another one", .rcpts = "+", .script = {
	    HELLO, FROM, RCPT("a"), TAKEN, "P500", RCPT("b"), TAKEN, "P1500", RCPT("c"), TAKEN, CONTENT, "Q1",
	    "Oask relay:moved; rcpt a; rcpt b; drop; ask relay:moved; rcpt c; drop; " } },

	/* --- who is asked --- */
	{ .name = "another relay's next hop for its mailbox", .rcpts = "u++", .script = {
	    HELLO, FROM, RCPT("a"), LATER, "CRCPT TO:<b@example.net>", TAKEN, RCPT("c"), TAKEN, CONTENT, "Q1", "Tb@example.net c@example.com",
	    "Oask relay:moved; rcpt a; drop; ask relay:other; rcpt b; drop; ask relay:moved; rcpt c; drop; " } },
	{ .name = "nobody where the relay does not want it", .rcpts = "5", .script = {
	    HELLO, FROM, "CRCPT TO:<b@open.example>", TAKEN, CONTENT, "Q1", "O" } },
	{ .name = "a client that goes ends the question", .rcpts = "+", .script = { HELLO, FROM, RCPT("a"), TAKEN } },
	{ .name = "each refusal is an error of the client", .rcpts = "5", .script = {
	    HELLO, FROM, RCPT("1"), NONE, RCPT("2"), NONE, RCPT("3"), NONE, RCPT("4"), NONE, RCPT("5"), NONE, "S421 4.7.0", "E" } },
};

static const struct row *row;

static struct knowledge *
know_some(void)
{
	static const char *const relays[] = { "moved", "other", "open" };
	static const uint64_t seed[2] = { 3, 4 };
	const struct knowledge_bounds bounds = { .good_max = 10, .bad_max = 10, .good_keep = span_s(KEEP_S), .bad_keep = span_s(KEEP_S) };
	struct knowledge *knowledge = knowledge_new(&bounds, seed);
	struct timestamp now = os_wall_clock(), told = { .us = now.us - INT64_C(1000000) * row->told_s };

	knowledge_set_relays(knowledge, relays, 3);
	if (row->told_s > 0) {
		knowledge_set(knowledge, STR("moved"), &(struct address){ STR("k"), STR("example.com") }, KNOWN_GOOD, told, told);
		knowledge_set(knowledge, STR("moved"), &(struct address){ STR("x"), STR("example.com") }, KNOWN_BAD, told, told);
	}
	return knowledge;
}

static void
change(struct stage *stage)
{
	static const char *const domains[] = { "example.com", "example.net", "open.example" };
	static const uint64_t seed[2] = { 1, 2 };
	struct forwarding verified = { .verifies_recipients = true, .accepts_unknown = row->accepts_unknown };
	struct relay_rule relays[] = {
		{ .name = "moved", .domains = &domains[0], .n_domains = 1, .forwarding = verified },
		{ .name = "other", .domains = &domains[1], .n_domains = 1, .forwarding = verified },
		{ .name = "open", .domains = &domains[2], .n_domains = 1 },
	};

	policy_free(stage->policy);
	stage->policy = policy_new(&(struct policy_settings){ .hostname = "relay.example.com", .relays = relays, .n_relays = 3 }, seed);
	stage->settings.errors_max = 5;
	stage->couriers.rcpts = row->rcpts;
	stage->knowledge = know_some();
}

static void
talk(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, row->script);
	stage_close(&client);
}

/* All that a next hop costs: a question each of them asks for, and no more than the transaction's minute. */
static void
talk_long(struct stage *stage)
{
	struct stage_client client = { .stage = stage };
	struct instant began;
	char line[TEXT_MAX_BYTES];
	int n_taken = 0;

	stage_connect(&client, stage);
	stage_play(&client, (const char *const[]){ HELLO, FROM, NULL });
	began = loop_now(stage->loop);
	for (int i = 0; i < 50; i++)
		stage_send(&client, str_n(line, (size_t)snprintf(line, sizeof(line), "RCPT TO:<u%d@example.com>\r\n", i)));
	for (int i = 0; i < 50; i++)
		n_taken += stage_hear(&client) && str_starts(buf_str(&client.reply), STR("250"));
	expect_int(n_taken, 30);
	expect_int(span_to_s(instant_diff(began, loop_now(stage->loop))), 60);
	stage_close(&client);
}

/* In an outage: as many as a mail may have (100), as much that is idle (100), and five errors. */
static void
talk_endlessly(struct stage *stage)
{
	struct stage_client client = { .stage = stage };
	char line[TEXT_MAX_BYTES];
	int n_later = 0;

	stage_connect(&client, stage);
	stage_play(&client, (const char *const[]){ HELLO, FROM, NULL });
	for (int i = 0; i < 300; i++)
		stage_send(&client, str_n(line, (size_t)snprintf(line, sizeof(line), "RCPT TO:<u%d@example.com>\r\n", i)));
	while (stage_hear(&client) && str_starts(buf_str(&client.reply), STR("451")))
		n_later++;
	expect_int(n_later, 100 + 99 + 5);	/* EHLO was idle too */
	expect(str_starts(buf_str(&client.reply), STR("421 4.7.0")));
	stage_close(&client);
}

/* What is known of k (good), x (bad) and b (nothing), and what comes of each answer: codes for k, x, b, and b where the relay wants all. */
static const struct {
	const char	*name, *rcpts;
	int		 codes[4];
} table[] = {
	{ "accepted", "+", { 250, 250, 250, 250 } },
	{ "refused with 5.1.1", "5", { 550, 550, 550, 550 } },
	{ "full", "c", { 550, 550, 550, 550 } },
	{ "put off", "4", { 250, 550, 451, 250 } },
	{ "refused with 5.7.1", "p", { 250, 550, 451, 250 } },
	{ "refused with a bare 550", "b", { 250, 550, 451, 250 } },
	{ "too many", "f", { 250, 550, 451, 250 } },
	{ "MAIL refused", "n", { 250, 550, 451, 250 } },
	{ "MAIL refused with 5.1.1", "m", { 250, 550, 451, 250 } },
	{ "MAIL refused with 5.6.7, for an ASCII mailbox", "8", { 250, 550, 451, 250 } },
	{ "nobody there", "u", { 250, 550, 451, 250 } },
};

/* In the simulated world, where time moves when all wait. */
static void
play(void (*main)(struct stage *stage))
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .short_percent = -1 });
	struct stage stage;

	test_case("%s", row->name);
	sim_enter(sim);
	stage_init(&stage, change);
	endpoint_parse(STR("192.0.2.1:25"), &stage.at);
	stage_run(&stage, main);
	stage_fini(&stage);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(void)
{
	static const struct row endless_row = { .name = "an endless list comes to its end in an outage too", .rcpts = "u" };
	static const struct row long_row = { .name = "fifty slow answers: thirty of two seconds, then none is asked", .rcpts = "s" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		row = &rows[i];
		play(talk);
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int k = 0; k < 4; k++) {
			char name[TEXT_MAX_BYTES], rcpt[TEXT_MAX_BYTES], code[TEXT_MAX_BYTES];
			struct row combination = { .name = name, .rcpts = table[i].rcpts, .told_s = KEEP_S / 2, .accepts_unknown = k == 3,
			    .script = { HELLO, FROM, rcpt, code } };

			snprintf(name, sizeof(name), "%s: %s", table[i].name, (const char *const[]){ "known good", "known bad", "unknown", "unknown, accept" }[k]);
			snprintf(rcpt, sizeof(rcpt), "CRCPT TO:<%c@example.com>", "kxbb"[k]);
			snprintf(code, sizeof(code), "S%d", table[i].codes[k]);
			row = &combination;
			play(talk);
		}
	row = &long_row;
	play(talk_long);
	row = &endless_row;
	play(talk_endlessly);
	return test_end();
}
