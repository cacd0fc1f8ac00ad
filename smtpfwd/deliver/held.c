/*
 * held.c - sessions in somebody's hands: opened or taken from the pool, kept, ended
 *
 * A session counts against its next hop from before it is dialled until it is closed.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/history.h"
#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/judge.h"

/* The session is over, in whatever way; plan: the one that it was opened by. */
static void
session_ended(struct next_hop *next_hop, struct courier_plan *plan)
{
	next_hop->n_sessions--;
	next_hop_unclaim(next_hop);
	plan_leave(plan);
}

static void
close_client(struct next_hop *next_hop, struct client *client)
{
	struct courier_plan *plan = plan_of(client);

	client_close(client);
	session_ended(next_hop, plan);
}

static void
let_go(struct held *held)
{
	if (held->site != NULL)
		held->site->n_holding--;
	if (held->is_online)
		held->next_hop->n_online--;
	*held = (struct held){ .client = NULL };
}

void
held_drop(struct held *held)
{
	struct held old = *held;

	let_go(held);
	close_client(old.next_hop, old.client);
}

struct history_attempt
held_attempt(const struct next_hop *next_hop, const struct client *client, struct timestamp arrived)
{
	return (struct history_attempt){
		.next_hop = next_hop != NULL ? next_hop->written : STR_EMPTY,
		.remote = client != NULL ? &client->remote : NULL,
		.tls = client != NULL ? str_of(client->tls.version) : STR_EMPTY,
		.identity = client != NULL && client->told != IDENTITY_NONE ? identity_means_name(client->told) : STR_EMPTY,
		.delay = timestamp_diff(arrived, os_wall_clock()),
	};
}

/* --- the good end --- */

static void
quit(struct couriers *c, void *arg)
{
	struct held *held = arg;

	struct courier_plan *plan = plan_of(held->client);

	client_quit(held->client, instant_after(loop_now(c->loop), span_s(QUIT_MAX_S)));
	session_ended(held->next_hop, plan);
	mem_free(held);
}

static void
end_session(struct couriers *c, struct next_hop *next_hop, struct client *client)
{
	struct held *held = mem_new(sizeof(*held));

	*held = (struct held){ .next_hop = next_hop, .client = client };
	if (client_is_reusable(client) && couriers_start(c, TENDED_QUIT, "quit", quit, held))
		return;
	mem_free(held);
	close_client(next_hop, client);
}

void
held_end_idle(struct couriers *c, struct next_hop *next_hop)
{
	struct client *client;

	next_hop_use(next_hop);		/* the last session may be all that keeps it */
	while ((client = pool_take(next_hop)) != NULL)
		end_session(c, next_hop, client);
	timer_clear(c->loop, &next_hop->expiry);
	next_hop_leave(next_hop);
}

void
held_expire(struct timer *timer)
{
	struct next_hop *next_hop = (struct next_hop *)(void *)((char *)timer - offsetof(struct next_hop, expiry));
	struct couriers *c = next_hop->couriers;
	struct client *client;

	next_hop_use(next_hop);
	while ((client = pool_take_expired(next_hop, loop_now(c->loop))) != NULL)
		end_session(c, next_hop, client);
	if (!list_is_empty(&next_hop->idle))
		timer_set(c->loop, &next_hop->expiry, pool_expires(next_hop));
	next_hop_leave(next_hop);
}

/* Its settings are of now, it can be used again, and there is room for one more that waits. */
static bool
is_worth_keeping(const struct couriers *c, const struct next_hop *next_hop, struct client *client)
{
	return !c->is_stopping && next_hop->is_up && plan_of(client) == c->plan && !list_is_empty(&next_hop->listed) &&
	    c->n_idle < c->plan->deliveries_max && client_is_reusable(client) && !client_is_stale(client) && !client_is_worn(client) &&
	    !client->stands_for_one && !client->is_half_introduced;
}

void
held_keep(struct couriers *c, struct held *held)
{
	struct next_hop *next_hop = held->next_hop;
	struct client *client = held->client;

	let_go(held);
	if (!is_worth_keeping(c, next_hop, client)) {
		end_session(c, next_hop, client);
		return;
	}
	pool_put(next_hop, client, instant_after(loop_now(c->loop), c->plan->idle_max));
	timer_set(c->loop, &next_hop->expiry, pool_expires(next_hop));
}

/* --- the start --- */

static struct client *
take_standing(struct next_hop *next_hop)
{
	struct client *client;

	while ((client = pool_take(next_hop)) != NULL) {
		if (!client_is_stale(client))
			return client;
		close_client(next_hop, client);
	}
	return NULL;
}

struct client *
held_dial(struct couriers *c, struct next_hop *next_hop, const struct identity *identity, struct instant deadline,
    struct trouble *trouble_out)
{
	struct courier_plan *plan = c->plan, *of_route = next_hop->route->plan;
	struct dialer dialer = c->dialer;
	struct client *client;

	plan_use(plan);
	plan_use(of_route);		/* which may be another one, and come to its end meanwhile */
	dialer.settings = &plan->client_settings;
	dialer.identity = identity;
	next_hop_claim(next_hop);
	client = dial(&dialer, next_hop, instant_min(deadline, instant_after(loop_now(c->loop), span_s(DIAL_MAX_S))),
	    trouble_out);
	plan_leave(of_route);
	if (client == NULL) {
		plan_leave(plan);
		return NULL;
	}
	next_hop->last_sign = loop_now(c->loop);
	return client;
}

bool
held_open(struct couriers *c, struct site *site, struct next_hop *next_hop, const struct identity *identity, struct instant deadline,
    struct held *held_out, struct trouble *trouble_out)
{
	struct instant began = loop_now(c->loop);
	struct client *client = take_standing(next_hop);
	bool was_idle = client != NULL;

	site->n_holding++;
	if (!was_idle) {
		client = held_dial(c, next_hop, identity, deadline, trouble_out);
		if (client == NULL) {
			site->n_holding--;
			if (!trouble_out->is_to_client)		/* that is no sign of how the next hop is itself */
				judge_dialling(next_hop, began, trouble_out);
			next_hop_unclaim(next_hop);
			return false;
		}
	}
	next_hop->was_online_last = false;
	room_tell(site);		/* it looks for no place any more */
	*held_out = (struct held){ .site = site, .next_hop = next_hop, .client = client, .was_idle = was_idle };
	return true;
}

bool
held_open_online(struct couriers *c, struct next_hop *next_hop, const struct identity *identity, struct instant deadline,
    struct held *held_out, struct trouble *trouble_out)
{
	struct instant began = loop_now(c->loop);
	struct client *client = take_standing(next_hop);
	bool was_idle = client != NULL;

	next_hop->n_online++;
	next_hop->was_online_last = true;
	if (!was_idle) {
		client = held_dial(c, next_hop, identity, deadline, trouble_out);
		if (client == NULL) {
			/* A client's patience is shorter than what a next hop may take (RFC 5321 4.5.3.2), and proves nothing. */
			if (instant_is_before(loop_now(c->loop), deadline) && !trouble_out->is_to_client)
				judge_dialling(next_hop, began, trouble_out);
			next_hop->n_online--;
			next_hop_unclaim(next_hop);
			return false;
		}
	}
	*held_out = (struct held){ .next_hop = next_hop, .client = client, .was_idle = was_idle, .is_online = true };
	return true;
}
