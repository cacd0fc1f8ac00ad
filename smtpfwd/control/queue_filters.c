/*
 * queue_filters.c - requests turned into what the queue can look for
 */
#include "mail/domain.h"
#include "smtpfwd/control/queue_filters.h"

enum {
	DESTINATIONS_MAX = 1000,	/* that one word can mean: more relays do not share a next hop */
	FILTER_MAX_BYTES = 1024 * 1024,
};

static void
add_destination(void *context, struct str destination)
{
	struct filters *filters = context;

	if (filters->n_destinations < DESTINATIONS_MAX &&
	    arena_copy(&filters->arena, destination, &filters->destinations[filters->n_destinations]))
		filters->n_destinations++;
}

static struct str
text_of(const json_t *request, const char *key)
{
	return str_of(json_string_value(json_object_get(request, key)));
}

/*
 * Each key is known and of its type: a misspelt or empty one must not make "remove these" into "remove all".
 * False: the answer's error says which is not.
 */
static bool
is_understood(const json_t *request, struct answer *answer)
{
	static const struct { const char *name; bool is_flag; } keys[] = {
		{ "command", false }, { "id", false }, { "recipient-domain", false }, { "next-hop", false },
		{ "held", true }, { "all", true },
	};
	const size_t n_keys = sizeof(keys) / sizeof(keys[0]);
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)request, name, value) {
		size_t i = 0;

		while (i < n_keys && strcmp(keys[i].name, name) != 0)
			i++;
		if (i == n_keys) {
			answer_error(answer, "\"%s\" is nothing that a request can say", name);
			return false;
		}
		if (keys[i].is_flag ? !json_is_true(value) : json_string_length(value) == 0) {
			answer_error(answer, "\"%s\" must be %s", name, keys[i].is_flag ? "true, or left out" : "a text, and not empty");
			return false;
		}
	}
	return true;
}

bool
filters_read(const struct queue_commands *c, const json_t *request, struct answer *answer, struct filters *filters)
{
	struct str id = text_of(request, "id"), hop = text_of(request, "next-hop");

	*filters = (struct filters){ .is_given = false };
	arena_init(&filters->arena, FILTER_MAX_BYTES);
	filters->destinations = arena_array(&filters->arena, DESTINATIONS_MAX, sizeof(struct str));
	filters->filter.recipient_domain = text_of(request, "recipient-domain");
	filters->filter.is_held_only = json_is_true(json_object_get(request, "held"));
	filters->is_given = id.len != 0 || hop.len != 0 || filters->filter.recipient_domain.len != 0 ||
	    filters->filter.is_held_only || json_is_true(json_object_get(request, "all"));
	if (!is_understood(request, answer))
		return false;
	(void)domain_canonical(filters->filter.recipient_domain, &filters->arena, &filters->filter.recipient_domain);
	/* The id of no mail would be a filter that lets all pass. */
	if (id.len != 0 && (!mail_id_parse(id, &filters->filter.id) || mail_id_is_none(&filters->filter.id))) {
		answer_error(answer, "\"%.*s\" is no mail's id", STR_ARG(id));
		return false;
	}
	if (hop.len != 0) {
		if (c->each_destination != NULL)
			c->each_destination(c->each_destination_context, hop, add_destination, filters);
		if (filters->n_destinations == 0) {
			answer_error(answer, "\"%.*s\" is no relay, route or next hop", STR_ARG(hop));
			return false;
		}
	}
	return true;
}

void
filters_fini(struct filters *filters)
{
	arena_fini(&filters->arena);
}
