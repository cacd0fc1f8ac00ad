/*
 * test_by_recipient.c - a relay whose next hops have each some of its mailboxes: who is asked, and what the client hears
 */
#include <string.h>

#include "base/mem.h"
#include "smtpfwd/receive/transaction.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

enum { SCRIPT_MAX = 60, WAYS = 3, KEEP_S = 3600 };

#define HELLO	"S220", "CEHLO client.example.org", "S250"
#define FROM	"CMAIL FROM:<a@example.org> SIZE=1000", "S250 2.1.0"
#define RCPT(l)	"CRCPT TO:<" l "@example.com>"
#define TAKEN	"S250 2.1.5 Recipient ok"
#define LATER	"S451 4.4.1"
#define NONE	"S550 5.1.1"
#define CONTENT	"CDATA", "S354", "CSubject: x\r\n\r\nx\r\n."
#define QUEUED	CONTENT, "S250 2.0.0 queued as"

struct row {
	const char	*name;
	const char	*rcpts;		/* what comes of each question, see fake_online.h */
	char		 mail;
	bool		 is_queue;	/* mode = queue, with verify-recipients */
	bool		 accepts_unknown, queues_mixed, queues_4xx;
	const char	*known;		/* at the next hops, in order, of b: + good, g that was long ago, - bad, . nothing; NULL: nothing */
	const char	*script[SCRIPT_MAX];
};

static const struct row rows[] = {
	/* --- mode = queue --- */
	{ .name = "queue: the first one has it", .is_queue = true, .rcpts = "+", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, QUEUED, "Q1", "Oask relay:x/one; rcpt b; drop; " } },
	{ .name = "queue: the last one has it", .is_queue = true, .rcpts = "55+", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, QUEUED, "Q1",
	    "Oask relay:x/one; rcpt b; drop; ask relay:x/two; rcpt b; drop; ask relay:x/three; rcpt b; drop; " } },
	{ .name = "queue: nobody has it", .is_queue = true, .rcpts = "5", .script = {
	    HELLO, FROM, RCPT("b"), NONE, "Q0",
	    "Oask relay:x/one; rcpt b; drop; ask relay:x/two; rcpt b; drop; ask relay:x/three; rcpt b; " } },
	{ .name = "queue: one that is full has it", .is_queue = true, .rcpts = "5c", .script = {
	    HELLO, FROM, RCPT("b"), "S550 5.2.2", "Oask relay:x/one; rcpt b; drop; ask relay:x/two; rcpt b; " } },
	{ .name = "queue: one that is down may have it, but one behind it has", .is_queue = true, .rcpts = "u+", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, QUEUED, "Q1" } },
	{ .name = "queue: one that is down may have it", .is_queue = true, .rcpts = "5u5", .script = { HELLO, FROM, RCPT("b"), LATER } },
	{ .name = "queue: and the relay takes such", .is_queue = true, .rcpts = "5u5", .accepts_unknown = true, .script = {
	    HELLO, FROM, RCPT("b"), TAKEN } },
	{ .name = "queue: it is known to have it", .is_queue = true, .rcpts = "5u5", .known = ".g.", .script = { HELLO, FROM, RCPT("b"), TAKEN } },
	{ .name = "queue: it is known not to have it, and nor have the others", .is_queue = true, .rcpts = "5u5", .known = ".-.", .script = {
	    HELLO, FROM, RCPT("b"), NONE } },
	{ .name = "queue: nobody is asked about one that some next hop took of late", .is_queue = true, .rcpts = "5", .known = ".+.", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, "O" } },
	{ .name = "queue: a bare 550 of all may be meant for us", .is_queue = true, .rcpts = "b", .script = { HELLO, FROM, RCPT("b"), LATER } },
};

static const struct row *row;

static const char *const ways[WAYS] = { "relay:x/one", "relay:x/two", "relay:x/three" };

static struct knowledge *
know_some(void)
{
	static const char *const names[WAYS] = { "x/one", "x/two", "x/three" };
	static const uint64_t seed[2] = { 3, 4 };
	const struct knowledge_bounds bounds = { .good_max = 10, .bad_max = 10, .good_keep = span_s(KEEP_S), .bad_keep = span_s(KEEP_S) };
	struct knowledge *knowledge = knowledge_new(&bounds, seed);
	const struct address b = { STR("b"), STR("example.com") };
	struct timestamp now = os_wall_clock(), old = { now.us - INT64_C(1000000) * KEEP_S / 2 };

	knowledge_set_relays(knowledge, names, WAYS);
	for (int i = 0; row->known != NULL && i < WAYS; i++)
		if (row->known[i] != '.')
			knowledge_set(knowledge, str_of(names[i]), &b, row->known[i] == '-' ? KNOWN_BAD : KNOWN_GOOD, row->known[i] == '+' ? now : old, now);
	return knowledge;
}

static void
change(struct stage *stage)
{
	static const char *const domains[] = { "example.com", "example.net" };
	static const uint64_t seed[2] = { 1, 2 };
	struct forwarding forwarding = {
		.is_online = !row->is_queue, .online_timeout = span_s(60), .verifies_recipients = true, .accepts_unknown = row->accepts_unknown,
		.queues_mixed = row->queues_mixed, .queues_4xx = row->queues_4xx,
	}, split = forwarding;
	struct relay_rule relays[] = {
		{ .name = "x", .domains = &domains[0], .n_domains = 1 }, { .name = "other", .domains = &domains[1], .n_domains = 1 },
	};

	split.is_by_recipient = true;
	split.ways = ways;
	split.n_ways = WAYS;
	relays[0].forwarding = split;
	relays[1].forwarding = forwarding;
	policy_free(stage->policy);
	stage->policy = policy_new(&(struct policy_settings){ .hostname = "relay.example.com", .relays = relays, .n_relays = 2 }, seed);
	stage->couriers.rcpts = row->rcpts;
	stage->couriers.mail = row->mail;
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

int
main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim *sim;
		struct stage stage;

		row = &rows[i];
		if (argc > 1 && strstr(row->name, argv[1]) == NULL)
			continue;
		test_case("%s", row->name);
		sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .short_percent = -1 });
		sim_enter(sim);
		stage_init(&stage, change);
		endpoint_parse(STR("192.0.2.1:25"), &stage.at);
		stage_run(&stage, talk);
		stage_fini(&stage);
		expect_int(sim_leave(sim), 0);
		sim_free(sim);
	}
	return test_end();
}
