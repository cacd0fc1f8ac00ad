/*
 * test_time.c - timeouts, limits and the end of service, in simulated time
 */

#include "base/mem.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

#define GREETED	"S220", "CEHLO client.example.org", "S250"
#define ENVELOPE	"CMAIL FROM:<a@example.org>", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250 2.1.5"
#define MAIL	ENVELOPE, "CDATA", "S354"

static const char *const greeted[] = { GREETED, NULL };
static const char *const in_data[] = { GREETED, MAIL, NULL };
static const char *const timed_out[] = { "S421 4.4.2", "E", NULL };

/* Seconds since the stage began. */
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

/* A reply or the end, however long it takes. */
static bool
wait_for_reply(struct stage_client *client)
{
	struct fault fault;

	if (stream_input(client->stream).len == 0)
		stream_fill(client->stream, INSTANT_NEVER, &fault);
	return stage_hear(client);
}

static void
idle_client(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, greeted);
	expect(wait_for_reply(&client));
	expect(str_starts(buf_str(&client.reply), STR("421 4.4.2")));
	expect(!stage_hear(&client));
	expect_int(at_s(stage), 300);
	stage_close(&client);
}

static void
drips_a_command(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, greeted);
	for (int i = 0; i < 29; i++) {
		stage_send(&client, STR("x"));
		sleep_s(stage, 10);
	}
	expect(wait_for_reply(&client));
	expect(str_starts(buf_str(&client.reply), STR("421 4.4.2")));
	expect_int(at_s(stage), 300);
	stage_close(&client);
}

static void
stops_in_data(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, in_data);
	stage_send(&client, STR("half a mail"));
	expect(wait_for_reply(&client));
	expect(str_starts(buf_str(&client.reply), STR("421 4.4.2")));
	expect_int(at_s(stage), 300);
	expect_int(stage->queue.n_mails, 0);
	stage_close(&client);
}

static void
drips_data(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, in_data);
	while (at_s(stage) < 3600) {
		stage_send(&client, STR("x"));
		sleep_s(stage, 100);
	}
	stage_play(&client, timed_out);
	expect_int(stage->queue.n_mails, 0);
	stage_close(&client);
}

static void
never_pauses(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, greeted);
	while (at_s(stage) < 3700) {
		static const char *const envelope[] = { ENVELOPE, "CDATA", "S354", "Cx", "C.", "S250", NULL };

		if (stream_has_input(client.stream))
			break;
		if (stage->queue.n_mails < FAKE_MAILS_MAX)
			stage_play(&client, envelope);
		sleep_s(stage, 60);
	}
	stage_play(&client, timed_out);
	expect(at_s(stage) >= 3600 && at_s(stage) <= 3661);
	stage_close(&client);
}

static void
never_reads(struct stage *stage)
{
	struct stage_client client = { .stage = stage };
	struct fault fault;

	stage_connect(&client, stage);
	for (int i = 0; i < 20000; i++) {
		if (stream_write(client.stream, STR("EHLO client.example.org\r\n"),
		    instant_after(loop_now(stage->loop), span_s(1000)), &fault) != 0)
			break;
	}
	sleep_s(stage, 400);
	expect(str_find_str(buf_str(&stage->log.text), STR("disconnected")) >= 0);
	stage_close(&client);
}

static void
errors_never_end(struct stage *stage)
{
	stage->settings.errors_max = 0;
}

static void
greets_late(struct stage *stage)
{
	stage->settings.greeting_delay = span_s(7);
}

static void
waits_for_greeting(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, greeted);
	expect_int(at_s(stage), 7);
	stage_close(&client);
}

static void
wants_proxy(struct stage *stage)
{
	static struct network any;

	network_parse(STR("0.0.0.0/0"), &any);
	stage->settings.proxy_from = &any;
	stage->settings.n_proxy_from = 1;
}

static void
no_proxy_header(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	expect(!wait_for_reply(&client));
	expect_int(at_s(stage), 10);
	expect(str_find_str(buf_str(&stage->log.text), STR("no PROXY header came in time")) >= 0);
	stage_close(&client);
}

static void
never_answers(struct resolver *resolver, const struct dns_question *questions, int n_questions,
    struct instant deadline, struct arena *arena, struct dns_answer *answers_out)
{
	fiber_sleep(deadline);
	for (int i = 0; i < n_questions; i++)
		answers_out[i] = (struct dns_answer){ .result = DNS_UNSETTLED };
}

static void
has_dead_dns(struct stage *stage)
{
	stage->resolver.ask = never_answers;
}

static void
mails_without_dns(struct stage *stage)
{
	static const char *const one[] = { ENVELOPE, "CDATA", "S354", "Cx", "C.", "S250", NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, greeted);
	expect_int(at_s(stage), 0);
	stage_play(&client, one);
	expect_int(at_s(stage), 4);
	stage_play(&client, one);
	expect_int(at_s(stage), 4);	/* asked once a session */
	stage_close(&client);

	/* The next session's mail waits half a second only. */
	stage_connect(&client, stage);
	stage_play(&client, greeted);
	stage_play(&client, one);
	expect_int(at_s(stage), 4);
	stage_close(&client);
}

static void
takes_two(struct stage *stage)
{
	stage->settings.connections_max = 2;
}

static void
three_come(struct stage *stage)
{
	static const char *const full[] = { "S421 4.3.2", "E", NULL };
	static const char *const quit[] = { "CQUIT", "S221", "E", NULL };
	struct stage_client a = { .stage = stage }, b = a, c = a, d = a;

	stage_connect(&a, stage);
	stage_play(&a, greeted);
	stage_connect(&b, stage);
	stage_play(&b, greeted);
	stage_connect(&c, stage);
	stage_play(&c, full);
	stage_play(&a, quit);
	stage_connect(&d, stage);
	stage_play(&d, greeted);
	stage_close(&a);
	stage_close(&b);
	stage_close(&c);
	stage_close(&d);
}

/* --- the end of service --- */

static struct stage *stopping;

static void
stop(void *arg)
{
	listeners_stop(stopping->listeners, instant_after(loop_now(stopping->loop), span_s(30)));
}

static void
stops_politely(struct stage *stage)
{
	static const char *const told[] = { "S421 4.3.2", "E", NULL };
	static const char *const goes_on[] = { "Cx", "C.", "S250 2.0.0 queued", "S421 4.3.2", "E", NULL };
	struct stage_client idle = { .stage = stage }, busy = idle;

	stage_connect(&idle, stage);
	stage_play(&idle, greeted);
	stage_connect(&busy, stage);
	stage_play(&busy, in_data);
	stopping = stage;
	fiber_start(stage->loop, "stop", stop, NULL);
	stage_play(&idle, told);
	expect_int(at_s(stage), 0);
	sleep_s(stage, 5);
	stage_play(&busy, goes_on);
	expect_int(stage->queue.n_mails, 1);
	stage_close(&idle);
	stage_close(&busy);
}

static void
stops_at_last(struct stage *stage)
{
	static const char *const told[] = { "S421 4.3.2", "E", NULL };
	struct stage_client busy = { .stage = stage };

	stage_connect(&busy, stage);
	stage_play(&busy, in_data);
	stopping = stage;
	fiber_start(stage->loop, "stop", stop, NULL);
	sleep_s(stage, 31);
	stage_play(&busy, told);
	expect_int(stage->queue.n_mails, 0);
	stage_close(&busy);
}

/* --- many --- */

enum { MANY = 9000 };

static void
takes_many(struct stage *stage)
{
	stage->settings.connections_max = MANY + 10;
}

static void
many_idle(struct stage *stage)
{
	struct stage_client *clients = mem_new_array(MANY, sizeof(*clients)), one = { .stage = stage };
	static const char *const mail[] = { GREETED, ENVELOPE, "CDATA", "S354", "Cx", "C.", "S250", NULL };

	for (int i = 0; i < MANY; i++) {
		stage_connect(&clients[i], stage);
		stage_play(&clients[i], greeted);
	}
	stage_connect(&one, stage);
	stage_play(&one, mail);
	stage_close(&one);
	for (int i = 0; i < MANY; i++)
		stage_close(&clients[i]);
	mem_free(clients);
}

struct scene {
	const char	*name;
	void	       (*change)(struct stage *stage);
	void	       (*play)(struct stage *stage);
	bool		 sends_whole;	/* a 421 that nobody waits for goes in one send or is cut */
};

static const struct scene scenes[] = {
	{ "an idle client is told to go", NULL, idle_client, false },
	{ "a command must be whole in time, however it drips", NULL, drips_a_command, false },
	{ "a client that stops amidst the data is told to go, nothing is stored", NULL, stops_in_data, false },
	{ "data that drip end with the session's length", NULL, drips_data, false },
	{ "a busy session ends with its length too", NULL, never_pauses, false },
	{ "a client that reads no replies is dropped", errors_never_end, never_reads, false },
	{ "a delayed greeting comes when it should", greets_late, waits_for_greeting, false },
	{ "a PROXY header that does not come is not waited for", wants_proxy, no_proxy_header, false },
	{ "a dead DNS delays no greeting, and only the first mail, by four seconds", has_dead_dns, mails_without_dns, false },
	{ "connections beyond the limit get 421, and room is given back", takes_two, three_come, true },
	{ "a stop tells idle clients at once and lets a mail in flight come in", NULL, stops_politely, true },
	{ "a stop's deadline cuts who does not end", NULL, stops_at_last, true },
	{ "9,000 idle clients, and one more is served", takes_many, many_idle, false },
};

static void
play_scene(const struct scene *scene)
{
	struct sim *sim = sim_new(&(struct sim_options){
		.seed = sim_seed(1), .max_fds = 19000, .short_percent = scene->sends_whole ? -1 : 0,
	});
	struct stage stage;

	sim_enter(sim);
	stage_init(&stage, scene->change);
	endpoint_parse(STR("192.0.2.1:25"), &stage.at);
	stage_run(&stage, scene->play);
	stage_fini(&stage);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (argc > 1 && strstr(scenes[i].name, argv[1]) == NULL)
			continue;
		test_case("%s", scenes[i].name);
		play_scene(&scenes[i]);
	}
	return test_end();
}
