/*
 * site.c - where the mail of one destination goes: next hops of its route, or a domain's mail hosts
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/mx.h"

/* --- life and death --- */

static void
release(struct site *site)
{
	if (site->hold != SITE_NOT_HELD)
		queue_release_destination(site->couriers->queue, site->destination);
	site->hold = SITE_NOT_HELD;
}

void
site_take_choices(struct site *site, struct choices *choices)
{
	if (site->choices != NULL)
		choices_unlist(site->choices);
	choices_leave(site->choices);
	signal_all(&site->online_room);
	site->choices = choices;
	if (choices != NULL)
		choices_list(choices, site);
}

static void
stop_being_unused(struct site *site)
{
	if (list_has_link(&site->unused))
		list_remove(&site->couriers->unused, &site->unused);
}

/* Out of everybody's sight; the queue goes by itself for this destination. */
static void
retire(struct site *site)
{
	struct couriers *c = site->couriers;

	if (site->is_gone)
		return;
	site->is_gone = true;
	release(site);
	site_take_choices(site, NULL);
	room_forget(site);
	stop_being_unused(site);
	(void)map_remove(&c->sites, site->destination);
	(void)queue_limit(c->queue, site->destination, QUEUE_NO_LIMIT, QUEUE_NO_LIMIT);
}

static void
free_if_gone(struct site *site)
{
	if (!site->is_gone || site->n_out > 0 || site->n_online > 0)
		return;
	plan_leave(site->route->plan);
	mem_free(site->why);
	mem_free((void *)(uintptr_t)site->destination.at);
	mem_free(site);
}

void
site_go(struct site *site)
{
	retire(site);
	free_if_gone(site);
}

static struct site *
make(struct couriers *c, struct str destination, const struct route *route, struct str domain)
{
	struct site *site = mem_new(sizeof(*site));
	char *name = mem_new(destination.len + 1);

	memcpy(name, destination.at, destination.len);
	*site = (struct site){ .couriers = c, .destination = str_n(name, destination.len), .route = route };
	site->domain = str_from(site->destination, destination.len - domain.len);
	plan_use(route->plan);
	signal_init(&site->found);
	signal_init(&site->online_room);
	map_set(&c->sites, site->destination, site);
	if (domain.len > 0 && queue_is_held_back(c->queue, site->destination)) {	/* it was forgotten, see below */
		site->hold = SITE_HELD_UNFOUND;
		site->unfound_wait = span_s(UNFOUND_WAIT_MAX_S);
	}
	room_tell(site);
	/* What somebody configured does not wait behind thousands of strangers' domains. */
	if (domain.len == 0)
		queue_prefer(c->queue, site->destination);
	return site;
}

struct site *
site_get(struct couriers *c, struct str destination)
{
	struct site *site = map_get(&c->sites, destination);
	const struct route *route;
	struct str domain;

	if (site != NULL)
		return site;
	route = plan_find(c->plan, destination, &domain);
	return route != NULL ? make(c, destination, route, domain) : NULL;
}

void
sites_forget_unused(struct couriers *c)
{
	struct instant now = loop_now(c->loop);
	struct list_link *first;

	while ((first = list_first(&c->unused)) != NULL) {
		struct site *site = LIST_ITEM(first, struct site, unused);

		if (c->unused.n <= SITES_IDLE_MAX && instant_diff(site->unused_since, now).ns < span_s(MX_TTL_MAX_S).ns)
			return;
		/* The queue holds back by itself until the time it was told: its mail would ask again at once, and push out others. */
		if (site->hold == SITE_HELD_UNFOUND)
			site->hold = SITE_NOT_HELD;
		site_go(site);
	}
}

void
site_enter(struct site *site)
{
	stop_being_unused(site);
	site->n_out++;
	site->couriers->n_out++;
	room_tell(site);
}

void
site_leave(struct site *site)
{
	struct couriers *c = site->couriers;

	insist(site->n_out > 0);
	site->n_out--;
	c->n_out--;
	if (site->is_gone) {
		free_if_gone(site);
	} else {
		room_tell(site);
		site_is_idle(site);
	}
	if (!c->is_stopping) {
		room_share_came_free(c);
		sites_forget_unused(c);
	}
}

void
site_enter_online(struct site *site)
{
	stop_being_unused(site);
	site->n_online++;
}

void
site_leave_online(struct site *site)
{
	insist(site->n_online > 0);
	site->n_online--;
	if (site->is_gone)
		free_if_gone(site);
	else
		site_is_idle(site);
}

enum wake
site_wait_for_room(struct site *site, struct instant deadline)
{
	enum wake wake;

	site->n_online_waiting++;
	choices_wait(site->choices, LINE_ONLINE);
	wake = signal_wait(&site->online_room, deadline);
	site->n_online_waiting--;
	if (site->n_online_waiting == 0 && site->choices != NULL)
		choices_stop_waiting(site->choices, LINE_ONLINE);
	return wake;
}

/* Nobody works for it; where mail waits for it all the same, in the queue or for room, it is still of use. */
void
site_is_idle(struct site *site)
{
	struct couriers *c = site->couriers;

	if (site->domain.len == 0 || site->is_gone || site->n_out > 0 || site->n_online > 0 || site->hold == SITE_HELD_DOWN ||
	    room_is_waited_for(site))
		return;
	stop_being_unused(site);
	site->unused_since = loop_now(c->loop);
	list_append(&c->unused, &site->unused);
}

void
site_set_route(struct site *site, const struct route *route, struct str domain)
{
	plan_use(route->plan);
	plan_leave(site->route->plan);
	site->route = route;
	site->domain = str_from(site->destination, site->destination.len - domain.len);
	site->found_until = (struct instant){ 0 };
}

/* --- up and down --- */

void
site_hold_if_down(struct site *site, const char *why)
{
	if (site->hold == SITE_HELD_DOWN || !choices_are_down(site->choices))
		return;
	site->hold = SITE_HELD_DOWN;
	stop_being_unused(site);
	room_tell(site);
	queue_hold_back(site->couriers->queue, site->destination, INSTANT_NEVER, why);
}

void
site_release(struct site *site)
{
	if (site->hold == SITE_NOT_HELD)
		return;
	/* The limit is there before the mail is: what was held back comes through the eye of one next hop. */
	room_shut(site);
	release(site);
	site_is_idle(site);
}

void
site_refresh(struct site *site)
{
	struct instant now = loop_now(site->couriers->loop);

	if (site->hold != SITE_NOT_HELD && site->found_until.ns <= now.ns && !site->is_finding)
		queue_hold_back(site->couriers->queue, site->destination, now,
		    site->hold == SITE_HELD_UNFOUND ? site->why : "its mail hosts are asked for again");
}
