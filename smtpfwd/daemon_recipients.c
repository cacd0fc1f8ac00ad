/*
 * daemon_recipients.c - what is known of mailboxes, by the relays of the configuration
 */
#include "base/mem.h"
#include "smtpfwd/daemon_inside.h"

static struct recipients_settings
settings_of(const struct config *config)
{
	return (struct recipients_settings){ .path = config->recipients_file, .reserve_bytes = config->queue.min_free_bytes,
	    .bounds = config->knowledge };
}

/* Each relay, or each of its next hops where it goes by the recipient.  Owned. */
static const char **
names_of(const struct config *config, int *n_out)
{
	const struct relay_rule *relays = config->policy.relays;
	const char **names;
	int n = 0;

	for (int i = 0; i < config->policy.n_relays; i++)
		n += 1 + relays[i].forwarding.n_ways;
	names = mem_new_array((size_t)n + 1, sizeof(const char *));
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

/* --- what couriers hear --- */

static void
learn(void *context, const struct recipient_reply *said)
{
	struct daemon *daemon = context;
	const struct recipient_answer answer = {
		.reply = said->reply, .question = said->is_of_content ? QUESTION_CONTENT : QUESTION_RCPT,
		.asker = said->is_to_us ? ASKER_OURSELVES : ASKER_CLIENT,
	};

	if (str_starts(said->destination, STR("relay:")))
		knowledge_tell(recipients_knowledge(daemon->recipients), forwarding_name(said->destination),
		    said->recipient, &answer, os_wall_clock());
}

/* --- the start, and reloads --- */

int
daemon_make_recipients(struct daemon *daemon, struct fault *fault_out)
{
	const struct config *config = daemon->generation->config;
	struct recipients_settings settings = settings_of(config);
	int n_names;
	const char **names = names_of(config, &n_names);

	daemon->recipients = recipients_new(daemon->loop, &settings, names, n_names, daemon->log, fault_out);
	mem_free(names);
	if (daemon->recipients == NULL)
		return -1;
	couriers_set_hearing(daemon->couriers, &(struct hearing){ .told = learn, .context = daemon });
	return 0;
}

void
daemon_adopt_recipients(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;
	struct recipients_settings settings = settings_of(config);
	int n_names;
	const char **names = names_of(config, &n_names);

	recipients_set(daemon->recipients, &settings, names, n_names);
	mem_free(names);
}

const char *
daemon_relay_of(void *context, struct str domain)
{
	const struct daemon *daemon = context;

	return policy_relay_of(daemon->generation->policy, domain);
}
