/*
 * recipients.c - the recipients section, and under which names mailboxes are known
 */
#include "base/mem.h"
#include "smtpfwd/config/config.h"

void
config_read_recipients(struct config *config)
{
	const struct conf_section *section = conf_section(config->conf, "recipients");

	config->knowledge = (struct knowledge_bounds){
		.good_keep = conf_span(section, "keep-good"), .bad_keep = conf_span(section, "keep-bad"),
		.good_max = conf_integer(section, "max-good"), .bad_max = conf_integer(section, "max-bad"),
	};
}

const char **
config_recipients_names(const struct config *config, int *n_out)
{
	const struct relay_rule *relays = config->policy.relays;
	const char **names;
	int n = 0;

	for (int i = 0; i < config->policy.n_relays; i++)
		n += 1 + relays[i].forwarding.n_ways;
	names = mem_new_array((size_t)n + 1, sizeof(*names));
	*n_out = 0;
	for (int i = 0; i < config->policy.n_relays; i++) {
		const struct forwarding *forwarding = &relays[i].forwarding;

		if (!forwarding->is_by_recipient)
			names[(*n_out)++] = relays[i].name;
		for (int k = 0; k < forwarding->n_ways; k++)
			names[(*n_out)++] = forwarding_name(str_of(forwarding->ways[k])).at;
	}
	return names;
}
