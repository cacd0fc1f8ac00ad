/*
 * sign_rules.c - which mail is signed, and by which signer
 */
#include "base/insist.h"
#include "base/map.h"
#include "base/mem.h"
#include "mail/domain.h"
#include "policy/sign_rules.h"

enum {
	NAME_ARENA_MAX_BYTES = 2048,	/* one domain in its canonical form, and what libidn2 needs */
	TEXTS_MAX_BYTES = 64 * 1024 * 1024,	/* of all rules: bounded by the configuration's own limits */
};

struct kept_rule {
	struct str		  name, domain;
	const struct dkim_signer *signer;
	bool			  with_subdomains;
	bool			  is_by_name;
};

struct sign_rules {
	struct arena		 arena;		/* of the texts */
	struct kept_rule	*rules;
	int			 n_rules;
	struct map		 by_domain;	/* canonical -> struct kept_rule; of those that are not by name */
};

static void
keep_rule(struct sign_rules *made, const struct sign_rule *rule)
{
	struct kept_rule *kept = &made->rules[made->n_rules++];

	insist(rule->signer != NULL);
	*kept = (struct kept_rule){ .signer = rule->signer, .with_subdomains = rule->with_subdomains, .is_by_name = rule->is_by_name };
	insist(arena_copy(&made->arena, str_of(rule->name != NULL ? rule->name : rule->domain), &kept->name));
	insist(arena_copy(&made->arena, str_of(rule->domain), &kept->domain));
	if (rule->is_by_name)
		return;
	insist(map_get(&made->by_domain, kept->domain) == NULL);
	map_set(&made->by_domain, kept->domain, kept);
}

struct sign_rules *
sign_rules_new(const struct sign_rule *rules, int n_rules, const uint64_t seed[2])
{
	struct sign_rules *made = mem_new(sizeof(*made));

	arena_init(&made->arena, TEXTS_MAX_BYTES);
	made->rules = mem_new_array((size_t)n_rules + 1, sizeof(*made->rules));
	map_init(&made->by_domain, seed);
	for (int i = 0; i < n_rules; i++)
		keep_rule(made, &rules[i]);
	return made;
}

void
sign_rules_free(struct sign_rules *rules)
{
	if (rules == NULL)
		return;
	map_fini(&rules->by_domain);
	arena_fini(&rules->arena);
	mem_free(rules->rules);
	mem_free(rules);
}

static struct sign_choice
choose_canonical(const struct sign_rules *rules, struct str domain)
{
	const struct kept_rule *rule = map_get(&rules->by_domain, domain);
	struct str rest = domain, label;

	if (rule != NULL)
		return (struct sign_choice){ rule->signer, "exact" };
	while (str_take_until(&rest, '.', &label) && rest.len > 0) {
		rule = map_get(&rules->by_domain, rest);
		if (rule != NULL && rule->with_subdomains)
			return (struct sign_choice){ rule->signer, "parent" };
	}
	return (struct sign_choice){ NULL, "no-rule" };
}

static struct sign_choice
choose_author(const struct sign_rules *rules, struct str domain)
{
	struct sign_choice choice = { NULL, "no-rule" };
	struct arena arena;
	struct str canonical;

	arena_init(&arena, NAME_ARENA_MAX_BYTES);
	if (domain_canonical(domain, &arena, &canonical))	/* else a literal, or nothing that has a key */
		choice = choose_canonical(rules, canonical);
	arena_fini(&arena);
	return choice;
}

static struct sign_choice
choose_named(const struct sign_rules *rules, const char *name)
{
	for (int i = 0; i < rules->n_rules; i++)
		if (str_eq(rules->rules[i].name, str_of(name)))
			return (struct sign_choice){ rules->rules[i].signer, "named" };
	return (struct sign_choice){ NULL, "no-rule" };
}

bool
sign_rules_have(const struct sign_rules *rules, struct str domain)
{
	struct arena arena;
	struct str name;
	bool has = false;

	arena_init(&arena, NAME_ARENA_MAX_BYTES);
	if (domain_canonical(domain, &arena, &name)) {
		has = choose_canonical(rules, name).signer != NULL;
		for (int i = 0; i < rules->n_rules && !has; i++) {
			const struct kept_rule *rule = &rules->rules[i];

			has = rule->is_by_name && str_eq(name, rule->domain);
		}
	}
	arena_fini(&arena);
	return has;
}

void
sign_rules_choose(const struct sign_rules *rules, enum sign_source source, const char *sign_as,
    const struct str *author_domains, int n_author_domains, struct sign_choice *choice_out)
{
	*choice_out = (struct sign_choice){ NULL, "outside" };
	switch (source) {
	case SIGN_SOURCE_OUTSIDE:
		return;
	case SIGN_SOURCE_CLASS_OFF:
		choice_out->reason = "class";
		return;
	case SIGN_SOURCE_TRUSTED:
	case SIGN_SOURCE_CLASS:
	case SIGN_SOURCE_OWN:
		break;
	}
	choice_out->reason = "no-author";
	if (sign_as != NULL && n_author_domains > 0) {
		*choice_out = choose_named(rules, sign_as);
		return;
	}
	for (int i = 0; i < n_author_domains; i++) {
		struct sign_choice choice = choose_author(rules, author_domains[i]);

		if (i > 0 && choice.signer != choice_out->signer) {
			*choice_out = (struct sign_choice){ NULL, "authors-differ" };
			return;
		}
		*choice_out = choice;
	}
}
