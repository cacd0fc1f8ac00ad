/*
 * door.c - accepts connections at one address and gives each a session
 *
 * Doors are watched on the loop's own stack: a connection that is too many costs no fiber.
 */
#include <errno.h>

#include "base/mem.h"
#include "mail/history.h"
#include "smtpfwd/receive/door.h"
#include "smtpfwd/receive/server.h"
#include "smtpfwd/receive/stress.h"
#include "smtpfwd/smtp/reply_read.h"
#include "smtpfwd/smtp/limits.h"

enum {
	DOOR_TURN_CONNECTIONS = 64,		/* accepted in one turn of the loop, then others run */
	DOOR_LAST_CONNECTIONS = 1024,		/* more than a backlog holds are of those who still come */
	DOOR_TROUBLE_PAUSE_MS = 200,		/* out of descriptors: trying at once again helps nobody */
};

/* --- accepting --- */

/* Says 421 if the socket takes it at once, and closes. */
static void
turn_away(struct listener *listener, int socket, const struct endpoint *client, const char *why)
{
	const struct reply reply = REPLY(421, 4, 3, 2, "Too many connections; try again later");
	struct peer peer = { .client = *client, .connection = *client, .listener = str_of(listener->settings.name) };
	struct buf wire;

	listener->gate->n_refused++;
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

	if (!admit_connection(&listener->gate->admit)) {
		turn_away(listener, socket, client, "connections_max");
		return;
	}
	if (server_start(door->listeners->loop, listener, socket, client, local, &fault) == 0) {
		listener->gate->n_accepted++;
		stress_look(listener->gate);
		return;
	}
	listener->gate->n_refused++;
	history_rejected(listener->world->log, NULL, &peer, "connect", NULL, NULL, NULL, fault.text);
}

/* Up to so many of those who wait; the last one's socket or what came of asking for it. */
static int
accept_some(struct door *door, int n_max)
{
	struct endpoint client, local = door->local;
	int socket = 0;

	for (int n = 0; n < n_max && socket >= 0; n++) {
		socket = os_accept(door->socket, &client, door->has_local ? NULL : &local);
		if (socket >= 0)
			welcome(door, socket, &client, &local);
	}
	return socket;
}

static void
accept_waiting(struct door *door)
{
	struct loop *loop = door->listeners->loop;
	int socket = accept_some(door, DOOR_TURN_CONNECTIONS);

	if (socket >= 0) {
		timer_set(loop, &door->again, loop_now(loop));
	} else if (socket == -ECONNABORTED) {	/* that one is gone; more may wait */
		timer_set(loop, &door->again, loop_now(loop));
	} else if (socket != -EAGAIN) {
		char room[ENDPOINT_TEXT_MAX];
		struct str address = endpoint_text(&door->address, room);

		log_say(door->listener->world->log, LOG_LEVEL_WARNING, "accept-failed", "%.*s: %s", STR_ARG(address),
		    strerror(-socket));
		timer_set(loop, &door->again, instant_after(loop_now(loop), span_ms(DOOR_TROUBLE_PAUSE_MS)));
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

/* --- opened and closed --- */

struct door *
door_open(struct listeners *listeners, struct listener *listener, const struct endpoint *address, int socket,
    struct fault *fault_out)
{
	struct door *door = mem_new(sizeof(*door));
	char room[ENDPOINT_TEXT_MAX];
	int result;

	*door = (struct door){
		.watch.notice = notice, .again.ring = ring, .listeners = listeners, .listener = listener,
		.address = *address, .socket = socket,
	};
	door->has_local = os_listens_at_one(socket, &door->local);
	result = loop_watch(listeners->loop, socket, &door->watch);
	if (result != 0) {
		fault_temporary(fault_out, "%.*s cannot be watched: %s", STR_ARG(endpoint_text(address, room)), strerror(-result));
		mem_free(door);
		return NULL;
	}
	timer_set(listeners->loop, &door->again, loop_now(listeners->loop));	/* who came before we watched is no news */
	list_append(&listeners->doors, &door->link);
	return door;
}

void
door_welcome_all(struct door *door)
{
	(void)accept_some(door, DOOR_LAST_CONNECTIONS);
}

void
door_close(struct door *door)
{
	timer_clear(door->listeners->loop, &door->again);
	loop_unwatch(door->listeners->loop, door->socket, &door->watch);
	os_close(door->socket);
	list_remove(&door->listeners->doors, &door->link);
	mem_free(door);
}
