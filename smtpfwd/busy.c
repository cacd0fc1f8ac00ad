/*
 * busy.c - one walk over all, with a short sorted list of the best; nothing suspends, so views stay valid
 */
#include "base/mem.h"
#include "smtpfwd/busy.h"
#include "smtpfwd/control/control.h"

/* --- next hops --- */

struct hops {
	enum busy_order		 order;
	struct next_hop_view	*rows;		/* best first */
	int			 n, n_most;
	int64_t			 n_all, n_down;
};

static int
compare_int64(int64_t a, int64_t b)
{
	return (a < b) - (a > b);
}

/* Below 0: a comes before b. */
static int
compare_hops(enum busy_order order, const struct next_hop_view *a, const struct next_hop_view *b)
{
	int result = 0;

	switch (order) {
	case BUSY_TROUBLED:
		result = (int)a->is_up - (int)b->is_up;
		break;
	case BUSY_ACTIVE:
		break;
	}
	if (result == 0)
		result = compare_int64(a->n_connections, b->n_connections);
	return result != 0 ? result : compare_int64(a->n_delivered, b->n_delivered);
}

static void
note_hop(void *context, const struct next_hop_view *view)
{
	struct hops *hops = context;
	int at;

	hops->n_all++;
	hops->n_down += !view->is_up;
	if (hops->n == hops->n_most && compare_hops(hops->order, view, &hops->rows[hops->n - 1]) >= 0)
		return;
	at = hops->n < hops->n_most ? hops->n++ : hops->n - 1;
	for (; at > 0 && compare_hops(hops->order, view, &hops->rows[at - 1]) < 0; at--)
		hops->rows[at] = hops->rows[at - 1];
	hops->rows[at] = *view;
}

static void
add_hop(void *context, const struct next_hop_view *view)
{
	json_t *hop = json_pack("{s:o, s:o, s:b, s:o, s:i, s:i, s:I}", "name", control_json_str(view->next_hop),
	    "destination", control_json_str(view->destination), "up", view->is_up, "trouble",
	    control_json_str(view->last_trouble), "connections", view->n_connections, "idle", view->n_idle,
	    "delivered", (json_int_t)view->n_delivered);

	json_object_set_new(hop, "deferred", json_integer(view->n_deferred));
	json_object_set_new(hop, "failed", json_integer(view->n_failed));
	json_object_set_new(hop, "limit", json_integer(view->limit));
	json_object_set_new(hop, "limit-max", json_integer(view->limit_max));
	json_object_set_new(hop, "identity", control_json_str(view->identity));
	json_object_set_new(hop, "latency-ms", json_integer(span_to_ms(view->latency)));
	json_array_append_new(context, json_pack("{s:o}", "next-hop", hop));
}

void
busy_add_next_hops(json_t *objects, const struct couriers *couriers, enum busy_order order, int n_most)
{
	struct next_hop_view *rows = mem_new_array((size_t)n_most, sizeof(*rows));
	struct hops hops = { .order = order, .rows = rows, .n_most = n_most };

	couriers_each_next_hop(couriers, note_hop, &hops);
	for (int i = 0; i < hops.n; i++)
		add_hop(objects, &rows[i]);
	json_array_append_new(objects, json_pack("{s:{s:I, s:I}}", "next-hops", "all", (json_int_t)hops.n_all,
	    "down", (json_int_t)hops.n_down));
	mem_free(rows);
}

void
busy_add_all_next_hops(json_t *objects, const struct couriers *couriers)
{
	couriers_each_next_hop(couriers, add_hop, objects);
}

/* --- destinations --- */

struct destinations {
	struct destination_counts	*rows;
	int				 n, n_most;
	int64_t				 n_all, n_held_back;
};

static void
note_destination(void *context, const struct destination_counts *counts)
{
	struct destinations *d = context;
	int at;

	d->n_all++;
	d->n_held_back += counts->is_held_back;
	if (d->n == d->n_most && counts->n_waiting <= d->rows[d->n - 1].n_waiting)
		return;
	at = d->n < d->n_most ? d->n++ : d->n - 1;
	for (; at > 0 && counts->n_waiting > d->rows[at - 1].n_waiting; at--)
		d->rows[at] = d->rows[at - 1];
	d->rows[at] = *counts;
}

void
busy_add_destinations(json_t *objects, const struct queue *queue, int n_most)
{
	struct destination_counts *rows = mem_new_array((size_t)n_most, sizeof(*rows));
	struct destinations d = { .rows = rows, .n_most = n_most };

	queue_each_destination(queue, note_destination, &d);
	for (int i = 0; i < d.n; i++)
		json_array_append_new(objects, json_pack("{s:{s:o, s:I, s:I, s:b}}", "destination",
		    "name", control_json_str(rows[i].name), "waiting", (json_int_t)rows[i].n_waiting,
		    "out", (json_int_t)rows[i].n_out, "held-back", rows[i].is_held_back));
	json_array_append_new(objects, json_pack("{s:{s:I, s:I}}", "destinations", "all", (json_int_t)d.n_all,
	    "held-back", (json_int_t)d.n_held_back));
	mem_free(rows);
}
