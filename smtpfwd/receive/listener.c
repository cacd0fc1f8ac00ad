/*
 * listener.c - the listen sections at work: made, put in the place of others, and ended
 *
 * What a reload leaves alone is in the gate: counts, and who is inside.  Accepting is in door.c.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/receive/auth.h"
#include "smtpfwd/receive/door.h"
#include "smtpfwd/receive/stress.h"

/* --- one listener --- */

static void
offer(const struct listener *listener, bool is_tls, bool may_xclient, bool has_scram, struct ehlo *ehlo_out)
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
		.auth_mechanisms = auth_mechanisms(settings, is_tls, has_scram),
		.xclient_attributes = may_xclient ? (1u << XCLIENT_N_ATTRIBUTES) - 1 : 0,
		.limit_rcptmax = (uint64_t)settings->recipients_max,
	};
	insist(hostname.len < sizeof(ehlo_out->domain));
	memcpy(ehlo_out->domain, hostname.at, hostname.len);
}

static struct listener *
listener_new(const struct listener_settings *settings, const struct receive_world *world)
{
	struct listener *listener = mem_new(sizeof(*listener));

	insist(settings->message_max_bytes > 0);
	insist(settings->recipients_max > 0);
	insist(settings->command_timeout.ns > 0 && settings->data_timeout.ns > 0 && settings->session_max.ns > 0);
	insist(settings->tls == LISTEN_TLS_OFF || world->tls != NULL);
	insist(settings->auth == LISTEN_AUTH_OFF || (world->users != NULL && world->turnstile != NULL));
	*listener = (struct listener){ .settings = *settings, .own_world = *world, .n_holders = 1 };
	listener->world = &listener->own_world;
	if (world->hold != NULL)
		world->hold(world->held);
	for (unsigned i = 0; i < 8; i++) {
		bool is_tls = i & 1, may_xclient = i & 2, has_scram = i & 4;

		offer(listener, is_tls, may_xclient, has_scram, &listener->offered[is_tls][may_xclient][has_scram]);
	}
	return listener;
}

static struct gate *
gate_find(const struct listeners *listeners, const char *name)
{
	LIST_EACH(link, &listeners->gates) {
		struct gate *gate = LIST_ITEM(link, struct gate, link);

		if (strcmp(gate->name, name) == 0)
			return gate;
	}
	return NULL;
}

static struct gate *
gate_new(struct listeners *listeners, const char *name)
{
	struct gate *gate = mem_new(sizeof(*gate));
	size_t n_bytes = strlen(name) + 1;
	uint64_t seed[2];

	*gate = (struct gate){ .listeners = listeners, .name = mem_new(n_bytes), .stress.ring = stress_ring };
	memcpy(gate->name, name, n_bytes);
	os_random(seed, sizeof(seed));
	admit_init(&gate->admit, 0, 0, seed);
	list_init(&gate->sessions);
	list_append(&listeners->gates, &gate->link);
	return gate;
}

/* A gate that no settings name any more goes when the last session has left.  NULL is nothing. */
static void
gate_free_if_gone(struct gate *gate)
{
	if (gate == NULL || gate->listener != NULL || !list_is_empty(&gate->sessions))
		return;
	timer_clear(gate->listeners->loop, &gate->stress);
	list_remove(&gate->listeners->gates, &gate->link);
	admit_fini(&gate->admit);
	mem_free(gate->name);
	mem_free(gate);
}

/* NULL: the gate is gone. */
static void
gate_set(struct gate *gate, struct listener *listener)
{
	struct listener *old = gate->listener;

	gate->listener = listener;
	if (listener != NULL) {
		listener->gate = gate;
		gate->admit.connections_max = listener->settings.connections_max;
		gate->admit.per_address_max = listener->settings.connections_per_address_max;
	}
	if (old != NULL)
		listener_release(old);
	else
		gate_free_if_gone(gate);
}

void
listener_hold(struct listener *listener)
{
	listener->n_holders++;
}

void
listener_release(struct listener *listener)
{
	const struct receive_world world = listener->own_world;
	struct gate *gate = listener->gate;

	insist(listener->n_holders > 0);
	if (--listener->n_holders > 0)
		return;
	mem_free(listener);
	if (world.release != NULL)
		world.release(world.held);
	gate_free_if_gone(gate);
}

/* --- all of them --- */

static struct door *
door_find(const struct listeners *listeners, const struct endpoint *address)
{
	LIST_EACH(link, &listeners->doors) {
		struct door *door = LIST_ITEM(link, struct door, link);

		if (endpoint_eq(&door->address, address))
			return door;
	}
	return NULL;
}

/* Where a door of the new settings leads; NULL: it is none of theirs. */
static struct listener *
listener_at(struct listener *const *each, const struct listener_settings *settings, int n_settings, const struct endpoint *address)
{
	for (int i = 0; i < n_settings; i++)
		for (int j = 0; j < settings[i].n_addresses; j++)
			if (endpoint_eq(&settings[i].addresses[j], address))
				return each[i];
	return NULL;
}

/* Opens the new doors, each as if its listener were there already.  -1: none of them is open, and all sockets are closed. */
static int
open_doors(struct listeners *listeners, struct listener *const *each, const struct listener_settings *settings, int n_settings,
    const int *sockets, struct fault *fault_out)
{
	size_t n_before = listeners->doors.n;
	int i_socket = 0, result = 0;

	for (int i = 0; i < n_settings; i++) {
		for (int j = 0; j < settings[i].n_addresses; j++, i_socket++) {
			const struct endpoint *address = &settings[i].addresses[j];

			if (sockets[i_socket] < 0)
				continue;
			insist(door_find(listeners, address) == NULL);
			if (result == 0 && door_open(listeners, each[i], address, sockets[i_socket], fault_out) == NULL)
				result = -1;
			if (result != 0)
				os_close(sockets[i_socket]);
		}
	}
	while (result != 0 && listeners->doors.n > n_before)
		door_close(LIST_ITEM(listeners->doors.head.prev, struct door, link));
	return result;
}

/* Doors lead to the new listeners, and those that lead nowhere are closed. */
static void
turn_doors(struct listeners *listeners, struct listener *const *each, const struct listener_settings *settings, int n_settings)
{
	LIST_EACH(link, &listeners->doors) {
		struct door *door = LIST_ITEM(link, struct door, link);
		struct listener *listener = listener_at(each, settings, n_settings, &door->address);

		if (listener != NULL) {
			door->listener = listener;
			continue;
		}
		door_welcome_all(door);
		door_close(door);
	}
}

static void
set_gates(struct listeners *listeners, struct listener *const *each, int n)
{
	LIST_EACH(link, &listeners->gates) {
		struct gate *gate = LIST_ITEM(link, struct gate, link);
		bool is_named = false;

		for (int i = 0; i < n; i++)
			is_named |= strcmp(each[i]->settings.name, gate->name) == 0;
		if (!is_named && gate->listener != NULL)
			gate_set(gate, NULL);
	}
	for (int i = 0; i < n; i++) {
		struct gate *gate = gate_find(listeners, each[i]->settings.name);

		gate_set(gate != NULL ? gate : gate_new(listeners, each[i]->settings.name), each[i]);
	}
}

int
listeners_adopt(struct listeners *listeners, const struct listener_settings *settings, int n_settings, const int *sockets,
    const struct receive_world *world, struct fault *fault_out)
{
	struct listener **each = mem_new_array((size_t)n_settings, sizeof(struct listener *));
	int result;

	insist(!listeners->is_stopping);
	for (int i = 0; i < n_settings; i++)
		each[i] = listener_new(&settings[i], world);
	result = open_doors(listeners, each, settings, n_settings, sockets, fault_out);
	if (result == 0) {
		turn_doors(listeners, each, settings, n_settings);
		set_gates(listeners, each, n_settings);
		listeners->policy = world->policy;
		listeners->users = world->users;
		listeners->transactions_max_bytes = world->transactions_max_bytes > 0 ? world->transactions_max_bytes :
		    TRANSACTIONS_DEFAULT_MAX_BYTES;
	} else {
		for (int i = 0; i < n_settings; i++)
			listener_release(each[i]);
	}
	mem_free(each);
	return result;
}

struct listeners *
listeners_new(struct loop *loop, const struct listener_settings *settings, int n_settings, const int *sockets,
    const struct receive_world *world, struct fault *fault_out)
{
	struct listeners *listeners = mem_new(sizeof(*listeners));

	listeners->loop = loop;
	list_init(&listeners->gates);
	list_init(&listeners->doors);
	signal_init(&listeners->ended);
	silence_init(&listeners->silence);
	if (listeners_adopt(listeners, settings, n_settings, sockets, world, fault_out) != 0) {
		silence_fini(&listeners->silence);
		mem_free(listeners);
		return NULL;
	}
	return listeners;
}

/* --- the end --- */

static void
close_doors(struct listeners *listeners)
{
	LIST_EACH(link, &listeners->doors)
		door_close(LIST_ITEM(link, struct door, link));
}

static size_t
count_sessions(const struct listeners *listeners)
{
	size_t n = 0;

	LIST_EACH(link, &listeners->gates)
		n += LIST_ITEM(link, struct gate, link)->sessions.n;
	return n;
}

static void
cancel_sessions(struct listeners *listeners, bool is_only_idle)
{
	LIST_EACH(gate_link, &listeners->gates) {
		LIST_EACH(link, &LIST_ITEM(gate_link, struct gate, link)->sessions) {
			struct session *session = LIST_ITEM(link, struct session, link);

			if (session->is_idle || !is_only_idle)
				fiber_cancel(session->fiber);
		}
	}
}

/* False when the deadline passed before all had ended, or when we are cancelled. */
static bool
await_sessions(struct listeners *listeners, struct instant deadline)
{
	while (count_sessions(listeners) > 0) {
		if (signal_wait(&listeners->ended, deadline) != WAKE_READY)
			return false;
	}
	return true;
}

void
listeners_stop(struct listeners *listeners, struct instant deadline)
{
	close_doors(listeners);
	listeners->is_stopping = true;
	cancel_sessions(listeners, true);
	if (await_sessions(listeners, deadline))
		return;
	cancel_sessions(listeners, false);
	/* A cancelled session cannot wait for a peer any more; for the disk it must, so there is no deadline. */
	while (!await_sessions(listeners, INSTANT_NEVER))
		fiber_yield();
}

void
listeners_free(struct listeners *listeners)
{
	if (listeners == NULL)
		return;
	insist(count_sessions(listeners) == 0);
	close_doors(listeners);
	LIST_EACH(link, &listeners->gates)
		gate_set(LIST_ITEM(link, struct gate, link), NULL);
	insist(list_is_empty(&listeners->gates));
	silence_fini(&listeners->silence);
	mem_free(listeners);
}

void
listeners_each(const struct listeners *listeners, void (*visit)(void *context, const struct listener_view *view),
    void *context)
{
	LIST_EACH(link, &listeners->gates) {
		const struct gate *gate = LIST_ITEM(link, struct gate, link);
		struct listener_view view = {
			.name = str_of(gate->name),
			.is_gone = gate->listener == NULL,
			.n_sessions = (int)gate->sessions.n,
			.n_accepted = gate->n_accepted,
			.n_refused = gate->n_refused,
			.n_mails = gate->n_mails,
		};

		visit(context, &view);
	}
}

void
listeners_each_socket(const struct listeners *listeners,
    void (*visit)(void *context, const struct endpoint *at, int socket), void *context)
{
	LIST_EACH(link, &listeners->doors) {
		const struct door *door = LIST_ITEM(link, struct door, link);

		visit(context, &door->address, door->socket);
	}
}
