/*
 * site.c - where the mail of one destination goes: next hops of its route, or a domain's mail hosts
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/mx.h"

enum {
	/* All questions for one site: the resolver gives up long before. */
	FIND_MAX_S = 60,
	FIND_ARENA_MAX_BYTES = 256 * 1024,
	/* The waits of a domain whose name servers do not answer: one question stands for all its mail. */
	UNFOUND_WAIT_MIN_S = 60,
	UNFOUND_WAIT_MAX_S = 1800,
	HOP_TEXT_MAX_BYTES = 300,
};

/* --- life and death --- */

static void
release(struct site *site)
{
	if (site->hold != SITE_NOT_HELD)
		queue_release_destination(site->couriers->queue, site->destination);
	site->hold = SITE_NOT_HELD;
}

static void
drop_choices(struct site *site)
{
	if (site->choices == NULL)
		return;
	choices_unlist(site->choices);
	choices_leave(site->choices);
	site->choices = NULL;
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
	drop_choices(site);
	room_forget(site);
	stop_being_unused(site);
	(void)map_remove(&c->sites, site->destination);
	(void)queue_limit(c->queue, site->destination, QUEUE_NO_LIMIT, QUEUE_NO_LIMIT);
}

static void
free_if_gone(struct site *site)
{
	if (!site->is_gone || site->n_out > 0)
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
	map_set(&c->sites, site->destination, site);
	room_tell(site);
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

/* Nobody works for it; where mail waits for it all the same, in the queue or for room, it is still of use. */
void
site_is_idle(struct site *site)
{
	struct couriers *c = site->couriers;

	if (site->domain.len == 0 || site->is_gone || site->n_out > 0 || site->hold == SITE_HELD_DOWN ||
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

static void
hold_unfound(struct site *site)
{
	struct couriers *c = site->couriers;
	int64_t wait = site->unfound_wait.ns * 2;

	if (wait < span_s(UNFOUND_WAIT_MIN_S).ns)
		wait = span_s(UNFOUND_WAIT_MIN_S).ns;
	if (wait > span_s(UNFOUND_WAIT_MAX_S).ns)
		wait = span_s(UNFOUND_WAIT_MAX_S).ns;
	site->unfound_wait = (struct span){ wait };
	site->hold = SITE_HELD_UNFOUND;
	queue_hold_back(c->queue, site->destination, instant_after(loop_now(c->loop), probe_jitter(site->unfound_wait)), site->why);
}

/* --- finding --- */

struct found {				/* what the entries of a route come to */
	struct next_hop	*next_hops[ROUTE_NEXT_HOPS_MAX];
	unsigned	 ranks[ROUTE_NEXT_HOPS_MAX];
	int		 n;
	unsigned	 n_ranks;
	struct mx_hosts	 mx;		/* of the entry at hand */
	struct span	 ttl;
};

static void
add(struct found *found, struct next_hop *next_hop, unsigned rank)
{
	if (found->n == ROUTE_NEXT_HOPS_MAX)
		return;
	next_hop_use(next_hop);
	found->next_hops[found->n] = next_hop;
	found->ranks[found->n++] = rank;
}

static void
add_mx_hosts(struct found *found, struct site *site, const struct route *route, const struct hop_plan *plan)
{
	char written[HOP_TEXT_MAX_BYTES];

	for (int i = 0; i < found->mx.n; i++) {
		const struct mx_host *host = &found->mx.hosts[i];
		struct hop_plan hop = { .host = host->name, .ip = host->ip, .port = plan->port };

		if (i > 0 && host->preference != found->mx.hosts[i - 1].preference)
			found->n_ranks++;
		snprintf(written, sizeof(written), "%.*s:%u", STR_ARG(host->name), plan->port);
		hop.written = str_of(written);
		if (host->ip.family != IP_NONE)		/* the address without what marks a literal */
			hop.host = domain_is_literal(host->name) ? str_sub(host->name, 1, host->name.len - 2) : host->name;
		add(found, next_hop_get(site->couriers, route, &hop, true), found->n_ranks);
	}
	found->n_ranks++;
}

/* A name that the administrator wrote is mended some day, whatever the DNS says of it now. */
static void
note_not_found(struct site *site, const struct mx_hosts *mx, bool is_configured)
{
	size_t n = strlen(mx->why) + 1;

	mem_free(site->why);
	site->why = mem_new(n);
	memcpy(site->why, mx->why, n);
	site->status = mx->status;
	if (is_configured)
		site->status.class = 4;
}

/* Adds what an entry of the route stands for.  Suspends for MX. */
static void
find_entry(struct site *site, const struct route *route, const struct hop_plan *plan, struct instant deadline,
    struct found *found)
{
	struct couriers *c = site->couriers;
	bool is_configured = plan->host.len > 0;
	struct mx_query query = {
		.domain = is_configured ? plan->host : site->domain, .port = plan->port,
		.may_use_loopback = route->may_use_loopback, .hostname = str_of(route->plan->client_settings.hostname),
		.ours = route->plan->ours, .n_ours = route->plan->n_ours,
	};
	struct arena arena;

	if (!plan->is_mx) {
		add(found, next_hop_get(c, route, plan, false), route->balance == BALANCE_FAILOVER ? found->n_ranks++ : 0);
		return;
	}
	arena_init(&arena, FIND_ARENA_MAX_BYTES);
	mx_find(c->dialer.resolver, &query, deadline, &arena, &found->mx);
	if (found->mx.result == MX_FOUND)
		add_mx_hosts(found, site, route, plan);
	else
		note_not_found(site, &found->mx, is_configured);
	if (found->mx.ttl.ns < found->ttl.ns)
		found->ttl = found->mx.ttl;
	arena_fini(&arena);
}

static void
take_choices(struct site *site, struct found *found)
{
	struct choices *choices = choices_new(found->n, site->route->balance == BALANCE_LEAST_CONNECTIONS);

	for (int i = 0; i < found->n; i++)
		choices_put(choices, i, found->next_hops[i], found->ranks[i]);
	drop_choices(site);
	site->choices = choices;
	choices_list(choices, site);
	site->unfound_wait = (struct span){ 0 };
	site->status = STATUS_NONE;
}

/* What the answers are worth, and until when. */
static void
set_found_until(struct site *site, const struct found *found)
{
	struct instant now = loop_now(site->couriers->loop);

	if (site->choices == NULL && site->status.class != 5)
		site->found_until = now;		/* who comes next asks again */
	else
		site->found_until = instant_after(now, found->ttl);
}

/* Asks and takes the answer.  Suspends for MX; false: meanwhile the site goes by another route, or is gone. */
static bool
find(struct site *site, struct instant deadline)
{
	const struct route *route = site->route;
	struct found *found = mem_new(sizeof(*found));
	bool is_current;

	found->ttl = (struct span){ INT64_MAX };
	plan_use(route->plan);
	for (int i = 0; i < route->n_hops; i++)
		find_entry(site, route, &route->hops[i], deadline, found);
	is_current = route == site->route && !site->is_gone;
	if (is_current) {
		if (found->n > 0)
			take_choices(site, found);
		else if (site->status.class == 5)
			drop_choices(site);
		set_found_until(site, found);
	}
	for (int i = 0; i < found->n; i++)
		next_hop_leave(found->next_hops[i]);
	plan_leave(route->plan);
	mem_free(found);
	return is_current;
}

static void
settle_hold(struct site *site)
{
	if (site->choices == NULL && site->status.class == 4) {
		hold_unfound(site);
		return;
	}
	if (site->choices != NULL && choices_are_down(site->choices)) {
		site->hold = SITE_NOT_HELD;		/* it may have been for a while only */
		site_hold_if_down(site, site->choices->at[0].next_hop->last_trouble);
	} else
		site_release(site);		/* with status 5 too: its mail fails now */
	room_tell(site);
}

bool
site_find(struct site *site, struct instant deadline)
{
	struct couriers *c = site->couriers;
	bool is_current;

	while (!site->is_gone && site->found_until.ns <= loop_now(c->loop).ns) {
		if (site->is_finding) {
			/* Those of before do meanwhile. */
			if (site->choices != NULL || signal_wait(&site->found, deadline) != WAKE_READY)
				break;
			if (site->choices == NULL)
				break;
			continue;
		}
		site->is_finding = true;
		is_current = find(site, instant_min(deadline, instant_after(loop_now(c->loop), span_s(FIND_MAX_S))));
		site->is_finding = false;
		signal_all(&site->found);
		if (fiber_is_cancelled())
			break;
		if (!is_current)
			continue;
		settle_hold(site);
		if (site->choices == NULL)
			break;
	}
	return site->choices != NULL;
}

void
site_find_configured(struct site *site)
{
	for (int i = 0; i < site->route->n_hops; i++)
		if (site->route->hops[i].is_mx)
			return;
	if (find(site, INSTANT_NEVER))
		settle_hold(site);
}
