/*
 * test_adopt.c - listeners are put in the place of others while sessions go on
 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"

#define GREETED	"CEHLO client.example.org", "S250"

static const char *const greeted[] = { GREETED, NULL };
static const char *const half_a_mail[] = { "CMAIL FROM:<a@example.org>", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250 2.1.5",
    "CDATA", "S354", "CSubject: x", NULL };
static const char *const rest_of_it[] = { "C", "Chello", "C.", "S250 2.0.0", NULL };
static const char *const quit[] = { "CQUIT", "S221", "E", NULL };

struct world {				/* a generation of what sessions use */
	struct receive_world	 receive;
	int			 n_holders;
};

static void
hold(void *held)
{
	((struct world *)held)->n_holders++;
}

static void
release(void *held)
{
	((struct world *)held)->n_holders--;
}

static struct policy *
policy_of(const char *hostname, const char *domain)
{
	static const uint64_t seed[2] = { 1, 2 };
	const struct relay_rule rule = { .name = "moved", .domains = &domain, .n_domains = 1 };

	return policy_new(&(struct policy_settings){ .hostname = hostname, .relays = &rule, .n_relays = 1 }, seed);
}

static void
world_init(struct world *world, struct stage *stage, const struct policy *policy)
{
	*world = (struct world){ .receive = { .queue = &stage->queue, .policy = policy, .resolver = &stage->resolver,
	    .log = &stage->log.log, .held = world, .hold = hold, .release = release } };
}

/* A socket at a free port of loopback, and where it is. */
static int
bound(struct endpoint *at)
{
	int socket;

	*at = (struct endpoint){ .port = 0 };
	ip_parse(STR("127.0.0.1"), &at->ip);
	socket = os_listen(at, 50);
	expect(socket >= 0);
	expect_int(os_local_endpoint(socket, at), 0);
	return socket;
}

static void
adopt(struct stage *stage, const struct listener_settings *settings, int n, const int *sockets, const struct world *world)
{
	struct fault fault;

	expect_int(listeners_adopt(stage->listeners, settings, n, sockets, &world->receive, &fault), 0);
}

struct seen {
	struct str	 name;
	struct listener_view view;
	bool		 is_there;
};

static void
see(void *context, const struct listener_view *view)
{
	struct seen *seen = context;

	if (str_eq(seen->name, view->name)) {
		seen->view = *view;
		seen->is_there = true;
	}
}

static struct seen
look(struct stage *stage, const char *name)
{
	struct seen seen = { .name = str_of(name) };

	listeners_each(stage->listeners, see, &seen);
	return seen;
}

static void
connect_at(struct stage_client *client, struct stage *stage, const struct endpoint *at)
{
	struct endpoint kept = stage->at;

	stage->at = *at;
	stage_connect(client, stage);
	stage->at = kept;
}

static bool
is_open(struct stage *stage, const struct endpoint *at)
{
	int socket = os_connect(at, NULL), result;

	if (socket < 0)
		return false;
	fiber_sleep(instant_after(os_now(), span_ms(20)));
	result = os_connect_result(socket);
	os_close(socket);
	(void)stage;
	return result == 0;
}

/* A rest for the sessions that have just been told to end. */
static void
rest(struct stage *stage)
{
	fiber_sleep(instant_after(loop_now(stage->loop), span_ms(20)));
}

static void
keeps_sessions(struct stage *stage)
{
	struct stage_client between = { .stage = stage }, within = { .stage = stage }, fresh = { .stage = stage };
	struct policy *policy = policy_of("new.example.com", "example.net");
	struct listener_settings settings = stage->settings;
	struct world world;
	int kept = -1;

	test_case("sessions go on between two mails and within one, by what they were told");
	stage_connect(&between, stage);
	stage_play(&between, (const char *const[]){ "S220 relay.example.com", GREETED, NULL });
	stage_connect(&within, stage);
	stage_play(&within, (const char *const[]){ "S220", GREETED, NULL });
	stage_play(&within, half_a_mail);
	settings.recipients_max = 7;
	settings.name = "mx";
	world_init(&world, stage, policy);
	adopt(stage, &settings, 1, &kept, &world);
	expect_int(world.n_holders, 1);
	stage_play(&within, rest_of_it);
	expect(str_find_str(stage->queue.mails[0]->prefix, STR("by relay.example.com")) >= 0);

	test_case("a new mail is judged by today's policy");
	stage_play(&between, (const char *const[]){ "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@example.com>", "S550 5.7.1",
	    "CRCPT TO:<b@example.net>", "S250 2.1.5", "CRSET", "S250", NULL });

	test_case("a new session has the new settings and the new name, at the same open address");
	stage_connect(&fresh, stage);
	stage_play(&fresh, (const char *const[]){ "S220 new.example.com", "CEHLO client.example.org", "S250", NULL });
	expect(str_find_str(buf_str(&fresh.reply), STR("LIMITS RCPTMAX=7")) >= 0);
	stage_play(&between, greeted);
	expect(str_find_str(buf_str(&between.reply), STR("LIMITS RCPTMAX=100")) >= 0);
	expect_int(look(stage, "mx").view.n_sessions, 3);
	expect_int(look(stage, "mx").view.n_accepted, 3);
	expect_int(look(stage, "mx").view.n_mails, 1);
	stage_play(&fresh, quit);
	stage_play(&between, quit);
	stage_play(&within, quit);
	stage_close(&fresh);
	stage_close(&between);
	stage_close(&within);
	rest(stage);
	expect_int(world.n_holders, 1);
	/* Back, so that what is this function's can go. */
	adopt(stage, &stage->settings, 1, &kept, &(struct world){ .receive = { .queue = &stage->queue, .policy = stage->policy,
	    .resolver = &stage->resolver, .log = &stage->log.log } });
	expect_int(world.n_holders, 0);
	policy_free(policy);
}

static void
opens_and_closes(struct stage *stage)
{
	struct stage_client old = { .stage = stage }, new = { .stage = stage };
	struct endpoint at, first = stage->at;
	struct listener_settings settings[2] = { stage->settings, stage->settings };
	int sockets[2] = { -1, bound(&at) };
	struct world one, two;

	test_case("a new listener opens beside the others");
	settings[1].name = "apps";
	settings[1].addresses = &at;
	world_init(&one, stage, stage->policy);
	world_init(&two, stage, stage->policy);
	adopt(stage, settings, 2, sockets, &one);
	expect_int(one.n_holders, 2);
	connect_at(&old, stage, &at);
	stage_play(&old, (const char *const[]){ "S220", GREETED, NULL });
	expect_int(look(stage, "apps").view.n_sessions, 1);

	test_case("one that is gone is closed; its session goes on to its end, and with it goes the listener");
	adopt(stage, settings, 1, sockets, &two);
	expect(!is_open(stage, &at));
	expect(is_open(stage, &first));
	expect_int(one.n_holders, 1);
	expect(look(stage, "apps").view.is_gone);
	stage_play(&old, half_a_mail);
	stage_play(&old, rest_of_it);
	stage_play(&old, quit);
	stage_close(&old);
	rest(stage);
	expect_int(one.n_holders, 0);
	expect(!look(stage, "apps").is_there);

	test_case("an address may go from one listener to another without being closed");
	settings[0].name = "renamed";
	sockets[0] = -1;
	adopt(stage, settings, 1, sockets, &two);
	stage_connect(&new, stage);
	stage_play(&new, (const char *const[]){ "S220", NULL });
	expect_int(look(stage, "renamed").view.n_sessions, 1);
	expect(!look(stage, "mx").is_there);

	test_case("who is inside counts for the limits of today");
	settings[0].connections_max = 1;
	adopt(stage, settings, 1, sockets, &two);
	connect_at(&old, stage, &first);
	stage_play(&old, (const char *const[]){ "S421 4.3.2", "E", NULL });
	stage_close(&old);
	stage_play(&new, (const char *const[]){ "CQUIT", "S221", NULL });
	stage_close(&new);
	rest(stage);
	stage->settings.name = "mx";
	sockets[0] = -1;
	adopt(stage, &stage->settings, 1, sockets, &(struct world){ .receive = { .queue = &stage->queue, .policy = stage->policy,
	    .resolver = &stage->resolver, .log = &stage->log.log } });
	expect_int(two.n_holders, 0);
}

static void
changes_nothing(struct stage *stage)
{
	struct stage_client client = { .stage = stage };
	struct endpoint at, other = { .port = 9 };
	struct listener_settings settings[3] = { stage->settings, stage->settings, stage->settings };
	int sockets[3] = { -1, bound(&at), open("/dev/null", O_RDONLY) };
	struct fault fault;
	struct world world;

	test_case("when one of the sockets cannot be watched nothing has changed, and all of them are closed");
	ip_parse(STR("127.0.0.1"), &other.ip);
	settings[0].name = "renamed";
	settings[1].name = "two";
	settings[1].addresses = &at;
	settings[2].name = "three";
	settings[2].addresses = &other;
	world_init(&world, stage, stage->policy);
	expect_int(listeners_adopt(stage->listeners, settings, 3, sockets, &world.receive, &fault), -1);
	expect(strstr(fault.text, "127.0.0.1:9 cannot be watched") != NULL);
	expect_int(world.n_holders, 0);
	expect_int(fcntl(sockets[1], F_GETFD), -1);
	expect_int(fcntl(sockets[2], F_GETFD), -1);
	expect(!is_open(stage, &at));
	expect(!look(stage, "two").is_there);
	stage_connect(&client, stage);
	stage_play(&client, (const char *const[]){ "S220", "CQUIT", "S221", NULL });
	stage_close(&client);
	rest(stage);
	expect_int(look(stage, "mx").view.n_accepted, 1);
}

static void
knocked(struct stage *stage)
{
	struct endpoint at;
	struct listener_settings settings[2] = { stage->settings, stage->settings };
	int sockets[2] = { -1, bound(&at) }, none = -1, socket;
	char greeting[4] = "";
	struct world world;

	test_case("who had knocked when a door is closed is served");
	settings[1].name = "apps";
	settings[1].addresses = &at;
	world_init(&world, stage, stage->policy);
	adopt(stage, settings, 2, sockets, &world);
	rest(stage);
	/* Loopback connects at once; the loop has not looked since. */
	socket = os_connect(&at, NULL);
	adopt(stage, settings, 1, &none, &world);
	fiber_sleep(instant_after(os_now(), span_ms(20)));
	expect(os_recv(socket, greeting, 3) == 3);
	expect_str(str_of(greeting), STR("220"));
	os_close(socket);
	rest(stage);
	adopt(stage, &stage->settings, 1, &none, &(struct world){ .receive = { .queue = &stage->queue, .policy = stage->policy,
	    .resolver = &stage->resolver, .log = &stage->log.log } });
	expect_int(world.n_holders, 0);
}

int
main(void)
{
	void (*const plays[])(struct stage *stage) = { keeps_sessions, opens_and_closes, changes_nothing, knocked };

	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		struct stage stage;

		stage_init(&stage, NULL);
		stage_run(&stage, plays[i]);
		stage_fini(&stage);
	}
	return test_end();
}
