/*
 * test_by_recipient.c - a relay whose next hops have each some of its mailboxes: who is asked, and what the client hears
 */
#include <string.h>

#include "base/mem.h"
#include "smtpfwd/receive/transaction.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

enum { SCRIPT_MAX = 60, WAYS = 3, KEEP_S = 3600, N_MAX = 10 };

#define HELLO	"S220", "CEHLO client.example.org", "S250"
#define FROM	"CMAIL FROM:<a@example.org> SIZE=1000", "S250 2.1.0"
#define RCPT(l)	"CRCPT TO:<" l "@example.com>"
#define TAKEN	"S250 2.1.5 Recipient ok"
#define LATER	"S451 4.4.1"
#define NONE	"S550 5.1.1"
#define CONTENT	"CDATA", "S354", "CSubject: x\r\n\r\nx\r\n."
#define TAKEN_THERE "S250 2.6.9 the next hop likes it"
#define ONE	"new relay:x/one a 1000; "
#define TWO	"new relay:x/two a 1000; "
#define THREE	"new relay:x/three a 1000; "
#define QUEUED	CONTENT, "S250 2.0.0 queued as"

struct row {
	const char	*name;
	const char	*rcpts;		/* what comes of each question, see fake_online.h */
	char		 mail;
	bool		 is_queue;	/* mode = queue, with verify-recipients */
	bool		 accepts_unknown, queues_mixed, queues_4xx;
	const char	*known;		/* at the next hops, in order, of b: + good, g that was long ago, - bad, . nothing; NULL: nothing */
	const char	*script[SCRIPT_MAX];
	void	       (*play)(struct stage *stage);	/* instead */
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

	/* --- mode = online --- */
	{ .name = "the first one has it", .rcpts = "+", .mail = '+', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0", "O" ONE "rcpt b; send 1 17; drop; " } },
	{ .name = "the last one has it", .rcpts = "55+", .mail = '+', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0",
	    "O" ONE "rcpt b; " TWO "rcpt b; " THREE "rcpt b; drop; drop; send 1 17; drop; " } },
	{ .name = "nobody has it: the last one's words", .rcpts = "5", .script = {
	    HELLO, FROM, RCPT("b"), "S550 5.1.1 here", "L5.1.1 the next hop: never", "Q0", "O" ONE "rcpt b; " TWO "rcpt b; " THREE "rcpt b; ",
	    "Dnew.example.net:25 said it" } },
	{ .name = "two have theirs at one next hop", .rcpts = "5+5+", .mail = '+', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, RCPT("c"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0",
	    "O" ONE "rcpt b; " TWO "rcpt b; rcpt c; rcpt c; drop; send 2 17; drop; " } },
	{ .name = "who is at another one comes in another transaction", .rcpts = "+5+5+", .mail = '+', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, RCPT("c"), "S452 4.5.3", CONTENT, "S250 2.6.9", FROM, RCPT("c"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0",
	    "O" ONE "rcpt b; rcpt c; " TWO "rcpt c; drop; send 1 17; drop; " ONE "rcpt c; " TWO "rcpt c; drop; send 1 17; drop; " } },
	{ .name = "the same, where the second one had the first recipient", .rcpts = "5++", .mail = '+', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, RCPT("c"), "S452 4.5.3", CONTENT, "S250 2.6.9", "Q0",
	    "O" ONE "rcpt b; " TWO "rcpt b; rcpt c; drop; send 1 17; drop; " } },
	{ .name = "mixed = queue: all of it is queued", .rcpts = "+5+", .queues_mixed = true, .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, RCPT("c"), TAKEN, QUEUED, "Q1", "Tb@example.com c@example.com" } },
	{ .name = "who is nowhere is refused beside one who is", .rcpts = "+5", .mail = '+', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, RCPT("c"), "S550 5.1.1 here", "L5.1.1", CONTENT, "S250 2.6.9", "Q0" } },
	{ .name = "one that is known may have moved while it was asked for", .rcpts = "555+", .mail = '+', .known = "..g", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0", "O" ONE "rcpt b; " TWO "rcpt b; " THREE "rcpt b; rcpt b; drop; drop; send 1 17; drop; " } },
	{ .name = "or it is gone", .rcpts = "5", .known = "..g", .script = {
	    HELLO, FROM, RCPT("b"), "S550 5.1.1 here", "L5.1.1", "O" ONE "rcpt b; " TWO "rcpt b; " THREE "rcpt b; rcpt b; rcpt b; " } },
	{ .name = "a refusal for another reason is the answer", .rcpts = "p", .script = { HELLO, FROM, RCPT("b"), "S554 5.7.1", "O" ONE "rcpt b; " } },
	{ .name = "as is a full mailbox", .rcpts = "5c", .script = { HELLO, FROM, RCPT("b"), "S552 5.2.2", "O" ONE "rcpt b; " TWO "rcpt b; " } },
	{ .name = "and a refused reverse-path, whatever it says", .rcpts = "m", .script = { HELLO, FROM, RCPT("b"), "S550 5.1.1", "O" ONE "rcpt b; " } },
	{ .name = "and a 4xx: it may have the mailbox", .rcpts = "4", .script = { HELLO, FROM, RCPT("b"), "S450 4.2.9", "O" ONE "rcpt b; " } },
	{ .name = "online-4xx = queue: the queue asks again", .rcpts = "4", .queues_4xx = true, .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, QUEUED, "Q1", "O" ONE "rcpt b; drop; " } },
	{ .name = "a bare 550 of all has a status for the client", .rcpts = "b", .script = { HELLO, FROM, RCPT("b"), "S550 5.0.0 go away" } },
	{ .name = "too large for all is no number of recipients", .rcpts = "l", .script = { HELLO, FROM, RCPT("b"), "S550 5.0.0 too large" } },
	{ .name = "a bare 550 of one", .rcpts = "b+", .mail = '+', .script = { HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0" } },
	{ .name = "no SMTPUTF8 at one", .rcpts = "8+", .mail = '+', .script = { HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0" } },
	{ .name = "no SMTPUTF8 at one says more than that others have not the mailbox", .rcpts = "85", .script = {
	    HELLO, FROM, RCPT("b"), "S550 5.6.7" } },

	/* --- outages --- */
	{ .name = "the first one is down, and may have it", .rcpts = "u+", .script = {
	    HELLO, FROM, RCPT("b"), LATER, "O" ONE "rcpt b; drop; ", "Dnobody there" } },
	{ .name = "the relay takes such", .rcpts = "u+", .accepts_unknown = true, .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, QUEUED, "Q1", "O" ONE "rcpt b; drop; " } },
	{ .name = "it is known not to have it: the others are asked", .rcpts = "u+", .mail = '+', .known = "-..", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0", "O" ONE "rcpt b; drop; " TWO "rcpt b; send 1 17; drop; " } },
	{ .name = "one behind it is known to have it", .rcpts = "u+", .mail = '+', .known = ".g.", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0" } },
	{ .name = "which is not so any more", .rcpts = "u5", .known = ".g.", .script = { HELLO, FROM, RCPT("b"), LATER } },
	{ .name = "it is known to have it: the mail is queued", .rcpts = "u+", .known = "+..", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, QUEUED, "Q1", "O" ONE "rcpt b; drop; " } },
	{ .name = "all are down: nobody is known to have it", .rcpts = "u", .known = "---", .script = { HELLO, FROM, RCPT("b"), NONE } },
	{ .name = "all are down: the last one is known to have it", .rcpts = "u", .known = "--g", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, QUEUED, "Q1" } },
	{ .name = "all are down: the next transaction asks again", .rcpts = "uuu+", .mail = '+', .known = "--.", .script = {
	    HELLO, FROM, RCPT("b"), LATER, "CRSET", "S250", FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0" } },
	{ .name = "one that is down is asked once in a transaction", .rcpts = "u++", .mail = '+', .known = "-..", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, RCPT("b"), TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0",
	    "O" ONE "rcpt b; drop; " TWO "rcpt b; rcpt b; send 2 17; drop; " } },
	{ .name = "that of the first recipient goes down: the mail is queued", .rcpts = "+u", .known = "+..", .script = {
	    HELLO, FROM, RCPT("a"), TAKEN_THERE, RCPT("b"), TAKEN, QUEUED, "Q1", "Ta@example.com b@example.com", "O" ONE "rcpt a; rcpt b; drop; " } },
	{ .name = "also when the second recipient is refused for it", .rcpts = "+u", .script = {
	    HELLO, FROM, RCPT("a"), TAKEN_THERE, RCPT("b"), LATER, QUEUED, "Q1", "Ta@example.com" } },
	{ .name = "who is found then is taken for the queue", .rcpts = "u5+", .known = "+..", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN, RCPT("c"), LATER, RCPT("b"), TAKEN, QUEUED, "Q1", "Tb@example.com b@example.com" } },
	{ .name = "one is slow: there is time left for the others", .rcpts = "w+", .mail = '+', .known = "-..", .script = {
	    HELLO, FROM, RCPT("b"), "P29000", "P2000", TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0" } },
	{ .name = "all are slow: a minute in all", .rcpts = "w", .known = "---", .script = { HELLO, FROM, RCPT("b"), "P59000", "P2000", NONE } },

	/* --- the end of the mail --- */
	{ .name = "a client that goes ends it everywhere", .rcpts = "55+", .script = { HELLO, FROM, RCPT("b"), TAKEN_THERE } },
	{ .name = "RSET ends it everywhere", .rcpts = "5+", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, "CRSET", "S250", "O" ONE "rcpt b; " TWO "rcpt b; drop; drop; " } },
	{ .name = "one that is lost at the dot has the mail, or the queue", .rcpts = "5+", .mail = '?', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, QUEUED, "Q1" } },
	{ .name = "a mail that is refused is not brought to another one", .rcpts = "+", .mail = 'p', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S554 5.7.1", "Q0", "O" ONE "rcpt b; send 1 17; drop; " } },
	{ .name = "the last one says at the end that it has no such mailbox", .rcpts = "55+", .mail = '5', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S550 5.1.1 here", "L5.1.1", "Q0" } },
	{ .name = "all say it only there", .rcpts = "+", .mail = '5', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S550 5.1.1 here", "L5.1.1", "Q0",
	    "O" ONE "rcpt b; send 1 17; " TWO "rcpt b; send 1 17; " THREE "rcpt b; send 1 17; drop; drop; drop; " } },
	{ .name = "one says it only there, and the others at RCPT", .rcpts = "+5", .mail = '5', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S550 5.1.1 here", "L5.1.1", "Q0",
	    "O" ONE "rcpt b; send 1 17; " TWO "rcpt b; " THREE "rcpt b; drop; drop; drop; " } },
	{ .name = "one says it only there, and the others are down", .rcpts = "+u", .mail = '5', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, CONTENT, "S451 4.4.1", "Q0" } },
	{ .name = "one says it only there, and another one that is down is known to have it", .rcpts = "+u", .mail = '5', .known = ".g.", .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, QUEUED, "Q1" } },
	{ .name = "of several recipients it may be any", .rcpts = "+", .mail = '5', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, RCPT("c"), TAKEN_THERE, CONTENT, "S550 5.1.1 here", "L5.1.1", "Q0" } },

	/* --- other relays --- */
	{ .name = "a recipient of another relay comes in another transaction", .rcpts = "5+", .mail = '+', .script = {
	    HELLO, FROM, RCPT("b"), TAKEN_THERE, "CRCPT TO:<b@example.net>", "S452 4.5.3", CONTENT, "S250 2.6.9", "Q0" } },
	{ .name = "and the other way round", .rcpts = "+", .mail = '+', .script = {
	    HELLO, FROM, "CRCPT TO:<b@example.net>", TAKEN_THERE, RCPT("b"), "S452 4.5.3", CONTENT, "S250 2.6.9", "Q0" } },
	{ .name = "unless none of these was taken", .rcpts = "555+", .mail = '+', .script = {
	    HELLO, FROM, RCPT("b"), "S550 5.1.1 here", "L5.1.1", "CRCPT TO:<b@example.net>", TAKEN_THERE, CONTENT, "S250 2.6.9", "Q0",
	    "O" ONE "rcpt b; " TWO "rcpt b; " THREE "rcpt b; drop; drop; drop; new relay:other a 1000; rcpt b; send 1 17; drop; " } },
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
	stage->settings.connections_max = N_MAX;
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

/* All places but one are taken, by clients that took their time and now wait for the second next hop, a minute nearly. */
static void
wait_at_the_second(struct stage *stage)
{
	static const char *const envelope[] = { HELLO, FROM, RCPT("b"), TAKEN_THERE, NULL }, *const mail[] = { CONTENT, NULL };
	static const char *const answer[] = { "S250 2.0.0 queued as", NULL };
	struct stage_client clients[N_MAX - 1];

	for (int i = 0; i < N_MAX - 1; i++) {
		clients[i] = (struct stage_client){ .stage = stage };
		stage_connect(&clients[i], stage);
		stage_play(&clients[i], envelope);
	}
	fiber_sleep(instant_after(loop_now(stage->loop), span_s(20)));
	for (int i = 0; i < N_MAX - 1; i++)
		stage_play(&clients[i], mail);
	fiber_sleep(instant_after(loop_now(stage->loop), span_s(61)));
	for (int i = 0; i < N_MAX - 1; i++) {
		stage_play(&clients[i], answer);
		stage_close(&clients[i]);
	}
}

static const struct row scenes[] = {
	{ .name = "who waits at the dot for another next hop does not stand still", .rcpts = "+", .mail = 'o', .play = wait_at_the_second },
};

/* In the simulated world, where time moves when all wait. */
static void
play(const struct row *played, void (*main)(struct stage *stage), const char *wanted)
{
	struct sim *sim;
	struct stage stage;

	row = played;
	if (wanted != NULL && strstr(row->name, wanted) == NULL)
		return;
	test_case("%s", row->name);
	sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .short_percent = -1 });
	sim_enter(sim);
	stage_init(&stage, change);
	endpoint_parse(STR("192.0.2.1:25"), &stage.at);
	stage_run(&stage, main);
	stage_fini(&stage);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(int argc, char **argv)
{
	const char *wanted = argc > 1 ? argv[1] : NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		play(&rows[i], talk, wanted);
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		play(&scenes[i], scenes[i].play, wanted);
	return test_end();
}
