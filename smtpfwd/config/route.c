/*
 * route.c - the relay and route sections, and which route is outbound
 */
#include "base/map.h"
#include "mail/domain.h"
#include "smtpfwd/config/config.h"

enum {
	SMTP_PORT = 25,
	TITLE_MAX_BYTES = 255,
};

/* "host:port", "host", "[address]:port" or "[address]". */
static bool
parse_next_hop(struct config *config, const char *written, struct next_hop_settings *hop)
{
	struct str text = str_of(written), host = text, port = STR_EMPTY;
	ptrdiff_t end = str_rfind(text, ']'), colon = str_rfind(text, ':');
	uint64_t number = SMTP_PORT;

	hop->written = written;
	if (colon > end) {
		host = str_sub(text, 0, (size_t)colon);
		port = str_from(text, (size_t)colon + 1);
		if (!str_to_u64(port, &number) || number < 1 || number > 65535)
			return false;
	}
	hop->port = (uint16_t)number;
	if (str_starts(host, STR("["))) {
		if (!str_ends_nocase(host, STR("]")))
			return false;
		return ip_parse(str_sub(host, 1, host.len - 2), &hop->ip);
	}
	if (ip_parse(host, &hop->ip))
		return hop->ip.family == IP_V4;		/* an IPv6 address and its port cannot be told apart without brackets */
	hop->host = config_copy(config, host);
	return domain_is_valid(host, false);
}

/* "mx" and "mx:DOMAIN". */
static bool
parse_mx(struct config *config, const char *written, uint16_t port, struct next_hop_settings *hop, bool *is_good_out)
{
	struct str text = str_of(written), canonical;

	if (!str_eq(text, STR("mx")) && !str_starts(text, STR("mx:")))
		return false;
	*hop = (struct next_hop_settings){ .written = written, .port = port, .is_mx = true };
	*is_good_out = true;
	if (text.len == 2)
		return true;
	text = str_from(text, 3);
	*is_good_out = domain_is_valid(text, true) && domain_canonical(text, &config->arena, &canonical);
	if (*is_good_out)
		hop->host = config_copy(config, canonical);
	return true;
}

/* What cannot be said of hosts that strangers name; bare "mx" takes the recipient's domain, which a relay has itself. */
static void
check_mx(struct config *config, const struct conf_section *section, bool is_relay, const struct route_settings *route)
{
	bool has_mx = false, has_bare = false;

	for (int i = 0; i < route->n_next_hops; i++) {
		has_mx |= route->next_hops[i].is_mx;
		has_bare |= route->next_hops[i].is_mx && route->next_hops[i].host == NULL;
	}
	if (has_bare && is_relay)
		conf_error(config->conf, section, "next-hop", "the MX records of a relay's domains may still lead to here;"
		    " \"mx:DOMAIN\" takes those of another domain");
	else if (has_bare && route->n_next_hops > 1)
		conf_error(config->conf, section, "next-hop", "\"mx\" stands alone");
	if (has_mx && conf_is_set(section, "balance"))
		conf_error(config->conf, section, "balance", "is of no use with mx: MX records say the order");
	if (has_bare && route->tls_name != NULL)
		conf_error(config->conf, section, "tls-name", "is of no use with mx, whose hosts have many names");
	if (has_bare && route->login != NULL)
		conf_error(config->conf, section, "login", "is of no use with mx: it is for one provider");
	if (!has_mx && conf_is_set(section, "mx-port"))
		conf_error(config->conf, section, "mx-port", "is of use with mx only");
}

static void
read_next_hops(struct config *config, const struct conf_section *section, struct route_settings *route)
{
	uint16_t mx_port = (uint16_t)conf_integer(section, "mx-port");
	const char *const *texts = conf_list(section, "next-hop", &route->n_next_hops);
	struct next_hop_settings *hops = config_alloc(config, (size_t)route->n_next_hops, sizeof(*hops));

	for (int i = 0; i < route->n_next_hops; i++) {
		bool is_good;

		if (!parse_mx(config, texts[i], mx_port, &hops[i], &is_good))
			is_good = parse_next_hop(config, texts[i], &hops[i]);
		if (!is_good)
			conf_error(config->conf, section, "next-hop", "\"%s\" is neither host:port nor [address]:port", texts[i]);
	}
	route->next_hops = hops;
	route->may_use_loopback = conf_bool(section, "mx-loopback");
}

static void
read_sources(struct config *config, const struct conf_section *section, struct route_settings *route)
{
	const char *const *texts = conf_list(section, "source", &route->n_sources);
	struct ip *sources = config_alloc(config, (size_t)route->n_sources, sizeof(*sources));

	for (int i = 0; i < route->n_sources; i++)
		if (!ip_parse(str_of(texts[i]), &sources[i]))
			conf_error(config->conf, section, "source", "\"%s\" is no address", texts[i]);
	if (route->n_sources == 2 && sources[0].family == sources[1].family)
		conf_error(config->conf, section, "source", "has two addresses of one family");
	route->sources = sources;
}

static void
check_login(struct config *config, const struct conf_section *section, const struct route_settings *route)
{
	if (route->login != NULL && !conf_is_set(section, "password-file"))
		conf_error(config->conf, section, "login", "needs a password-file");
	if (route->login == NULL && route->password_file != NULL)
		conf_error(config->conf, section, "password-file", "is of use with login only");
	if (route->login != NULL && route->tls != TLS_REQUIRED && route->tls != TLS_VERIFY)
		conf_error(config->conf, section, "login", "needs tls = verify or required: a password is for no one else to see");
	for (int i = 0; i < route->n_next_hops && route->login != NULL && route->tls == TLS_VERIFY; i++)
		if (route->next_hops[i].is_mx && route->next_hops[i].host != NULL && route->tls_name == NULL)
			conf_error(config->conf, section, "login", "needs tls-name with mx: a name that the DNS gave proves nothing");
}

/* Without an srs section nothing is rewritten, not even what was stored with one: nobody would undo it. */
static enum srs_mode
read_srs_mode(struct config *config, const struct conf_section *section)
{
	static const enum srs_mode modes[] = { SRS_AUTO, SRS_ALWAYS, SRS_NEVER };
	enum srs_mode mode = modes[conf_choice(section, "srs")];

	if (conf_section(config->conf, "srs")->is_given)
		return mode;
	if (mode == SRS_ALWAYS)
		conf_error(config->conf, section, "srs", "needs a section srs, with domain and secret-file");
	return SRS_NEVER;
}

/*
 * Hosts that only the DNS names are told of nobody: an answer of it is no ground to give a client's address away.  By
 * XCLIENT the login that we made would be undone at the next hop.
 */
static void
read_identity(struct config *config, const struct conf_section *section, struct route_settings *route)
{
	static const enum identity_means means[] = {
		IDENTITY_NONE, IDENTITY_AUTO, IDENTITY_PROXY, IDENTITY_XCLIENT, IDENTITY_XFORWARD,
	};
	bool has_mx = false, by_xclient;

	route->identity = means[conf_choice(section, "identity")];
	route->tells_login = conf_bool(section, "identity-login");
	by_xclient = route->identity == IDENTITY_AUTO || route->identity == IDENTITY_XCLIENT;
	for (int i = 0; i < route->n_next_hops; i++)
		has_mx |= route->next_hops[i].is_mx;
	if (has_mx && !conf_is_set(section, "identity"))
		route->identity = IDENTITY_NONE;
	if (has_mx && route->identity != IDENTITY_NONE)
		conf_error(config->conf, section, "identity", "is of no use with mx: hosts that the DNS names are told of nobody");
	else if (route->login != NULL && route->identity == IDENTITY_XCLIENT)
		conf_error(config->conf, section, "identity", "xclient cannot go with a login, which it would undo there");
	else if (route->tells_login && (!by_xclient || has_mx || route->login != NULL))
		conf_error(config->conf, section, "identity-login", "is of use with XCLIENT only: identity = xclient or auto, and no login of ours");
}

static void
read_route(struct config *config, const struct conf_section *section, bool is_relay, const char *destination,
    struct route_settings *route)
{
	static const enum balance balances[] = { BALANCE_FAILOVER, BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONNECTIONS };
	static const enum tls_mode modes[] = { TLS_OFF, TLS_OPPORTUNISTIC, TLS_REQUIRED, TLS_VERIFY };

	route->destination = destination;
	read_next_hops(config, section, route);
	read_sources(config, section, route);
	route->balance = balances[conf_choice(section, "balance")];
	route->tls = modes[conf_choice(section, "tls")];
	route->tls_name = conf_string(section, "tls-name");
	route->srs = read_srs_mode(config, section);
	route->ca_file = config_path(config, section, "ca-file");
	route->connections_max = (int)conf_integer(section, "connections");
	route->login = conf_string(section, "login");
	route->password_file = config_path(config, section, "password-file");
	check_login(config, section, route);
	check_mx(config, section, is_relay, route);
	read_identity(config, section, route);
	route->check_interval = conf_span(section, "check-interval");
	if (route->tls != TLS_VERIFY && route->tls_name != NULL)
		conf_error(config->conf, section, "tls-name", "is of use with tls = verify only");
	if (route->tls != TLS_VERIFY && route->ca_file != NULL)
		conf_error(config->conf, section, "ca-file", "is of use with tls = verify only");
}

const char *
config_domain(struct config *config, const char *written)
{
	struct str text = str_of(written), canonical, dotted;
	bool is_below = str_starts(text, STR("."));

	if (is_below)
		text = str_from(text, 1);
	if (!domain_is_valid(text, true) || !domain_canonical(text, &config->arena, &canonical))
		return NULL;
	if (!arena_printf(&config->arena, &dotted, "%s%.*s", is_below ? "." : "", STR_ARG(canonical)))
		return NULL;
	return dotted.at;
}

static void
read_domains(struct config *config, const struct conf_section *section, struct map *owners, struct relay_rule *rule)
{
	const char *const title[] = { section->title };
	const char *const *texts = conf_list(section, "domains", &rule->n_domains);
	const char *setting = "domains";
	const char **domains;
	int n = 0;

	if (rule->n_domains == 0) {
		texts = title;
		rule->n_domains = 1;
		setting = NULL;
	}
	domains = config_alloc(config, (size_t)rule->n_domains, sizeof(*domains));
	for (int i = 0; i < rule->n_domains; i++) {
		const char *domain = config_domain(config, texts[i]);
		const char *owner = domain != NULL ? map_get(owners, str_of(domain)) : NULL;

		if (domain == NULL) {
			conf_error(config->conf, section, setting, "\"%s\" is no domain%s", texts[i],
			    setting == NULL ? "; a relay whose title is none needs domains" : "");
		} else if (owner != NULL) {
			conf_error(config->conf, section, setting, "\"%s\" stands in relay \"%s\" already", texts[i], owner);
		} else {
			map_set(owners, str_of(domain), (void *)(uintptr_t)section->title);
			domains[n++] = domain;
		}
	}
	rule->name = section->title;
	rule->domains = domains;
	rule->n_domains = n;
}

static struct forwarding
read_forwarding(const struct conf_section *section)
{
	enum { MODE_ONLINE, ANSWERS_4XX_QUEUE = 1, MIXED_QUEUE = 1, UNKNOWN_ACCEPT = 1 };	/* places among the choices */

	return (struct forwarding){
		.is_online = conf_choice(section, "mode") == MODE_ONLINE,
		.online_timeout = conf_span(section, "online-timeout"),
		.queues_4xx = conf_choice(section, "online-4xx") == ANSWERS_4XX_QUEUE,
		.queues_mixed = conf_choice(section, "mixed") == MIXED_QUEUE,
		.verifies_recipients = conf_bool(section, "verify-recipients"),
		.accepts_unknown = conf_choice(section, "recipients-unknown") == UNKNOWN_ACCEPT,
	};
}

/* Each next hop is a way of its own (policy.h). */
static void
read_by_recipient(struct config *config, const struct conf_section *section, struct route_settings *route,
    struct forwarding *forwarding)
{
	const char **ways = config_alloc(config, (size_t)route->n_next_hops, sizeof(*ways));
	struct str way;

	route->is_by_recipient = forwarding->is_by_recipient = conf_bool(section, "next-hop-by-recipient");
	if (!route->is_by_recipient)
		return;
	if (route->n_next_hops < 2)
		conf_error(config->conf, section, "next-hop-by-recipient", "needs more than one next-hop");
	if (route->n_next_hops > FORWARDING_WAYS_MAX)
		conf_error(config->conf, section, "next-hop-by-recipient", "takes at most %d of next-hop", FORWARDING_WAYS_MAX);
	if (route->balance != BALANCE_FAILOVER)
		conf_error(config->conf, section, "next-hop-by-recipient", "needs balance = failover: it goes by the order of next-hop");
	for (int i = 0; i < route->n_next_hops; i++) {
		const struct next_hop_settings *hop = &route->next_hops[i];

		if (hop->is_mx)
			conf_error(config->conf, section, "next-hop-by-recipient", "\"%s\": each next-hop is to be one server", hop->written);
		for (int k = 0; k < i; k++)
			if (strcmp(hop->written, route->next_hops[k].written) == 0)
				conf_error(config->conf, section, "next-hop", "has \"%s\" twice", hop->written);
		if (arena_printf(&config->arena, &way, "%s/%s", route->destination, hop->written))
			ways[forwarding->n_ways++] = way.at;
	}
	forwarding->ways = ways;
}

/*
 * A destination by MX has its domain behind a "/" (policy.h): a title with one would be taken for mail of the section whose
 * title ends there.  And both must fit (POLICY_DESTINATION_MAX), or mail would be for nobody.
 */
static const char *
destination_name(struct config *config, const char *kind, const struct conf_section *section)
{
	struct str name;

	if (strchr(section->title, '/') != NULL || strlen(section->title) > TITLE_MAX_BYTES)
		conf_error(config->conf, section, NULL, "a title of at most %d bytes and without \"/\" is needed", TITLE_MAX_BYTES);
	return arena_printf(&config->arena, &name, "%s:%s", kind, section->title) ? name.at : NULL;
}

/* The route that needs no section: directly, by the MX records of each recipient's domain. */
#define DIRECT_ROUTE "internet"

/* Its own hop is put in last: read_route finds none to judge in a section that nobody wrote. */
static const struct route_settings *
make_direct_route(struct config *config)
{
	struct route_settings *route = &config->routes[config->n_routes++];
	const struct conf_section *section = conf_section_default(config->conf, "route");
	struct next_hop_settings *hop = config_alloc(config, 1, sizeof(*hop));

	read_route(config, section, false, "route:" DIRECT_ROUTE, route);
	*hop = (struct next_hop_settings){ .written = "mx", .is_mx = true, .port = (uint16_t)conf_integer(section, "mx-port") };
	route->next_hops = hop;
	route->n_next_hops = 1;
	return route;
}

const struct route_settings *
config_find_route(struct config *config, const char *name)
{
	for (int i = 0; i < config->n_routes; i++) {
		struct str destination = str_of(config->routes[i].destination);

		if (str_starts(destination, STR("route:")) && str_eq(str_from(destination, strlen("route:")), str_of(name)))
			return &config->routes[i];
	}
	return strcmp(name, DIRECT_ROUTE) == 0 ? make_direct_route(config) : NULL;
}

bool
config_route_is_by_domain(const struct route_settings *route)
{
	return route->n_next_hops > 0 && route->next_hops[0].is_mx && route->next_hops[0].host == NULL;
}

/* Where the outbound route goes by MX, mail is for its domain and not for the route as a whole. */
static void
read_outbound(struct config *config)
{
	const struct conf_section *top = conf_section(config->conf, "");
	const char *outbound = conf_string(top, "outbound");
	const struct route_settings *route;

	if (strcmp(outbound, "none") == 0)
		return;
	config->policy.outbound = outbound;
	route = config_find_route(config, outbound);
	if (route == NULL)
		conf_error(config->conf, top, "outbound", "there is no route \"%s\"", outbound);
	else
		config->policy.is_outbound_by_domain = config_route_is_by_domain(route);
}

void
config_read_routes(struct config *config)
{
	static const uint64_t seed[2] = { 0, 0 };	/* the keys are the administrator's own */
	int n_relays = conf_n_sections(config->conf, "relay"), n_routes = conf_n_sections(config->conf, "route");
	struct relay_rule *relays = config_alloc(config, (size_t)n_relays, sizeof(*relays));
	struct map owners;

	/* One more for the route that needs no section. */
	config->routes = config_alloc(config, (size_t)(n_relays + n_routes + 1), sizeof(*config->routes));
	config->n_routes = n_relays + n_routes;
	map_init(&owners, seed);
	for (int i = 0; i < n_relays; i++) {
		const struct conf_section *section = conf_section_at(config->conf, "relay", i);

		read_domains(config, section, &owners, &relays[i]);
		relays[i].forwarding = read_forwarding(section);
		read_route(config, section, true, destination_name(config, "relay", section), &config->routes[i]);
		read_by_recipient(config, section, &config->routes[i], &relays[i].forwarding);
	}
	map_fini(&owners);
	for (int i = 0; i < n_routes; i++) {
		const struct conf_section *section = conf_section_at(config->conf, "route", i);

		read_route(config, section, false, destination_name(config, "route", section), &config->routes[n_relays + i]);
	}
	config->policy.hostname = config->hostname;
	config->policy.relays = relays;
	config->policy.n_relays = n_relays;
	read_outbound(config);
	/* With a milter section it may be for that alone. */
	if (n_relays == 0 && n_routes == 0 && !conf_is_set(conf_section(config->conf, ""), "outbound") &&
	    !conf_section(config->conf, "milter")->is_given)
		conf_error(config->conf, conf_section(config->conf, ""), NULL, "there is neither a relay nor a route: no mail could go anywhere");
}
