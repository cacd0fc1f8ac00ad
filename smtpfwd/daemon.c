/*
 * daemon.c - makes the parts in the order in which they need each other, and ends them in the other
 */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/config/check_files.h"
#include "smtpfwd/daemon_inside.h"
#include "smtpfwd/config/resolver.h"
#include "smtpfwd/runtime/privileges.h"
#include "smtpfwd/runtime/resolver_switch.h"
#include "smtpfwd/sandbox.h"
#include "smtpfwd/ways.h"

enum {
	IDLE_CONNECTION_S = 10,		/* Postfix and others close idle sessions late; we let go early */
	SIGNERS_MAX = 8,		/* threads: some 10,000 signatures a second by RSA of 2048 bits, more than there is mail */
};

static struct str
destination_of(void *context, const struct envelope *envelope, const struct recipient *recipient, const struct mail_facts *facts)
{
	struct daemon *daemon = context;
	const struct knowledge *knowledge = daemon->recipients != NULL ? recipients_knowledge(daemon->recipients) : NULL;

	(void)envelope;
	return ways_destination_of(daemon->generation->policy, knowledge, facts->class_name, &recipient->address, os_wall_clock(), daemon->destination_room);
}

/* Mail that an operator wants tried waits for no check of a next hop that was down. */
static void
check_next_hops(void *context, struct str destination)
{
	couriers_check_now(context, destination);
}

static void
on_signal(struct signal_watch *watch, int signal)
{
	struct daemon *daemon = (struct daemon *)(void *)((char *)watch - offsetof(struct daemon, signals));

	switch (signal) {
	case SIGHUP:
		log_writer_reopen(daemon->log_writer);
		reload_ask(daemon->reload);
		return;
	case SIGTERM:
	case SIGINT:
		daemon_stop(daemon);
		return;
	}
}

/* --- the start --- */

static int
n_sessions_max(const struct config *config)
{
	int n = 0;

	for (int i = 0; i < config->n_listeners; i++)
		n += config->listeners[i].connections_max;
	return n;
}

int
daemon_n_fibers_max(const struct config *config)
{
	return n_sessions_max(config) + 2 * DELIVERIES_MAX + OTHER_FIBERS_MAX;	/* couriers, and onlines for clients that wait */
}

static rlim_t
n_descriptors_wanted(const struct config *config)
{
	return (rlim_t)daemon_n_fibers_max(config);
}

void
daemon_raise_descriptor_limit(const struct config *config)
{
	descriptors_prepare(n_descriptors_wanted(config));
}

bool
daemon_lacks_descriptors(const struct config *config, unsigned long long *allowed_out, unsigned long long *wanted_out)
{
	struct rlimit limit;

	*wanted_out = n_descriptors_wanted(config);
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return false;
	*allowed_out = limit.rlim_cur;
	return *allowed_out < *wanted_out;
}

static void
warn_at_start(const struct daemon *daemon)
{
	unsigned long long allowed, wanted;
	struct fault fault;

	if (daemon_lacks_descriptors(daemon->generation->config, &allowed, &wanted))
		log_say(daemon->log, LOG_LEVEL_WARNING, "few-descriptors",
		    "%llu open files are allowed, max-connections and deliveries may need %llu", allowed, wanted);
	if (check_own_files(daemon->generation->config, &fault) != 0)
		log_say(daemon->log, LOG_LEVEL_WARNING, "cannot-reload", "a reload will fail: %s", fault.text);
}

/* A queue of millions takes its time; whoever waits for us is to know that it goes on. */
static void
tell_progress(void *context, int n_read, int n_segments)
{
	struct daemon *daemon = context;

	notify_progress(&daemon->starter->notify, "reading the queue: %d of %d segments", n_read, n_segments);
}

struct queue_world
daemon_queue_world(struct daemon *daemon)
{
	return (struct queue_world){ .context = daemon, .destination_of = destination_of, .progress = tell_progress };
}

static int
make_queue(struct daemon *daemon, struct fault *fault_out)
{
	struct queue_world world = daemon_queue_world(daemon);

	daemon->queue = queue_open(daemon->loop, &daemon->generation->config->queue, &world, daemon->log, fault_out);
	return daemon->queue != NULL ? 0 : -1;
}

/* Stories stand before the log.  What is wrong with them never keeps mail from being taken. */
static void
make_story(struct daemon *daemon, const struct config *config)
{
	struct story_settings settings = { .directory = config->trace_directory, .keep = config->trace_keep,
	    .max_bytes = config->trace_max_bytes, .reserve_bytes = config->queue.min_free_bytes };
	struct fault fault;

	if (settings.keep.ns == 0)
		return;
	daemon->story = story_new(&settings, daemon->log, &fault);
	if (daemon->story == NULL)
		log_say(daemon->log, LOG_LEVEL_WARNING, "no-trace", "%s", fault.text);
	else
		daemon->log = story_log(daemon->story);
}

/* The spool is ours now. */
static void
start_story(struct daemon *daemon)
{
	struct fault fault;

	if (daemon->story != NULL && story_start(daemon->story, daemon->loop, &fault) != 0)
		log_say(daemon->log, LOG_LEVEL_WARNING, "no-trace", "%s", fault.text);
}

static int
make_resolver(struct daemon *daemon, struct fault *fault_out)
{
	struct resolver *resolver = config_resolver(daemon->loop, daemon->generation->config, fault_out);

	if (resolver == NULL)
		return -1;
	daemon->resolver = resolver_switch_new(daemon->loop, resolver, config_resolver_free);
	return 0;
}

/* Where we listen, over all listeners; owned. */
static struct endpoint *
list_ours(const struct config *config, int *n_out)
{
	int n = 0, at = 0;
	struct endpoint *ours;

	for (int i = 0; i < config->n_listeners; i++)
		n += config->listeners[i].n_addresses;
	ours = mem_new_array((size_t)n + 1, sizeof(*ours));
	for (int i = 0; i < config->n_listeners; i++)
		for (int k = 0; k < config->listeners[i].n_addresses; k++)
			ours[at++] = config->listeners[i].addresses[k];
	*n_out = n;
	return ours;
}

struct courier_plan *
daemon_courier_plan(const struct config *config, struct fault *fault_out)
{
	struct courier_settings settings = {	/* RFC 5321 4.5.3.2 */
		.hostname = config->hostname,
		.routes = config->routes, .n_routes = config->n_routes,
		.deliveries_max = DELIVERIES_MAX, .idle_max = span_s(IDLE_CONNECTION_S),
		.connect_timeout = span_s(30), .greeting_timeout = span_s(300),
		.mail_timeout = span_s(300), .rcpt_timeout = span_s(300), .data_timeout = span_s(120),
		.block_timeout = span_s(180), .final_timeout = span_s(600),
	};
	struct endpoint *ours = list_ours(config, &settings.n_ours);
	struct courier_plan *plan;

	settings.ours = ours;
	plan = courier_plan_new(&settings, fault_out);
	mem_free(ours);
	return plan;
}

static int
make_couriers(struct daemon *daemon, struct fault *fault_out)
{
	struct courier_plan *plan = daemon_courier_plan(daemon->generation->config, fault_out);

	if (plan == NULL)
		return -1;
	daemon->couriers = couriers_new(daemon->loop, daemon->queue, daemon->resolver, plan, daemon->log, fault_out);
	return daemon->couriers != NULL ? 0 : -1;
}

static void
add_command(struct daemon *daemon, const char *name,
    void (*run)(void *context, const json_t *request, struct answer *answer, struct instant deadline), void *context)
{
	insist(daemon->n_commands < COMMANDS_MAX);
	daemon->commands[daemon->n_commands++] = (struct control_command){ .name = name, .run = run, .context = context };
}

static int
make_control(struct daemon *daemon, struct doors *doors, struct fault *fault_out)
{
	daemon->overview = (struct overview){ .generation = daemon->generation, .reload = daemon->reload, .since = os_wall_clock(),
	    .queue = daemon->queue, .listeners = daemon->listeners, .couriers = daemon->couriers, .rates = daemon->rates, .story = daemon->story };
	daemon->queue_commands = (struct queue_commands){ .queue = daemon->queue, .log = daemon->log,
	    .each_destination = overview_each_destination, .each_destination_context = &daemon->overview,
	    .retried = check_next_hops, .retried_context = daemon->couriers };
	queue_commands_fill(&daemon->queue_commands, daemon->commands);
	daemon->recipients_commands = (struct recipients_commands){ .knowledge = recipients_knowledge(daemon->recipients),
	    .log = daemon->log, .relay_of = daemon_relay_of, .relay_of_context = daemon };
	recipients_commands_fill(&daemon->recipients_commands, daemon->commands + QUEUE_COMMANDS_N);
	daemon->n_commands = QUEUE_COMMANDS_N + RECIPIENTS_COMMANDS_N;
	add_command(daemon, "status", overview_answer, &daemon->overview);
	add_command(daemon, "top", overview_answer_top, &daemon->overview);
	daemon->story_command = (struct story_command){ .story = daemon->story, .queue = daemon->queue };
	add_command(daemon, "trace", story_command_run, &daemon->story_command);
	add_command(daemon, "reload", reload_answer, daemon->reload);
	daemon->control = control_new(daemon->loop, doors->control, geteuid(), daemon->commands, daemon->n_commands,
	    daemon->log, fault_out);
	if (daemon->control != NULL)
		doors->control = -1;	/* it is control's now */
	return daemon->control != NULL ? 0 : -1;
}

static void
hold_generation(void *generation)
{
	generation_hold(generation);
}

static void
release_generation(void *generation)
{
	generation_release(generation);
}

struct receive_world
daemon_receive_world(struct daemon *daemon, struct generation *generation)
{
	return (struct receive_world){ .queue = daemon->queue, .couriers = daemon->couriers,
	    .knowledge = recipients_knowledge(daemon->recipients), .policy = generation->policy, .resolver = daemon->resolver,
	    .signers = daemon->signers, .tls = generation->tls, .users = generation->users, .turnstile = daemon->turnstile, .rates = daemon->rates,
	    .log = daemon->log,
	    .held = generation, .hold = hold_generation, .release = release_generation };
}

static int
make_signers(struct daemon *daemon, struct fault *fault_out)
{
	int n = os_n_processors();

	daemon->signers = os_crew_new(loop_poller(daemon->loop), n < SIGNERS_MAX ? n : SIGNERS_MAX, "sign");
	return daemon->signers != NULL ? 0 : fault_temporary(fault_out, "no threads that sign can be had");
}

static void
make_rates(struct daemon *daemon)
{
	const struct policy_classes *classes = &daemon->generation->config->policy.classes;
	uint64_t seed[2];

	os_random(seed, sizeof(seed));
	daemon->rates = class_rates_new(seed);
	class_rates_adopt(daemon->rates, classes->sections, classes->n_sections);
}

static int
make_listeners(struct daemon *daemon, struct doors *doors, struct fault *fault_out)
{
	const struct config *config = daemon->generation->config;
	struct receive_world world;

	daemon->turnstile = turnstile_new(daemon->loop);
	if (daemon->turnstile == NULL)
		return fault_temporary(fault_out, "the SASL library does not start");
	make_rates(daemon);
	world = daemon_receive_world(daemon, daemon->generation);
	daemon->listeners = listeners_new(daemon->loop, config->listeners, config->n_listeners, doors->sockets, &world, fault_out);
	doors->n_sockets = 0;		/* they are the listeners' now */
	return daemon->listeners != NULL ? 0 : -1;
}

static int
make_parts(struct daemon *daemon, struct doors *doors, struct fault *fault_out)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	int error;

	daemon->signals.notice = on_signal;
	error = loop_watch_signals(daemon->loop, signals, 3, &daemon->signals);
	if (error != 0)
		return fault_temporary(fault_out, "signals cannot be watched: %s", strerror(-error));
	warn_at_start(daemon);
	if (make_resolver(daemon, fault_out) != 0 || make_queue(daemon, fault_out) != 0 || make_couriers(daemon, fault_out) != 0)
		return -1;
	start_story(daemon);
	if (daemon_make_recipients(daemon, fault_out) != 0 || make_signers(daemon, fault_out) != 0)
		return -1;
	daemon->reporter = reporter_new(daemon->loop, daemon->queue, daemon->generation->policy, daemon->signers, daemon->log);
	daemon->reload = reload_new(daemon, fault_out);
	if (daemon->reload == NULL || make_listeners(daemon, doors, fault_out) != 0 || daemon_await_end(daemon, fault_out) != 0)
		return -1;
	return make_control(daemon, doors, fault_out);
}

/* After the loop has ended, when all fibers of the parts are gone. */
static void
free_parts(struct daemon *daemon)
{
	control_free(daemon->control);
	listeners_free(daemon->listeners);
	class_rates_free(daemon->rates);
	turnstile_free(daemon->turnstile);
	reporter_free(daemon->reporter);
	os_crew_free(daemon->signers);
	couriers_free(daemon->couriers);
	queue_close(daemon->queue);
	resolver_switch_free(daemon->resolver);
	reload_free(daemon->reload);
	recipients_free(daemon->recipients);
	generation_release(daemon->generation);
	loop_free(daemon->loop);
}

static void
keep_socket(void *context, const struct endpoint *at, int socket)
{
	struct daemon *daemon = context;
	char room[ENDPOINT_TEXT_MAX];
	int error = notify_keep_socket(&daemon->starter->notify, at, socket);

	if (error != 0)
		log_say(daemon->log, LOG_LEVEL_WARNING, "socket-not-kept", "%.*s will refuse connections during a restart: %s",
		    STR_ARG(endpoint_text(at, room)), strerror(-error));
}

void
daemon_keep_sockets(struct daemon *daemon)
{
	listeners_each_socket(daemon->listeners, keep_socket, daemon);
}

/* The first error for the caller; all of them are in the configuration, and in the log. */
static int
make_generation(struct daemon *daemon, struct config *config, struct fault *fault_out)
{
	daemon->generation = generation_new(config);
	if (daemon->generation != NULL)
		return 0;
	for (int i = 1; i < conf_n_errors(config->conf); i++)
		log_say(daemon->log, LOG_LEVEL_ERROR, "cannot-start", "%s", conf_error_text(config->conf, i));
	return fault_permanent(fault_out, "%s", conf_error_text(config->conf, 0));
}

static void
say_end(const struct daemon *daemon)
{
	if (daemon->is_queue_stopped)
		log_say(daemon->log, LOG_LEVEL_INFO, "stopped", "cleanly");
	else
		log_say(daemon->log, LOG_LEVEL_ERROR, "stopped", "not cleanly: %s", daemon->fault_out->text);
}

int
daemon_serve(const char *config_path, struct config *config, struct doors *doors, struct starter *starter,
    void (*ready)(void *context), void *context, struct fault *fault_out)
{
	enum sandbox sandbox;
	struct daemon daemon = { .config_path = config_path, .starter = starter, .fault_out = fault_out };

	if (sandbox_enter(config, &sandbox, fault_out) != 0)	/* before the log's thread */
		return -1;
	daemon.log_writer = log_writer_new(config->log_to, "smtpfwd", config->log_level, fault_out);
	if (daemon.log_writer == NULL)
		return -1;
	daemon.log = log_writer_log(daemon.log_writer);
	if (sandbox == SANDBOX_MISSING)
		log_say(daemon.log, LOG_LEVEL_DEBUG, "no-sandbox", "the kernel has no landlock of Linux 5.19 or later");
	make_story(&daemon, config);
	inherited_end(&starter->inherited, daemon.log);
	signal_init(&daemon.end);
	start_settings_init(&daemon.started, config);
	daemon.loop = loop_new(daemon_n_fibers_max(config), fault_out);
	if (daemon.loop == NULL || make_generation(&daemon, config, fault_out) != 0 || make_parts(&daemon, doors, fault_out) != 0) {
		/* The process ends: what is half made ends with it, and nothing of a mail is in memory. */
		if (strcmp(config->log_to, "stderr") != 0)	/* there the caller says it */
			log_say(daemon.log, LOG_LEVEL_ERROR, "cannot-start", "%s", fault_out->text);
		if (daemon.story != NULL)
			story_stop(daemon.story);
		story_free(daemon.story);
		if (doors->control >= 0)
			(void)os_unlink(config->control);
		log_writer_free(daemon.log_writer);
		return -1;
	}
	log_say(daemon.log, LOG_LEVEL_INFO, "started", "as %s", config->hostname);
	ready(context);
	daemon_keep_sockets(&daemon);
	notify_ready(&starter->notify, daemon.loop, overview_line, &daemon.overview);
	loop_run(daemon.loop);
	notify_end(&starter->notify);
	if (daemon.story != NULL)
		story_stop(daemon.story);
	if (daemon.is_queue_stopped && daemon.is_rest_stopped)
		free_parts(&daemon);
	say_end(&daemon);
	story_free(daemon.story);
	start_settings_fini(&daemon.started);
	log_writer_free(daemon.log_writer);
	if (daemon.is_queue_stopped && !daemon.is_rest_stopped)
		_exit(0);		/* a thread that reads a file still has us in its hands */
	return daemon.is_queue_stopped ? 0 : -1;
}
