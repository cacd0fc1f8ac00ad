/*
 * room.c - how much of the queue each site may have out: what its next hops have room for, and its fair share
 */
#include "smtpfwd/deliver/couriers.h"

static int
at_most(int n, int max)
{
	if (n < 0)
		return 0;
	return n < max ? n : max;
}

int
room_share(const struct site *site)
{
	const struct couriers *c = site->couriers;

	return c->plan->deliveries_max - c->n_out - site->n_out;
}

/* At the next hops, for those that do not look for a place there already. */
static int
room_at_next_hops(const struct site *site, int *n_large_out)
{
	int n_seeking = site->n_out - site->n_holding, n;

	/* Nothing is known of its hosts: one finds out, for all. */
	if (site->choices == NULL || (n = choices_room(site->choices, n_large_out)) < 0)
		return *n_large_out = site->n_out == 0;
	*n_large_out -= n_seeking;
	return n - n_seeking;
}

bool
room_tell(struct site *site)
{
	struct couriers *c = site->couriers;
	int share = room_share(site), large, room = room_at_next_hops(site, &large);
	int n = at_most(room, share > 0 ? share : 0);

	large = at_most(large, n);
	room_forget(site);
	if (room > 0 && share <= 0)
		list_append(&c->sharing, &site->waits_for_share);
	if (site->choices != NULL && (room <= 0 || large == 0))
		choices_wait(site->choices);
	return queue_limit(c->queue, site->destination, site->n_out + n, site->n_large + large);
}

void
room_shut(struct site *site)
{
	if (site->choices == NULL)
		return;
	choices_wait(site->choices);
	(void)queue_limit(site->couriers->queue, site->destination, site->n_out, site->n_large);
}

void
room_forget(struct site *site)
{
	if (list_has_link(&site->waits_for_share))
		list_remove(&site->couriers->sharing, &site->waits_for_share);
	if (site->choices != NULL)
		choices_stop_waiting(site->choices);
}

bool
room_is_waited_for(const struct site *site)
{
	if (list_has_link(&site->waits_for_share))
		return true;
	for (int i = 0; site->choices != NULL && i < site->choices->n; i++)
		if (list_has_link(&site->choices->at[i].waiting))
			return true;
	return false;
}

void
room_came_free(struct next_hop *next_hop)
{
	int room = next_hop_room(next_hop);
	size_t n_waiting = next_hop->waiting.n;

	if (!next_hop->is_up || next_hop->couriers->is_stopping)
		return;
	while (room > 0 && n_waiting-- > 0 && !list_is_empty(&next_hop->waiting)) {
		struct site *site = LIST_ITEM(list_first(&next_hop->waiting), struct choice, waiting)->site;

		if (room_tell(site))
			room--;
		else
			site_is_idle(site);	/* its mail is gone meanwhile */
	}
}

void
room_share_came_free(struct couriers *c)
{
	size_t n_waiting = c->sharing.n;

	while (n_waiting-- > 0 && !list_is_empty(&c->sharing)) {
		struct site *site = LIST_ITEM(list_first(&c->sharing), struct site, waits_for_share);

		if (room_tell(site))
			return;
		site_is_idle(site);
	}
}
