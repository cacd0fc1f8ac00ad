/*
 * pool.c - open sessions that wait for the next mail to the same next hop
 */
#include "base/insist.h"
#include "smtpfwd/deliver/couriers.h"

static struct client *
remove_link(struct next_hop *next_hop, struct list_link *link)
{
	if (link == NULL)
		return NULL;
	list_remove(&next_hop->idle, link);
	next_hop->couriers->n_idle--;
	return LIST_ITEM(link, struct client, in_pool);
}

void
pool_put(struct next_hop *next_hop, struct client *client, struct instant until)
{
	insist(client_is_reusable(client) && !client->stands_for_one && !client->is_half_introduced);
	client->idle_until = until;
	list_append(&next_hop->idle, &client->in_pool);
	next_hop->couriers->n_idle++;
	room_came_free(next_hop);
}

struct client *
pool_take(struct next_hop *next_hop)
{
	return list_is_empty(&next_hop->idle) ? NULL : remove_link(next_hop, next_hop->idle.head.prev);
}

struct client *
pool_take_expired(struct next_hop *next_hop, struct instant now)
{
	if (instant_is_before(now, pool_expires(next_hop)) || list_is_empty(&next_hop->idle))
		return NULL;
	return remove_link(next_hop, list_first(&next_hop->idle));
}

struct instant
pool_expires(const struct next_hop *next_hop)
{
	struct list_link *first = list_first(&next_hop->idle);

	return first == NULL ? INSTANT_NEVER : LIST_ITEM(first, struct client, in_pool)->idle_until;
}
