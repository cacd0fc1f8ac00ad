/*
 * listen.c - the listen sections
 */
#include "smtpfwd/config/config.h"

const struct network *
config_networks(struct config *config, const struct conf_section *section, const char *setting, int *n_out)
{
	const char *const *texts = conf_list(section, setting, n_out);
	struct network *networks = config_alloc(config, (size_t)*n_out, sizeof(*networks));

	for (int i = 0; i < *n_out; i++)
		if (!network_parse(str_of(texts[i]), &networks[i]))
			conf_error(config->conf, section, setting,
			    "\"%s\" is no network (192.0.2.0/24, 2001:db8::/32, or one address)", texts[i]);
	return networks;
}

static bool
is_any(const struct ip *ip)
{
	static const uint8_t zero[sizeof(ip->bytes)];

	return memcmp(ip->bytes, zero, ip->family == IP_V4 ? 4 : sizeof(ip->bytes)) == 0;
}

bool
config_addresses_overlap(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && a->ip.family == b->ip.family && (is_any(&a->ip) || is_any(&b->ip) || ip_eq(&a->ip, &b->ip));
}

bool
config_has_address(const struct config *config, const struct endpoint *address)
{
	for (int i = 0; i < config->n_listeners; i++)
		for (int k = 0; k < config->listeners[i].n_addresses; k++)
			if (endpoint_eq(&config->listeners[i].addresses[k], address))
				return true;
	return false;
}

/* An address that is taken already is an error here and not only when it is bound: a check binds one at a time. */
static void
check_address_is_free(struct config *config, const struct conf_section *section, const struct endpoint *address,
    const char *title, const struct endpoint *others, int n_others)
{
	char room[ENDPOINT_TEXT_MAX], other[ENDPOINT_TEXT_MAX];

	for (int i = 0; i < n_others; i++) {
		if (endpoint_eq(&others[i], address))
			conf_error(config->conf, section, "address", "%.*s stands in listen \"%s\" too",
			    STR_ARG(endpoint_text(address, room)), title);
		else if (config_addresses_overlap(&others[i], address))
			conf_error(config->conf, section, "address", "%.*s and %.*s in listen \"%s\" cannot both be had",
			    STR_ARG(endpoint_text(address, room)), STR_ARG(endpoint_text(&others[i], other)), title);
	}
}

static void
read_addresses(struct config *config, const struct conf_section *section, struct listener_settings *listener)
{
	const char *const *texts = conf_list(section, "address", &listener->n_addresses);
	struct endpoint *addresses = config_alloc(config, (size_t)listener->n_addresses, sizeof(*addresses));
	struct endpoint address;
	int n = 0;

	for (int i = 0; i < listener->n_addresses; i++) {
		if (!endpoint_parse(str_of(texts[i]), &address) || address.port == 0) {
			conf_error(config->conf, section, "address", "\"%s\" is no address:port", texts[i]);
			continue;
		}
		check_address_is_free(config, section, &address, section->title, addresses, n);
		for (int k = 0; k < config->n_listeners; k++)
			check_address_is_free(config, section, &address, config->listeners[k].name,
			    config->listeners[k].addresses, config->listeners[k].n_addresses);
		addresses[n++] = address;
	}
	listener->addresses = addresses;
	listener->n_addresses = n;
}

const char *const *
config_client_names(struct config *config, const struct conf_section *section, int *n_out)
{
	const char *const *texts = conf_list(section, "client-names", n_out);
	const char **names = config_alloc(config, (size_t)*n_out, sizeof(*names));

	for (int i = 0; i < *n_out; i++) {
		names[i] = config_domain(config, texts[i]);
		if (names[i] == NULL)
			conf_error(config->conf, section, "client-names", "\"%s\" is no host's name", texts[i]);
	}
	return names;
}

/* Whom a certificate of client-ca makes one of ours. */
static void
read_client_names(struct config *config, const struct conf_section *section, struct listener_settings *listener)
{
	listener->client_names = config_client_names(config, section, &listener->n_client_names);
	listener->client_ca = config_path(config, section, "client-ca");
	if (listener->client_ca != NULL && listener->tls == LISTEN_TLS_OFF)
		conf_error(config->conf, section, "client-ca", "is of no use with tls = off");
	if (listener->client_ca == NULL && listener->n_client_names > 0)
		conf_error(config->conf, section, "client-names", "need a client-ca that proves them");
}

static void
read_limits(const struct conf_section *section, struct listener_settings *listener)
{
	listener->message_max_bytes = conf_size(section, "max-message");
	listener->recipients_max = (int)conf_integer(section, "max-recipients");
	listener->connections_max = (int)conf_integer(section, "max-connections");
	listener->connections_per_address_max = (int)conf_integer(section, "max-connections-per-address");
	listener->errors_max = (int)conf_integer(section, "max-errors");
	listener->received_max = (int)conf_integer(section, "max-hops");
	listener->greeting_delay = conf_span(section, "greeting-delay");
	listener->command_timeout = conf_span(section, "command-timeout");
	listener->data_timeout = conf_span(section, "data-timeout");
	listener->session_max = conf_span(section, "max-session");
}

static const char *
class_name(const struct conf_section *section)
{
	static const char *const names[] = { "incoming", "local", "application", "list" };	/* as in the table */

	return names[conf_choice(section, "class")];
}

static void
read_listener(struct config *config, const struct conf_section *section, struct listener_settings *listener)
{
	static const enum listen_tls tls[] =
	    { LISTEN_TLS_OFF, LISTEN_TLS_OFFERED, LISTEN_TLS_REQUIRED, LISTEN_TLS_IMPLICIT };
	static const enum listen_auth auths[] = { LISTEN_AUTH_OFF, LISTEN_AUTH_OFFERED, LISTEN_AUTH_REQUIRED };

	listener->name = section->title;
	listener->class_name = class_name(section);
	listener->tls = tls[conf_choice(section, "tls")];
	listener->auth = auths[conf_choice(section, "auth")];
	listener->bare_line_end = conf_choice(section, "bare-line-end") == 0 ? BARE_LINE_END_REFUSE : BARE_LINE_END_REPAIR;
	listener->networks = config_networks(config, section, "networks", &listener->n_networks);
	listener->xclient_from = config_networks(config, section, "xclient-from", &listener->n_xclient_from);
	listener->proxy_from = config_networks(config, section, "proxy-from", &listener->n_proxy_from);
	read_client_names(config, section, listener);
	read_limits(section, listener);
	if (listener->auth != LISTEN_AUTH_OFF && config->users == NULL && !conf_is_set(conf_section(config->conf, ""), "users"))
		conf_error(config->conf, section, "auth", "needs users, the file with the logins");
	/* A class grants nothing; where nobody may relay, nobody could use such a listener as meant. */
	if (strcmp(listener->class_name, "incoming") != 0 && listener->n_networks == 0 && listener->n_client_names == 0 &&
	    listener->auth == LISTEN_AUTH_OFF)
		conf_error(config->conf, section, "class", "a listener for %s mail needs networks, client-names or auth: who may relay",
		    listener->class_name);
}

/* Without a listen section: port 25 of all addresses, by the tables' defaults. */
static void
make_default_listener(struct config *config, struct listener_settings *listener)
{
	const struct conf_section *section = conf_section_default(config->conf, "listen");
	struct endpoint *addresses = config_alloc(config, 2, sizeof(*addresses));

	endpoint_parse(STR("0.0.0.0:25"), &addresses[0]);
	endpoint_parse(STR("[::]:25"), &addresses[1]);
	read_listener(config, section, listener);
	listener->name = "mx";
	listener->addresses = addresses;
	listener->n_addresses = 2;
	config->is_listener_default = true;
}

void
config_read_listeners(struct config *config)
{
	int n = conf_n_sections(config->conf, "listen");

	config->listeners = config_alloc(config, (size_t)n + 1, sizeof(*config->listeners));
	if (n == 0) {
		make_default_listener(config, &config->listeners[0]);
		config->n_listeners = 1;
		return;
	}
	for (int i = 0; i < n; i++) {
		const struct conf_section *section = conf_section_at(config->conf, "listen", i);

		read_listener(config, section, &config->listeners[i]);
		read_addresses(config, section, &config->listeners[i]);
		config->n_listeners = i + 1;
	}
}
