/*
 * serve.c - the milter at work: libmilter on its threads, the DNS and the operator on the loop of this one
 *
 * libmilter has a thread that waits for SIGTERM, SIGINT and SIGHUP and ends all at each.  The kernel gives a signal to the first
 * thread where that does not block it, which is ours; and of one that is ignored there nobody hears.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "base/insist.h"
#include "milter/nudge.h"
#include "milter/operate.h"
#include "milter/serve.h"
#include "milter/servers.h"
#include "milter/socket_group.h"
#include "smtpfwd/config/resolver.h"
#include "smtpfwd/runtime/resolver_switch.h"

enum {
	BACKLOG = 1024,
	CHECKERS_MAX = 4,		/* threads for what strangers make long */
	OTHER_FIBERS_MAX = 200,		/* operators, the end */
	DRAIN_LOOK_MS = 50,
	DRAIN_WITHIN_S = 10,		/* mails that are being judged; Postfix defers what is cut off */
	LISTENERS_BELOW = 256,		/* descriptors at the start: a few dozen */
	UNIX_PATH_ROOM = 108,		/* of sockaddr_un, with the NUL */
	CUT_OFF_WITHIN_S = 1,		/* until those that were cut off have their answer */
	END_WITHIN_S = 6,		/* what libmilter has to do then */
	/*
	 * Of libmilter's threads, one for each mail that waits; the same work is done in a quarter of it elsewhere, on a fiber's.  They come and go
	 * with every burst, and the C library keeps stacks of 40 MB for the next ones, which is five of the usual size.
	 */
	THREAD_STACK_BYTES = 512 * 1024,
};

struct serving {
	struct milter		 milter;
	struct rules_place	 rules;
	struct operate		 operate;
	struct control_command	 commands[OPERATE_COMMANDS_N];
	struct control		*control;
	char			 control_path[UNIX_PATH_ROOM];	/* where it is bound, whatever a reload says; "": nowhere */
	struct servers		 servers;
	struct loop		*loop;
	struct notifier		*notify;
	struct place		 place;		/* of libmilter's socket, whatever a reload says */
	char			 place_path[UNIX_PATH_ROOM];
	struct signal_watch	 signals;
	struct fiber		*watcher;	/* ends it all */
	pthread_t		 thread;	/* libmilter's first */
	struct errand		 thread_ended;
	struct os_crew		*checkers;	/* do what would hold the loop */
	struct fiber_elsewhere	 elsewhere;	/* the same */
	bool			 is_stopping;	/* of the loop's */
	atomic_bool		 is_thread_over;
	int			 status;	/* of smfi_main */
};

/* --- the doors --- */

/*
 * A TCP socket that libmilter accepts has what the listening one has.  It writes each change of a mail by itself, and without this the second
 * waits for an acknowledgement of the first, which the other side puts off by 40 ms.  It does not tell its socket, so those of the others
 * that listen have it too; nobody wants to wait.
 */
static void
hurry_listeners(void)
{
	for (int fd = STDERR_FILENO + 1; fd < LISTENERS_BELOW; fd++) {
		int is_listening = 0, on = 1;
		socklen_t len = sizeof(is_listening);

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) == 0 && is_listening)
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));	/* refused by unix sockets */
	}
}

static int
open_libmilter(const struct milter_section *section, struct fault *fault_out)
{
	if (smfi_setconn((char *)(uintptr_t)section->socket) != MI_SUCCESS || smfi_setbacklog(BACKLOG) != MI_SUCCESS)
		return fault_permanent(fault_out, "milter: socket: \"%s\" is not taken by libmilter", section->socket);
	errno = 0;
	if (smfi_opensocket(true) != MI_SUCCESS)
		return fault_temporary(fault_out, "milter: socket: %s cannot be bound: %s", section->socket,
		    errno != 0 ? strerror(errno) : "see the system's log");
	hurry_listeners();
	return 0;
}

/* Who may connect is who may write to it: the group. */
static int
open_unix(const struct milter_section *section, struct fault *fault_out)
{
	int result = os_unix_is_free(section->unix_path);
	mode_t mask;

	/* libmilter would take away what stands there, also from who serves it. */
	if (result != 0)
		return fault_permanent(fault_out, "milter: socket: %s: %s", section->unix_path,
		    result == -EADDRINUSE ? "somebody is serving it" : strerror(-result));
	mask = umask(0117);
	result = open_libmilter(section, fault_out);
	(void)umask(mask);
	return result == 0 ? socket_give(section->unix_path, section->group, fault_out) : result;
}

static int
open_control(const struct milter_section *section, struct fault *fault_out)
{
	int socket = os_listen_unix(section->control, 0600);

	if (socket == -EADDRINUSE)
		return fault_permanent(fault_out, "milter: control: %s: a milter is running there", section->control);
	if (socket < 0)
		return fault_temporary(fault_out, "milter: control: %s: %s", section->control, strerror(-socket));
	return socket;
}

/* Where it is bound: another milter's stays. */
static void
remove_control(const struct serving *serving)
{
	if (serving->control_path[0] != '\0')
		(void)os_unlink(serving->control_path);
}

/* --- libmilter's threads --- */

static void
hear_of_end(struct errand *errand)
{
	struct serving *serving = (struct serving *)(void *)((char *)errand - offsetof(struct serving, thread_ended));

	fiber_wake(serving->watcher);
}

static void *
run_libmilter(void *arg)
{
	struct serving *serving = arg;

	serving->status = smfi_main();
	atomic_store(&serving->is_thread_over, true);	/* at the end errands are refused */
	errand_start(serving->milter.world.errands, &serving->thread_ended);
	(void)errand_wait(&serving->thread_ended);
	return NULL;
}

static void
hear_nothing(int signal)
{
	(void)signal;
}

/* Of threads that are made from now on: libmilter makes its own as they come. */
static void
set_stacks(void)
{
	pthread_attr_t attributes;

	if (pthread_attr_init(&attributes) != 0)
		return;
	if (pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES) == 0)
		(void)pthread_setattr_default_np(&attributes);
	(void)pthread_attr_destroy(&attributes);
}

/* Signals are for the thread that we are. */
static int
start_libmilter(struct serving *serving, struct fault *fault_out)
{
	sigset_t all, before;
	int error;

	set_stacks();
	serving->thread_ended.run = hear_of_end;
	serving->place = serving->operate.generation->config->milter.place;
	snprintf(serving->place_path, sizeof(serving->place_path), "%.*s", STR_ARG(serving->place.path));
	serving->place.path = str_of(serving->place_path);
	errands_on_wait(serving->milter.world.errands, nudge, &serving->place);
	(void)sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = hear_nothing }, NULL);
	sigfillset(&all);
	sigdelset(&all, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&serving->thread, NULL, run_libmilter, serving);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0 ? 0 : fault_temporary(fault_out, "a thread: %s", strerror(error));
}

/* --- the end --- */

static void
on_signal(struct signal_watch *watch, int signal)
{
	struct serving *serving = (struct serving *)(void *)((char *)watch - offsetof(struct serving, signals));

	(void)signal;
	serving->is_stopping = true;
	fiber_wake(serving->watcher);
}

static void
await_mails(struct serving *serving, struct span within)
{
	struct instant until = instant_after(loop_now(serving->loop), within);

	while (atomic_load(&serving->milter.n_mails) > 0 && instant_is_before(loop_now(serving->loop), until) && !serving->is_thread_over)
		(void)fiber_park(instant_after(loop_now(serving->loop), span_ms(DRAIN_LOOK_MS)));
}

/*
 * New mails are put off meanwhile, those that are being judged come to their end.  Those that still wait for the DNS then are failures, and
 * Postfix hears so: of a session that is cut it would do what its milter_default_action says.
 */
static void
drain(struct serving *serving)
{
	atomic_store(&serving->milter.is_draining, true);
	await_mails(serving, span_s(DRAIN_WITHIN_S));
	errands_stop(serving->milter.world.errands);
	await_mails(serving, span_s(CUT_OFF_WITHIN_S));
}

static int
call_stop(void *context, struct fault *fault_out)
{
	(void)context, (void)fault_out;
	(void)smfi_stop();
	return 0;
}

static void
stop_on_crew(void *arg)
{
	struct serving *serving = arg;

	(void)fiber_call_on_crew(serving->operate.crew, call_stop, NULL, NULL);
}

/*
 * The call waits for a lock that libmilter's listening thread, the first, has while it waits for connections, 5 s each time; a signal wakes
 * that one.
 */
static void
end_libmilter(struct serving *serving)
{
	struct instant until = instant_after(loop_now(serving->loop), span_s(END_WITHIN_S));

	(void)fiber_start(serving->loop, "stop", stop_on_crew, serving);
	while (!serving->is_thread_over && instant_is_before(loop_now(serving->loop), until)) {
		(void)fiber_park(instant_after(loop_now(serving->loop), span_ms(DRAIN_LOOK_MS)));
		(void)pthread_kill(serving->thread, SIGUSR1);
	}
}

static void
watch_for_end(void *arg)
{
	struct serving *serving = arg;

	while (!serving->is_stopping && !serving->is_thread_over)
		(void)fiber_park(INSTANT_NEVER);
	log_say(serving->milter.log, LOG_LEVEL_INFO, "stopping", "%d mails are being judged", atomic_load(&serving->milter.n_mails));
	notify_stopping(serving->notify);
	drain(serving);
	end_libmilter(serving);
	remove_control(serving);
	control_stop(serving->control);
	servers_stop(&serving->servers);
	loop_stop(serving->loop);
}

/* --- the start --- */

static int
make_checking(struct serving *serving, struct fault *fault_out)
{
	struct resolver *dns = config_resolver(serving->loop, serving->operate.generation->config, fault_out);
	int n = os_n_processors();

	if (dns == NULL)
		return -1;
	serving->operate.resolver = resolver_switch_new(serving->loop, dns, config_resolver_free);
	serving->milter.world.errands = errands_new(serving->loop, fault_out);
	if (serving->milter.world.errands == NULL)
		return -1;
	serving->milter.world.resolver = errands_resolver(serving->milter.world.errands, serving->operate.resolver);
	serving->checkers = os_crew_new(loop_poller(serving->loop), n < CHECKERS_MAX ? n : CHECKERS_MAX, "check");
	if (serving->checkers == NULL)
		return fault_temporary(fault_out, "no threads that check can be had");
	fiber_elsewhere_init(&serving->elsewhere, serving->checkers);
	serving->milter.world.elsewhere = &serving->elsewhere.elsewhere;
	return 0;
}

static int
make_control(struct serving *serving, struct fault *fault_out)
{
	int socket = open_control(&serving->operate.generation->config->milter, fault_out);

	if (socket < 0)
		return -1;
	snprintf(serving->control_path, sizeof(serving->control_path), "%s", serving->operate.generation->config->milter.control);
	serving->operate.crew = os_crew_new(loop_poller(serving->loop), 1, "operate");
	if (serving->operate.crew == NULL)
		return fault_temporary(fault_out, "no thread for reloads");
	operate_fill(&serving->operate, serving->commands);
	serving->control = control_new(serving->loop, socket, geteuid(), serving->commands, OPERATE_COMMANDS_N, serving->milter.log,
	    fault_out);
	return serving->control != NULL ? 0 : -1;
}

/* Limits begin with nothing used: they are kept in memory only. */
static int
make_servers(struct serving *serving, struct fault *fault_out)
{
	const struct config *config = serving->operate.generation->config;
	const struct policy_desk desk = { .rules = &serving->rules, .rates = &serving->milter.rates, .log = serving->milter.log };

	return servers_open(&serving->servers, serving->loop, &config->milter, &desk, fault_out);
}

static int
make_parts(struct serving *serving, struct fault *fault_out)
{
	const struct milter_section *section = &serving->operate.generation->config->milter;
	static const int signals[] = { SIGTERM, SIGINT };
	int error;

	serving->loop = loop_new(ERRANDS_MAX + SERVERS_FIBERS_MAX + OTHER_FIBERS_MAX, fault_out);
	if (serving->loop == NULL)
		return -1;
	serving->operate.loop = serving->loop;
	serving->signals.notice = on_signal;
	serving->watcher = fiber_start(serving->loop, "end", watch_for_end, serving);
	error = loop_watch_signals(serving->loop, signals, 2, &serving->signals);
	if (error != 0 || serving->watcher == NULL)
		return fault_temporary(fault_out, "signals cannot be watched");
	if (make_checking(serving, fault_out) != 0 || make_control(serving, fault_out) != 0 || make_servers(serving, fault_out) != 0 ||
	    callbacks_register(&serving->milter, fault_out) != 0 ||
	    (section->unix_path != NULL ? open_unix : open_libmilter)(section, fault_out) != 0)
		return -1;
	return start_libmilter(serving, fault_out);
}

/* Sessions that the mail server has open may still be in libmilter's hands: what they use ends with the process. */
static void
free_rest(struct serving *serving)
{
	notify_end(serving->notify);
	control_free(serving->control);
	servers_free(&serving->servers);
	os_crew_free(serving->operate.crew);
	os_crew_free(serving->checkers);
	if (serving->is_thread_over)
		pthread_join(serving->thread, NULL);
}

/* A struct serving is as large as the process lives long, so it is nobody's to free. */
int
serve(const char *config_path, struct generation *generation, struct notifier *notify, void (*ready)(void *context), void *context,
    struct fault *fault_out)
{
	static struct serving serving;
	const struct config *config = generation->config;

	serving = (struct serving){ .notify = notify, .milter.world.rules = &serving.rules,
	    .operate = { .milter = &serving.milter, .servers = &serving.servers, .config_path = config_path, .generation = generation, .since = os_wall_clock() } };
	rules_place_init(&serving.rules, &generation->rules);
	locked_rates_init(&serving.milter.rates);
	locked_rates_adopt(&serving.milter.rates, &config->policy.classes);
	/* A Postfix that asks the policy service too would have each mail counted twice. */
	if (config->milter.policy_service.written == NULL)
		serving.milter.world.rates = &serving.milter.rates;
	serving.operate.log_writer = log_writer_new(config->log_to, "smtpfwd-milter", config->log_level, fault_out);
	if (serving.operate.log_writer == NULL)
		return -1;
	serving.milter.log = log_writer_log(serving.operate.log_writer);
	if (make_parts(&serving, fault_out) != 0) {
		remove_control(&serving);
		if (strcmp(config->log_to, "stderr") != 0)
			log_say(serving.milter.log, LOG_LEVEL_ERROR, "cannot-start", "%s", fault_out->text);
		log_writer_free(serving.operate.log_writer);
		return -1;
	}
	log_say(serving.milter.log, LOG_LEVEL_INFO, "started", "as %s at %s", config->hostname, config->milter.socket);
	ready(context);
	notify_ready(notify, serving.loop, operate_describe, &serving.operate);
	loop_run(serving.loop);
	free_rest(&serving);
	log_say(serving.milter.log, LOG_LEVEL_INFO, "stopped", "%s", serving.is_stopping ? "cleanly" : "libmilter ended; see the system's log");
	log_writer_free(serving.operate.log_writer);
	return serving.is_stopping ? 0 : fault_temporary(fault_out, "libmilter ended by itself");
}
