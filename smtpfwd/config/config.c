/*
 * config.c - the settings that stand once: names, paths, log, resolver, retry, certificates
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/domain.h"
#include "policy/settings.h"
#include "smtpfwd/config/files.h"

enum {
	/* 10,000 domains with their next hops are a few megabytes. */
	CONFIG_MAX_BYTES = 256 * 1024 * 1024,
	CONTENT_IN_MEMORY_MAX_BYTES = 256 * 1024,
};

void *
config_alloc(struct config *config, size_t n, size_t item_bytes)
{
	void *room = arena_array(&config->arena, n > 0 ? n : 1, item_bytes);

	insist(room != NULL);
	return room;
}

const char *
config_copy(struct config *config, struct str text)
{
	struct str copy;

	insist(arena_copy(&config->arena, text, &copy));
	return copy.at;
}

static void
read_hostname(struct config *config, const struct conf_section *top)
{
	config->hostname = conf_string(top, "hostname");
	if (config->hostname != NULL && (!domain_is_valid(str_of(config->hostname), false) ||
	    str_find(str_of(config->hostname), '.') < 0))
		conf_error(config->conf, top, "hostname", "\"%s\" is no full host name", config->hostname);
}

const char *
config_path(struct config *config, const struct conf_section *section, const char *setting)
{
	const char *path = conf_string(section, setting);

	if (path == NULL || path[0] == '/')
		return path;
	conf_error(config->conf, section, setting, "\"%s\" is no absolute path", path);
	return NULL;
}

static void
read_paths(struct config *config, const struct conf_section *top)
{
	const char *spool = config_path(config, top, "spool"), *control = config_path(config, top, "control");
	struct str directory = str_of(spool);

	while (directory.len > 1 && str_ends_nocase(directory, STR("/")))
		directory.len--;
	config->spool = config_copy(config, directory);
	config->control = control;
	if (control != NULL && str_ends_nocase(str_of(control), STR("/")))
		conf_error(config->conf, top, "control", "\"%s\" is a directory; a socket is wanted in it", control);
}

static void
read_top(struct config *config)
{
	const struct conf_section *top = conf_section(config->conf, "");
	struct str trace, recipients;

	read_hostname(config, top);
	read_paths(config, top);
	config->user = conf_string(top, "user");
	config->is_user_given = conf_is_set(top, "user");
	config->users = config_path(config, top, "users");
	config->stop_within = conf_span(top, "stop-within");
	config->trace_keep = conf_span(top, "trace-keep");
	config->trace_max_bytes = conf_size(top, "trace-max");
	insist(arena_printf(&config->arena, &trace, "%s/trace", config->spool));
	config->trace_directory = trace.at;
	insist(arena_printf(&config->arena, &recipients, "%s/recipients", config->spool));
	config->recipients_file = recipients.at;
	config->queue.directory = config->spool;
	config->queue.min_free_bytes = conf_size(top, "spool-reserve");
	config->queue.content_in_memory_max_bytes = CONTENT_IN_MEMORY_MAX_BYTES;
}

static void
read_log(struct config *config)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
	const struct conf_section *section = conf_section(config->conf, "log");

	config->log_to = conf_string(section, "to");
	if (strcmp(config->log_to, "stderr") != 0 && strcmp(config->log_to, "syslog") != 0 &&
	    strcmp(config->log_to, "journal") != 0 && config->log_to[0] != '/')
		conf_error(config->conf, section, "to", "\"%s\" is neither stderr nor journal nor syslog nor an absolute path", config->log_to);
	config->log_level = levels[conf_choice(section, "level")];
}

static void
read_resolver(struct config *config)
{
	const struct conf_section *section = conf_section(config->conf, "resolver");
	struct resolver_settings *resolver = &config->resolver;
	const char *const *servers = conf_list(section, "servers", &resolver->n_servers);
	struct endpoint *endpoints = config_alloc(config, (size_t)resolver->n_servers, sizeof(*endpoints));
	struct ip ip;

	for (int i = 0; i < resolver->n_servers; i++) {
		if (endpoint_parse(str_of(servers[i]), &endpoints[i]))
			continue;
		if (ip_parse(str_of(servers[i]), &ip))
			endpoints[i] = (struct endpoint){ .ip = ip, .port = 53 };
		else
			conf_error(config->conf, section, "servers", "\"%s\" is no address:port", servers[i]);
	}
	resolver->servers = endpoints;
	resolver->timeout = conf_span(section, "timeout");
	resolver->tries = (int)conf_integer(section, "tries");
	resolver->is_dnssec = conf_bool(section, "dnssec");
	resolver->trust_anchor_path = config_path(config, section, "trust-anchor");
	if (resolver->is_dnssec && !conf_is_set(section, "trust-anchor"))
		conf_error(config->conf, section, "dnssec", "needs a trust-anchor");
}

static void
read_retry(struct config *config)
{
	const struct conf_section *section = conf_section(config->conf, "retry");
	struct retry_settings *retry = &config->queue.retry;

	retry->first = conf_span(section, "first");
	retry->factor = conf_decimal(section, "factor");
	retry->max = conf_span(section, "max");
	retry->expire = conf_span(section, "expire");
	retry->warn = conf_span(section, "warn");
	retry->holds_unverified = !conf_bool(conf_section(config->conf, ""), "bounce-unverified");
	retry->hold_expire = conf_span(section, "hold-expire");
	retry->hold_max_bytes = conf_size(section, "hold-max");
	retry->hold_max_mails = conf_integer(section, "hold-max-mails");
	if (retry->max.ns < retry->first.ns)
		conf_error(config->conf, section, "max", "is less than first");
	if (retry->warn.ns != 0 && retry->warn.ns >= retry->expire.ns)
		conf_error(config->conf, section, "warn", "is not before expire");
}

static void
read_certificates(struct config *config)
{
	config->n_certificates = conf_n_sections(config->conf, "tls");
	config->certificates = config_alloc(config, (size_t)config->n_certificates, sizeof(*config->certificates));
	for (int i = 0; i < config->n_certificates; i++) {
		const struct conf_section *section = conf_section_at(config->conf, "tls", i);

		config->certificates[i].certificate_path = config_path(config, section, "certificate");
		config->certificates[i].key_path = config_path(config, section, "key");
	}
}

struct config *
config_load(const char *path)
{
	struct config *config = mem_new(sizeof(*config));

	arena_init(&config->arena, CONFIG_MAX_BYTES);
	config->conf = conf_read(path, settings_kinds, settings_n_kinds);
	if (!conf_is_whole(config->conf))
		return config;
	read_top(config);
	read_log(config);
	read_resolver(config);
	read_retry(config);
	config_read_recipients(config);
	read_certificates(config);
	config_read_listeners(config);
	config_read_routes(config);
	config_read_transports(config);
	config_read_verify(config);
	config_read_signs(config);
	config_read_arc(config);
	config_read_srs(config);
	config_read_classes(config);
	config_check_own_fields(config);
	config_read_milter(config);
	config_list_files(config);
	return config;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	conf_free(config->conf);
	arena_fini(&config->arena);
	mem_free(config);
}
