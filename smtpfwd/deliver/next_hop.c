/*
 * next_hop.c - the state of one host that mail goes to: up or down, its connections, what it bears
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/couriers.h"

enum {
	KEY_MAX_BYTES = 1024,		/* a route's name, a host's name, a port */
};

/* --- life and death --- */

static struct str
copy(struct str s)
{
	char *room = mem_new(s.len + 1);

	if (s.len > 0)
		memcpy(room, s.at, s.len);
	return str_n(room, s.len);
}

static void
free_copy(struct str s)
{
	mem_free((void *)(uintptr_t)s.at);
}

static struct next_hop *
make(struct couriers *c, const struct route *route, const struct hop_plan *plan, struct str key)
{
	struct next_hop *next_hop = mem_new(sizeof(*next_hop));

	*next_hop = (struct next_hop){
		.couriers = c, .route = route, .written = copy(plan->written), .host = copy(plan->host), .key = copy(key),
		.ip = plan->ip, .port = plan->port, .is_up = true, .last_sign = { INT64_MIN }, .expiry.ring = held_expire,
		.check.ring = probe_ring,
	};
	plan_use(route->plan);
	list_init(&next_hop->listed);
	for (int line = 0; line < LINE_N_KINDS; line++)
		list_init(&next_hop->waiting[line]);
	list_init(&next_hop->idle);
	limit_init(&next_hop->limit, route->connections_max);
	map_set(&c->next_hops, next_hop->key, next_hop);
	list_append(&c->all_next_hops, &next_hop->in_all);
	return next_hop;
}

struct next_hop *
next_hop_get(struct couriers *c, const struct route *route, const struct hop_plan *plan, bool is_by_mx)
{
	char room[KEY_MAX_BYTES];
	struct next_hop *next_hop;
	struct str key = str_n(room, 0);

	snprintf(room, sizeof(room), "%.*s\n%.*s", STR_ARG(route->destination), STR_ARG(plan->written));
	key = str_of(room);
	next_hop = map_get(&c->next_hops, key);
	if (next_hop == NULL)
		next_hop = make(c, route, plan, key);
	next_hop->is_by_mx = is_by_mx;
	next_hop_set_route(next_hop, route);
	return next_hop;
}

void
next_hop_set_route(struct next_hop *next_hop, const struct route *route)
{
	if (route->identity.means != next_hop->route->identity.means || route->identity.has_login != next_hop->route->identity.has_login) {
		next_hop->view = VIEW_UNKNOWN;
		next_hop->told = IDENTITY_NONE;
	}
	if (route != next_hop->route)		/* a reload, and that may have mended it */
		await_rested(&next_hop->await);
	plan_use(route->plan);
	plan_leave(next_hop->route->plan);
	next_hop->route = route;
	limit_set_max(&next_hop->limit, route->connections_max);
	if (next_hop->check_wait.ns < route->check_interval.ns)
		next_hop->check_wait = route->check_interval;
}

void
next_hop_use(struct next_hop *next_hop)
{
	next_hop->n_users++;
}

void
next_hop_leave(struct next_hop *next_hop)
{
	insist(next_hop->n_users > 0);
	if (--next_hop->n_users > 0)
		return;
	insist(list_is_empty(&next_hop->listed) && next_hop->n_connections == 0);
	timer_clear(next_hop->couriers->loop, &next_hop->expiry);
	timer_clear(next_hop->couriers->loop, &next_hop->check);
	(void)map_remove(&next_hop->couriers->next_hops, next_hop->key);
	list_remove(&next_hop->couriers->all_next_hops, &next_hop->in_all);
	plan_leave(next_hop->route->plan);
	free_copy(next_hop->written);
	free_copy(next_hop->host);
	free_copy(next_hop->key);
	mem_free(next_hop);
}

/* --- connections --- */

int
next_hop_n_busy(const struct next_hop *next_hop)
{
	return next_hop->n_connections - (int)next_hop->idle.n;
}

static int
half(const struct next_hop *next_hop)
{
	return (next_hop->limit.now + 1) / 2;
}

/* Mails whose clients wait for room here. */
static int
n_awaiting(const struct next_hop *next_hop)
{
	int n = 0;

	LIST_EACH(link, &next_hop->waiting[LINE_ONLINE])
		n += LIST_ITEM(link, struct choice, waiting[LINE_ONLINE])->site->n_online_waiting;
	return n;
}

/* Nothing of the queue is on its way here, or waits for room. */
static bool
is_queue_quiet(const struct next_hop *next_hop)
{
	return list_is_empty(&next_hop->waiting[LINE_MAIL]) && list_is_empty(&next_hop->waiting[LINE_LARGE]) &&
	    next_hop_n_busy(next_hop) == next_hop->n_online;
}

/* Connections that mails whose clients wait may have together. */
static int
part_online(const struct next_hop *next_hop)
{
	return is_queue_quiet(next_hop) ? next_hop->limit.now : half(next_hop);
}

static bool
is_turn_of_queue(const struct next_hop *next_hop)
{
	return next_hop->limit.now == 1 && next_hop->was_online_last && !list_is_empty(&next_hop->waiting[LINE_MAIL]);
}

int
next_hop_room_online(const struct next_hop *next_hop)
{
	int room = next_hop->limit.now - next_hop_n_busy(next_hop), part = part_online(next_hop) - next_hop->n_online;

	if (room > part)
		room = part;
	return room < 0 || is_turn_of_queue(next_hop) ? 0 : room;
}

bool
next_hop_is_vain(const struct next_hop *next_hop)
{
	bool is_free = next_hop->n_online == 0 && next_hop_room_online(next_hop) > 0;

	return await_is_vain(&next_hop->await, is_free, loop_now(next_hop->couriers->loop));
}

bool
next_hop_is_awaited(const struct next_hop *next_hop)
{
	return !list_is_empty(&next_hop->waiting[LINE_ONLINE]) && next_hop->n_online < part_online(next_hop);
}

int
next_hop_room(const struct next_hop *next_hop)
{
	int room = next_hop->limit.now - next_hop_n_busy(next_hop), n_online = next_hop_room_online(next_hop);
	int n_awaited = n_online > 0 ? n_awaiting(next_hop) : 0;

	room -= n_awaited < n_online ? n_awaited : n_online;
	return room > 0 ? room : 0;
}

int
next_hop_room_large(const struct next_hop *next_hop)
{
	int room = next_hop_room(next_hop), large = half(next_hop) - next_hop->n_large;

	return large < 0 ? 0 : large < room ? large : room;
}

void
next_hop_claim(struct next_hop *next_hop)
{
	next_hop_use(next_hop);
	next_hop->n_connections++;
}

void
next_hop_unclaim(struct next_hop *next_hop)
{
	insist(next_hop->n_connections > 0);
	next_hop->n_connections--;
	room_came_free(next_hop);
	next_hop_leave(next_hop);
}

bool
next_hop_source(const struct next_hop *next_hop, enum ip_family family, struct endpoint *from_out)
{
	const struct route *route = next_hop->route;
	int i;

	for (i = 0; i < route->n_sources; i++) {
		if (route->sources[i].family == family) {
			*from_out = (struct endpoint){ .ip = route->sources[i], .port = 0 };
			return true;
		}
	}
	return false;
}

/* --- up and down --- */

void
next_hop_note_trouble(struct next_hop *next_hop, const struct trouble *trouble)
{
	snprintf(next_hop->last_trouble, sizeof(next_hop->last_trouble), "%s", trouble->text);
}

bool
next_hop_went_down(struct next_hop *next_hop, const struct trouble *trouble)
{
	bool is_new = next_hop->is_up;

	next_hop_note_trouble(next_hop, trouble);
	next_hop->is_up = false;
	if (is_new)
		limit_restart(&next_hop->limit);
	return is_new;
}

bool
next_hop_came_up(struct next_hop *next_hop)
{
	bool is_new = !next_hop->is_up;

	next_hop->last_trouble[0] = '\0';
	next_hop->is_up = true;
	await_rested(&next_hop->await);
	return is_new;
}

void
next_hop_note_told(struct next_hop *next_hop, const struct client *client, const struct identity *identity)
{
	if (!identity_may_be_seen(identity, &next_hop->route->identity))
		return;
	if (identity_is_seen(client))
		next_hop->view = VIEW_OF_CLIENT;
	else	/* XCLIENT that is announced was refused for this one: of another client it may be taken */
		next_hop->view = client->ehlo.xclient_attributes != 0 ? VIEW_UNKNOWN : VIEW_OF_US;
	next_hop->told = client->told;
}
