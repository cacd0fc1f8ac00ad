/*
 * probe.c - a next hop that is down is checked until it is back
 *
 * A check opens a session just as a delivery would, with TLS as the route wants it, so that "up" means what it says.
 * One next hop has one fiber that checks, however many mails wait for it.
 */
#include "smtpfwd/deliver/couriers.h"

enum {
	/*
	 * Checks come ever more seldom, up to this: what stays down for hours is not knocked at every few
	 * seconds, and yet its queue drains some minutes after it is back at the latest.
	 */
	CHECK_MAX_S = 300,
};

static void
log_state(struct couriers *c, const struct next_hop *next_hop, enum log_level level, const char *event, const char *why)
{
	struct log_line line;

	log_begin(&line, c->log, level, event);
	log_str(&line, "nexthop", next_hop->written);
	log_str(&line, "destination", next_hop->route->destination);
	if (why != NULL)
		log_text(&line, "why", why);
	log_end(&line);
}

/* An eighth more or less, so that many that went down together are not checked together. */
static struct span
with_jitter(struct span wait)
{
	uint16_t random;

	os_random(&random, sizeof(random));
	return (struct span){ wait.ns - wait.ns / 8 + wait.ns / 4 / 65536 * random };
}

static struct span
longer(struct span wait, const struct route *route)
{
	struct span max = route->check_interval.ns > span_s(CHECK_MAX_S).ns ? route->check_interval : span_s(CHECK_MAX_S);

	return (struct span){ wait.ns * 2 < max.ns ? wait.ns * 2 : max.ns };
}

/* Back: what waits for it drains at once, over the session that showed it first. */
static void
came_up(struct couriers *c, struct held *held)
{
	struct next_hop *next_hop = held->next_hop;
	struct route *route = next_hop->route;

	if (next_hop_came_up(next_hop))
		log_state(c, next_hop, LOG_LEVEL_INFO, "nexthop-up", NULL);
	held_keep(c, held);
	if (route->is_held_back) {
		route->is_held_back = false;
		queue_release_destination(c->queue, route->destination);
	}
}

static void
check_until_up(struct couriers *c, void *arg)
{
	struct next_hop *next_hop = arg;
	struct span wait = next_hop->route->check_interval;

	while (!next_hop->is_up) {
		struct held held = { .next_hop = next_hop };
		struct trouble trouble;
		enum wake wake;

		wake = signal_wait(&next_hop->check_now, instant_after(loop_now(c->loop), with_jitter(wait)));
		if (wake == WAKE_CANCELLED)
			break;
		wait = wake == WAKE_READY ? next_hop->route->check_interval : longer(wait, next_hop->route);
		next_hop_claim(next_hop);
		held.client = dial(&c->dialer, next_hop, instant_after(loop_now(c->loop), span_s(DIAL_MAX_S)), &trouble);
		if (held.client != NULL) {
			came_up(c, &held);
			break;
		}
		next_hop_unclaim(next_hop);
		if (trouble.is_cancelled)
			break;
		next_hop_note_trouble(next_hop, &trouble);
		log_state(c, next_hop, LOG_LEVEL_DEBUG, "nexthop-checked", trouble.text);
	}
	next_hop->is_checked = false;
}

void
probe_went_down(struct couriers *c, struct next_hop *next_hop, const struct trouble *trouble)
{
	struct route *route = next_hop->route;

	if (c->is_stopping)
		return;
	if (!next_hop->is_checked) {
		next_hop->is_checked = couriers_start(c, TENDED_SERVICE, "probe", check_until_up, next_hop);
		/* Without somebody to check it, it must not be down: the next mail will ask it again. */
		if (!next_hop->is_checked) {
			next_hop_note_trouble(next_hop, trouble);
			return;
		}
	}
	if (next_hop_went_down(next_hop, trouble))
		log_state(c, next_hop, LOG_LEVEL_WARNING, "nexthop-down", trouble->text);
	held_end_idle(c, next_hop);
	if (route_is_down(route) && !route->is_held_back) {
		route->is_held_back = true;
		queue_hold_back(c->queue, route->destination, INSTANT_NEVER, trouble->text);
	}
}
