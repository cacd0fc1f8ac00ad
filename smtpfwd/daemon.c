/*
 * daemon.c - makes the parts in the order in which they need each other, and ends them in the other
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/control/queue_commands.h"
#include "smtpfwd/control/story_command.h"
#include "smtpfwd/daemon.h"
#include "smtpfwd/deliver/courier.h"
#include "smtpfwd/report/reporter.h"
#include "smtpfwd/runtime/hosts.h"
#include "smtpfwd/runtime/log_writer.h"
#include "smtpfwd/runtime/sync.h"
#include "smtpfwd/overview.h"

enum {
	DELIVERIES_MAX = 500,		/* at once; each is a fiber and a connection */
	COMMANDS_MAX = 40,		/* of the operator */
	OTHER_FIBERS_MAX = 200,		/* control, checks of next hops, the reporter, the stop */
	QUEUE_STOP_WITHIN_S = 30,
	IDLE_CONNECTION_S = 10,		/* Postfix and others close idle sessions late; we let go early */
};

struct daemon {
	const struct config	*config;
	struct starter		*starter;
	struct loop		*loop;
	struct log_writer	*log_writer;
	struct log		*log;		/* the story's, where stories are kept, else the writer's */
	struct story		*story;		/* NULL: none are kept */
	struct policy		*policy;
	struct tls_server	*tls;
	struct resolver		*dns, *resolver;
	struct queue		*queue;
	struct couriers		*couriers;
	struct reporter		*reporter;
	struct listeners	*listeners;
	struct control		*control;
	struct overview		 overview;
	struct queue_commands	 queue_commands;
	struct story_command	 story_command;
	struct control_command	 commands[COMMANDS_MAX];
	int			 n_commands;
	struct signal_watch	 signals;
	struct signal_list	 end;		/* one of these has changed */
	bool			 is_stopping, is_receiving_stopped, is_queue_stopped;
	struct instant		 stop_by;
	struct fault		*fault_out;	/* of daemon_serve */
};

int
daemon_tls(const struct config *config, struct tls_server **tls_out, struct fault *fault_out)
{
	bool is_wanted = false;

	*tls_out = NULL;
	for (int i = 0; i < config->n_listeners; i++)
		is_wanted |= config->listeners[i].tls != LISTEN_TLS_OFF;
	if (!is_wanted)
		return 0;
	*tls_out = config->n_certificates > 0 ?
	    tls_server_new(config->certificates, config->n_certificates, fault_out) :
	    tls_server_new_self_signed(config->hostname, fault_out);
	return *tls_out != NULL ? 0 : -1;
}

static struct str
destination_of(void *context, const struct envelope *envelope, const struct recipient *recipient, const struct mail_facts *facts)
{
	struct daemon *daemon = context;

	(void)envelope;
	(void)facts;
	return policy_destination_of(daemon->policy, &recipient->address);
}

/* Mail that an operator wants tried waits for no check of a next hop that was down. */
static void
check_next_hops(void *context, struct str destination)
{
	couriers_check_now(context, destination);
}

/* --- the end --- */

/* Both fibers of the end wait from the start: when it comes there may be no room for a new one. */
static void
await_end(struct daemon *daemon)
{
	while (!daemon->is_stopping)
		signal_wait(&daemon->end, INSTANT_NEVER);
}

/* Beside the deliveries: while a slow client ends its mail, no delivery is to be begun that would be cut off. */
static void
stop_receiving(void *arg)
{
	struct daemon *daemon = arg;

	await_end(daemon);
	listeners_stop(daemon->listeners, daemon->stop_by);
	daemon->is_receiving_stopped = true;
	signal_all(&daemon->end);
}

static void
stop(void *arg)
{
	struct daemon *daemon = arg;

	await_end(daemon);
	log_say(daemon->log, LOG_LEVEL_INFO, "stopping", "what is in flight has %lld s",
	    (long long)span_to_s(daemon->config->stop_within));
	couriers_stop(daemon->couriers, daemon->stop_by);
	while (!daemon->is_receiving_stopped)
		signal_wait(&daemon->end, INSTANT_NEVER);
	reporter_stop(daemon->reporter, daemon->stop_by);
	/* While the name is still ours: when the socket is closed another daemon may put its own there.  Nobody else is held up any more. */
	(void)os_unlink(daemon->config->control);
	control_stop(daemon->control);
	/* What was settled is written behind; give the disk its own time for it. */
	daemon->is_queue_stopped = queue_stop(daemon->queue, instant_after(loop_now(daemon->loop), span_s(QUEUE_STOP_WITHIN_S)),
	    daemon->fault_out) == 0;
	loop_stop(daemon->loop);
}

static void
on_signal(struct signal_watch *watch, int signal)
{
	struct daemon *daemon = (struct daemon *)(void *)((char *)watch - offsetof(struct daemon, signals));

	switch (signal) {
	case SIGHUP:
		log_writer_reopen(daemon->log_writer);
		return;
	case SIGTERM:
	case SIGINT:
		if (daemon->is_stopping)
			return;
		daemon->is_stopping = true;
		notify_stopping(&daemon->starter->notify);
		daemon->stop_by = instant_after(loop_now(daemon->loop), daemon->config->stop_within);
		signal_all(&daemon->end);
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

static rlim_t
n_descriptors_wanted(const struct config *config)
{
	return (rlim_t)(n_sessions_max(config) + DELIVERIES_MAX + OTHER_FIBERS_MAX);
}

/* The usual soft limit of 1024 is for select(2). */
void
daemon_raise_descriptor_limit(const struct config *config)
{
	rlim_t wanted = n_descriptors_wanted(config);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max < wanted && setrlimit(RLIMIT_NOFILE, &(struct rlimit){ .rlim_cur = wanted, .rlim_max = wanted }) == 0)
		return;			/* as root may */
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void
warn_of_few_descriptors(const struct daemon *daemon)
{
	rlim_t wanted = n_descriptors_wanted(daemon->config);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted)
		log_say(daemon->log, LOG_LEVEL_WARNING, "few-descriptors",
		    "%llu open files are allowed, max-connections and deliveries may need %llu",
		    (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

static int
make_queue(struct daemon *daemon, struct fault *fault_out)
{
	struct queue_world world = { .context = daemon, .destination_of = destination_of };

	daemon->queue = queue_open(daemon->loop, &daemon->config->queue, &world, daemon->log, fault_out);
	return daemon->queue != NULL ? 0 : -1;
}

/* Stories stand before the log.  What is wrong with them never keeps mail from being taken. */
static void
make_story(struct daemon *daemon)
{
	struct story_settings settings = { .directory = daemon->config->trace_directory, .keep = daemon->config->trace_keep,
	    .max_bytes = daemon->config->trace_max_bytes, .reserve_bytes = daemon->config->queue.min_free_bytes };
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
	daemon->dns = resolver_new(daemon->loop, &daemon->config->resolver, fault_out);
	if (daemon->dns == NULL)
		return -1;
	daemon->resolver = hosts_resolver_new("/etc/hosts", daemon->dns);
	return 0;
}

static int
make_couriers(struct daemon *daemon, struct fault *fault_out)
{
	struct courier_settings settings = {	/* RFC 5321 4.5.3.2 */
		.hostname = daemon->config->hostname,
		.routes = daemon->config->routes, .n_routes = daemon->config->n_routes,
		.deliveries_max = DELIVERIES_MAX, .idle_max = span_s(IDLE_CONNECTION_S),
		.connect_timeout = span_s(30), .greeting_timeout = span_s(300),
		.mail_timeout = span_s(300), .rcpt_timeout = span_s(300), .data_timeout = span_s(120),
		.block_timeout = span_s(180), .final_timeout = span_s(600),
	};
	struct courier_plan *plan;

	plan = courier_plan_new(&settings, fault_out);
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
	daemon->overview = (struct overview){ .config = daemon->config, .since = os_wall_clock(), .queue = daemon->queue,
	    .listeners = daemon->listeners, .couriers = daemon->couriers, .story = daemon->story };
	daemon->queue_commands = (struct queue_commands){ .queue = daemon->queue, .log = daemon->log,
	    .each_destination = overview_each_destination, .each_destination_context = &daemon->overview,
	    .retried = check_next_hops, .retried_context = daemon->couriers };
	queue_commands_fill(&daemon->queue_commands, daemon->commands);
	daemon->n_commands = QUEUE_COMMANDS_N;
	add_command(daemon, "status", overview_answer, &daemon->overview);
	daemon->story_command = (struct story_command){ .story = daemon->story, .queue = daemon->queue };
	add_command(daemon, "trace", story_command_run, &daemon->story_command);
	daemon->control = control_new(daemon->loop, doors->control, geteuid(), daemon->commands, daemon->n_commands,
	    daemon->log, fault_out);
	if (daemon->control != NULL)
		doors->control = -1;	/* it is control's now */
	return daemon->control != NULL ? 0 : -1;
}

static int
make_listeners(struct daemon *daemon, struct doors *doors, struct fault *fault_out)
{
	struct receive_world world = { .queue = daemon->queue, .policy = daemon->policy, .resolver = daemon->resolver,
	    .tls = daemon->tls, .log = daemon->log };

	daemon->listeners = listeners_new(daemon->loop, daemon->config->listeners, daemon->config->n_listeners,
	    doors->sockets, &world, fault_out);
	doors->n_sockets = 0;		/* they are the listeners' now */
	return daemon->listeners != NULL ? 0 : -1;
}

static int
make_parts(struct daemon *daemon, struct doors *doors, struct fault *fault_out)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	uint64_t seed[2];
	int error;

	os_random(seed, sizeof(seed));
	daemon->policy = policy_new(&daemon->config->policy, seed);
	daemon->signals.notice = on_signal;
	error = loop_watch_signals(daemon->loop, signals, 3, &daemon->signals);
	if (error != 0)
		return fault_temporary(fault_out, "signals cannot be watched: %s", strerror(-error));
	warn_of_few_descriptors(daemon);
	if (daemon_tls(daemon->config, &daemon->tls, fault_out) != 0 || make_resolver(daemon, fault_out) != 0 ||
	    make_queue(daemon, fault_out) != 0 || make_couriers(daemon, fault_out) != 0)
		return -1;
	start_story(daemon);
	daemon->reporter = reporter_new(daemon->loop, daemon->queue, daemon->policy, daemon->log);
	if (make_listeners(daemon, doors, fault_out) != 0)
		return -1;
	if (fiber_start(daemon->loop, "stop", stop, daemon) == NULL ||
	    fiber_start(daemon->loop, "stop receiving", stop_receiving, daemon) == NULL)
		return fault_temporary(fault_out, "no memory for a fiber");
	return make_control(daemon, doors, fault_out);
}

/* After the loop has ended, when all fibers of the parts are gone. */
static void
free_parts(struct daemon *daemon)
{
	control_free(daemon->control);
	listeners_free(daemon->listeners);
	reporter_free(daemon->reporter);
	couriers_free(daemon->couriers);
	queue_close(daemon->queue);
	hosts_resolver_free(daemon->resolver);
	resolver_free(daemon->dns);
	tls_server_free(daemon->tls);
	policy_free(daemon->policy);
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

/* So that a restart refuses nobody. */
static void
keep_sockets(struct daemon *daemon)
{
	listeners_each_socket(daemon->listeners, keep_socket, daemon);
}

int
daemon_serve(const struct config *config, struct doors *doors, struct starter *starter,
    void (*ready)(void *context), void *context, struct fault *fault_out)
{
	struct daemon daemon = { .config = config, .starter = starter, .fault_out = fault_out };

	daemon.log_writer = log_writer_new(config->log_to, "smtpfwd", config->log_level, fault_out);
	if (daemon.log_writer == NULL)
		return -1;
	daemon.log = log_writer_log(daemon.log_writer);
	make_story(&daemon);
	inherited_close(&starter->inherited, &starter->notify, daemon.log);
	signal_init(&daemon.end);
	daemon.loop = loop_new(n_sessions_max(config) + DELIVERIES_MAX + OTHER_FIBERS_MAX, fault_out);
	if (daemon.loop == NULL || make_parts(&daemon, doors, fault_out) != 0) {
		/* The process ends: what is half made ends with it, and nothing of a mail is in memory. */
		if (strcmp(config->log_to, "stderr") != 0)	/* there the caller says it */
			log_say(daemon.log, LOG_LEVEL_ERROR, "cannot-start", "%s", fault_out->text);
		if (daemon.story != NULL)
			story_stop(daemon.story);
		story_free(daemon.story);
		log_writer_free(daemon.log_writer);
		return -1;
	}
	log_say(daemon.log, LOG_LEVEL_INFO, "started", "as %s", config->hostname);
	ready(context);
	keep_sockets(&daemon);
	notify_ready(&starter->notify, daemon.loop, overview_line, &daemon.overview);
	loop_run(daemon.loop);
	notify_end(&starter->notify);
	if (daemon.story != NULL)
		story_stop(daemon.story);
	if (daemon.is_queue_stopped) {
		free_parts(&daemon);
		log_say(daemon.log, LOG_LEVEL_INFO, "stopped", "cleanly");
	} else {
		log_say(daemon.log, LOG_LEVEL_ERROR, "stopped", "not cleanly: %s", fault_out->text);
	}
	story_free(daemon.story);
	log_writer_free(daemon.log_writer);
	return daemon.is_queue_stopped ? 0 : -1;
}
