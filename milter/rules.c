/*
 * rules.c - generations of what mails are judged by
 */
#include "milter/rules.h"

void
rules_place_init(struct rules_place *place, struct rules *first)
{
	pthread_mutex_init(&place->lock, NULL);
	place->now = first;
}

void
rules_replace(struct rules_place *place, struct rules *next)
{
	struct rules *before;

	pthread_mutex_lock(&place->lock);
	before = place->now;
	place->now = next;
	pthread_mutex_unlock(&place->lock);
	rules_release(before);
}

void
rules_place_fini(struct rules_place *place)
{
	rules_release(place->now);
	place->now = NULL;
	pthread_mutex_destroy(&place->lock);
}

struct rules *
rules_hold(struct rules_place *place)
{
	struct rules *rules;

	pthread_mutex_lock(&place->lock);
	rules = place->now;
	atomic_fetch_add(&rules->n_holders, 1);
	pthread_mutex_unlock(&place->lock);
	return rules;
}

void
rules_release(struct rules *rules)
{
	if (rules != NULL && atomic_fetch_sub(&rules->n_holders, 1) == 1)
		rules->end(rules);
}

const char *
rules_listener_class(const struct rules *rules, struct str daemon_name)
{
	return classify_service(rules->classes, rules->n_classes, daemon_name);
}

static bool
has_name(const char *const *names, int n, struct str name)
{
	for (int i = 0; i < n; i++)
		if (str_eq(name, str_of(names[i])))
			return true;
	return false;
}

bool
rules_is_after_filter(const struct rules *rules, struct str daemon_name)
{
	return has_name(rules->after_filter, rules->n_after_filter, daemon_name);
}

bool
rules_is_local_transport(const struct rules *rules, struct str transport)
{
	return has_name(rules->local_transports, rules->n_local_transports, transport);
}
