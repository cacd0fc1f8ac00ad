/*
 * site_find.c - a site finds out its next hops: the route's own, and those that MX records name
 */
#include <stdio.h>

#include "base/mem.h"
#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/mx.h"

enum {
	/* All questions for one site: the resolver gives up long before. */
	FIND_MAX_S = 60,
	FIND_ARENA_MAX_BYTES = 256 * 1024,
	HOP_TEXT_MAX_BYTES = 300,
};

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
	char written[HOP_TEXT_MAX_BYTES], ip_room[IP_TEXT_MAX];

	for (int i = 0; i < found->mx.n; i++) {
		const struct mx_host *host = &found->mx.hosts[i];
		struct hop_plan hop = { .host = host->name, .ip = host->ip, .port = plan->port };

		if (i > 0 && host->preference != found->mx.hosts[i - 1].preference)
			found->n_ranks++;
		snprintf(written, sizeof(written), "%.*s:%u", STR_ARG(host->name), plan->port);
		hop.written = str_of(written);
		if (host->ip.family != IP_NONE)
			hop.host = ip_text(&host->ip, ip_room);
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
	site_take_choices(site, choices);
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
			site_take_choices(site, NULL);
		set_found_until(site, found);
	}
	for (int i = 0; i < found->n; i++)
		next_hop_leave(found->next_hops[i]);
	plan_leave(route->plan);
	mem_free(found);
	return is_current;
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
