/*
 * transport.c - relays and routes in the words of Postfix's transport(5): "relay:[mail.example.net]:25, [192.0.2.1]:25"
 *
 * A name of its master.cf and a next hop: in brackets a host, without them a domain whose MX records lead on, none for the
 * recipient's own domain.  Of several it tries one after the other (since 3.5), whatever balance says.
 */
#include "base/insist.h"
#include "smtpfwd/config/config.h"

enum {
	SMTP_PORT = 25,
	TEXT_MAX_BYTES = 256 * 1024,	/* 100 next hops of 1,000 bytes, which is what settings can have, and more */
};

static bool
is_name(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.'))
			return false;
	}
	return text.len > 0;
}

static void
append_next_hop(const struct next_hop_settings *hop, struct buf *text)
{
	char room[IP_TEXT_MAX];
	int result;

	if (hop->is_mx && hop->host == NULL)
		return;				/* the recipient's domain, which stands for itself */
	if (text->at[text->len - 1] != ':')
		insist(buf_append(text, STR(", ")) == 0);
	if (hop->is_mx)
		result = buf_append(text, str_of(hop->host));
	else if (hop->host != NULL)
		result = buf_printf(text, "[%s]", hop->host);
	else
		result = buf_printf(text, "[%s%.*s]", hop->ip.family == IP_V6 ? "ipv6:" : "", STR_ARG(ip_text(&hop->ip, room)));
	if (result == 0 && !(hop->is_mx && hop->port == SMTP_PORT))
		result = buf_printf(text, ":%u", hop->port);
	insist(result == 0);
}

/* Who has a mailbox of a relay by the recipient only its next hops know, one by one: no one text says where it goes. */
static const char *
make_text(struct config *config, const struct route_settings *route, const char *name)
{
	struct buf text;
	const char *made;

	if (route->is_by_recipient)
		return "";
	buf_init(&text, TEXT_MAX_BYTES);
	insist(buf_printf(&text, "%s:", name) == 0);
	for (int i = 0; i < route->n_next_hops; i++)
		append_next_hop(&route->next_hops[i], &text);
	made = config_copy(config, buf_str(&text));
	buf_fini(&text);
	return made;
}

static const char *
read_transport(struct config *config, const struct conf_section *section, const struct route_settings *route, const char *otherwise)
{
	const char *written = conf_string(section, "postfix-transport");
	struct str name;
	ptrdiff_t colon;

	if (written == NULL)
		return make_text(config, route, otherwise);
	colon = str_find(str_of(written), ':');
	name = colon >= 0 ? str_sub(str_of(written), 0, (size_t)colon) : str_of(written);
	if (!is_name(name) || !str_is_printable(str_of(written)))
		conf_error(config->conf, section, "postfix-transport", "\"%s\" is neither a transport's name nor one with :next-hop", written);
	return colon >= 0 ? written : make_text(config, route, written);
}

/* The route that needs no section has none; so does one of a title that is an error already. */
static const struct conf_section *
section_of(const struct config *config, const struct route_settings *route, bool *is_relay_out)
{
	struct str destination = route->destination != NULL ? str_of(route->destination) : STR_EMPTY;

	*is_relay_out = str_starts(destination, STR("relay:"));
	if (*is_relay_out)
		return conf_section_titled(config->conf, "relay", str_from(destination, strlen("relay:")).at);
	return conf_section_titled(config->conf, "route", str_from(destination, strlen("route:")).at);
}

void
config_read_transports(struct config *config)
{
	struct transport_text *transports = config_alloc(config, (size_t)config->n_routes, sizeof(*transports));
	int n = 0;

	for (int i = 0; i < config->n_routes; i++) {
		const struct route_settings *route = &config->routes[i];
		bool is_relay;
		const struct conf_section *section;

		if (route->destination == NULL)		/* an error already */
			continue;
		section = section_of(config, route, &is_relay);
		transports[n].destination = route->destination;
		transports[n++].text = section != NULL ? read_transport(config, section, route, is_relay ? "relay" : "smtp") :
		    make_text(config, route, "smtp");
	}
	config->policy.transports = transports;
	config->policy.n_transports = n;
}
