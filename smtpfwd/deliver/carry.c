/*
 * carry.c - one delivery, from the queue's hands to the queue's hands
 *
 * Next hops are tried in the route's order until every recipient has an outcome or none is left to try.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/history.h"
#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/handover.h"

enum {
	/*
	 * For one mail and all next hops tried: 50 MB over a modem.  Each step has its own timeout; this bounds a
	 * next hop that takes a byte now and then.
	 */
	CARRY_MAX_S = 4 * 3600,
	/* For a free connection; the queue gives out no more than there are, so this is for checks in between. */
	ROOM_MAX_S = 60,
};

struct errand {
	struct couriers		*c;
	struct delivery		*delivery;
	struct route		*route;
	struct held	*held;
	struct content		 content;
	struct offered		*offered;
	uint64_t		 tried;		/* next hops, a bit each */
	struct instant		 deadline;
	bool			 was_reached;	/* a session came about */
	bool			 is_cancelled;
	struct str		 remote_mta;	/* the last next hop tried */
	struct str		 next_hop;
	struct trouble		 trouble;
};

static ssize_t
read_content(struct content *content, int64_t offset, void *room, size_t n_bytes, struct instant deadline,
    struct fault *fault_out)
{
	struct errand *e = (struct errand *)(void *)((char *)content - offsetof(struct errand, content));

	return queue_read(e->c->queue, e->delivery, offset, room, n_bytes, deadline, fault_out);
}

/* --- the mail's history --- */

static struct history_attempt
attempt_here(const struct errand *e)
{
	const struct client *client = e->held->client;

	return (struct history_attempt){
		.next_hop = e->next_hop,
		.remote = client != NULL ? &client->remote : NULL,
		.tls = client != NULL ? str_of(client->tls.version) : STR_EMPTY,
		.delay = timestamp_diff(e->delivery->facts->arrived, os_wall_clock()),
	};
}

static void
log_outcome(const struct errand *e, const struct offered *offered)
{
	const struct outcome *outcome = &offered->outcome;
	struct history_attempt attempt = attempt_here(e);
	char why[256];

	attempt.recipient = &offered->recipient->address;
	if (outcome->reply.code != 0)
		attempt.reply = &outcome->reply;
	else {
		size_t n = outcome->text.len < sizeof(why) ? outcome->text.len : sizeof(why) - 1;

		memcpy(why, outcome->text.at, n);
		why[n] = '\0';
		attempt.why = why;
	}
	switch (outcome->kind) {
	case OUTCOME_DELIVERED:
	case OUTCOME_RELAYED:
		history_delivered(e->c->log, &e->delivery->mail, &attempt);
		break;
	case OUTCOME_DEFERRED:
		history_deferred(e->c->log, &e->delivery->mail, &attempt, (struct span){ 0 });
		break;
	case OUTCOME_FAILED:
		history_failed(e->c->log, &e->delivery->mail, &attempt);
		break;
	}
}

static void
log_ambiguous(const struct errand *e, int n_ambiguous)
{
	struct history_attempt attempt = attempt_here(e);

	attempt.why = e->trouble.text;
	history_ambiguous(e->c->log, &e->delivery->mail, &attempt, n_ambiguous);
}

/* --- next hops --- */

static int
count_left(const struct errand *e)
{
	int i, n_left = 0;

	for (i = 0; i < e->delivery->n_recipients; i++)
		n_left += !e->offered[i].has_outcome;
	return n_left;
}

static void
mark_tried(struct errand *e, const struct next_hop *next_hop)
{
	e->tried |= (uint64_t)1 << (next_hop - e->route->next_hops);
}

/* All were down before we came. */
static void
trouble_of_route(const struct route *route, struct trouble *trouble_out)
{
	struct str why = str_of(route->next_hops[0].last_trouble);
	char text[400];
	struct buf line = { .at = text, .cap = sizeof(text), .max = sizeof(text) - 1 };

	buf_append(&line, route->n_next_hops == 1 ? STR("the next hop is down: ") : STR("all next hops are down: "));
	buf_append(&line, str_sub(why, 0, sizeof(text) - 60));
	text[line.len] = '\0';
	trouble_of_text(STATUS(4, 4, 1), text, trouble_out);
}

/* False: no next hop is left to try, or it is time to stop; trouble says why. */
static bool
get_session(struct errand *e)
{
	struct instant room_until = instant_after(loop_now(e->c->loop), span_s(ROOM_MAX_S));
	struct next_hop *next_hop;

	for (;;) {
		/* A next hop that took all the time leaves none to try another one: that would only look down. */
		if (e->tried != 0 && !instant_is_before(loop_now(e->c->loop), e->deadline))
			return false;
		switch (route_choose(e->route, e->tried, &next_hop)) {
		case ROUTE_NONE_LEFT:
			if (e->tried == 0)
				trouble_of_route(e->route, &e->trouble);
			return false;
		case ROUTE_ALL_BUSY:
			trouble_of_text(STATUS(4, 4, 5), "all connections to the next hop are in use", &e->trouble);
			if (e->c->is_stopping) {
				e->is_cancelled = true;
				return false;
			}
			switch (signal_wait(&e->route->freed, room_until)) {
			case WAKE_READY:
				continue;
			case WAKE_CANCELLED:
				e->is_cancelled = true;
				return false;
			case WAKE_TIMED_OUT:
				return false;
			}
			continue;
		case ROUTE_CHOSEN:
			break;
		}
		e->next_hop = next_hop->written;
		e->remote_mta = next_hop->host;
		if (held_open(e->c, next_hop, e->deadline, e->held, &e->trouble))
			return true;
		if (e->trouble.is_cancelled) {
			e->is_cancelled = true;
			return false;
		}
		mark_tried(e, next_hop);
	}
}

static void
count_outcome(struct next_hop *next_hop, enum outcome_kind kind)
{
	switch (kind) {
	case OUTCOME_DELIVERED:
	case OUTCOME_RELAYED:
		next_hop->n_delivered++;
		break;
	case OUTCOME_DEFERRED:
		next_hop->n_deferred++;
		break;
	case OUTCOME_FAILED:
		next_hop->n_failed++;
		break;
	}
}

/* Offers who is left in the session at hand.  False: no more to be done. */
static bool
offer(struct errand *e)
{
	struct next_hop *next_hop = e->held->next_hop;
	int n_recipients = e->delivery->n_recipients, n_ambiguous, i;
	bool *was_settled = mem_new_array((size_t)n_recipients, sizeof(*was_settled));
	struct history_attempt attempt = attempt_here(e);
	struct handover h = {
		.client = e->held->client, .was_idle = e->held->was_idle, .envelope = e->delivery->envelope,
		.content = &e->content, .recipients = e->offered, .n_recipients = n_recipients,
		.remote_mta = next_hop->host, .arena = e->delivery->arena,
	};
	struct instant began = loop_now(e->c->loop);
	enum handover_end end;

	for (i = 0; i < n_recipients; i++)
		was_settled[i] = e->offered[i].has_outcome;
	history_delivering(e->c->log, &e->delivery->mail, &attempt, count_left(e));
	end = handover_run(&h, e->deadline, &e->trouble, &n_ambiguous);
	e->was_reached = true;
	if (n_ambiguous > 0)
		log_ambiguous(e, n_ambiguous);
	for (i = 0; i < n_recipients; i++) {
		if (was_settled[i] || !e->offered[i].has_outcome)
			continue;
		log_outcome(e, &e->offered[i]);
		count_outcome(next_hop, e->offered[i].outcome.kind);
	}
	if (end == HANDOVER_DONE)
		next_hop->latency = instant_diff(began, loop_now(e->c->loop));
	mem_free(was_settled);
	e->held->was_idle = true;
	if (end != HANDOVER_DONE || !client_is_reusable(e->held->client))
		held_drop(e->held);
	switch (end) {
	case HANDOVER_DONE:
		return false;
	case HANDOVER_SESSION_OVER:
		return true;
	case HANDOVER_TROUBLE:
		next_hop_note_trouble(next_hop, &e->trouble);
		mark_tried(e, next_hop);
		return true;
	case HANDOVER_UNREADABLE:
		return false;
	case HANDOVER_CANCELLED:
		e->is_cancelled = true;
		return false;
	}
	return false;
}

/* --- the end --- */

static void
settle(struct errand *e)
{
	int n = e->delivery->n_recipients, n_left = count_left(e), i;
	bool is_down = n_left > 0 && !e->was_reached && e->route != NULL && route_is_down(e->route);
	struct outcome *outcomes;

	if (e->is_cancelled && n_left == n) {
		queue_give_back(e->c->queue, e->delivery, loop_now(e->c->loop));
		return;
	}
	outcomes = mem_new_array((size_t)n, sizeof(*outcomes));
	for (i = 0; i < n; i++) {
		struct offered *offered = &e->offered[i];

		if (!offered->has_outcome) {
			offered->outcome = outcome_of_trouble(&e->trouble, e->remote_mta, e->delivery->arena);
			log_outcome(e, offered);
		}
		outcomes[i] = offered->outcome;
	}
	/* Who is cut off because we stop has not had a try of his own either. */
	queue_settle(e->c->queue, e->delivery, outcomes, is_down || e->is_cancelled);
	mem_free(outcomes);
}

static void
settle_all(struct errand *e, const struct outcome *outcome)
{
	int i;

	for (i = 0; i < e->delivery->n_recipients; i++) {
		e->offered[i].outcome = *outcome;
		e->offered[i].has_outcome = true;
		log_outcome(e, &e->offered[i]);
	}
}

/*
 * Nobody takes such mail by today's configuration.  "none" is policy's word for a domain that is neither ours nor
 * goes out: it never will be delivered.  A section that is gone may be back at the next reload.
 */
static void
settle_without_route(struct errand *e)
{
	struct outcome outcome;

	if (str_eq(e->delivery->destination, STR("none")))
		outcome = outcome_of_text(OUTCOME_FAILED, STATUS(5, 4, 4),
		    STR("no route: no relay section takes this domain, and no outbound route is set"), STR_EMPTY);
	else
		outcome = outcome_of_text(OUTCOME_DEFERRED, STATUS(4, 3, 5),
		    STR("the section that this mail was to go by is not in the configuration any more"), STR_EMPTY);
	settle_all(e, &outcome);
}

void
carry(struct couriers *c, struct delivery *delivery, struct held *held)
{
	struct errand *e = mem_new(sizeof(*e));
	int i;

	*e = (struct errand){
		.c = c, .delivery = delivery, .held = held, .route = routes_find(c->plan->routes, delivery->destination),
		.content = { .n_bytes = delivery->content_bytes, .read = read_content },
		.deadline = instant_after(loop_now(c->loop), span_s(CARRY_MAX_S)),
		.remote_mta = STR_EMPTY, .next_hop = STR_EMPTY,
	};
	e->offered = mem_new_array((size_t)delivery->n_recipients, sizeof(*e->offered));
	for (i = 0; i < delivery->n_recipients; i++)
		e->offered[i].recipient = &delivery->recipients[i].recipient;
	if (e->route == NULL)
		settle_without_route(e);
	else {
		if (held->client != NULL) {
			e->next_hop = held->next_hop->written;
			e->remote_mta = held->next_hop->host;
		}
		while ((held->client != NULL || get_session(e)) && offer(e))
			;
	}
	settle(e);
	mem_free(e->offered);
	mem_free(e);
}
