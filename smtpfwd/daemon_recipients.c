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
	const char **names = config_recipients_names(config, &n_names);

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
	const char **names = config_recipients_names(config, &n_names);

	recipients_set(daemon->recipients, &settings, names, n_names);
	mem_free(names);
}

const char *
daemon_relay_of(void *context, struct str domain)
{
	const struct daemon *daemon = context;

	return policy_relay_of(daemon->generation->policy, domain);
}
