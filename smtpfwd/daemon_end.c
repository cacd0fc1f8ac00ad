/*
 * daemon_end.c - the daemon's end: the parts are stopped in the order in which they need each other
 */
#include "smtpfwd/daemon_inside.h"

enum {
	QUEUE_STOP_WITHIN_S = 30,
	RECIPIENTS_STOP_WITHIN_S = 5,	/* nothing hangs on what is known of them being written */
	RELOAD_STOP_WITHIN_S = 3,	/* it reads files; one that does not come to its end is left to the process's end */
};

/* All fibers of the end wait from the start: when it comes there may be no room for a new one. */
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
	daemon->stop_receiving = NULL;
	daemon->is_receiving_stopped = true;
	signal_all(&daemon->end);
}

/* By itself, so that it can be cancelled and the rest of the end cannot. */
static void
stop_delivering(void *arg)
{
	struct daemon *daemon = arg;

	await_end(daemon);
	couriers_stop(daemon->couriers, daemon->stop_by);
	daemon->stop_delivering = NULL;
	daemon->is_delivering_stopped = true;
	signal_all(&daemon->end);
}

static void
stop(void *arg)
{
	struct daemon *daemon = arg;

	await_end(daemon);
	while (!daemon->is_receiving_stopped || !daemon->is_delivering_stopped)
		signal_wait(&daemon->end, INSTANT_NEVER);
	reporter_stop(daemon->reporter, daemon->stop_by);
	/* While the name is still ours: when the socket is closed another daemon may put its own there.  Nobody else is held up any more. */
	(void)os_unlink(daemon->started.control);
	control_stop(daemon->control);
	/* What was settled is written behind; give the disk its own time for it. */
	daemon->is_queue_stopped = queue_stop(daemon->queue, instant_after(loop_now(daemon->loop), span_s(QUEUE_STOP_WITHIN_S)),
	    daemon->fault_out) == 0;
	daemon->is_rest_stopped = recipients_stop(daemon->recipients, instant_after(loop_now(daemon->loop), span_s(RECIPIENTS_STOP_WITHIN_S)));
	daemon->is_rest_stopped &= reload_stop(daemon->reload, instant_after(loop_now(daemon->loop), span_s(RELOAD_STOP_WITHIN_S)));
	loop_stop(daemon->loop);
}

int
daemon_await_end(struct daemon *daemon, struct fault *fault_out)
{
	daemon->stop_receiving = fiber_start(daemon->loop, "stop receiving", stop_receiving, daemon);
	daemon->stop_delivering = fiber_start(daemon->loop, "stop delivering", stop_delivering, daemon);
	if (daemon->stop_receiving == NULL || daemon->stop_delivering == NULL ||
	    fiber_start(daemon->loop, "stop", stop, daemon) == NULL)
		return fault_temporary(fault_out, "no memory for a fiber");
	return 0;
}

/* A session or delivery that is cancelled gives back what it has, so nothing is lost; the other side will try again. */
static void
cut_short(struct daemon *daemon)
{
	log_say(daemon->log, LOG_LEVEL_INFO, "stopping", "what is in flight is cut off now");
	daemon->stop_by = loop_now(daemon->loop);
	if (daemon->stop_receiving != NULL)
		fiber_cancel(daemon->stop_receiving);
	if (daemon->stop_delivering != NULL)
		fiber_cancel(daemon->stop_delivering);
}

void
daemon_stop(struct daemon *daemon)
{
	struct span within = daemon->generation->config->stop_within;

	if (daemon->is_stopping) {
		cut_short(daemon);
		return;
	}
	daemon->is_stopping = true;
	notify_stopping(&daemon->starter->notify);
	log_say(daemon->log, LOG_LEVEL_INFO, "stopping", "what is in flight has %lld s", (long long)span_to_s(within));
	daemon->stop_by = instant_after(loop_now(daemon->loop), within);
	signal_all(&daemon->end);
}
