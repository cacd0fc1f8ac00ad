/*
 * held.c - sessions in somebody's hands: opened or taken from the pool, kept, ended
 *
 * A session counts against its next hop from before it is dialled until it is closed.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/couriers.h"

static void
close_client(struct next_hop *next_hop, struct client *client)
{
	client_close(client);
	next_hop->n_sessions--;
	next_hop_unclaim(next_hop);
}

void
held_drop(struct held *held)
{
	close_client(held->next_hop, held->client);
	*held = (struct held){ .client = NULL };
}

/* --- the good end --- */

static void
quit(struct couriers *c, void *arg)
{
	struct held *held = arg;

	client_quit(held->client, instant_after(loop_now(c->loop), span_s(QUIT_MAX_S)));
	held->next_hop->n_sessions--;
	next_hop_unclaim(held->next_hop);
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

	while ((client = pool_take(next_hop)) != NULL)
		end_session(c, next_hop, client);
	timer_clear(c->loop, &next_hop->expiry);
}

void
held_expire(struct timer *timer)
{
	struct next_hop *next_hop = (struct next_hop *)(void *)((char *)timer - offsetof(struct next_hop, expiry));
	struct couriers *c = next_hop->route->couriers;
	struct client *client;

	while ((client = pool_take_expired(next_hop, loop_now(c->loop))) != NULL)
		end_session(c, next_hop, client);
	if (!list_is_empty(&next_hop->idle))
		timer_set(c->loop, &next_hop->expiry, pool_expires(next_hop));
}

void
held_keep(struct couriers *c, struct held *held)
{
	struct next_hop *next_hop = held->next_hop;
	struct client *client = held->client;

	*held = (struct held){ .client = NULL };
	if (c->is_stopping || client->settings != &c->plan->client_settings || !next_hop->is_up || !client_is_reusable(client) || client_is_stale(client)) {
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

/*
 * A server that turns this session away while it serves others of ours is up, and full of us ("too many
 * connections"); one that cannot be connected to is down, whatever the other sessions look like.  What we
 * ran out of ourselves says nothing about it.
 */
static void
judge_trouble(struct couriers *c, struct next_hop *next_hop, const struct trouble *trouble)
{
	if (trouble->is_cancelled)
		return;
	if (trouble->is_ours || (trouble->reply_code != 0 && next_hop->n_sessions > 0))
		next_hop_note_trouble(next_hop, trouble);
	else
		probe_went_down(c, next_hop, trouble);
}

bool
held_open(struct couriers *c, struct next_hop *next_hop, struct instant deadline,
    struct held *held_out, struct trouble *trouble_out)
{
	struct client *client = take_standing(next_hop);
	bool was_idle = client != NULL;

	if (!was_idle) {
		next_hop_claim(next_hop);
		client = dial(&c->dialer, next_hop, instant_min(deadline,
		    instant_after(loop_now(c->loop), span_s(DIAL_MAX_S))), trouble_out);
		if (client == NULL) {
			next_hop_unclaim(next_hop);
			judge_trouble(c, next_hop, trouble_out);
			return false;
		}
	}
	*held_out = (struct held){ .next_hop = next_hop, .client = client, .was_idle = was_idle };
	return true;
}
