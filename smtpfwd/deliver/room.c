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
find_room(const struct site *site, bool is_its_turn, int *n_large_out)
{
	int n_seeking = site->n_out - site->n_holding, n;

	/* Nothing is known of its hosts: one finds out, for all. */
	if (site->choices == NULL || (n = choices_room(site->choices, n_large_out)) < 0)
		return *n_large_out = site->n_out == 0;
	if (!is_its_turn && choices_have_a_line(site->choices))
		return *n_large_out = 0;
	*n_large_out -= n_seeking;
	return n - n_seeking;
}

/*
 * To stand in line may make it the site's turn, where mails whose clients wait had the one place before: those are called no
 * more then, and nobody would come to call the site.  So it looks once more from there.
 */
static int
room_at_next_hops(const struct site *site, bool is_its_turn, int *n_large_out)
{
	int n = find_room(site, is_its_turn, n_large_out);

	if (n > 0 || site->choices == NULL)
		return n;
	choices_wait(site->choices, LINE_MAIL);
	return find_room(site, is_its_turn, n_large_out);
}

static void
wait_or_not(struct site *site, bool for_room, bool for_large)
{
	if (site->choices == NULL)
		return;
	if (for_room)
		choices_wait(site->choices, LINE_MAIL);
	else
		choices_stop_waiting(site->choices, LINE_MAIL);
	if (for_large)
		choices_wait(site->choices, LINE_LARGE);
	else
		choices_stop_waiting(site->choices, LINE_LARGE);
}

static void
wait_for_share_or_not(struct site *site, bool for_share)
{
	struct list *sharing = &site->couriers->sharing;
	bool is_waiting = list_has_link(&site->waits_for_share);

	if (for_share && !is_waiting)
		list_append(sharing, &site->waits_for_share);
	else if (!for_share && is_waiting)
		list_remove(sharing, &site->waits_for_share);
}

static bool
tell(struct site *site, bool is_its_turn)
{
	int share, large, room, n;

	if (site->is_gone)		/* its destination goes without limits, or by another site */
		return false;
	share = room_share(site);
	room = room_at_next_hops(site, is_its_turn, &large);
	n = at_most(room, share > 0 ? share : 0);
	large = at_most(large, n);
	wait_or_not(site, room <= 0, room > 0 && large == 0);
	wait_for_share_or_not(site, room > 0 && share <= 0);
	return queue_limit(site->couriers->queue, site->destination, site->n_out + n, site->n_large + large);
}

bool
room_tell(struct site *site)
{
	return tell(site, false);
}

void
room_shut(struct site *site)
{
	if (site->choices == NULL)
		return;
	choices_stop_waiting(site->choices, LINE_MAIL);
	choices_wait(site->choices, LINE_MAIL);
	(void)queue_limit(site->couriers->queue, site->destination, site->n_out, site->n_large);
}

void
room_forget(struct site *site)
{
	wait_for_share_or_not(site, false);
	wait_or_not(site, false, false);
}

bool
room_is_waited_for(const struct site *site)
{
	return list_has_link(&site->waits_for_share) || (site->choices != NULL && choices_are_waiting(site->choices));
}

/*
 * The first in a line has its turn, or is out of it when its mail is gone meanwhile.  True if it takes the room.  It stands
 * there until it is told, for that keeps the room from mail whose clients wait; where it waits on it goes to the end.
 */
static bool
call_first(struct next_hop *next_hop, enum line line)
{
	struct choice *choice = LIST_ITEM(list_first(&next_hop->waiting[line]), struct choice, waiting[line]);
	struct site *site = choice->site;
	bool is_taken = tell(site, true);

	if (list_has_link(&choice->waiting[line])) {
		choices_stop_waiting(site->choices, line);
		choices_wait(site->choices, line);
	}
	if (!is_taken)
		site_is_idle(site);
	return is_taken;
}

/* They look for a place themselves, and leave the line when they have one. */
static void
call_online(struct next_hop *next_hop, int n)
{
	LIST_EACH(link, &next_hop->waiting[LINE_ONLINE]) {
		struct site *site = LIST_ITEM(link, struct choice, waiting[LINE_ONLINE])->site;

		for (int i = 0; i < site->n_online_waiting && n > 0; i++, n--)
			signal_one(&site->online_room);
	}
}

void
room_came_free(struct next_hop *next_hop)
{
	int room = next_hop_room(next_hop), large = next_hop_room_large(next_hop), n_online = next_hop_room_online(next_hop);
	size_t n_waiting = next_hop->waiting[LINE_MAIL].n, n_waiting_large = next_hop->waiting[LINE_LARGE].n;

	if (!next_hop->is_up || next_hop->couriers->is_stopping)
		return;
	while (room > 0 && n_waiting-- > 0 && !list_is_empty(&next_hop->waiting[LINE_MAIL]))
		room -= call_first(next_hop, LINE_MAIL);
	while (room > 0 && large > 0 && n_waiting_large-- > 0 && !list_is_empty(&next_hop->waiting[LINE_LARGE]))
		large -= call_first(next_hop, LINE_LARGE);
	if (n_online == 0 && room > 0)		/* it was the queue's turn, and it has nothing */
		n_online = next_hop_room_online(next_hop);
	call_online(next_hop, n_online);
}

void
room_share_came_free(struct couriers *c)
{
	size_t n_waiting = c->sharing.n;

	while (n_waiting-- > 0 && !list_is_empty(&c->sharing)) {
		struct site *site = LIST_ITEM(list_first(&c->sharing), struct site, waits_for_share);

		wait_for_share_or_not(site, false);
		if (room_tell(site))
			return;
		site_is_idle(site);
	}
}
