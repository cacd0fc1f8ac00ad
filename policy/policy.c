/*
 * policy.c - whose a domain is, the name of where its mail goes, and the rules of the checks, of signing and of SRS
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
	struct forwarding forwarding;
	const char	**ways;		/* of the forwarding; all owned */
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
	struct verify_rules	 verify;	/* its texts are owned */
	struct dkim_verifier	*dkim_verifier;
	struct sign_rules	*sign_rules;
	const struct dkim_signer **signers;
	int			 n_signers;
	struct arc_sealer	*sealer;
	struct dkim_key		**keys;
	int			 n_keys;
	struct policy_srs	 srs;
	struct transports	*transports;
	struct class_rules	*class_rules;
	char			*class_field;	/* or NULL */
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

static void
take_forwarding(struct relay *relay, const struct forwarding *from)
{
	insist(from->is_by_recipient == (from->n_ways > 0));
	relay->forwarding = *from;
	relay->ways = mem_new_array((size_t)from->n_ways + 1, sizeof(*relay->ways));
	for (int i = 0; i < from->n_ways; i++)
		relay->ways[i] = copy_joined("", from->ways[i]);
	relay->forwarding.ways = relay->ways;
}

static void
free_relay(struct relay *relay)
{
	for (int i = 0; i < relay->forwarding.n_ways; i++)
		mem_free((char *)(uintptr_t)relay->ways[i]);
	mem_free(relay->ways);
	mem_free(relay->name);
	mem_free(relay->destination);
}

static void
take_verify(struct policy *policy, const struct policy_settings *settings)
{
	const struct verify_rules *verify = &settings->verify;

	insist(!verify->dkim || settings->dkim_verifier != NULL);
	policy->verify = *verify;
	policy->verify.authserv_id = copy_joined("", verify->authserv_id != NULL ? verify->authserv_id : settings->hostname);
	policy->verify.mark_field = copy_joined("", verify->mark_field != NULL ? verify->mark_field : "X-Spam-Flag: YES");
	policy->dkim_verifier = settings->dkim_verifier;
}

static void
take_signing(struct policy *policy, const struct policy_signing *signing, const uint64_t seed[2])
{
	policy->sign_rules = sign_rules_new(signing->rules, signing->n_rules, seed);
	policy->n_signers = signing->n_rules;
	policy->signers = mem_new_array((size_t)signing->n_rules + 1, sizeof(*policy->signers));
	for (int i = 0; i < signing->n_rules; i++)
		policy->signers[i] = signing->rules[i].signer;
	insist(signing->sealer == NULL || policy->verify.arc);
	policy->sealer = signing->sealer;
	policy->n_keys = signing->n_keys;
	policy->keys = mem_new_array((size_t)signing->n_keys + 1, sizeof(*policy->keys));
	for (int i = 0; i < signing->n_keys; i++)
		policy->keys[i] = signing->keys[i];
}

static void
take_classes(struct policy *policy, const struct policy_classes *classes)
{
	policy->class_rules = class_rules_new(classes->sections, classes->n_sections);
	if (classes->field_name != NULL)
		policy->class_field = copy_joined("", classes->field_name);
}

static void
free_signing(struct policy *policy)
{
	sign_rules_free(policy->sign_rules);
	for (int i = 0; i < policy->n_signers; i++)
		dkim_signer_free((struct dkim_signer *)(uintptr_t)policy->signers[i]);
	arc_sealer_free(policy->sealer);
	for (int i = 0; i < policy->n_keys; i++)
		dkim_key_free(policy->keys[i]);
	mem_free(policy->signers);
	mem_free(policy->keys);
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
		take_forwarding(&policy->relays[i], &rule->forwarding);
		for (int k = 0; k < rule->n_domains; k++)
			add_domain(policy, str_of(rule->domains[k]), &policy->relays[i]);
	}
	take_verify(policy, settings);
	take_signing(policy, &settings->signing, seed);
	policy->srs = settings->srs;
	take_classes(policy, &settings->classes);
	policy->transports = transports_new(settings->transports, settings->n_transports, seed);
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
	for (int i = 0; i < policy->n_relays; i++)
		free_relay(&policy->relays[i]);
	mem_free(policy->relays);
	map_fini(&policy->exact);
	map_fini(&policy->below);
	free_signing(policy);
	srs_rules_free(policy->srs.rules);
	class_rules_free(policy->class_rules);
	transports_free(policy->transports);
	mem_free(policy->class_field);
	dkim_verifier_free(policy->dkim_verifier);
	mem_free((char *)(uintptr_t)policy->verify.authserv_id);
	mem_free((char *)(uintptr_t)policy->verify.mark_field);
	mem_free(policy->outbound);
	mem_free(policy->hostname);
	mem_free(policy);
}

const char *
policy_hostname(const struct policy *policy)
{
	return policy->hostname;
}

const struct verify_rules *
policy_verify_rules(const struct policy *policy)
{
	return &policy->verify;
}

struct dkim_verifier *
policy_dkim_verifier(const struct policy *policy)
{
	return policy->dkim_verifier;
}

const struct sign_rules *
policy_sign_rules(const struct policy *policy)
{
	return policy->sign_rules;
}

const struct arc_sealer *
policy_arc_sealer(const struct policy *policy)
{
	return policy->sealer;
}

const struct policy_srs *
policy_srs(const struct policy *policy)
{
	return &policy->srs;
}

const struct class_rules *
policy_class_rules(const struct policy *policy)
{
	return policy->class_rules;
}

const struct transports *
policy_transports(const struct policy *policy)
{
	return policy->transports;
}

const char *
policy_class_field(const struct policy *policy)
{
	return policy->class_field;
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

const struct forwarding *
policy_forwarding_of(const struct policy *policy, struct str domain)
{
	const struct relay *relay = find_relay(policy, domain);

	return relay != NULL ? &relay->forwarding : NULL;
}

bool
policy_is_ours(const struct policy *policy, struct str domain)
{
	return str_eq_nocase(domain, str_of(policy_hostname(policy))) || policy_relay_of(policy, domain) != NULL ||
	    sign_rules_have(policy_sign_rules(policy), domain);
}

bool
policy_has_outbound(const struct policy *policy)
{
	return policy->outbound != NULL;
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
policy_destination_of(const struct policy *policy, struct str class_name, const struct address *address,
    char room[POLICY_DESTINATION_MAX])
{
	const struct relay *relay = find_relay(policy, address->domain);
	const struct class_actions *actions;

	if (relay != NULL)
		return str_of(relay->forwarding.is_by_recipient ? relay->ways[0] : relay->destination);
	actions = class_rules_actions(policy->class_rules, class_name);
	if (actions->route != NULL && actions->is_route_by_domain)
		return destination_by_domain(actions->route, address->domain, room);
	if (actions->route != NULL)
		return str_of(actions->route);
	if (policy->outbound == NULL)
		return STR("none");
	if (policy->is_outbound_by_domain)
		return destination_by_domain(policy->outbound, address->domain, room);
	return str_of(policy->outbound);
}
