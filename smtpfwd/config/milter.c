/*
 * milter.c - the milter section
 */
#include "base/insist.h"
#include "base/place.h"
#include "smtpfwd/config/config.h"

/* libmilter has words of its own, and would look names up. */
static const char *
libmilter_words(struct config *config, const struct endpoint *at)
{
	char room[IP_TEXT_MAX];
	struct str text;

	insist(arena_printf(&config->arena, &text, "%s:%d@%.*s", at->ip.family == IP_V6 ? "inet6" : "inet", at->port,
	    STR_ARG(ip_text(&at->ip, room))));
	return text.at;
}

static void
read_socket(struct config *config, const struct conf_section *section)
{
	struct milter_section *milter = &config->milter;
	const char *text = conf_string(section, "socket");
	struct place place;

	milter->socket = text;
	if (!place_parse(str_of(text), &place))
		conf_error(config->conf, section, "socket", "\"%s\" is neither inet:ADDRESS:PORT nor unix:/PATH", text);
	else if (place.path.len > 0)
		milter->unix_path = config_copy(config, place.path);
	else
		milter->socket = libmilter_words(config, &place.at);
	if (milter->group != NULL && milter->unix_path == NULL)
		conf_error(config->conf, section, "group", "is for a unix socket");
}

void
config_read_milter(struct config *config)
{
	const struct conf_section *section = conf_section(config->conf, "milter");
	struct milter_section *milter = &config->milter;

	milter->group = conf_string(section, "group");
	read_socket(config, section);
	milter->control = config_path(config, section, "control");
	milter->networks = config_networks(config, section, "networks", &milter->n_networks);
	milter->client_names = config_client_names(config, section, &milter->n_client_names);
	milter->after_filter = conf_list(section, "after-filter", &milter->n_after_filter);
	milter->accepts_on_failure = conf_choice(section, "on-failure") == 1;
	milter->sessions_max = (int)conf_integer(section, "max-sessions");
	milter->memory_max_bytes = conf_size(section, "max-memory");
	milter->hops_max = (int)conf_integer(section, "max-hops");
}
