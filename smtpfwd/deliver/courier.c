/*
 * courier.c - takes due deliveries from the queue and sends a fiber with each
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/ahead.h"

enum {
	/*
	 * Who stands in a line is called when room comes free; if the called one's mail went away meanwhile the next one is
	 * called at the latest after this.
	 */
	LOOK_AROUND_S = 60,
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

struct errands {			/* a courier's: of one site */
	struct site	*site;		/* NULL: the destination is not configured */
	struct delivery	*first;
};

/* One delivery, and what else is due for the same destination while its session is open. */
static void
run_courier(struct couriers *c, void *arg)
{
	struct errands errands = *(struct errands *)arg;
	struct site *site = errands.site;
	struct delivery *delivery = errands.first;
	struct held held = { .client = NULL };
	struct ahead ahead;

	mem_free(arg);
	ahead_init(&ahead, c, site, &held);
	while (delivery != NULL) {
		carry(c, site, delivery, &held, &ahead);
		delivery = ahead_next(&ahead);
	}
	if (held.client != NULL)
		held_keep(c, &held);
	if (site != NULL)
		site_leave(site);
}

static bool
send_courier(struct couriers *c, struct delivery *delivery)
{
	struct errands *errands = mem_new(sizeof(*errands));

	*errands = (struct errands){ .site = site_get(c, delivery->destination), .first = delivery };
	if (!couriers_start(c, TENDED_COURIER, "courier", run_courier, errands)) {
		mem_free(errands);
		return false;
	}
	if (errands->site != NULL)
		site_enter(errands->site);
	return true;
}

static void
look_around(struct couriers *c)
{
	LIST_EACH(link, &c->all_next_hops)
		room_came_free(LIST_ITEM(link, struct next_hop, in_all));
	room_share_came_free(c);
	sites_forget_unused(c);
}

static void
take_deliveries(struct couriers *c, void *arg)
{
	struct instant next_look = instant_after(loop_now(c->loop), span_s(LOOK_AROUND_S));

	(void)arg;
	while (!c->is_stopping) {
		struct delivery *delivery;

		if (!instant_is_before(loop_now(c->loop), next_look)) {
			look_around(c);
			next_look = instant_after(loop_now(c->loop), span_s(LOOK_AROUND_S));
		}

		if (c->tended[TENDED_COURIER].n >= (size_t)c->plan->deliveries_max) {
			signal_wait(&c->changed, next_look);
			continue;
		}
		delivery = queue_take(c->queue, next_look);
		if (delivery == NULL)
			continue;
		if (c->is_stopping)
			queue_give_back(c->queue, delivery, loop_now(c->loop));
		else if (!send_courier(c, delivery)) {
			struct instant later = instant_after(loop_now(c->loop), span_ms(NO_FIBER_WAIT_MS));

			queue_give_back(c->queue, delivery, later);
			fiber_sleep(later);
		}
	}
}

/* --- start and end --- */

struct couriers *
couriers_new(struct loop *loop, struct queue *queue, struct resolver *resolver,
    struct courier_plan *plan, struct log *log, struct fault *fault_out)
{
	struct couriers *c = mem_new(sizeof(*c));
	uint64_t seed[2];
	int kind;

	*c = (struct couriers){ .loop = loop, .queue = queue, .log = log };
	c->dialer = (struct dialer){ .loop = loop, .resolver = resolver, .log = log };
	for (kind = 0; kind < TENDED_N_KINDS; kind++)
		list_init(&c->tended[kind]);
	signal_init(&c->changed);
	os_random(seed, sizeof(seed));
	map_init(&c->sites, seed);
	map_init(&c->next_hops, seed);
	list_init(&c->all_next_hops);
	list_init(&c->unused);
	list_init(&c->sharing);
	list_init(&c->onlines);
	again_init(&c->again);
	couriers_adopt(c, plan);
	if (!couriers_start(c, TENDED_SERVICE, "couriers", take_deliveries, NULL)) {
		fault_because(fault_out, FAULT_FULL, "no room for a fiber to deliver mail");
		couriers_free(c);
		return NULL;
	}
	return c;
}

void
couriers_set_hearing(struct couriers *c, const struct hearing *hearing)
{
	c->hearing = *hearing;
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

void
couriers_stop(struct couriers *c, struct instant deadline)
{
	int kind;

	c->is_stopping = true;
	cancel_all(c, TENDED_SERVICE);
	couriers_end_idle(c);
	onlines_wake(c);
	wait_for_end(c, TENDED_ONLINE, deadline);
	wait_for_end(c, TENDED_COURIER, deadline);
	wait_for_end(c, TENDED_QUIT, deadline);
	/* A cancelled fiber only winds up, so what is left ends soon. */
	for (kind = 0; kind < TENDED_N_KINDS; kind++)
		cancel_all(c, (enum tended_kind)kind);
	for (kind = 0; kind < TENDED_N_KINDS; kind++)
		wait_for_end(c, (enum tended_kind)kind, INSTANT_NEVER);
	couriers_end_idle(c);
	wait_for_end(c, TENDED_QUIT, INSTANT_NEVER);
	couriers_drop_sites(c);
}

void
couriers_free(struct couriers *c)
{
	int kind;

	for (kind = 0; kind < TENDED_N_KINDS; kind++)
		insist(list_is_empty(&c->tended[kind]));
	couriers_drop_sites(c);
	again_forget(&c->again);
	insist(c->next_hops.n == 0);
	map_fini(&c->sites);
	map_fini(&c->next_hops);
	courier_plan_free(c->plan);
	logins_free(c->dialer.logins);
	mem_free(c);
}

/* --- for status --- */

/* The site that has it, if it is the only one. */
static struct str
destination_of(const struct next_hop *next_hop)
{
	if (next_hop->is_by_mx || next_hop->listed.n != 1)
		return next_hop->route->destination;
	return LIST_ITEM(list_first(&next_hop->listed), struct choice, listed)->site->destination;
}

void
couriers_each_next_hop(const struct couriers *c, void (*visit)(void *context, const struct next_hop_view *view),
    void *context)
{
	LIST_EACH(link, &c->all_next_hops) {
		const struct next_hop *next_hop = LIST_ITEM(link, struct next_hop, in_all);

		if (next_hop->is_by_mx && next_hop->is_up && next_hop->n_connections == 0)
			continue;
		visit(context, &(struct next_hop_view){
			.destination = destination_of(next_hop),
			.next_hop = next_hop->written,
			.is_up = next_hop->is_up,
			.last_trouble = str_of(next_hop->last_trouble),
			.n_connections = next_hop->n_connections,
			.n_idle = (int)next_hop->idle.n,
			.limit = next_hop->limit.now, .limit_max = next_hop->limit.max,
			.n_delivered = next_hop->n_delivered,
			.n_deferred = next_hop->n_deferred, .n_failed = next_hop->n_failed,
			.latency = next_hop->latency,
			.identity = identity_means_name(next_hop->told),
		});
	}
}

static void
check_site(struct site *site)
{
	for (int i = 0; site->choices != NULL && i < site->choices->n; i++)
		probe_now(site->couriers, site->choices->at[i].next_hop);
	if (site->hold == SITE_HELD_UNFOUND)
		site_refresh(site);
}

static bool
check_if_wanted(void *context, struct str destination, void *site)
{
	const struct str *wanted = context;

	if (wanted->len == 0 || str_eq(destination, *wanted) ||
	    str_eq(((const struct site *)site)->route->section, *wanted))
		check_site(site);
	return true;
}

void
couriers_check_now(struct couriers *c, struct str destination)
{
	map_each(&c->sites, check_if_wanted, &destination);
}
