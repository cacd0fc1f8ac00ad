/*
 * courier.c - takes due deliveries from the queue and sends a fiber with each
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/couriers.h"

enum {
	/* One after the other over one session; then the session goes back, so that destinations take turns. */
	SAME_SESSION_MAX_MAILS = 100,
	NO_FIBER_WAIT_MS = 200,		/* the loop is full: give the mail back and breathe */
};

/* --- fibers that couriers_stop knows of --- */

struct tended {
	struct list_link	 link;
	struct couriers		*c;
	struct fiber		*fiber;
	enum tended_kind	 kind;
	void			(*run)(struct couriers *c, void *arg);
	void			*arg;
};

static void
run_tended(void *arg)
{
	struct tended *t = arg;
	struct couriers *c = t->c;

	t->run(c, t->arg);
	list_remove(&c->tended[t->kind], &t->link);
	mem_free(t);
	signal_all(&c->changed);
}

bool
couriers_start(struct couriers *c, enum tended_kind kind, const char *name,
    void (*run)(struct couriers *c, void *arg), void *arg)
{
	struct tended *t = mem_new(sizeof(*t));

	*t = (struct tended){ .c = c, .kind = kind, .run = run, .arg = arg };
	t->fiber = fiber_start(c->loop, name, run_tended, t);
	if (t->fiber == NULL) {
		mem_free(t);
		return false;
	}
	list_append(&c->tended[kind], &t->link);
	return true;
}

static void
cancel_all(struct couriers *c, enum tended_kind kind)
{
	LIST_EACH(link, &c->tended[kind])
		fiber_cancel(LIST_ITEM(link, struct tended, link)->fiber);
}

/* --- the work --- */

/* One delivery, and what else is due for the same destination while its session is open. */
static void
run_courier(struct couriers *c, void *arg)
{
	struct held held = { .client = NULL };
	struct delivery *delivery = arg;
	int n_mails = 0;

	while (delivery != NULL) {
		carry(c, delivery, &held);
		delivery = NULL;
		if (held.client != NULL && held.next_hop->is_up && !c->is_stopping && ++n_mails < SAME_SESSION_MAX_MAILS)
			delivery = queue_take_same(c->queue, held.next_hop->route->destination,
			    instant_after(loop_now(c->loop), c->plan->idle_max));
	}
	if (held.client != NULL)
		held_keep(c, &held);
}

static void
take_deliveries(struct couriers *c, void *arg)
{
	(void)arg;
	while (!c->is_stopping) {
		struct delivery *delivery;

		if (c->tended[TENDED_COURIER].n >= (size_t)c->plan->deliveries_max) {
			signal_wait(&c->changed, INSTANT_NEVER);
			continue;
		}
		delivery = queue_take(c->queue, INSTANT_NEVER);
		if (delivery == NULL)
			continue;
		if (c->is_stopping)
			queue_give_back(c->queue, delivery, loop_now(c->loop));
		else if (!couriers_start(c, TENDED_COURIER, "courier", run_courier, delivery)) {
			struct instant later = instant_after(loop_now(c->loop), span_ms(NO_FIBER_WAIT_MS));

			queue_give_back(c->queue, delivery, later);
			fiber_sleep(later);
		}
	}
}

/* --- start and end --- */

static void
init_routes(struct couriers *c)
{
	int i, j;

	for (i = 0; i < routes_n(c->plan->routes); i++) {
		struct route *route = routes_at(c->plan->routes, i);

		route->couriers = c;
		for (j = 0; j < route->n_next_hops; j++)
			route->next_hops[j].expiry.ring = held_expire;
		queue_limit(c->queue, route->destination, route_connections_max(route), route_connections_max(route));
	}
}

static void
take_up_plan(struct couriers *c, struct courier_plan *plan)
{
	c->plan = plan;
	c->dialer.settings = &plan->client_settings;
	if (c->dialer.logins == NULL && routes_have_login(plan->routes))
		c->dialer.logins = logins_new(c->loop);
	init_routes(c);
}

struct couriers *
couriers_new(struct loop *loop, struct queue *queue, struct resolver *resolver, struct courier_plan *plan,
    struct log *log, struct fault *fault_out)
{
	struct couriers *c = mem_new(sizeof(*c));
	int kind;

	*c = (struct couriers){ .loop = loop, .queue = queue, .log = log };
	c->dialer = (struct dialer){ .loop = loop, .resolver = resolver, .log = log };
	for (kind = 0; kind < TENDED_N_KINDS; kind++)
		list_init(&c->tended[kind]);
	signal_init(&c->changed);
	list_init(&c->retired);
	take_up_plan(c, plan);
	if (!couriers_start(c, TENDED_SERVICE, "couriers", take_deliveries, NULL)) {
		fault_because(fault_out, FAULT_FULL, "no room for a fiber to deliver mail");
		couriers_free(c);
		return NULL;
	}
	return c;
}

static void
each_next_hop(struct couriers *c, void (*visit)(struct couriers *c, struct next_hop *next_hop))
{
	int i, j;

	for (i = 0; i < routes_n(c->plan->routes); i++) {
		struct route *route = routes_at(c->plan->routes, i);

		for (j = 0; j < route->n_next_hops; j++)
			visit(c, &route->next_hops[j]);
		signal_all(&route->freed);	/* who waits for room looks again, and sees that we stop */
	}
}

void
couriers_adopt(struct couriers *c, struct courier_plan *plan)
{
	struct courier_plan *old = c->plan;
	int i;

	each_next_hop(c, held_end_idle);
	for (i = 0; i < routes_n(old->routes); i++) {
		struct route *route = routes_at(old->routes, i);

		if (route->is_held_back)
			queue_release_destination(c->queue, route->destination);
		route->is_held_back = false;
		queue_limit(c->queue, route->destination, QUEUE_NO_LIMIT, QUEUE_NO_LIMIT);
	}
	list_append(&c->retired, &old->in_retired);
	take_up_plan(c, plan);
}

static bool
wait_for_end(struct couriers *c, enum tended_kind kind, struct instant deadline)
{
	while (!list_is_empty(&c->tended[kind])) {
		switch (signal_wait(&c->changed, deadline)) {
		case WAKE_READY:
			continue;
		case WAKE_TIMED_OUT:
			return false;
		case WAKE_CANCELLED:		/* we are to end too: no grace for anybody */
			cancel_all(c, kind);
			fiber_yield();
			continue;
		}
	}
	return true;
}

/* Nobody is left to see that a next hop is back; whoever comes after us finds out anew. */
static void
release_destinations(struct couriers *c)
{
	int i;

	for (i = 0; i < routes_n(c->plan->routes); i++) {
		struct route *route = routes_at(c->plan->routes, i);

		if (route->is_held_back)
			queue_release_destination(c->queue, route->destination);
		route->is_held_back = false;
	}
}

void
couriers_stop(struct couriers *c, struct instant deadline)
{
	int kind;

	c->is_stopping = true;
	cancel_all(c, TENDED_SERVICE);
	each_next_hop(c, held_end_idle);
	wait_for_end(c, TENDED_COURIER, deadline);
	wait_for_end(c, TENDED_QUIT, deadline);
	/* A cancelled fiber only winds up, so what is left ends soon. */
	for (kind = 0; kind < TENDED_N_KINDS; kind++)
		cancel_all(c, (enum tended_kind)kind);
	for (kind = 0; kind < TENDED_N_KINDS; kind++)
		wait_for_end(c, (enum tended_kind)kind, INSTANT_NEVER);
	each_next_hop(c, held_end_idle);
	wait_for_end(c, TENDED_QUIT, INSTANT_NEVER);
	release_destinations(c);
}

void
couriers_free(struct couriers *c)
{
	int kind;

	for (kind = 0; kind < TENDED_N_KINDS; kind++)
		insist(list_is_empty(&c->tended[kind]));
	courier_plan_free(c->plan);
	LIST_EACH(link, &c->retired)
		courier_plan_free(LIST_ITEM(link, struct courier_plan, in_retired));
	logins_free(c->dialer.logins);
	mem_free(c);
}

void
couriers_each_next_hop(const struct couriers *c, void (*visit)(void *context, const struct next_hop_view *view),
    void *context)
{
	int i, j;

	for (i = 0; i < routes_n(c->plan->routes); i++) {
		const struct route *route = routes_at(c->plan->routes, i);

		for (j = 0; j < route->n_next_hops; j++) {
			const struct next_hop *next_hop = &route->next_hops[j];

			visit(context, &(struct next_hop_view){
				.destination = route->destination,
				.next_hop = next_hop->written,
				.is_up = next_hop->is_up,
				.last_trouble = str_of(next_hop->last_trouble),
				.n_connections = next_hop->n_connections,
				.n_idle = (int)next_hop->idle.n,
				.limit = route->connections_max, .limit_max = route->connections_max,
				.n_delivered = next_hop->n_delivered,
				.n_deferred = next_hop->n_deferred, .n_failed = next_hop->n_failed,
				.latency = next_hop->latency,
			});
		}
	}
}

void
couriers_check_now(struct couriers *c, struct str destination)
{
	int i, j;

	for (i = 0; i < routes_n(c->plan->routes); i++) {
		struct route *route = routes_at(c->plan->routes, i);

		for (j = 0; j < route->n_next_hops; j++) {
			if (destination.len == 0 || str_eq(route->destination, destination))
				signal_all(&route->next_hops[j].check_now);
		}
	}
}
