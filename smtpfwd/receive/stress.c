/*
 * stress.c - a listener that is nearly full lets go of those who stand still
 */
#include "smtpfwd/receive/stress.h"

enum {
	STRESS_REST_PARTS = 10,		/* nearly full: a tenth of what there is to be had is left, for who comes meanwhile */
	STRESS_PATIENCE_S = 60,		/* a handshake and an envelope over a bad line take less */
	STRESS_LEAST_BYTES = 60 * 1000,	/* in that time; a modem's line does three times that */
	STRESS_LOOK_MS = 1000,		/* looking at 9,000 sessions takes some 50 us */
};

static bool
is_nearly(int64_t n, int64_t max)
{
	return max > 0 && n >= max - max / STRESS_REST_PARTS;
}

static bool
is_memory_short(const struct listeners *listeners)
{
	return is_nearly(listeners->transactions_bytes, listeners->transactions_max_bytes);
}

static bool
is_crowded(const struct gate *gate)
{
	return is_nearly(gate->admit.n_connections, gate->admit.connections_max);
}

static bool
is_nearly_full(const struct gate *gate)
{
	return is_crowded(gate) || is_memory_short(gate->listeners);
}

void
stress_begin(struct session *session)
{
	session->patience_from = loop_now(session->listener->gate->listeners->loop);
	session->n_bytes = 0;
}

void
stress_pass(struct session *session, struct instant since)
{
	struct span waited = instant_diff(since, loop_now(session->listener->gate->listeners->loop));

	session->patience_from = instant_after(session->patience_from, waited);
}

static bool
stands_still(struct session *session, struct instant now)
{
	/* Who waits for our disk does not stand still, and who is cut already need not be again. */
	if (session->is_storing || session->is_cut || session->peer.is_trusted || session->may_xclient)
		return false;
	if (instant_is_before(now, instant_after(session->patience_from, span_s(STRESS_PATIENCE_S))))
		return false;
	if (session->n_bytes < STRESS_LEAST_BYTES)
		return true;
	stress_begin(session);
	return false;
}

static void
log_change(const struct gate *gate, const char *event)
{
	struct log_line line;

	if (gate->listener == NULL)
		return;
	log_begin(&line, gate->listener->world->log, LOG_LEVEL_WARNING, event);
	log_text(&line, "listener", gate->name);
	log_int(&line, "connections", gate->admit.n_connections);
	log_int(&line, "max", gate->admit.connections_max);
	log_int(&line, "cut", gate->n_cut);
	log_end(&line);
}

void
stress_ring(struct timer *timer)
{
	struct gate *gate = LIST_ITEM(timer, struct gate, stress);
	struct loop *loop = gate->listeners->loop;
	bool needs_places = is_crowded(gate);

	if (!is_nearly_full(gate)) {
		gate->is_stressed = false;
		log_change(gate, "stress-ended");
		return;
	}
	LIST_EACH(link, &gate->sessions) {
		struct session *session = LIST_ITEM(link, struct session, link);

		if (!needs_places && session->transaction == NULL)	/* holds no memory */
			continue;
		if (!stands_still(session, loop_now(loop)))
			continue;
		session->is_cut = true;
		gate->n_cut++;
		fiber_cancel(session->fiber);
	}
	timer_set(loop, timer, instant_after(loop_now(loop), span_ms(STRESS_LOOK_MS)));
}

static void
begin(struct gate *gate)
{
	struct loop *loop = gate->listeners->loop;

	if (gate->is_stressed)
		return;
	gate->is_stressed = true;
	log_change(gate, "stress");
	timer_set(loop, &gate->stress, instant_after(loop_now(loop), span_ms(STRESS_LOOK_MS)));
}

void
stress_look(struct gate *gate)
{
	if (!is_nearly_full(gate))
		return;
	begin(gate);
	if (!is_memory_short(gate->listeners))
		return;
	LIST_EACH(link, &gate->listeners->gates)	/* who holds it may have come in elsewhere */
		begin(LIST_ITEM(link, struct gate, link));
}
