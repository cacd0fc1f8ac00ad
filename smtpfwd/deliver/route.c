/*
 * route.c - from a destination's name to the next hops that take its mail
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/next_hop.h"

enum {
	SETTINGS_MAX_BYTES = 64 * 1024 * 1024,	/* thousands of relay sections have their own */
	CONNECTIONS_DEFAULT = 20,		/* as Postfix's default_destination_concurrency_limit */
	CHECK_DEFAULT_S = 15,
};

struct tls_context {			/* one for each CA file: reading the system's takes a while and memory */
	const char		*ca_file;
	struct tls_client	*client;
};

struct routes {
	struct arena		 arena;
	struct route		*routes;
	int			 n_routes;
	struct tls_context	*contexts;
	int			 n_contexts;
};

static const char *
keep(struct routes *routes, const char *text)
{
	struct str copy;

	if (text == NULL)
		return NULL;
	insist(arena_copy(&routes->arena, str_of(text), &copy));
	return copy.at;
}

static const struct tls_client *
context_for(struct routes *routes, const char *ca_file, struct fault *fault_out)
{
	struct tls_context *context;
	int i;

	for (i = 0; i < routes->n_contexts; i++) {
		if (str_eq(str_of(routes->contexts[i].ca_file), str_of(ca_file)))
			return routes->contexts[i].client;
	}
	context = &routes->contexts[routes->n_contexts];
	context->client = tls_client_new(ca_file, fault_out);
	if (context->client == NULL)
		return NULL;
	context->ca_file = keep(routes, ca_file);
	routes->n_contexts++;
	return context->client;
}

static void
init_next_hop(struct routes *routes, struct route *route, const struct next_hop_settings *from, struct next_hop *next_hop)
{
	char room[IP_TEXT_MAX];

	*next_hop = (struct next_hop){ .route = route, .ip = from->ip, .port = from->port, .is_up = true };
	next_hop->written = str_of(keep(routes, from->written));
	list_init(&next_hop->idle);
	signal_init(&next_hop->check_now);
	if (from->host != NULL) {
		next_hop->ip.family = IP_NONE;
		next_hop->host = str_of(keep(routes, from->host));
	} else
		insist(arena_copy(&routes->arena, ip_text(&from->ip, room), &next_hop->host));
}

static int
init_route(struct routes *routes, const struct route_settings *from, struct route *route, struct fault *fault_out)
{
	struct ip *sources;
	int i;

	if (from->n_next_hops < 1 || from->n_next_hops > ROUTE_NEXT_HOPS_MAX)
		return fault_permanent(fault_out, "%s has %d next hops; 1 to %d are possible", from->destination,
		    from->n_next_hops, ROUTE_NEXT_HOPS_MAX);
	*route = (struct route){
		.destination = str_of(keep(routes, from->destination)),
		.n_next_hops = from->n_next_hops,
		.balance = from->balance,
		.tls = { .mode = from->tls, .name = keep(routes, from->tls_name) },
		.connections_max = from->connections_max > 0 ? from->connections_max : CONNECTIONS_DEFAULT,
		.check_interval = from->check_interval.ns > 0 ? from->check_interval : span_s(CHECK_DEFAULT_S),
		.n_sources = from->n_sources,
	};
	signal_init(&route->freed);
	if (from->tls != TLS_OFF) {
		route->tls.client = context_for(routes, from->ca_file, fault_out);
		if (route->tls.client == NULL)
			return fault_prefix(fault_out, "%s", from->destination);
	}
	if (login_read(from, &routes->arena, &route->login, fault_out) != 0)
		return fault_prefix(fault_out, "%s", from->destination);
	sources = arena_array(&routes->arena, (size_t)from->n_sources + 1, sizeof(*sources));
	route->next_hops = arena_array(&routes->arena, (size_t)from->n_next_hops, sizeof(*route->next_hops));
	insist(sources != NULL && route->next_hops != NULL);
	for (i = 0; i < from->n_sources; i++)
		sources[i] = from->sources[i];
	route->sources = sources;
	for (i = 0; i < from->n_next_hops; i++)
		init_next_hop(routes, route, &from->next_hops[i], &route->next_hops[i]);
	return 0;
}

struct routes *
routes_new(const struct route_settings *settings, int n_routes, struct fault *fault_out)
{
	struct routes *routes = mem_new(sizeof(*routes));

	arena_init(&routes->arena, SETTINGS_MAX_BYTES);
	routes->routes = mem_new_array((size_t)n_routes + 1, sizeof(*routes->routes));
	routes->contexts = mem_new_array((size_t)n_routes + 1, sizeof(*routes->contexts));
	while (routes->n_routes < n_routes) {
		if (init_route(routes, &settings[routes->n_routes], &routes->routes[routes->n_routes], fault_out) != 0) {
			routes_free(routes);
			return NULL;
		}
		routes->n_routes++;
	}
	return routes;
}

void
routes_free(struct routes *routes)
{
	int i, j;

	for (i = 0; i < routes->n_routes; i++) {
		login_forget(&routes->routes[i].login);
		for (j = 0; j < routes->routes[i].n_next_hops; j++)
			insist(routes->routes[i].next_hops[j].n_connections == 0);
	}
	for (i = 0; i < routes->n_contexts; i++)
		tls_client_free(routes->contexts[i].client);
	mem_free(routes->contexts);
	mem_free(routes->routes);
	arena_fini(&routes->arena);
	mem_free(routes);
}

int
routes_n(const struct routes *routes)
{
	return routes->n_routes;
}

struct route *
routes_at(const struct routes *routes, int i)
{
	return &routes->routes[i];
}

bool
routes_have_login(const struct routes *routes)
{
	int i;

	for (i = 0; i < routes->n_routes; i++) {
		if (routes->routes[i].login.name.len > 0)
			return true;
	}
	return false;
}

struct route *
routes_find(const struct routes *routes, struct str destination)
{
	int i;

	for (i = 0; i < routes->n_routes; i++) {
		if (str_eq(routes->routes[i].destination, destination))
			return &routes->routes[i];
	}
	return NULL;
}

static int
n_busy(const struct next_hop *next_hop)
{
	return next_hop->n_connections - (int)next_hop->idle.n;
}

/* The best of those that are up, untried and have room; NULL if there is none. */
static struct next_hop *
best_with_room(struct route *route, uint64_t tried, bool *is_any_up_out)
{
	unsigned first = route->balance == BALANCE_FAILOVER ? 0 : route->turn;
	struct next_hop *best = NULL;
	unsigned i;

	*is_any_up_out = false;
	for (i = 0; i < (unsigned)route->n_next_hops; i++) {
		unsigned at = (first + i) % (unsigned)route->n_next_hops;
		struct next_hop *next_hop = &route->next_hops[at];

		if (!next_hop->is_up || (tried >> at & 1) != 0)
			continue;
		*is_any_up_out = true;
		if (!next_hop_has_room(next_hop)) {
			/* The first that is up takes all: a busy one is no reason to go to a reserve. */
			if (route->balance == BALANCE_FAILOVER)
				return NULL;
			continue;
		}
		if (best == NULL || (route->balance == BALANCE_LEAST_CONNECTIONS && n_busy(next_hop) < n_busy(best)))
			best = next_hop;
	}
	return best;
}

enum route_choice
route_choose(struct route *route, uint64_t tried, struct next_hop **next_hop_out)
{
	bool is_any_up;
	struct next_hop *best = best_with_room(route, tried, &is_any_up);

	*next_hop_out = best;
	if (best == NULL)
		return is_any_up ? ROUTE_ALL_BUSY : ROUTE_NONE_LEFT;
	route->turn = (unsigned)(best - route->next_hops + 1) % (unsigned)route->n_next_hops;
	return ROUTE_CHOSEN;
}

bool
route_is_down(const struct route *route)
{
	int i;

	for (i = 0; i < route->n_next_hops; i++) {
		if (route->next_hops[i].is_up)
			return false;
	}
	return true;
}

int
route_connections_max(const struct route *route)
{
	return route->balance == BALANCE_FAILOVER ? route->connections_max : route->connections_max * route->n_next_hops;
}
