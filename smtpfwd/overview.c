/*
 * overview.c - counts and views of the parts as JSON
 */
#include <stdio.h>
#include <unistd.h>

#include <config.h>
#include "mail/date.h"
#include "smtpfwd/busy.h"
#include "smtpfwd/overview.h"

enum {
	STATUS_NEXT_HOPS_MAX = 20,	/* shown unless all are wanted; those that are down come first */
	TOP_NEXT_HOPS_MAX = 100,	/* the busiest; more do not fit on a screen */
	TOP_DESTINATIONS_MAX = 20,	/* those with most waiting mail */
};

static json_t *
time_json(struct timestamp at)
{
	char room[DATE_TEXT_MAX];

	return control_json_str(date_iso_text(at, room));
}

static void
add(json_t *objects, const char *kind, json_t *object)
{
	json_array_append_new(objects, json_pack("{s:o}", kind, object));
}

static void
write_all(json_t *objects, struct answer *answer, struct instant deadline)
{
	json_t *object;
	size_t i;

	json_array_foreach(objects, i, object)
		if (answer_write(answer, json_incref(object), deadline) != 0)
			break;
	json_decref(objects);
}

static void
add_daemon(json_t *objects, const struct overview *overview)
{
	const struct config *config = overview->generation->config;
	const struct reload_report *last = reload_last(overview->reload);
	json_t *addresses = json_array(), *object;
	char room[ENDPOINT_TEXT_MAX];

	for (int i = 0; i < config->n_listeners; i++)
		for (int k = 0; k < config->listeners[i].n_addresses; k++)
			json_array_append_new(addresses, control_json_str(endpoint_text(&config->listeners[i].addresses[k], room)));
	object = json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "version", PACKAGE_VERSION,
	    "hostname", config->hostname, "pid", (json_int_t)getpid(), "since", time_json(overview->since),
	    "loaded", time_json(overview->generation->loaded), "addresses", addresses);
	if (last != NULL)
		json_object_set_new(object, "reload", reload_report_json(last));
	add(objects, "daemon", object);
}

static void
add_listener(void *context, const struct listener_view *view)
{
	add(context, "listener", json_pack("{s:o, s:b, s:i, s:I, s:I, s:I}", "name", control_json_str(view->name),
	    "gone", view->is_gone, "sessions", view->n_sessions, "accepted", (json_int_t)view->n_accepted, "refused", (json_int_t)view->n_refused,
	    "mails", (json_int_t)view->n_mails));
}

static void
add_listeners(json_t *objects, const struct overview *overview)
{
	listeners_each(overview->listeners, add_listener, objects);
}

static void
add_rate(void *context, const struct class_rates_view *view)
{
	char room[CLASS_RATE_TEXT_MAX];

	json_array_append_new(context, control_json_rate(view->class_name, class_rate_text(&view->limit, room), view->n_keys, view->n_put_off));
}

static void
add_queue(json_t *objects, const struct overview *overview)
{
	struct queue_counts counts;
	json_t *object;

	queue_count(overview->queue, &counts);
	object = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I}", "mails", (json_int_t)counts.n_mails,
	    "held", (json_int_t)counts.n_held, "in-delivery", (json_int_t)counts.n_in_delivery,
	    "reports-owed", (json_int_t)counts.n_owed, "bytes", (json_int_t)counts.content_bytes,
	    "disk-bytes", (json_int_t)counts.disk_bytes, "full", counts.is_full, "set-aside", (json_int_t)counts.n_set_aside);
	if (counts.oldest.us != 0)
		json_object_set_new(object, "oldest", time_json(counts.oldest));
	json_object_set_new(object, "put", json_integer(counts.n_put));
	json_object_set_new(object, "delivered", json_integer(counts.n_delivered));
	json_object_set_new(object, "deferred", json_integer(counts.n_deferred));
	json_object_set_new(object, "failed", json_integer(counts.n_failed));
	json_object_set_new(object, "commits", json_integer(counts.n_commits));
	json_object_set_new(object, "withheld", json_integer(counts.n_withheld));
	json_object_set_new(object, "withheld-bytes", json_integer(counts.withheld_bytes));
	json_object_set_new(object, "came-held", json_integer(counts.n_came_held));
	json_object_set_new(object, "came-held-bytes", json_integer(counts.came_held_bytes));
	json_object_set_new(object, "let-go", json_integer(counts.n_let_go));
	json_object_set_new(object, "damaged-bytes", json_integer(counts.damaged_bytes));
	json_object_set_new(object, "disk-free", json_integer(counts.free_bytes));
	add(objects, "queue", object);
}

static void
add_trace(json_t *objects, const struct overview *overview)
{
	struct story_counts counts;
	json_t *object;

	if (overview->story == NULL)
		return;
	story_count(overview->story, &counts);
	object = json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)counts.bytes, "lines", (json_int_t)counts.n_lines,
	    "dropped", (json_int_t)counts.n_dropped);
	if (counts.oldest.us != 0)
		json_object_set_new(object, "oldest", time_json(counts.oldest));
	add(objects, "trace", object);
}

void
overview_answer(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	const struct overview *overview = context;
	json_t *objects = json_array();

	add_daemon(objects, overview);
	add_listeners(objects, overview);
	if (json_is_true(json_object_get(request, "long")))
		busy_add_all_next_hops(objects, overview->couriers);
	else
		busy_add_next_hops(objects, overview->couriers, BUSY_TROUBLED, STATUS_NEXT_HOPS_MAX);
	class_rates_each(overview->rates, add_rate, objects);
	add_queue(objects, overview);
	add_trace(objects, overview);
	write_all(objects, answer, deadline);
}

void
overview_answer_top(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	const struct overview *overview = context;
	json_t *objects = json_array();

	(void)request;
	add_daemon(objects, overview);
	add_queue(objects, overview);
	add_listeners(objects, overview);
	busy_add_next_hops(objects, overview->couriers, BUSY_ACTIVE, TOP_NEXT_HOPS_MAX);
	busy_add_destinations(objects, overview->queue, TOP_DESTINATIONS_MAX);
	write_all(objects, answer, deadline);
}

static void
count_sessions(void *context, const struct listener_view *view)
{
	*(int64_t *)context += view->n_sessions;
}

struct next_hops { int n, n_down; };

static void
count_next_hop(void *context, const struct next_hop_view *view)
{
	struct next_hops *next_hops = context;

	next_hops->n++;
	next_hops->n_down += view->is_up ? 0 : 1;
}

void
overview_line(void *context, char line_out[NOTIFY_STATUS_MAX])
{
	const struct overview *overview = context;
	struct next_hops next_hops = { .n = 0 };
	struct queue_counts counts;
	int64_t n_sessions = 0;

	listeners_each(overview->listeners, count_sessions, &n_sessions);
	couriers_each_next_hop(overview->couriers, count_next_hop, &next_hops);
	queue_count(overview->queue, &counts);
	snprintf(line_out, NOTIFY_STATUS_MAX, "%lld sessions; %lld mails in the queue%s, %lld in delivery; %d of %d next hops down",
	    (long long)n_sessions, (long long)counts.n_mails, counts.is_full ? " (full)" : "", (long long)counts.n_in_delivery,
	    next_hops.n_down, next_hops.n);
}

static bool
means(const struct route_settings *route, struct str word)
{
	struct str destination = str_of(route->destination);
	ptrdiff_t colon = str_find(destination, ':');

	if (str_eq(destination, word) || str_eq(str_from(destination, (size_t)(colon + 1)), word))
		return true;
	for (int i = 0; i < route->n_next_hops; i++)
		if (str_eq_nocase(str_of(route->next_hops[i].written), word))
			return true;
	return false;
}

void
overview_each_destination(void *context, struct str word, void (*visit)(void *visit_context, struct str destination),
    void *visit_context)
{
	const struct overview *overview = context;
	const struct config *config = overview->generation->config;

	for (int i = 0; i < config->n_routes; i++)
		if (means(&config->routes[i], word))
			visit(visit_context, str_of(config->routes[i].destination));
	if (str_eq(word, STR("none")))
		visit(visit_context, word);
}
