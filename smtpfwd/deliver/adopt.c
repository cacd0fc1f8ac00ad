/*
 * adopt.c - another plan for couriers at work: sites and next hops live on, the plan they go by changes
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/couriers.h"

static bool
collect(void *context, struct str key, void *value)
{
	struct site ***next = context;

	(void)key;
	*(*next)++ = value;
	return true;
}

/* All of now, while the map changes; owned. */
static struct site **
collect_sites(struct couriers *c)
{
	struct site **sites = mem_new_array(c->sites.n + 1, sizeof(*sites)), **next = sites;

	map_each(&c->sites, collect, &next);
	return sites;
}

void
couriers_drop_sites(struct couriers *c)
{
	struct site **sites = collect_sites(c);

	for (struct site **site = sites; *site != NULL; site++)
		site_go(*site);
	mem_free(sites);
}

/* Ending a session may be the end of its next hop, and of no other one. */
void
couriers_end_idle(struct couriers *c)
{
	LIST_EACH(link, &c->all_next_hops)
		held_end_idle(c, LIST_ITEM(link, struct next_hop, in_all));
}

/* By the new plan where it is still there; one that is not is for those who still work for it. */
static void
adopt_sites(struct couriers *c)
{
	struct site **sites = collect_sites(c);

	for (struct site **site = sites; *site != NULL; site++) {
		struct str domain;
		const struct route *route = plan_find(c->plan, (*site)->destination, &domain);

		if (route == NULL)
			site_go(*site);
		else
			site_set_route(*site, route, domain);
	}
	mem_free(sites);
}

/* Mail hosts that sites found before stay, and go by the route of the same name. */
static void
adopt_next_hops(struct couriers *c)
{
	LIST_EACH(link, &c->all_next_hops) {
		struct next_hop *next_hop = LIST_ITEM(link, struct next_hop, in_all);
		const struct route *route = map_get(&c->plan->by_destination, next_hop->route->destination);

		if (route != NULL)
			next_hop_set_route(next_hop, route);
	}
}

/* What is configured by name is there from the start: it is shown, and its limit is told. */
static void
make_sites(struct couriers *c)
{
	for (int i = 0; i < c->plan->n_routes; i++)
		if (!c->plan->routes[i].is_by_domain)
			site_find_configured(site_get(c, c->plan->routes[i].destination));
}

void
couriers_adopt(struct couriers *c, struct courier_plan *plan)
{
	struct courier_plan *old = c->plan;

	c->plan = plan;
	if (c->dialer.logins == NULL && plan_has_login(plan))
		c->dialer.logins = logins_new(c->loop);
	adopt_sites(c);
	adopt_next_hops(c);
	make_sites(c);
	again_forget_unlisted(&c->again);
	couriers_end_idle(c);
	if (old != NULL)
		plan_retire(old);
}
