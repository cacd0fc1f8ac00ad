/*
 * listener.c - accepts connections and gives each a session
 *
 * Doors are watched on the loop's own stack: a connection that is too many costs no fiber.
 */
#include <errno.h>

#include "base/insist.h"
#include "base/mem.h"
#include "mail/history.h"
#include "smtpfwd/receive/server.h"
#include "smtpfwd/smtp/limits.h"
#include "smtpfwd/smtp/reply_read.h"

enum {
	LISTENER_TURN_CONNECTIONS = 64,		/* accepted in one turn of the loop, then others run */
	LISTENER_TROUBLE_PAUSE_MS = 200,	/* out of descriptors: trying at once again helps nobody */
};

struct door {				/* one address that is listened on */
	struct watch		 watch;
	struct timer		 again;		/* more may wait: the poller tells of news only */
	struct listeners	*listeners;
	struct listener		*listener;
	struct endpoint		 address;
	int			 socket;	/* -1: closed */
	bool			 is_watched;
};

struct listeners {
	struct loop		*loop;
	struct receive_world	 world;
	struct listener		*each;
	int			 n;
	struct door		*doors;
	int			 n_doors;
};

/* --- accepting --- */

/* Says 421 if the socket takes it at once, and closes. */
static void
turn_away(struct listener *listener, int socket, const struct endpoint *client, const char *why)
{
	const struct reply reply = REPLY(421, 4, 3, 2, "Too many connections; try again later");
	struct peer peer = { .client = *client, .connection = *client, .listener = str_of(listener->settings.name) };
	struct buf wire;

	listener->n_refused++;
	history_rejected(listener->world->log, NULL, &peer, "connect", NULL, NULL, &reply, why);
	buf_init(&wire, SMTP_REPLY_LINE_MAX_BYTES);
	if (listener->settings.tls != LISTEN_TLS_IMPLICIT && reply_write(&reply, true, &wire) == 0)
		os_sendv(socket, &(struct iovec){ .iov_base = wire.at, .iov_len = wire.len }, 1);
	buf_fini(&wire);
	os_close(socket);
}

static void
welcome(struct door *door, int socket, const struct endpoint *client, const struct endpoint *local)
{
	struct listener *listener = door->listener;
	struct peer peer = { .client = *client, .connection = *client, .listener = str_of(listener->settings.name) };
	struct fault fault;

	if (!admit_connection(&listener->admit)) {
		turn_away(listener, socket, client, "connections_max");
		return;
	}
	if (server_start(door->listeners->loop, listener, socket, client, local, &fault) == 0) {
		listener->n_accepted++;
		return;
	}
	listener->n_refused++;
	history_rejected(listener->world->log, NULL, &peer, "connect", NULL, NULL, NULL, fault.text);
}

static void
accept_waiting(struct door *door)
{
	struct loop *loop = door->listeners->loop;
	struct endpoint client, local;
	int socket = 0;

	for (int n = 0; n < LISTENER_TURN_CONNECTIONS; n++) {
		socket = os_accept(door->socket, &client, &local);
		if (socket < 0)
			break;
		welcome(door, socket, &client, &local);
	}
	if (socket >= 0) {
		timer_set(loop, &door->again, loop_now(loop));
	} else if (socket == -ECONNABORTED) {	/* that one is gone; more may wait */
		timer_set(loop, &door->again, loop_now(loop));
	} else if (socket != -EAGAIN) {
		char room[ENDPOINT_TEXT_MAX];
		struct str address = endpoint_text(&door->address, room);

		log_say(door->listeners->world.log, LOG_LEVEL_WARNING, "accept-failed", "%.*s: %s", STR_ARG(address),
		    strerror(-socket));
		timer_set(loop, &door->again, instant_after(loop_now(loop), span_ms(LISTENER_TROUBLE_PAUSE_MS)));
	}
}

static void
notice(struct watch *watch, unsigned what)
{
	struct door *door = LIST_ITEM(watch, struct door, watch);

	(void)what;
	accept_waiting(door);
}

static void
ring(struct timer *timer)
{
	accept_waiting(LIST_ITEM(timer, struct door, again));
}

/* --- made and ended --- */

static void
offer(const struct listener *listener, bool is_tls, bool may_xclient, struct ehlo *ehlo_out)
{
	const struct listener_settings *settings = &listener->settings;
	struct str hostname = str_of(policy_hostname(listener->world->policy));

	*ehlo_out = (struct ehlo){
		.has_pipelining = true,
		.has_size = true,
		.size_max_bytes = (uint64_t)settings->message_max_bytes,
		.has_8bitmime = true,
		.has_smtputf8 = true,
		.has_dsn = true,
		.has_chunking = true,
		.has_starttls = !is_tls && (settings->tls == LISTEN_TLS_OFFERED || settings->tls == LISTEN_TLS_REQUIRED),
		.has_enhancedstatuscodes = true,
		.xclient_attributes = may_xclient ? (1u << XCLIENT_N_ATTRIBUTES) - 1 : 0,
		.limit_rcptmax = (uint64_t)settings->recipients_max,
	};
	insist(hostname.len < sizeof(ehlo_out->domain));
	memcpy(ehlo_out->domain, hostname.at, hostname.len);
}

static void
listener_init(struct listener *listener, const struct listener_settings *settings, const struct receive_world *world)
{
	uint64_t seed[2];

	insist(settings->message_max_bytes > 0);
	insist(settings->recipients_max > 0);
	insist(settings->command_timeout.ns > 0 && settings->data_timeout.ns > 0 && settings->session_max.ns > 0);
	insist(settings->tls == LISTEN_TLS_OFF || world->tls != NULL);
	*listener = (struct listener){ .settings = *settings, .world = world };
	os_random(seed, sizeof(seed));
	admit_init(&listener->admit, settings->connections_max, settings->connections_per_address_max, seed);
	list_init(&listener->sessions);
	signal_init(&listener->ended);
	for (int is_tls = 0; is_tls < 2; is_tls++) {
		offer(listener, is_tls, false, &listener->offered[is_tls][false]);
		offer(listener, is_tls, true, &listener->offered[is_tls][true]);
	}
}

static void
close_doors(struct listeners *listeners)
{
	for (int i = 0; i < listeners->n_doors; i++) {
		struct door *door = &listeners->doors[i];

		if (door->socket < 0)
			continue;
		timer_clear(listeners->loop, &door->again);
		if (door->is_watched)
			loop_unwatch(listeners->loop, door->socket, &door->watch);
		os_close(door->socket);
		door->socket = -1;
	}
}

struct listeners *
listeners_new(struct loop *loop, const struct listener_settings *settings, int n_settings, const int *sockets,
    const struct receive_world *world, struct fault *fault_out)
{
	struct listeners *listeners = mem_new(sizeof(*listeners));
	int n_doors = 0, result = 0;

	for (int i = 0; i < n_settings; i++)
		n_doors += settings[i].n_addresses;
	*listeners = (struct listeners){
		.loop = loop, .world = *world, .n = n_settings, .n_doors = n_doors,
		.each = mem_new_array((size_t)n_settings, sizeof(struct listener)),
		.doors = mem_new_array((size_t)n_doors, sizeof(struct door)),
	};
	n_doors = 0;
	for (int i = 0; i < n_settings; i++) {
		listener_init(&listeners->each[i], &settings[i], &listeners->world);
		for (int j = 0; j < settings[i].n_addresses; j++, n_doors++)
			listeners->doors[n_doors] = (struct door){
				.watch.notice = notice, .again.ring = ring, .listeners = listeners,
				.listener = &listeners->each[i], .address = settings[i].addresses[j],
				.socket = sockets[n_doors],
			};
	}
	for (int i = 0; i < n_doors && result == 0; i++) {
		if (listeners->doors[i].socket < 0)
			continue;
		result = loop_watch(loop, listeners->doors[i].socket, &listeners->doors[i].watch);
		listeners->doors[i].is_watched = result == 0;
	}
	if (result != 0) {
		fault_temporary(fault_out, "listening: %s", strerror(-result));
		listeners_free(listeners);
		return NULL;
	}
	for (int i = 0; i < n_doors; i++)	/* who came before we watched is no news */
		if (listeners->doors[i].socket >= 0)
			timer_set(loop, &listeners->doors[i].again, loop_now(loop));
	return listeners;
}

static int
count_sessions(const struct listeners *listeners)
{
	size_t n = 0;

	for (int i = 0; i < listeners->n; i++)
		n += listeners->each[i].sessions.n;
	return (int)n;
}

static void
cancel_sessions(struct listeners *listeners, bool is_only_idle)
{
	for (int i = 0; i < listeners->n; i++) {
		LIST_EACH(link, &listeners->each[i].sessions) {
			struct session *session = LIST_ITEM(link, struct session, link);

			if (session->is_idle || !is_only_idle)
				fiber_cancel(session->fiber);
		}
	}
}

/* False when the deadline passed before all had ended. */
static bool
await_sessions(struct listeners *listeners, struct instant deadline)
{
	for (int i = 0; i < listeners->n; i++) {
		struct listener *listener = &listeners->each[i];

		while (!list_is_empty(&listener->sessions)) {
			if (signal_wait(&listener->ended, deadline) != WAKE_READY)
				return false;
		}
	}
	return true;
}

void
listeners_stop(struct listeners *listeners, struct instant deadline)
{
	close_doors(listeners);
	for (int i = 0; i < listeners->n; i++)
		listeners->each[i].is_stopping = true;
	cancel_sessions(listeners, true);
	if (await_sessions(listeners, deadline))
		return;
	cancel_sessions(listeners, false);
	/* A cancelled session cannot wait for a peer any more; for the disk it must, so there is no deadline. */
	while (count_sessions(listeners) > 0 && !await_sessions(listeners, INSTANT_NEVER))
		fiber_yield();
}

void
listeners_free(struct listeners *listeners)
{
	if (listeners == NULL)
		return;
	insist(count_sessions(listeners) == 0);
	close_doors(listeners);
	for (int i = 0; i < listeners->n; i++)
		admit_fini(&listeners->each[i].admit);
	mem_free(listeners->each);
	mem_free(listeners->doors);
	mem_free(listeners);
}

void
listeners_each(const struct listeners *listeners, void (*visit)(void *context, const struct listener_view *view),
    void *context)
{
	for (int i = 0; i < listeners->n; i++) {
		const struct listener *listener = &listeners->each[i];
		struct listener_view view = {
			.name = str_of(listener->settings.name),
			.n_sessions = (int)listener->sessions.n,
			.n_accepted = listener->n_accepted,
			.n_refused = listener->n_refused,
			.n_mails = listener->n_mails,
		};

		visit(context, &view);
	}
}
