/*
 * generation.c - a configuration and what mails are judged by, made of it
 */
#include "base/insist.h"
#include "base/mem.h"
#include "milter/generation.h"
#include "smtpfwd/config/check_files.h"
#include "smtpfwd/config/files.h"
#include "smtpfwd/config/policy.h"
#include "smtpfwd/config/sign_keys.h"

static void
end_generation(struct rules *rules)
{
	struct generation *generation = (struct generation *)(void *)rules;

	policy_free(generation->judges);
	config_free(generation->config);
	mem_free(generation);
}

static void
take_listener_classes(struct generation *generation)
{
	struct config *config = generation->config;
	struct listener_class *classes = config_alloc(config, (size_t)config->n_listeners, sizeof(*classes));

	generation->rules.classes = classes;
	if (config->is_listener_default)
		return;
	for (int i = 0; i < config->n_listeners; i++)
		classes[generation->rules.n_classes++] = (struct listener_class){ .listener = config->listeners[i].name,
		    .class_name = config->listeners[i].class_name };
}

struct generation *
generation_new(struct config *config)
{
	const struct milter_section *section = &config->milter;
	struct policy_signing signing;
	struct generation *generation;
	struct policy *policy;

	insist(conf_n_errors(config->conf) == 0);
	config_stamp_files(config);
	check_files(config, &signing);
	policy = conf_n_errors(config->conf) == 0 ? config_policy(config, &signing) : NULL;
	if (policy == NULL) {
		sign_keys_free(&signing);
		return NULL;
	}
	generation = mem_new(sizeof(*generation));
	*generation = (struct generation){ .config = config, .judges = policy, .loaded = os_wall_clock(),
		.rules = { .n_holders = 1, .end = end_generation, .policy = policy,
		    .trust = { section->networks, section->n_networks, section->client_names, section->n_client_names },
		    .after_filter = section->after_filter, .n_after_filter = section->n_after_filter,
		    .local_transports = section->local_transports, .n_local_transports = section->n_local_transports,
		    .received_max = section->hops_max, .sessions_max = section->sessions_max,
		    .memory_max_bytes = (size_t)section->memory_max_bytes, .accepts_on_failure = section->accepts_on_failure } };
	take_listener_classes(generation);
	return generation;
}
