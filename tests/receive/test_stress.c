/*
 * test_stress.c - a listener nearly full, or mails that take nearly all memory: who stands still makes room, who moves stays
 */
#include "smtpfwd/receive/session.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

#define GREETED	"S220", "CEHLO client.example.org", "S250"
#define ENVELOPE	"CMAIL FROM:<a@example.org>", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250 2.1.5"
#define MAIL	ENVELOPE, "CDATA", "S354"

enum { N_MAX = 10, N_NEARLY = 9 };

static const char *const greeted[] = { GREETED, NULL };
static const char *const in_data[] = { GREETED, MAIL, NULL };
static const char *const one_mail[] = { MAIL, "Cx", "C.", "S250", NULL };
static const char *const told[] = { "S421 4.3.2", "E", NULL };

static int64_t
at_s(const struct stage *stage)
{
	return span_to_s(instant_diff(stage->began, loop_now(stage->loop)));
}

static void
sleep_s(struct stage *stage, int s)
{
	fiber_sleep(instant_after(loop_now(stage->loop), span_s(s)));
}

static void
takes_ten(struct stage *stage)
{
	stage->settings.connections_max = N_MAX;
	stage->settings.message_max_bytes = 1024 * 1024;
	stage->settings.errors_max = 0;
}

static void
trusts_all(struct stage *stage)
{
	static struct network any;

	network_parse(STR("0.0.0.0/0"), &any);
	takes_ten(stage);
	stage->settings.networks = &any;
	stage->settings.n_networks = 1;
}

static void
connect_all(struct stage *stage, struct stage_client *clients, int n, const char *const *script)
{
	for (int i = 0; i < n; i++) {
		clients[i] = (struct stage_client){ .stage = stage };
		stage_connect(&clients[i], stage);
		stage_play(&clients[i], script);
	}
}

static void
close_all(struct stage_client *clients, int n)
{
	for (int i = 0; i < n; i++)
		stage_close(&clients[i]);
}

/* Commands now and then, a command that drips, data that drip: each within its own timeout. */
static void
move_a_little(struct stage *stage, struct stage_client *clients, int n)
{
	static const char *const noop[] = { "CNOOP", "S250", NULL };

	for (int round = 0; round < 11; round++) {
		for (int i = 0; i < n; i++) {
			if (i % 3 == 0)
				stage_play(&clients[i], noop);
			else
				stage_send(&clients[i], STR("x"));
		}
		sleep_s(stage, 5);
	}
}

static void
nearly_full(struct stage *stage)
{
	struct stage_client clients[N_NEARLY], more[5];

	connect_all(stage, clients, N_NEARLY - 1, greeted);
	connect_all(stage, clients + N_NEARLY - 1, 1, in_data);
	move_a_little(stage, clients, N_NEARLY - 1);
	expect_int(stage->queue.n_mails, 0);
	sleep_s(stage, 10);
	for (int i = 0; i < N_NEARLY; i++)
		stage_play(&clients[i], told);
	expect(at_s(stage) >= 60 && at_s(stage) <= 66);
	connect_all(stage, more, 5, greeted);
	stage_play(&more[4], one_mail);
	expect_int(stage->queue.n_mails, 1);
	close_all(clients, N_NEARLY);
	close_all(more, 5);
}

static void
not_nearly_full(struct stage *stage)
{
	struct stage_client clients[N_NEARLY - 1];

	connect_all(stage, clients, N_NEARLY - 1, greeted);
	sleep_s(stage, 250);
	for (int i = 0; i < N_NEARLY - 1; i++)
		stage_play(&clients[i], one_mail);
	expect_int(stage->queue.n_mails, N_NEARLY - 1);
	close_all(clients, N_NEARLY - 1);
}

static void
moving(struct stage *stage)
{
	static char line[2002];
	struct stage_client clients[N_NEARLY], *slow = &clients[0], *many = &clients[1];
	static const char *const ends[] = { "R\r\n.\r\n", "S250", NULL };

	memset(line, 'x', 2000);
	for (int i = 0; i < 2000; i += 80)
		memcpy(line + i, "\r\n", 2);
	connect_all(stage, slow, 1, in_data);
	connect_all(stage, many, N_NEARLY - 1, greeted);
	for (int round = 0; round < 200; round++) {
		stage_send(slow, str_n(line, 2000));
		if (round % 40 == 0)
			stage_play(many, one_mail);
		sleep_s(stage, 1);
	}
	stage_play(slow, ends);
	expect_int(stage->queue.n_mails, 6);
	stage_play(&clients[2], told);
	close_all(clients, N_NEARLY);
}

static void
ours(struct stage *stage)
{
	struct stage_client clients[N_NEARLY];

	connect_all(stage, clients, N_NEARLY, greeted);
	sleep_s(stage, 250);
	stage_play(&clients[0], one_mail);
	expect_int(stage->queue.n_mails, 1);
	close_all(clients, N_NEARLY);
}

/* --- memory --- */

enum { N_HOARDERS = 40, MEMORY_MAX_BYTES = 1024 * 1024 };

static void
has_little_memory(struct stage *stage)
{
	stage->settings.message_max_bytes = 1024 * 1024;
	stage->transactions_max_bytes = MEMORY_MAX_BYTES;
}

/* Halves of mails, until so much is held; what is held, at most. */
static int64_t
hoard(struct stage *stage, struct stage_client *hoarders, int64_t until_bytes, int n_rounds)
{
	const struct listeners *listeners = stage->listeners;
	static char line[1000];
	int64_t most = 0;

	memset(line, 'x', sizeof(line));
	memcpy(line, "\r\n\r\n", 4);
	for (int i = 0; i < n_rounds * N_HOARDERS && listeners->transactions_bytes < until_bytes; i++) {
		stage_send(&hoarders[i % N_HOARDERS], str_n(line, sizeof(line)));
		fiber_sleep(instant_after(loop_now(stage->loop), span_ms(20)));
		if (listeners->transactions_bytes > most)
			most = listeners->transactions_bytes;
	}
	return most;
}

static void
half_mails(struct stage *stage)
{
	static const char *const busy[] = { "CMAIL FROM:<a@example.org>", "S451 4.3.2", NULL };
	struct stage_client hoarders[N_HOARDERS], other[2];
	int64_t most;

	connect_all(stage, hoarders, N_HOARDERS, in_data);
	most = hoard(stage, hoarders, MEMORY_MAX_BYTES, 40);
	/* One growth of a buffer passes the limit before it is let go of. */
	expect(most <= MEMORY_MAX_BYTES + 128 * 1024);
	hoard(stage, hoarders, MEMORY_MAX_BYTES * 95 / 100, 10);
	connect_all(stage, other, 1, greeted);
	if (stage->listeners->transactions_bytes > MEMORY_MAX_BYTES - 1000)
		stage_play(&other[0], busy);
	sleep_s(stage, 70);
	expect(stage->listeners->transactions_bytes < MEMORY_MAX_BYTES / 2);
	connect_all(stage, other + 1, 1, greeted);
	stage_play(&other[1], one_mail);
	expect_int(stage->queue.n_mails, 1);
	close_all(hoarders, N_HOARDERS);
	close_all(other, 2);
}

/* What they hold came in by a listener that is gone, and it is another one's clients that need room. */
static void
elsewhere(struct stage *stage)
{
	static const char *const noop[] = { "CNOOP", "S250", NULL };
	struct stage_client hoarders[N_HOARDERS], others[10], idle;
	struct listener_settings renamed = stage->settings;
	struct receive_world world = { .queue = &stage->queue, .policy = stage->policy, .resolver = &stage->resolver,
	    .log = &stage->log.log, .transactions_max_bytes = stage->transactions_max_bytes };
	struct fault fault;
	int kept = -1;

	connect_all(stage, hoarders, N_HOARDERS, in_data);
	hoard(stage, hoarders, MEMORY_MAX_BYTES * 85 / 100, 40);
	renamed.name = "renamed";
	expect_int(listeners_adopt(stage->listeners, &renamed, 1, &kept, &world, &fault), 0);
	connect_all(stage, &idle, 1, greeted);
	sleep_s(stage, 70);
	connect_all(stage, others, 10, in_data);
	for (int i = 0; i < 100 && stage->listeners->transactions_bytes < MEMORY_MAX_BYTES * 91 / 100; i++) {
		stage_send(&others[i % 10], STR("Subject: x\r\n\r\n"));
		for (int k = 0; k < 30; k++)
			stage_send(&others[i % 10], STR("a line of the mail, and many more of the same kind\r\n"));
		sleep_s(stage, 1);
	}
	sleep_s(stage, 70);
	expect(str_find_str(buf_str(&stage->log.text), STR("stress listener=renamed")) >= 0);
	expect(stage->listeners->transactions_bytes < MEMORY_MAX_BYTES / 2);
	stage_play(&idle, noop);		/* who holds nothing may stay */
	close_all(&idle, 1);
	close_all(hoarders, N_HOARDERS);
	close_all(others, 10);
}

static void
takes_one(struct stage *stage)
{
	takes_ten(stage);
	stage->settings.connections_max = 1;
}

static void
one_alone(struct stage *stage)
{
	static const char *const quit[] = { "CQUIT", "S221", "E", NULL };
	struct stage_client client;

	connect_all(stage, &client, 1, greeted);
	stage_play(&client, quit);
	close_all(&client, 1);
	sleep_s(stage, 2);
	expect(str_find_str(buf_str(&stage->log.text), STR("stress-ended")) >= 0);
}

static void
grow_together(struct stage *stage)
{
	static const char *const ends[] = { "R\r\n.\r\n", NULL };
	struct stage_client hoarders[N_HOARDERS];
	int n_taken = 0, n_refused = 0;

	connect_all(stage, hoarders, N_HOARDERS, in_data);
	hoard(stage, hoarders, INT64_MAX, 30);
	for (int i = 0; i < N_HOARDERS; i++) {
		stage_play(&hoarders[i], ends);
		expect(stage_hear(&hoarders[i]));
		n_taken += str_starts(buf_str(&hoarders[i].reply), STR("250"));
		n_refused += str_starts(buf_str(&hoarders[i].reply), STR("451 4.3.2"));
	}
	expect_int(n_taken + n_refused, N_HOARDERS);
	expect(n_refused > 0 && n_taken > 5);
	expect_int(stage->queue.n_mails, n_taken);
	expect_int(stage->listeners->transactions_bytes, 0);
	close_all(hoarders, N_HOARDERS);
}

static const struct scene {
	const char	*name;
	void	       (*change)(struct stage *stage);
	void	       (*play)(struct stage *stage);
} scenes[] = {
	{ "nearly full: who only says a word now and then is told to go within a minute, and others come in", takes_ten, nearly_full },
	{ "not nearly full: nobody is hurried", takes_ten, not_nearly_full },
	{ "nearly full: a slow mail that moves is taken, and who brings mail stays", takes_ten, moving },
	{ "nearly full: whom the configuration names is left alone", trusts_all, ours },
	{ "mails on their way in are kept within a limit all together, and half ones make room", has_little_memory, half_mails },
	{ "through whatever listener they came", has_little_memory, elsewhere },
	{ "a listener for one client is not nearly full when it is empty", takes_one, one_alone },
	{ "who goes beyond that limit hears 451 at its end, the others' mail is taken", has_little_memory, grow_together },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .short_percent = -1 });
		struct stage stage;

		test_case("%s", scenes[i].name);
		sim_enter(sim);
		stage_init(&stage, scenes[i].change);
		endpoint_parse(STR("192.0.2.1:25"), &stage.at);
		stage_run(&stage, scenes[i].play);
		stage_fini(&stage);
		expect_int(sim_leave(sim), 0);
		sim_free(sim);
	}
	return test_end();
}
