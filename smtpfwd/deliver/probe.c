/*
 * probe.c - a next hop that is down is checked until it is back
 *
 * A check opens a session just as a delivery would, with TLS as the route wants it, so that "up" means what it says.
 * One next hop has one timer, and a fiber for the check itself, however many mails and sites wait for it.  What
 * strangers' MX records name is checked only as long as mail waits for it.
 */
#include "base/mem.h"
#include "smtpfwd/deliver/couriers.h"

enum {
	/*
	 * Checks come ever more seldom, up to this: what stays down for hours is not knocked at every few
	 * seconds, and yet its queue drains some minutes after it is back at the latest.  By a quarter each time, so that what
	 * was down for long is noticed after a quarter more at most, and a short break is not made twice as long by us.
	 */
	CHECK_MAX_S = 300,
	CHECK_GROWTH = 4,		/* a part of the wait */
	/* At once, of strangers' hosts: thousands may be down together.  Those that are configured are few, and do not wait for them. */
	CHECKS_MAX = 50,
	CHECK_FULL_WAIT_S = 10,
};

static void
log_state(struct couriers *c, const struct next_hop *next_hop, enum log_level level, const char *event, const char *why)
{
	struct log_line line;

	log_begin(&line, c->log, level, event);
	log_str(&line, "nexthop", next_hop->written);
	log_str(&line, "route", next_hop->route->destination);
	if (why != NULL)
		log_text(&line, "why", why);
	log_end(&line);
}

struct span
probe_jitter(struct span wait)
{
	uint16_t random;

	os_random(&random, sizeof(random));
	return (struct span){ wait.ns - wait.ns / 8 + wait.ns / 4 / 65536 * random };
}

static struct span
longer(struct span wait, const struct route *route)
{
	struct span max = route->check_interval.ns > span_s(CHECK_MAX_S).ns ? route->check_interval : span_s(CHECK_MAX_S);

	wait.ns += wait.ns / CHECK_GROWTH;
	return wait.ns < max.ns ? wait : max;
}

static void
check_later(struct couriers *c, struct next_hop *next_hop, struct span wait)
{
	timer_set(c->loop, &next_hop->check, instant_after(loop_now(c->loop), wait));
}

/* Of the sites that go by it: those that were held back, and those that used others meanwhile, come here in turn. */
static void
release_sites(struct next_hop *next_hop)
{
	LIST_EACH(link, &next_hop->listed) {
		struct site *site = LIST_ITEM(link, struct choice, listed)->site;

		if (site->hold != SITE_NOT_HELD)
			site_release(site);
		else
			room_shut(site);
	}
	room_came_free(next_hop);
}

/* What waited for room here is held back, or goes on at other next hops. */
static void
redirect_sites(struct next_hop *next_hop, const struct trouble *trouble)
{
	LIST_EACH(link, &next_hop->listed) {
		struct site *site = LIST_ITEM(link, struct choice, listed)->site;

		site_hold_if_down(site, trouble->text);
		signal_all(&site->online_room);
		if (site->hold == SITE_NOT_HELD)
			room_shut(site);
	}
	LIST_EACH(link, &next_hop->listed) {
		const struct choices *choices = LIST_ITEM(link, struct choice, listed)->site->choices;

		for (int i = 0; i < choices->n; i++)
			room_came_free(choices->at[i].next_hop);
	}
}

/* Back: what waits for it comes over the session that showed it first, and over others as it proves to bear them. */
static void
came_up(struct couriers *c, struct held *held)
{
	struct next_hop *next_hop = held->next_hop;

	if (next_hop_came_up(next_hop))
		log_state(c, next_hop, LOG_LEVEL_INFO, "nexthop-up", NULL);
	release_sites(next_hop);
	held_keep(c, held);
}

static bool
is_wanted(const struct couriers *c, const struct next_hop *next_hop)
{
	if (!next_hop->is_by_mx)
		return !list_is_empty(&next_hop->listed);
	LIST_EACH(link, &next_hop->listed)
		if (queue_has_mail(c->queue, LIST_ITEM(link, struct choice, listed)->site->destination))
			return true;
	return false;
}

/* While all its hosts were down a domain may have moved to others. */
static void
refresh_sites(struct next_hop *next_hop)
{
	LIST_EACH(link, &next_hop->listed)
		site_refresh(LIST_ITEM(link, struct choice, listed)->site);
}

static void
still_down(struct couriers *c, struct next_hop *next_hop, const struct trouble *trouble)
{
	next_hop_note_trouble(next_hop, trouble);
	log_state(c, next_hop, LOG_LEVEL_DEBUG, "nexthop-checked", trouble->text);
	refresh_sites(next_hop);
}

static void
check(struct couriers *c, void *arg)
{
	struct next_hop *next_hop = arg;
	struct held held = { .next_hop = next_hop };
	struct trouble *trouble = mem_new(sizeof(*trouble));

	held.client = held_dial(c, next_hop, NULL, INSTANT_NEVER, trouble);
	if (held.client != NULL) {
		came_up(c, &held);
	} else {
		next_hop_unclaim(next_hop);
		if (!trouble->is_cancelled)
			still_down(c, next_hop, trouble);
	}
	mem_free(trouble);
	next_hop->is_checked = false;
	c->n_checks--;
	if (!next_hop->is_up && !c->is_stopping)
		check_later(c, next_hop, probe_jitter(next_hop->check_wait));
	next_hop_leave(next_hop);
}

void
probe_ring(struct timer *timer)
{
	struct next_hop *next_hop = (struct next_hop *)(void *)((char *)timer - offsetof(struct next_hop, check));
	struct couriers *c = next_hop->couriers;

	if (c->is_stopping || next_hop->is_up || next_hop->is_checked)
		return;
	if (!is_wanted(c, next_hop)) {
		/* Whoever comes next finds out anew. */
		next_hop->is_up = true;
		release_sites(next_hop);
		return;
	}
	if ((next_hop->is_by_mx && c->n_checks >= CHECKS_MAX) || !couriers_start(c, TENDED_SERVICE, "probe", check, next_hop)) {
		check_later(c, next_hop, probe_jitter(span_s(CHECK_FULL_WAIT_S)));
		return;
	}
	/* Also where it will look up: one that takes no mail then is down again soon, and for longer. */
	next_hop->check_wait = longer(next_hop->check_wait, next_hop->route);
	next_hop->is_checked = true;
	c->n_checks++;
	next_hop_use(next_hop);
}

void
probe_now(struct couriers *c, struct next_hop *next_hop)
{
	await_rested(&next_hop->await);
	if (next_hop->is_up || next_hop->is_checked)
		return;
	next_hop->check_wait = next_hop->route->check_interval;
	check_later(c, next_hop, span_s(0));
}

void
probe_went_down(struct couriers *c, struct next_hop *next_hop, const struct trouble *trouble)
{
	if (c->is_stopping)
		return;
	if (next_hop_went_down(next_hop, trouble)) {
		log_state(c, next_hop, LOG_LEVEL_WARNING, "nexthop-down", trouble->text);
		check_later(c, next_hop, probe_jitter(next_hop->check_wait));
	}
	held_end_idle(c, next_hop);
	redirect_sites(next_hop, trouble);
}
