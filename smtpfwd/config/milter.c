/*
 * milter.c - the milter section
 */
#include "base/insist.h"
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
	struct place place = { .path = STR_EMPTY };

	milter->socket = text;
	if (!place_parse(str_of(text), &place))
		conf_error(config->conf, section, "socket", "\"%s\" is neither inet:ADDRESS:PORT nor unix:/PATH", text);
	else if (place.path.len > 0)
		milter->place.path = str_of(milter->unix_path = config_copy(config, place.path));
	else
		milter->socket = libmilter_words(config, &place.at);
	milter->place.at = place.at;
}

static struct milter_server
read_server(struct config *config, const struct conf_section *section, const char *setting)
{
	struct milter_server server = { .written = conf_string(section, setting) };

	if (server.written == NULL)
		return server;
	if (!place_parse(str_of(server.written), &server.place))
		conf_error(config->conf, section, setting, "\"%s\" is neither inet:ADDRESS:PORT nor unix:/PATH", server.written);
	else if (strcmp(server.written, conf_string(section, "socket")) == 0)
		conf_error(config->conf, section, setting, "%s is the milter's own socket", server.written);
	else if (server.place.path.len > 0)
		server.place.path = str_of(config_copy(config, server.place.path));
	return server;
}

static void
check_servers(struct config *config, const struct conf_section *section, const struct milter_section *milter)
{
	const char *other = milter->policy_service.written;

	if (milter->socketmap.written != NULL && other != NULL && strcmp(milter->socketmap.written, other) == 0)
		conf_error(config->conf, section, "policy-service", "%s is the socket of socketmap already", other);
	if (milter->group != NULL && milter->unix_path == NULL && milter->socketmap.place.path.len == 0 && milter->policy_service.place.path.len == 0)
		conf_error(config->conf, section, "group", "is for a unix socket");
}

void
config_read_milter(struct config *config)
{
	const struct conf_section *section = conf_section(config->conf, "milter");
	struct milter_section *milter = &config->milter;

	milter->group = conf_string(section, "group");
	read_socket(config, section);
	milter->socketmap = read_server(config, section, "socketmap");
	milter->policy_service = read_server(config, section, "policy-service");
	check_servers(config, section, milter);
	milter->control = config_path(config, section, "control");
	milter->networks = config_networks(config, section, "networks", &milter->n_networks);
	milter->client_names = config_client_names(config, section, &milter->n_client_names);
	milter->after_filter = conf_list(section, "after-filter", &milter->n_after_filter);
	milter->local_transports = conf_list(section, "local-transports", &milter->n_local_transports);
	milter->accepts_on_failure = conf_choice(section, "on-failure") == 1;
	milter->sessions_max = (int)conf_integer(section, "max-sessions");
	milter->memory_max_bytes = conf_size(section, "max-memory");
	milter->hops_max = (int)conf_integer(section, "max-hops");
}
