/*
 * test_forward.c - a mail whose next hop is asked while its client waits: each end of each step, and what the client hears
 */
#include "base/mem.h"
#include "smtpfwd/receive/transaction.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

enum { SCRIPT_MAX = 40 };

#define HELLO	"S220", "CEHLO client.example.org", "S250"
#define FROM	"CMAIL FROM:<a@example.org> SIZE=1000", "S250 2.1.0"
#define RCPT	"CRCPT TO:<b@example.com>"
#define TAKEN	"S250 2.6.9 the next hop likes it"
#define CONTENT	"CDATA", "S354", "CSubject: x\r\n\r\nx\r\n."

struct row {
	const char	*name;
	const char	*rcpts;
	char		 mail;
	bool		 queues_4xx, queues_mixed, accepts_unknown, is_known, may_xclient;
	const char	*script[SCRIPT_MAX];
	void	       (*play)(struct stage *stage);	/* instead */
};

static const struct row rows[] = {
	/* --- answers --- */
	{ .name = "its 2xx are the client's, and nothing is queued", .rcpts = "+", .mail = '+', .script = {
	    HELLO, FROM, RCPT, TAKEN, CONTENT, TAKEN, "Q0", "Onew relay:moved a 1000; rcpt b; send 1 17; drop; ",
	    "Daccepted id=", "Uqueued", "Ufell-back" } },
	{ .name = "its 5xx to a recipient is the client's, in its words as far as they can be shown", .rcpts = "5+", .mail = '+', .script = {
	    HELLO, FROM, RCPT, "S550 5.1.1 here, caf??", "L5.1.1 the next hop: never", "CRCPT TO:<c@example.com>", TAKEN, CONTENT, TAKEN, "Q0",
	    "Onew relay:moved a 1000; rcpt b; rcpt c; send 1 17; drop; ",
	    "Dto=b@example.com", "Dreply=\"550 5.1.1 the next hop: never here", "Dwhy=\"new.example.net:25 said it\"" } },
	{ .name = "its 5xx to the only recipient leaves no mail", .rcpts = "5", .script = {
	    HELLO, FROM, RCPT, "S550 5.1.1", "CDATA", "S554 5.5.1", "CRSET", "S250", "Q0" } },
	{ .name = "its refusal of MAIL is that of the recipient", .rcpts = "m", .script = {
	    HELLO, FROM, RCPT, "S550 5.1.1 the next hop: not from you", "Q0" } },
	{ .name = "its 4xx to a recipient is the client's", .rcpts = "4", .script = {
	    HELLO, FROM, RCPT, "S450 4.2.9 the next hop: not now", "CDATA", "S554", "Q0" } },
	{ .name = "its 5xx to the mail is the client's", .rcpts = "+", .mail = '5', .script = {
	    HELLO, FROM, RCPT, TAKEN, CONTENT, "S550 5.1.1 here, caf??", "Q0", "Drejected id=", "Dwhy=\"new.example.net:25 said it\"",
	    "Uaccepted", FROM, RCPT, TAKEN } },
	{ .name = "its 4xx to the mail is the client's", .rcpts = "+", .mail = '4', .script = {
	    HELLO, FROM, RCPT, TAKEN, CONTENT, "S450 4.2.9 the next hop: not now", "Q0" } },
	{ .name = "a code that is no answer to a recipient or a mail is made one", .rcpts = "3", .mail = '3', .script = {
	    HELLO, FROM, RCPT, "S250 2.0.0 a strange one", CONTENT, "S250 2.0.0 a strange one", "Q0" } },
	{ .name = "a 251 is an answer to a recipient, and not to a mail", .rcpts = "d", .mail = 'd', .script = {
	    HELLO, FROM, RCPT, "S251 2.0.0", CONTENT, "S250 2.0.0", "Q0" } },
	{ .name = "a 521 is not of us", .rcpts = "1+", .mail = '1', .script = {
	    HELLO, FROM, RCPT, "S554 5.0.0 no mail here", RCPT, TAKEN, CONTENT, "S554 5.0.0 no mail here", "Q0" } },
	{ .name = "a mail too large for it is not one of too many recipients", .rcpts = "l", .script = {
	    HELLO, FROM, RCPT, "S550 5.0.0 too large", "Q0" } },
	{ .name = "what it says without a status has one (RFC 2034)", .rcpts = "+", .mail = 'b', .script = {
	    HELLO, FROM, RCPT, TAKEN, CONTENT, "S550 5.0.0 go away", "Q0" } },
	{ .name = "too many for the next hop: the rest comes in another transaction, whatever online-4xx says", .rcpts = "+f",
	  .mail = '+', .queues_4xx = true, .script = {
	    HELLO, FROM, RCPT, TAKEN, "CRCPT TO:<c@example.com>", "S452 4.5.3", CONTENT, TAKEN, "Q0" } },

	{ .name = "of a round the next hop is told at the last recipient that DATA comes", .rcpts = "+", .mail = '+', .script = {
	    HELLO, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nData\r\n", "S250", TAKEN, TAKEN, "S354",
	    "CSubject: x\r\n\r\nx\r\n.", TAKEN, "Onew relay:moved a 0; rcpt b; mail next; rcpt c; send 2 17; drop; " } },
	{ .name = "but not of a mail that goes into the queue", .rcpts = "4+", .queues_4xx = true, .script = {
	    HELLO, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n", "S250", "S250", TAKEN, "S354",
	    "CSubject: x\r\n\r\nx\r\n.", "S250 2.0.0 queued as", "Onew relay:moved a 0; rcpt b; rcpt c; drop; " } },
	{ .name = "nor of what only begins like it", .rcpts = "+", .script = {
	    HELLO, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA x\r\n", "S250", TAKEN, "S501", "Onew relay:moved a 0; rcpt b; " } },

	/* --- online-4xx = queue --- */
	{ .name = "online-4xx = queue: a recipient's 4xx queues the mail", .rcpts = "+4+", .mail = '+', .queues_4xx = true, .script = {
	    HELLO, FROM, RCPT, TAKEN, "CRCPT TO:<c@example.com>", "S250 2.1.5 Recipient ok", "CRCPT TO:<d@example.com>", TAKEN, CONTENT,
	    "S250 2.0.0 queued as", "Q1", "Tb@example.com c@example.com d@example.com",
	    "Onew relay:moved a 1000; rcpt b; rcpt c; rcpt d; drop; ",
	    "Dfell-back id=", "Dwhy=\"RCPT: 450 4.2.9 the next hop: not now\"" } },
	{ .name = "online-4xx = queue: its 5xx is still the client's", .rcpts = "45", .queues_4xx = true, .script = {
	    HELLO, FROM, RCPT, "S250", "CRCPT TO:<c@example.com>", "S550 5.1.1", CONTENT, "S250 2.0.0 queued as", "Q1", "Tb@example.com" } },
	{ .name = "online-4xx = queue: the mail's 4xx queues it", .rcpts = "+", .mail = '4', .queues_4xx = true, .script = {
	    HELLO, FROM, RCPT, TAKEN, CONTENT, "S250 2.0.0 queued as", "Q1", "BSubject: x\r\n\r\nx\r\n",
	    "Dwhy=\"the end of data: 450 4.2.9 the next hop: not now\"" } },
	{ .name = "online-4xx = queue: the mail's 5xx is the client's", .rcpts = "+", .mail = '5', .queues_4xx = true, .script = {
	    HELLO, FROM, RCPT, TAKEN, CONTENT, "S550", "Q0" } },

	/* --- no answer --- */
	{ .name = "nobody there: who is not known is deferred, and asked about once", .rcpts = "u", .script = {
	    HELLO, FROM, RCPT, "S451 4.4.1", "CRCPT TO:<c@example.com>", "S451 4.4.1", "CDATA", "S554", "Q0",
	    "Onew relay:moved a 1000; rcpt b; drop; ", "Dwhy=\"nobody there\"" } },
	{ .name = "nobody there: who is known is accepted, and who is known to be none is refused", .rcpts = "u", .is_known = true, .script = {
	    HELLO, FROM, RCPT, "S250 2.1.5", "CRCPT TO:<nobody@example.com>", "S550 5.1.1", CONTENT, "S250 2.0.0 queued as", "Q1",
	    "Tb@example.com", "Dfell-back id=", "Ddestination=relay:moved why=\"nobody there\"" } },
	{ .name = "nobody there: the relay may want all accepted", .rcpts = "u", .accepts_unknown = true, .script = {
	    HELLO, FROM, RCPT, "S250 2.1.5", CONTENT, "S250 2.0.0 queued as", "Q1", "Tb@example.com" } },
	{ .name = "a bare 550 to the second recipient of a null reverse-path is not remembered", .rcpts = "+bu", .is_known = true, .script = {
	    HELLO, "CMAIL FROM:<>", "S250", RCPT, TAKEN, "CRCPT TO:<c@example.com>", "S550 5.0.0 go away", "CRSET", "S250", FROM,
	    "CRCPT TO:<c@example.com>", "S451" } },
	{ .name = "lost between two recipients: both are queued", .rcpts = "+u", .is_known = true, .script = {
	    HELLO, FROM, RCPT, TAKEN, "CRCPT TO:<k@example.com>", "S250 2.1.5", CONTENT, "S250 2.0.0 queued as", "Q1",
	    "Tb@example.com k@example.com", "Onew relay:moved a 1000; rcpt b; rcpt k; drop; " } },
	{ .name = "deferred in an outage: the next mail asks anew", .rcpts = "u+", .mail = '+', .script = {
	    HELLO, FROM, RCPT, "S451", "CRSET", "S250", FROM, RCPT, TAKEN, CONTENT, TAKEN, "Q0" } },
	{ .name = "lost before the mail: it is queued", .rcpts = "+", .mail = 'u', .script = {
	    HELLO, FROM, RCPT, TAKEN, CONTENT, "S250 2.0.0 queued as", "Q1", "BSubject: x\r\n\r\nx\r\n", "HReceived: from ",
	    "Dfell-back id=", "Daccepted id=", FROM, RCPT, TAKEN } },
	{ .name = "lost behind the dot: it is queued", .rcpts = "+", .mail = '?', .script = {
	    HELLO, FROM, RCPT, TAKEN, CONTENT, "S250 2.0.0 queued as", "Q1", "Dwhy=\"lost at the dot\"" } },
	{ .name = "slow at the mail: it is queued when the budget is spent", .rcpts = "+", .mail = 'w', .script = {
	    HELLO, FROM, RCPT, TAKEN, CONTENT, "P61000", "S250 2.0.0 queued as", "Q1", "Dwhy=\"too slow\"" } },
	{ .name = "slow at a recipient", .rcpts = "w", .script = { HELLO, FROM, RCPT, "P61000", "S451 4.4.1", "Q0" } },

	/* --- ways that differ --- */
	{ .name = "another relay's recipient comes in another transaction", .rcpts = "+", .mail = '+', .script = {
	    HELLO, FROM, RCPT, TAKEN, "CRCPT TO:<x@example.net>", "S452 4.5.3", CONTENT, TAKEN, "Q0",
	    FROM, "CRCPT TO:<x@example.net>", TAKEN, CONTENT, TAKEN, "Q0" } },
	{ .name = "so does one of a relay with mode = queue, and the other way round", .rcpts = "+", .mail = '+', .script = {
	    HELLO, FROM, RCPT, TAKEN, "CRCPT TO:<x@queued.example>", "S452 4.5.3", CONTENT, TAKEN, "Q0", FROM, "CRCPT TO:<x@queued.example>",
	    "S250 2.1.5 Recipient ok", RCPT, "S452 4.5.3", CONTENT, "S250 2.0.0 queued as", "Q1", "Tx@queued.example", "Ufell-back" } },
	{ .name = "mixed = queue: all are taken, and the mail is queued", .rcpts = "+", .queues_mixed = true, .script = {
	    HELLO, FROM, RCPT, TAKEN, "CRCPT TO:<x@queued.example>", "S250 2.1.5", "CRCPT TO:<x@example.net>", "S250 2.1.5",
	    "CRCPT TO:<c@example.com>", TAKEN, CONTENT, "S250 2.0.0 queued as", "Q1",
	    "Tb@example.com x@queued.example x@example.net c@example.com", "Dwhy=\"its recipients go different ways\"",
	    "Onew relay:moved a 1000; rcpt b; rcpt c; drop; " } },
	{ .name = "who logged in brings a mail once, and 452 would be an error to him: it is queued", .rcpts = "+", .may_xclient = true, .script = {
	    "S220", "CXCLIENT LOGIN=anna", "S220", "CEHLO client.example.org", "S250", FROM, RCPT, TAKEN, "CRCPT TO:<x@example.net>", "S250 2.1.5",
	    CONTENT, "S250 2.0.0 queued as", "Q1", "Tb@example.com x@example.net", "Dwhy=\"its recipients go different ways\"" } },
	{ .name = "who was refused decides no way", .rcpts = "5+", .mail = '+', .script = {
	    HELLO, FROM, RCPT, "S550", "CRCPT TO:<x@example.net>", TAKEN, CONTENT, TAKEN, "Q0",
	    "Onew relay:moved a 1000; rcpt b; drop; new relay:other a 1000; rcpt x; send 1 17; drop; " } },
	{ .name = "an outage of the one is none of the other", .rcpts = "u+", .mail = '+', .script = {
	    HELLO, FROM, RCPT, "S451", "CRCPT TO:<x@example.net>", TAKEN, CONTENT, TAKEN, "Q0" } },

	/* --- what the mail turns out to be --- */
	{ .name = "8-bit data are told, in chunks too", .rcpts = "+", .mail = '+', .script = {
	    HELLO, "CMAIL FROM:<a@example.org> BODY=8BITMIME", "S250", RCPT, TAKEN, "RBDAT 8\r\nA: b\r\n\r\n", "S250", "RBDAT 4 LAST\r\n\xc3\xa9\r\n",
	    TAKEN, "Q0", "Onew relay:moved a 0; rcpt b; send 1 12 8bit; drop; " } },
	{ .name = "SMTPUTF8 that is needed is told", .rcpts = "+", .mail = '+', .script = {
	    HELLO, "CMAIL FROM:<a@example.org> SMTPUTF8", "S250", "CRCPT TO:<\xc3\xa9@example.com>", TAKEN, CONTENT, TAKEN,
	    "Onew relay:moved a 0; rcpt \xc3\xa9; send 1 17 utf8; drop; " } },
	{ .name = "SMTPUTF8 that is not needed is not", .rcpts = "+", .mail = '+', .script = {
	    HELLO, "CMAIL FROM:<a@example.org> SMTPUTF8", "S250", RCPT, TAKEN, CONTENT, TAKEN, "Onew relay:moved a 0; rcpt b; send 1 17; drop; " } },
	{ .name = "nor is it for a text that is 8-bit", .rcpts = "+", .mail = '+', .script = {
	    HELLO, "CMAIL FROM:<a@example.org> BODY=8BITMIME SMTPUTF8", "S250", RCPT, TAKEN, "CDATA", "S354", "CSubject: x\r\n\r\n\xc3\xa9\r\n.", TAKEN,
	    "Onew relay:moved a 0; rcpt b; send 1 18 8bit; drop; " } },
	{ .name = "but for a field that is", .rcpts = "+", .mail = '+', .script = {
	    HELLO, "CMAIL FROM:<a@example.org> BODY=8BITMIME SMTPUTF8", "S250", RCPT, TAKEN, "CDATA", "S354", "CSubject: \xc3\xa9\r\n\r\nx\r\n.", TAKEN,
	    "Onew relay:moved a 0; rcpt b; send 1 18 8bit utf8; drop; " } },
	{ .name = "what we refuse ourselves is never sent", .rcpts = "+", .mail = '+', .script = {
	    HELLO, FROM, RCPT, TAKEN, "CDATA", "S354", "RSubject: x\r\n\r\nbare\nline\r\n.\r\n", "S55", "Q0",
	    "Onew relay:moved a 1000; rcpt b; drop; " } },

	/* --- other ends --- */
	{ .name = "RSET ends it there", .rcpts = "+", .script = {
	    HELLO, FROM, RCPT, TAKEN, "CRSET", "S250", "Onew relay:moved a 1000; rcpt b; drop; " } },
	{ .name = "EHLO ends it there", .rcpts = "+", .script = {
	    HELLO, FROM, RCPT, TAKEN, "CEHLO again.example.org", "S250", "Onew relay:moved a 1000; rcpt b; drop; " } },
	{ .name = "QUIT ends it there", .rcpts = "+", .script = {
	    HELLO, FROM, RCPT, TAKEN, "CQUIT", "S221", "E", "Onew relay:moved a 1000; rcpt b; drop; " } },
	{ .name = "a client that goes ends it there", .rcpts = "+", .script = { HELLO, FROM, RCPT, TAKEN } },
	{ .name = "a whole mail in one piece is answered in order, not all at its end", .rcpts = "+s", .mail = '+', .script = {
	    HELLO, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n", "P1000", "S250 2.1.0",
	    TAKEN, "P1500", "S250 2.6.9 at last", "S354", "CSubject: x\r\n\r\nx\r\n.", TAKEN, "Q0" } },
};

static const struct row *row;

static struct knowledge *
know_some(void)
{
	static const char *const relays[] = { "moved", "other", "queued" };
	static const uint64_t seed[2] = { 3, 4 };
	static const struct knowledge_bounds bounds = {
		.good_max = 10, .bad_max = 10, .good_keep = { INT64_C(3600000000000) }, .bad_keep = { INT64_C(3600000000000) },
	};
	struct knowledge *knowledge = knowledge_new(&bounds, seed);
	struct timestamp now = os_wall_clock();

	knowledge_set_relays(knowledge, relays, 3);
	knowledge_set(knowledge, STR("moved"), &(struct address){ STR("b"), STR("example.com") }, KNOWN_GOOD, now, now);
	knowledge_set(knowledge, STR("moved"), &(struct address){ STR("k"), STR("example.com") }, KNOWN_GOOD, now, now);
	knowledge_set(knowledge, STR("moved"), &(struct address){ STR("nobody"), STR("example.com") }, KNOWN_BAD, now, now);
	return knowledge;
}

static void
change(struct stage *stage)
{
	static const char *const domains[] = { "example.com", "example.net", "queued.example" };
	static struct network everywhere = { .ip = { .family = IP_V4 } };
	static const uint64_t seed[2] = { 1, 2 };
	struct forwarding online = {
		.is_online = true, .online_timeout = span_s(60), .queues_4xx = row->queues_4xx, .queues_mixed = row->queues_mixed,
		.accepts_unknown = row->accepts_unknown,
	};
	struct relay_rule relays[] = {
		{ .name = "moved", .domains = &domains[0], .n_domains = 1, .forwarding = online },
		{ .name = "other", .domains = &domains[1], .n_domains = 1, .forwarding = online },
		{ .name = "queued", .domains = &domains[2], .n_domains = 1 },
	};

	policy_free(stage->policy);
	stage->policy = policy_new(&(struct policy_settings){ .hostname = "relay.example.com", .relays = relays, .n_relays = 3 }, seed);
	stage->settings.connections_max = 10;
	stage->settings.xclient_from = &everywhere;
	stage->settings.n_xclient_from = row->may_xclient;	/* who may is let stand still */
	stage->couriers.rcpts = row->rcpts;
	stage->couriers.mail = row->mail;
	if (row->is_known)
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

/* In the simulated world, where time moves when all wait. */
static void
play(void (*change_more)(struct stage *stage), void (*main)(struct stage *stage))
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .short_percent = -1 });
	struct stage stage;

	sim_enter(sim);
	stage_init(&stage, change_more);
	endpoint_parse(STR("192.0.2.1:25"), &stage.at);
	stage_run(&stage, main);
	stage_fini(&stage);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

/* --- the end of service, and a listener nearly full --- */

enum { STOP_WITHIN_S = 5, N_MAX = 10 };

static void
stop_while(struct stage *stage, const char *const *said, const char *const *heard)
{
	struct stage_client client = { .stage = stage };
	struct instant began;

	stage_connect(&client, stage);
	stage_play(&client, said);
	fiber_sleep(instant_after(loop_now(stage->loop), span_s(1)));
	began = loop_now(stage->loop);
	listeners_stop(stage->listeners, instant_after(began, span_s(STOP_WITHIN_S)));
	expect_int(span_to_s(instant_diff(began, loop_now(stage->loop))), STOP_WITHIN_S);
	stage_play(&client, heard);
	stage_close(&client);
}

static void
stopped_at_rcpt(struct stage *stage)
{
	static const char *const said[] = { HELLO, FROM, RCPT, NULL };
	static const char *const heard[] = { "S421 4.3.2", "E", "Q0", "Onew relay:moved a 1000; rcpt b; drop; ", NULL };

	stop_while(stage, said, heard);
}

static void
stopped_at_the_dot(struct stage *stage)
{
	static const char *const said[] = { HELLO, FROM, RCPT, TAKEN, CONTENT, NULL };
	static const char *const heard[] = {
		"S421 4.3.2", "E", "Q0", "Onew relay:moved a 1000; rcpt b; send 1 17; drop; ", "Drejected id=", "Uaccepted id=", NULL };

	stop_while(stage, said, heard);
}

/* All places but one are taken by clients that wait for the next hop; then it answers, and there is the patience from before. */
static void
wait_all(struct stage *stage, const char *const *said)
{
	static const char *const first[] = { "S451 4", "P30000", "CNOOP", "S250", NULL }, *const then[] = { "S451 4", "CNOOP", "S250", NULL };
	struct stage_client clients[N_MAX - 1];

	for (int i = 0; i < N_MAX - 1; i++) {
		clients[i] = (struct stage_client){ .stage = stage };
		stage_connect(&clients[i], stage);
		stage_play(&clients[i], said);
	}
	fiber_sleep(instant_after(loop_now(stage->loop), span_s(61)));
	for (int i = 0; i < N_MAX - 1; i++) {
		stage_play(&clients[i], i == 0 ? first : then);
		stage_close(&clients[i]);
	}
}

static void
wait_at_rcpt(struct stage *stage)
{
	wait_all(stage, (const char *const[]){ HELLO, FROM, RCPT, NULL });
}

static void
wait_at_the_dot(struct stage *stage)
{
	stage->queue.does_put_fail = true;
	wait_all(stage, (const char *const[]){ HELLO, FROM, RCPT, TAKEN, CONTENT, NULL });
}

/* Some of it went by. */
static void
expect_about_s(struct span span, int want_s)
{
	expect_int(span_to_s((struct span){ span.ns + span_ms(999).ns }), want_s);
}

/* RFC 5321 4.5.3.2.6: the client waits 10 minutes at the dot. */
static void
keeps_budgets(struct stage *stage)
{
	static const char *const envelope[] = { HELLO, FROM, RCPT, TAKEN, NULL };
	static const char *const mail[] = { CONTENT, TAKEN, NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, envelope);
	expect_about_s(stage->couriers.budget, 60);
	stage_play(&client, mail);
	expect_about_s(stage->couriers.budget, 60);
	expect_about_s(stage->couriers.final_budget, 300);
	stage_close(&client);
}

static void
never_answers(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	(void)resolver, (void)questions, (void)arena;
	(void)fiber_sleep(deadline);
	for (int i = 0; i < n_questions; i++)
		answers_out[i] = (struct dns_answer){ .result = DNS_UNSETTLED, .why = "silence" };
}

static void
keeps_its_time(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage->resolver.ask = never_answers;
	stage_connect(&client, stage);
	stage_play(&client, (const char *const[]){ HELLO, FROM, RCPT, TAKEN, NULL });
	expect_about_s(stage->couriers.budget, 60);
	stage_close(&client);
}

/* Each of its recipients takes 2 s. */
static void
answers_a_round(struct stage *stage)
{
	static const char *const round[] = { HELLO, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\n"
	    "RCPT TO:<d@example.com>\r\nRCPT TO:<e@example.com>\r\nDATA\r\n", "P5900", NULL };
	static const char *const late[] = { "P200", "S250 2.1.0", "S250 2.6.9", "S250 2.6.9", "S250 2.6.9", NULL }, *const rest[] = { "P2000", "S250 2.6.9", "S354", NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, round);
	expect(!stream_has_input(client.stream));
	stage_play(&client, late);
	expect(!stream_has_input(client.stream));
	stage_play(&client, rest);
	stage_close(&client);
}

/* The same of a client that never has said all: each 3 s another recipient. */
static void
answers_who_goes_on(struct stage *stage)
{
	static const char *const said[] = { HELLO, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\n", "P3000",
	    "RRCPT TO:<d@example.com>\r\n", "P2900", "RRCPT TO:<e@example.com>\r\n", NULL };
	static const char *const late[] = { "P200", "S250 2.1.0", "S250 2.6.9", "S250 2.6.9", "S250 2.6.9", NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, said);
	expect(!stream_has_input(client.stream));
	stage_play(&client, late);
	expect(!stream_has_input(client.stream));
	stage_close(&client);
}

static const struct row scenes[] = {
	{ .name = "replies to a round of commands go together, but for what took longer than 5 s", .rcpts = "s", .play = answers_a_round },
	{ .name = "and of a client that goes on all the time", .rcpts = "s", .play = answers_who_goes_on },
	{ .name = "the next hop has a minute for each step, and five for its last answer", .rcpts = "+", .mail = '+', .play = keeps_budgets },
	{ .name = "what the DNS takes to name the client is not its time", .rcpts = "+", .play = keeps_its_time },
	{ .name = "the service ends while a client waits at a recipient: 421", .rcpts = "w", .play = stopped_at_rcpt },
	{ .name = "the service ends while a client waits at the dot: 421, and nothing is queued", .rcpts = "+", .mail = 'w',
	  .play = stopped_at_the_dot },
	{ .name = "who waits for us at a recipient does not stand still", .rcpts = "w", .play = wait_at_rcpt },
	{ .name = "nor who waits at the dot, even for nothing", .rcpts = "+", .mail = 'w', .play = wait_at_the_dot },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		row = &rows[i];
		test_case("%s", row->name);
		play(change, talk);
	}
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		row = &scenes[i];
		test_case("%s", row->name);
		play(change, row->play);
	}
	return test_end();
}
