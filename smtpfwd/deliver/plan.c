/*
 * plan.c - courier settings made ready: routes with their TLS contexts, timeouts
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/plan.h"

enum {
	SETTINGS_MAX_BYTES = 64 * 1024 * 1024,	/* thousands of relay sections have their own */
	CONNECTIONS_DEFAULT = 20,		/* as Postfix's default_destination_concurrency_limit */
	CHECK_DEFAULT_S = 15,
	DELIVERIES_DEFAULT = 200,
	IDLE_DEFAULT_S = 30,		/* servers wait five minutes (RFC 5321 4.5.3.2.7), but their slots are others' too */
};

struct tls_context {			/* one for each CA file: reading the system's takes a while and memory */
	const char		*ca_file;
	struct tls_client	*client;
};

static void *
make_room(struct courier_plan *plan, int n, size_t item_bytes)
{
	void *room = arena_array(&plan->arena, (size_t)n + 1, item_bytes);

	insist(room != NULL);
	return room;
}

static const char *
keep(struct courier_plan *plan, const char *text)
{
	struct str copy;

	if (text == NULL)
		return NULL;
	insist(arena_copy(&plan->arena, str_of(text), &copy));
	return copy.at;
}

static const struct tls_client *
context_for(struct courier_plan *plan, const char *ca_file, struct fault *fault_out)
{
	struct tls_context *context;

	for (int i = 0; i < plan->n_contexts; i++)
		if (str_eq(str_of(plan->contexts[i].ca_file), str_of(ca_file)))
			return plan->contexts[i].client;
	context = &plan->contexts[plan->n_contexts];
	context->client = tls_client_new(ca_file, fault_out);
	if (context->client == NULL)
		return NULL;
	context->ca_file = keep(plan, ca_file);
	plan->n_contexts++;
	return context->client;
}

static void
init_hop(struct courier_plan *plan, const struct next_hop_settings *from, struct hop_plan *hop)
{
	char room[IP_TEXT_MAX];

	*hop = (struct hop_plan){ .written = str_of(keep(plan, from->written)), .port = from->port, .is_mx = from->is_mx };
	if (from->host != NULL || from->is_mx) {
		hop->host = str_of(keep(plan, from->host));
	} else {
		hop->ip = from->ip;
		insist(arena_copy(&plan->arena, ip_text(&from->ip, room), &hop->host));
	}
}

static void
init_lists(struct courier_plan *plan, const struct route_settings *from, struct route *route)
{
	struct ip *sources = make_room(plan, from->n_sources, sizeof(*sources));
	struct hop_plan *hops = make_room(plan, from->n_next_hops, sizeof(*hops));

	for (int i = 0; i < from->n_sources; i++)
		sources[i] = from->sources[i];
	for (int i = 0; i < from->n_next_hops; i++) {
		init_hop(plan, &from->next_hops[i], &hops[i]);
		route->is_by_domain |= hops[i].is_mx && hops[i].host.len == 0;
	}
	route->sources = sources;
	route->n_sources = from->n_sources;
	route->hops = hops;
	route->n_hops = from->n_next_hops;
}

static int
init_route(struct courier_plan *plan, const struct route_settings *from, struct str section, struct route *route,
    struct fault *fault_out)
{
	if (from->n_next_hops < 1 || from->n_next_hops > ROUTE_NEXT_HOPS_MAX)
		return fault_permanent(fault_out, "%s has %d next hops; 1 to %d are possible", from->destination,
		    from->n_next_hops, ROUTE_NEXT_HOPS_MAX);
	*route = (struct route){
		.plan = plan,
		.destination = str_of(keep(plan, from->destination)),
		.section = section,
		.may_use_loopback = from->may_use_loopback,
		.balance = from->balance,
		.tls = { .mode = from->tls, .name = keep(plan, from->tls_name) },
		.connections_max = from->connections_max > 0 ? from->connections_max : CONNECTIONS_DEFAULT,
		.check_interval = from->check_interval.ns > 0 ? from->check_interval : span_s(CHECK_DEFAULT_S),
		.srs = from->srs,
		.identity = { .means = from->identity, .tells_login = from->tells_login, .has_login = from->login != NULL },
	};
	if (from->tls != TLS_OFF) {
		route->tls.client = context_for(plan, from->ca_file, fault_out);
		if (route->tls.client == NULL)
			return fault_prefix(fault_out, "%s", from->destination);
	}
	if (login_read(from, &plan->arena, &route->login, fault_out) != 0)
		return fault_prefix(fault_out, "%s", from->destination);
	init_lists(plan, from, route);
	map_set(&plan->by_destination, route->destination, route);
	return 0;
}

/* A ring of as many routes as there are next hops, each of one alone. */
static int
init_ring(struct courier_plan *plan, const struct route_settings *from, struct str section, struct route *ring,
    struct fault *fault_out)
{
	for (int i = 0; i < from->n_next_hops; i++) {
		struct route_settings one = *from;
		struct str name;

		insist(arena_printf(&plan->arena, &name, "%.*s/%s", STR_ARG(section), from->next_hops[i].written));
		one.destination = name.at;
		one.next_hops = &from->next_hops[i];
		one.n_next_hops = 1;
		if (init_route(plan, &one, section, &ring[i], fault_out) != 0)
			return -1;
		plan->n_routes++;
		ring[i].ring = ring;
		ring[i].n_ring = from->n_next_hops;
		ring[i].place = i;
	}
	return 0;
}

static int
add_section(struct courier_plan *plan, const struct route_settings *from, struct fault *fault_out)
{
	struct route *route = &plan->routes[plan->n_routes];
	struct str section = str_of(keep(plan, from->destination));

	if (from->is_by_recipient)
		return init_ring(plan, from, section, route, fault_out);
	if (init_route(plan, from, section, route, fault_out) != 0)
		return -1;
	plan->n_routes++;
	return 0;
}

static int
count_routes(const struct courier_settings *settings)
{
	int n = 0;

	for (int i = 0; i < settings->n_routes; i++)
		n += settings->routes[i].is_by_recipient ? settings->routes[i].n_next_hops : 1;
	return n;
}

static struct span
or_else(struct span given, int otherwise_s)
{
	return given.ns > 0 ? given : span_s(otherwise_s);
}

static void
init_client_settings(struct courier_plan *plan, const struct courier_settings *s)
{
	plan->client_settings = (struct client_settings){		/* RFC 5321 4.5.3.2, but for connect */
		.hostname = keep(plan, s->hostname),
		.connect_timeout = or_else(s->connect_timeout, 30),
		.greeting_timeout = or_else(s->greeting_timeout, 300),
		.mail_timeout = or_else(s->mail_timeout, 300),
		.rcpt_timeout = or_else(s->rcpt_timeout, 300),
		.data_timeout = or_else(s->data_timeout, 120),
		.block_timeout = or_else(s->block_timeout, 180),
		.final_timeout = or_else(s->final_timeout, 600),
	};
}

struct courier_plan *
courier_plan_new(const struct courier_settings *settings, struct fault *fault_out)
{
	static const uint64_t seed[2] = { 0, 0 };	/* the keys are the administrator's own */
	struct courier_plan *plan = mem_new(sizeof(*plan));
	struct endpoint *ours;

	*plan = (struct courier_plan){
		.idle_max = or_else(settings->idle_max, IDLE_DEFAULT_S),
		.deliveries_max = settings->deliveries_max > 0 ? settings->deliveries_max : DELIVERIES_DEFAULT,
		.n_ours = settings->n_ours,
	};
	arena_init(&plan->arena, SETTINGS_MAX_BYTES);
	map_init(&plan->by_destination, seed);
	init_client_settings(plan, settings);
	plan->ours = ours = make_room(plan, settings->n_ours, sizeof(*ours));
	for (int i = 0; i < settings->n_ours; i++)
		ours[i] = settings->ours[i];
	plan->routes = make_room(plan, count_routes(settings), sizeof(*plan->routes));
	plan->contexts = make_room(plan, settings->n_routes, sizeof(*plan->contexts));
	for (int i = 0; i < settings->n_routes; i++) {
		if (add_section(plan, &settings->routes[i], fault_out) != 0) {
			courier_plan_free(plan);
			return NULL;
		}
	}
	return plan;
}

void
courier_plan_free(struct courier_plan *plan)
{
	if (plan == NULL)
		return;
	insist(plan->n_users == 0);
	for (int i = 0; i < plan->n_contexts; i++)
		tls_client_free(plan->contexts[i].client);
	for (int i = 0; i < plan->n_routes; i++)
		login_forget(&plan->routes[i].login);
	map_fini(&plan->by_destination);
	arena_fini(&plan->arena);
	mem_free(plan);
}

const struct route *
plan_find(const struct courier_plan *plan, struct str destination, struct str *domain_out)
{
	const struct route *route = map_get(&plan->by_destination, destination);
	ptrdiff_t slash;

	*domain_out = STR_EMPTY;
	if (route != NULL)
		return route->is_by_domain ? NULL : route;
	slash = str_rfind(destination, '/');		/* no domain has one */
	if (slash < 0)
		return NULL;
	route = map_get(&plan->by_destination, str_sub(destination, 0, (size_t)slash));
	*domain_out = str_from(destination, (size_t)slash + 1);
	return route != NULL && route->is_by_domain ? route : NULL;
}

bool
plan_has_login(const struct courier_plan *plan)
{
	for (int i = 0; i < plan->n_routes; i++)
		if (plan->routes[i].login.name.len > 0)
			return true;
	return false;
}

void
plan_use(struct courier_plan *plan)
{
	plan->n_users++;
}

static void
free_unused(struct courier_plan *plan)
{
	if (plan->is_retired && plan->n_users == 0)
		courier_plan_free(plan);
}

void
plan_leave(struct courier_plan *plan)
{
	insist(plan->n_users > 0);
	plan->n_users--;
	free_unused(plan);
}

void
plan_retire(struct courier_plan *plan)
{
	plan->is_retired = true;
	free_unused(plan);
}

struct courier_plan *
plan_of(const struct client *client)
{
	const char *settings = (const char *)client->settings;

	return (struct courier_plan *)(void *)((uintptr_t)settings - offsetof(struct courier_plan, client_settings));
}
