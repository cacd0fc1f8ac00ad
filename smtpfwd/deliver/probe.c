/*
 * probe.c - a next hop that is down is checked until it is back
 *
 * A check opens a session just as a delivery would, with TLS as the route wants it, so that "up" means what it says.
 * One next hop has one fiber that checks, however many mails and sites wait for it.  What strangers' MX records name is
 * checked only as long as mail waits for it.
 */
#include "base/mem.h"
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

	return (struct span){ wait.ns * 2 < max.ns ? wait.ns * 2 : max.ns };
}

/* Of the sites that go by it. */
static void
release_sites(struct next_hop *next_hop)
{
	LIST_EACH(link, &next_hop->listed)
		site_release(LIST_ITEM(link, struct choice, listed)->site);
	room_came_free(next_hop);
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

/* True when that is the end of it. */
static bool
check(struct couriers *c, struct next_hop *next_hop)
{
	struct held held = { .next_hop = next_hop };
	struct trouble *trouble = mem_new(sizeof(*trouble));
	bool is_over = true;

	held.client = held_dial(c, next_hop, INSTANT_NEVER, trouble);
	if (held.client != NULL) {
		came_up(c, &held);
	} else {
		next_hop_unclaim(next_hop);
		is_over = trouble->is_cancelled;
		if (!is_over) {
			next_hop_note_trouble(next_hop, trouble);
			log_state(c, next_hop, LOG_LEVEL_DEBUG, "nexthop-checked", trouble->text);
		}
	}
	mem_free(trouble);
	return is_over;
}

static void
check_until_up(struct couriers *c, void *arg)
{
	struct next_hop *next_hop = arg;

	while (!next_hop->is_up) {
		struct span wait = next_hop->check_wait;
		enum wake wake = signal_wait(&next_hop->check_now, instant_after(loop_now(c->loop), probe_jitter(wait)));

		if (wake == WAKE_CANCELLED)
			break;
		if (!is_wanted(c, next_hop)) {
			/* Whoever comes next finds out anew. */
			next_hop->is_up = true;
			release_sites(next_hop);
			break;
		}
		next_hop->check_wait = wake == WAKE_READY ? next_hop->route->check_interval : longer(wait, next_hop->route);
		if (check(c, next_hop))
			break;
	}
	next_hop->is_checked = false;
	next_hop_leave(next_hop);
}

void
probe_went_down(struct couriers *c, struct next_hop *next_hop, const struct trouble *trouble)
{
	if (c->is_stopping)
		return;
	if (!next_hop->is_checked) {
		if (next_hop->check_wait.ns < next_hop->route->check_interval.ns)
			next_hop->check_wait = next_hop->route->check_interval;
		next_hop->is_checked = couriers_start(c, TENDED_SERVICE, "probe", check_until_up, next_hop);
		/* Without somebody to check it, it must not be down: the next mail will ask it again. */
		if (!next_hop->is_checked) {
			next_hop_note_trouble(next_hop, trouble);
			return;
		}
		next_hop_use(next_hop);
	}
	if (next_hop_went_down(next_hop, trouble))
		log_state(c, next_hop, LOG_LEVEL_WARNING, "nexthop-down", trouble->text);
	held_end_idle(c, next_hop);
	LIST_EACH(link, &next_hop->listed)
		site_hold_if_down(LIST_ITEM(link, struct choice, listed)->site, trouble->text);
}
