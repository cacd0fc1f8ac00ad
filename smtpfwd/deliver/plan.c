/*
 * plan.c - courier settings made ready: routes with their TLS contexts, timeouts
 */
#include "base/mem.h"
#include "smtpfwd/deliver/plan.h"

enum {
	DELIVERIES_DEFAULT = 200,
	IDLE_DEFAULT_S = 30,		/* servers wait five minutes (RFC 5321 4.5.3.2.7), but their slots are others' too */
};

static struct span
or_else(struct span given, int otherwise_s)
{
	return given.ns > 0 ? given : span_s(otherwise_s);
}

static void
init_client_settings(struct courier_plan *plan, const struct courier_settings *s)
{
	size_t n = strlen(s->hostname) + 1;

	plan->hostname = mem_new(n);
	memcpy(plan->hostname, s->hostname, n);
	plan->client_settings = (struct client_settings){		/* RFC 5321 4.5.3.2, but for connect */
		.hostname = plan->hostname,
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
	struct routes *routes = routes_new(settings->routes, settings->n_routes, fault_out);
	struct courier_plan *plan;

	if (routes == NULL)
		return NULL;
	plan = mem_new(sizeof(*plan));
	*plan = (struct courier_plan){
		.routes = routes,
		.idle_max = or_else(settings->idle_max, IDLE_DEFAULT_S),
		.deliveries_max = settings->deliveries_max > 0 ? settings->deliveries_max : DELIVERIES_DEFAULT,
	};
	init_client_settings(plan, settings);
	return plan;
}

void
courier_plan_free(struct courier_plan *plan)
{
	if (plan == NULL)
		return;
	routes_free(plan->routes);
	mem_free(plan->hostname);
	mem_free(plan);
}
