/*
 * policy.c - whose a domain is, and the name of where its mail goes
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/map.h"
#include "base/mem.h"
#include "mail/domain.h"
#include "policy/policy.h"

enum { NAME_ARENA_MAX_BYTES = 2048 };	/* one domain in its canonical form, and what libidn2 needs */

struct relay {
	char		*name;
	char		*destination;	/* "relay:NAME" */
};

struct policy {
	int		 n_holders;
	char		*hostname;
	char		*outbound;	/* "route:NAME", or NULL */
	bool		 is_outbound_by_domain;
	struct relay	*relays;
	int		 n_relays;
	struct map	 exact;		/* canonical domain -> struct relay */
	struct map	 below;		/* the same, for those with a leading dot, without it */
};

static char *
copy_joined(const char *before, const char *text)
{
	size_t n_before = strlen(before), n_text = strlen(text);
	char *joined = mem_new(n_before + n_text + 1);

	memcpy(joined, before, n_before);
	memcpy(joined + n_before, text, n_text);
	return joined;
}

static void
add_domain(struct policy *policy, struct str domain, struct relay *relay)
{
	struct map *map = &policy->exact;

	if (str_starts(domain, STR("."))) {
		map = &policy->below;
		domain = str_from(domain, 1);
	}
	insist(map_get(map, domain) == NULL);
	map_set(map, domain, relay);
}

struct policy *
policy_new(const struct policy_settings *settings, const uint64_t seed[2])
{
	struct policy *policy = mem_new(sizeof(*policy));

	policy->n_holders = 1;
	policy->hostname = copy_joined("", settings->hostname);
	if (settings->outbound != NULL)
		policy->outbound = copy_joined("route:", settings->outbound);
	policy->is_outbound_by_domain = settings->is_outbound_by_domain;
	map_init(&policy->exact, seed);
	map_init(&policy->below, seed);
	policy->n_relays = settings->n_relays;
	policy->relays = mem_new_array((size_t)settings->n_relays + 1, sizeof(*policy->relays));
	for (int i = 0; i < settings->n_relays; i++) {
		const struct relay_rule *rule = &settings->relays[i];

		policy->relays[i].name = copy_joined("", rule->name);
		policy->relays[i].destination = copy_joined("relay:", rule->name);
		for (int k = 0; k < rule->n_domains; k++)
			add_domain(policy, str_of(rule->domains[k]), &policy->relays[i]);
	}
	return policy;
}

const struct policy *
policy_hold(const struct policy *policy)
{
	/* Immutable to who uses it; how many do is not part of what it says. */
	((struct policy *)(uintptr_t)policy)->n_holders++;
	return policy;
}

void
policy_free(const struct policy *shared)
{
	struct policy *policy = (struct policy *)(uintptr_t)shared;

	if (policy == NULL || --policy->n_holders > 0)
		return;
	for (int i = 0; i < policy->n_relays; i++) {
		mem_free(policy->relays[i].name);
		mem_free(policy->relays[i].destination);
	}
	mem_free(policy->relays);
	map_fini(&policy->exact);
	map_fini(&policy->below);
	mem_free(policy->outbound);
	mem_free(policy->hostname);
	mem_free(policy);
}

const char *
policy_hostname(const struct policy *policy)
{
	return policy->hostname;
}

/* The relay that was given the closest parent of a canonical name with a leading dot. */
static struct relay *
find_below(const struct policy *policy, struct str name)
{
	struct str rest = name, label;
	struct relay *relay;

	while (str_take_until(&rest, '.', &label) && rest.len > 0) {
		relay = map_get(&policy->below, rest);
		if (relay != NULL)
			return relay;
	}
	return NULL;
}

static struct relay *
find_relay(const struct policy *policy, struct str domain)
{
	struct arena arena;
	struct str name;
	struct relay *relay = NULL;

	/* RFC 5321 4.5.1: a bare <Postmaster> must be taken; here the first relay's mailbox owner reads it. */
	if (domain.len == 0)
		return policy->n_relays > 0 ? &policy->relays[0] : NULL;
	if (domain_is_literal(domain))
		return NULL;
	arena_init(&arena, NAME_ARENA_MAX_BYTES);
	if (domain_canonical(domain, &arena, &name)) {
		relay = map_get(&policy->exact, name);
		if (relay == NULL)
			relay = find_below(policy, name);
	}
	arena_fini(&arena);
	return relay;
}

const char *
policy_relay_of(const struct policy *policy, struct str domain)
{
	const struct relay *relay = find_relay(policy, domain);

	return relay != NULL ? relay->name : NULL;
}

/* The same for all spellings of a domain; what is none stays as it is, and fails where hosts are looked for. */
static struct str
destination_by_domain(const char *outbound, struct str domain, char room[POLICY_DESTINATION_MAX])
{
	struct arena arena;
	struct str name = domain;
	int n;

	arena_init(&arena, NAME_ARENA_MAX_BYTES);
	if (!domain_is_literal(domain) && !domain_canonical(domain, &arena, &name))
		name = domain;
	n = snprintf(room, POLICY_DESTINATION_MAX, "%s/%.*s", outbound, STR_ARG(name));
	arena_fini(&arena);
	return n < POLICY_DESTINATION_MAX ? str_of(room) : STR("none");
}

struct str
policy_destination_of(const struct policy *policy, const struct address *address, char room[POLICY_DESTINATION_MAX])
{
	const struct relay *relay = find_relay(policy, address->domain);

	if (relay != NULL)
		return str_of(relay->destination);
	if (policy->outbound == NULL)
		return STR("none");
	if (policy->is_outbound_by_domain)
		return destination_by_domain(policy->outbound, address->domain, room);
	return str_of(policy->outbound);
}
