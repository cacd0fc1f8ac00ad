/*
 * sign_rules.c - which mail is signed, and by which signer
 */
#include "base/insist.h"
#include "base/map.h"
#include "base/mem.h"
#include "mail/domain.h"
#include "policy/sign_rules.h"

enum { NAME_ARENA_MAX_BYTES = 2048 };	/* one domain in its canonical form, and what libidn2 needs */

struct kept_rule {
	const struct dkim_signer *signer;
	bool			  with_subdomains;
};

struct sign_rules {
	struct kept_rule	*rules;
	struct map		 by_domain;	/* canonical -> struct kept_rule */
};

struct sign_rules *
sign_rules_new(const struct sign_rule *rules, int n_rules, const uint64_t seed[2])
{
	struct sign_rules *made = mem_new(sizeof(*made));

	made->rules = mem_new_array((size_t)n_rules + 1, sizeof(*made->rules));
	map_init(&made->by_domain, seed);
	for (int i = 0; i < n_rules; i++) {
		insist(rules[i].signer != NULL && map_get(&made->by_domain, str_of(rules[i].domain)) == NULL);
		made->rules[i] = (struct kept_rule){ rules[i].signer, rules[i].with_subdomains };
		map_set(&made->by_domain, str_of(rules[i].domain), &made->rules[i]);
	}
	return made;
}

void
sign_rules_free(struct sign_rules *rules)
{
	if (rules == NULL)
		return;
	map_fini(&rules->by_domain);
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

void
sign_rules_choose(const struct sign_rules *rules, enum sign_source source, const struct str *author_domains,
    int n_author_domains, struct sign_choice *choice_out)
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
	for (int i = 0; i < n_author_domains; i++) {
		struct sign_choice choice = choose_author(rules, author_domains[i]);

		if (i > 0 && choice.signer != choice_out->signer) {
			*choice_out = (struct sign_choice){ NULL, "authors-differ" };
			return;
		}
		*choice_out = choice;
	}
}
