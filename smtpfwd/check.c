/*
 * check.c - each thing the start would need, tried without changing anything
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "mail/domain.h"
#include "smtpfwd/control/ask.h"
#include "smtpfwd/auth/users.h"
#include "smtpfwd/check.h"
#include "smtpfwd/config/check_files.h"
#include "smtpfwd/daemon.h"
#include "smtpfwd/runtime/privileges.h"
#include "smtpfwd/config/sign_keys.h"
#include "smtpfwd/config/srs_file.h"

enum {
	ASK_WITHIN_S = 5,		/* a daemon that hangs must not hang the check */
	CHECK_PATH_MAX = 1100,		/* a setting has at most 1000 bytes */
	HOSTNAME_ARENA_MAX_BYTES = 2048,	/* one domain in its canonical form, and what libidn2 needs */
};

struct check {
	struct config		*config;
	json_t			*held;		/* addresses that the running daemon holds; an array */
	const struct inherited	*inherited;	/* held by who started us */
	const char		*hint;		/* to a port that is in use, or "" */
};

/* With its file and line, after those found before. */
#define wrong(check, section, setting, ...)	conf_error((check)->config->conf, (section), (setting), __VA_ARGS__)

static const struct conf_section *
top_of(const struct check *check)
{
	return conf_section(check->config->conf, "");
}

static void
take_addresses(void *context, const json_t *object, const char *line)
{
	struct check *check = context;
	json_t *addresses = json_object_get(json_object_get(object, "daemon"), "addresses");

	(void)line;
	if (json_is_array(addresses))
		json_array_extend(check->held, addresses);
}

static void
ask_running_daemon(struct check *check)
{
	json_t *request = json_pack("{s:s}", "command", "status");
	char error[ASK_ERROR_MAX];
	int socket = ask_connect(check->config->control, ASK_WITHIN_S);

	check->hint = "";
	if (socket >= 0) {
		if (ask_daemon(socket, request, take_addresses, check, error) != ASK_ANSWERED || error[0] != '\0')
			check->hint = " (a daemon runs, but does not say which are its own)";
	} else if (errno == EACCES) {
		check->hint = " (whether by the daemon only root and its user can tell)";
	}
	json_decref(request);
}

/* When it starts anew the daemon lets go of all it has, so what only overlaps is free then too. */
static bool
is_held(const struct check *check, const struct endpoint *address)
{
	struct endpoint endpoint;
	size_t i;
	json_t *held;

	if (inherited_has(check->inherited, address))
		return true;
	json_array_foreach(check->held, i, held)
		if (endpoint_parse(str_of(json_string_value(held)), &endpoint) && config_addresses_overlap(&endpoint, address))
			return true;
	return false;
}

static void
check_port(struct check *check, const struct conf_section *section, const struct endpoint *at)
{
	const struct config *config = check->config;
	char room[ENDPOINT_TEXT_MAX];
	int socket = is_held(check, at) ? -EAGAIN : os_listen(at, 1);

	if (socket >= 0)
		os_close(socket);
	else if (socket != -EAGAIN && !doors_may_lack(config, at, socket))
		wrong(check, section, config->is_listener_default ? NULL : "address", "%.*s cannot be bound: %s%s",
		    STR_ARG(endpoint_text(at, room)), strerror(-socket), socket == -EADDRINUSE ? check->hint : "");
}

static void
check_ports(struct check *check)
{
	const struct config *config = check->config;

	for (int i = 0; i < config->n_listeners; i++) {
		const struct conf_section *section = config->is_listener_default ? conf_section_default(config->conf, "listen") :
		    conf_section_at(config->conf, "listen", i);

		for (int k = 0; k < config->listeners[i].n_addresses; k++)
			check_port(check, section, &config->listeners[i].addresses[k]);
	}
}

/* The directory above, "/" of "/x". */
static void
parent_of(const char *path, char parent_out[CHECK_PATH_MAX])
{
	char *end;

	snprintf(parent_out, CHECK_PATH_MAX, "%s", path);	/* a setting is shorter */
	end = strrchr(parent_out, '/');
	*(end == parent_out ? end + 1 : end) = '\0';
}

/* A directory that is there must be writable; a missing one needs a parent (root makes it at the start). */
static void
check_directory(struct check *check, const char *setting, const char *path, bool was_root)
{
	char parent[CHECK_PATH_MAX];
	struct stat found;

	if (stat(path, &found) == 0) {
		if (!S_ISDIR(found.st_mode))
			wrong(check, top_of(check), setting, "%s is no directory", path);
		else if (access(path, R_OK | W_OK | X_OK) != 0)
			wrong(check, top_of(check), setting, "%s: %s", path, strerror(errno));
		return;
	}
	if (errno != ENOENT) {
		wrong(check, top_of(check), setting, "%s: %s", path, strerror(errno));
		return;
	}
	parent_of(path, parent);
	if (stat(parent, &found) != 0)
		wrong(check, top_of(check), setting, "%s cannot be made in %s: %s", path, parent, strerror(errno));
	else if (!S_ISDIR(found.st_mode))
		wrong(check, top_of(check), setting, "%s cannot be made: %s is no directory", path, parent);
	else if (access(parent, was_root ? X_OK : W_OK | X_OK) != 0)
		wrong(check, top_of(check), setting, "%s cannot be made in %s: %s", path, parent, strerror(errno));
}

static void
check_spool(struct check *check, const struct user *user, bool was_root)
{
	const char *spool = check->config->spool;
	struct stat found;

	if (stat(spool, &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid != geteuid())
		wrong(check, top_of(check), "spool", "%s: does not belong to %s (chown -R %s %s)", spool, user->name, user->name, spool);
	else
		check_directory(check, "spool", spool, was_root);
}

static void
check_control(struct check *check, bool was_root)
{
	char parent[CHECK_PATH_MAX];
	struct stat found;

	parent_of(check->config->control, parent);
	check_directory(check, "control", parent, was_root);
	if (lstat(check->config->control, &found) == 0 && !S_ISSOCK(found.st_mode))
		wrong(check, top_of(check), "control", "%s: is there and no socket", check->config->control);
}

static void
check_log(struct check *check)
{
	const struct conf_section *section = conf_section(check->config->conf, "log");
	const char *to = check->config->log_to;
	char parent[CHECK_PATH_MAX];
	struct stat found;

	if (to[0] != '/')
		return;
	parent_of(to, parent);
	if (stat(to, &found) == 0 && S_ISDIR(found.st_mode))
		wrong(check, section, "to", "%s is a directory", to);
	else if (access(to, W_OK) != 0 && errno != ENOENT)
		wrong(check, section, "to", "%s: %s", to, strerror(errno));
	else if (access(to, F_OK) != 0 && access(parent, W_OK | X_OK) != 0)
		wrong(check, section, "to", "%s cannot be made in %s: %s", to, parent, strerror(errno));
}

/* A reload reads it as that user, whoever may read it now. */
struct user_check {
	struct check		*check;
	const struct user	*user;
	bool			 was_root;
};

static void
check_places(void *context)
{
	const struct user_check *c = context;

	check_spool(c->check, c->user, c->was_root);
	check_control(c->check, c->was_root);
	check_log(c->check);
}

/* What is allowed and yet hardly meant. */
static void
warn_of_logins(const struct config *config)
{
	struct fault fault;
	struct users *users = config->users != NULL ? users_read(config->users, &fault) : NULL;

	if (users == NULL)
		return;
	if (users_n_scram(users) > 0 && users_n_scram(users) < users_n(users))
		fprintf(stderr, "smtpfwd: note: users has crypt hashes beside SCRAM keys: clients that prefer SCRAM cannot log in by the former\n");
	for (int i = 0; i < config->n_listeners; i++)
		if (config->listeners[i].auth != LISTEN_AUTH_OFF && config->listeners[i].tls == LISTEN_TLS_OFF && users_n_scram(users) == 0)
			fprintf(stderr, "smtpfwd: note: listen \"%s\" has no TLS and users no SCRAM keys: nobody can log in there\n",
			    config->listeners[i].name);
	users_unref(users);
}

/* Once for each file: many domains may share one. */
static void
warn_of_key(const char *section, const char *title, const char *path, struct map *seen)
{
	struct dkim_key *key;
	struct fault fault;

	if (map_get(seen, str_of(path)) != NULL)
		return;
	map_set(seen, str_of(path), seen);
	key = sign_key_read(path, &fault);
	if (key != NULL && dkim_key_algorithm(key) == DKIM_RSA_SHA256 && dkim_key_bits(key) < DKIM_RSA_GOOD_BITS)
		fprintf(stderr, "smtpfwd: note: %s \"%s\": %s has %d bits; %d are advised (RFC 8301)\n", section, title, path,
		    dkim_key_bits(key), DKIM_RSA_GOOD_BITS);
	dkim_key_free(key);
}

/* Our reports are from postmaster at the hostname. */
static bool
signs_reports(const struct config *config)
{
	struct arena arena;
	struct str hostname;
	bool is_signed = false;

	arena_init(&arena, HOSTNAME_ARENA_MAX_BYTES);
	for (int i = 0; i < config->n_signs && domain_canonical(str_of(config->hostname), &arena, &hostname); i++) {
		struct str domain = str_of(config->signs[i].settings.domain);

		is_signed |= !config->signs[i].is_by_name &&
		    (str_eq(hostname, domain) || (config->signs[i].with_subdomains && domain_is_below(hostname, domain)));
		arena_fini(&arena);
	}
	return is_signed;
}

static bool
is_named_by_class(const struct config *config, const struct sign_section *sign)
{
	for (int i = 0; i < config->policy.classes.n_sections; i++) {
		const char *name = config->policy.classes.sections[i].actions.sign_as;

		if (name != NULL && strcmp(name, sign->section->title) == 0)
			return true;
	}
	return false;
}

static void
warn_of_signing(const struct config *config)
{
	static const uint64_t seed[2] = { 0, 0 };	/* the paths are the administrator's own */
	struct map seen;

	if (config->hostname != NULL && config->n_signs > 0 && !signs_reports(config))
		fprintf(stderr, "smtpfwd: note: no sign section serves %s (subdomains = yes would): our reports are not signed\n",
		    config->hostname);

	map_init(&seen, seed);
	for (int i = 0; i < config->n_signs; i++) {
		const struct sign_section *sign = &config->signs[i];
		struct span lifetime = sign->settings.lifetime;

		for (int k = 0; k < sign->settings.n_selectors; k++)
			warn_of_key("sign", sign->section->title, sign->key_paths[k], &seen);
		if (sign->is_by_name && !is_named_by_class(config, sign))
			fprintf(stderr, "smtpfwd: note: sign \"%s\": no class names it in sign-as, so it signs nothing\n", sign->section->title);
		if (lifetime.ns > 0 && lifetime.ns < config->queue.retry.expire.ns)
			fprintf(stderr, "smtpfwd: note: sign \"%s\": mail may wait for longer than its signature counts (retry expire)\n",
			    sign->section->title);
	}
	if (config->arc.key_path != NULL)
		warn_of_key("arc", config->arc.settings.domain, config->arc.key_path, &seen);
	map_fini(&seen);
}

static void
warn_of_srs(const struct config *config)
{
	const struct srs_section *srs = &config->srs;
	size_t shortest_bytes;
	struct fault fault;

	if (srs->secret_file == NULL)
		return;
	if (srs_file_look(srs->secret_file, &shortest_bytes, &fault) == 0 && shortest_bytes < SRS_FILE_GOOD_BYTES)
		fprintf(stderr, "smtpfwd: note: srs: %s has a secret of %zu bytes, which can be guessed; %d or more are advised\n",
		    srs->secret_file, shortest_bytes, SRS_FILE_GOOD_BYTES);
	if (srs->settings.max_age_days * INT64_C(24) * 3600 < span_to_s(config->queue.retry.expire))
		fprintf(stderr, "smtpfwd: note: srs: mail may wait for longer than its reports can come back (max-age, retry expire)\n");
	if (config->policy.outbound == NULL)
		fprintf(stderr, "smtpfwd: note: with outbound = none, reports to SRS addresses are refused\n");
}

static void
warn(const struct config *config)
{
	warn_of_logins(config);
	warn_of_signing(config);
	warn_of_srs(config);
	for (int i = 0; i < config->n_routes; i++)
		if (config->routes[i].login != NULL && config->routes[i].tls != TLS_VERIFY)
			fprintf(stderr, "smtpfwd: note: %s: login goes to whoever answers; tls = verify proves that it is the next hop\n",
			    config->routes[i].destination);
	if (config->policy.outbound == NULL)
		fprintf(stderr, "smtpfwd: note: with outbound = none, reports to senders of other domains cannot be sent\n");
	for (int i = 0; i < config->n_listeners; i++)
		if (config->listeners[i].tls != LISTEN_TLS_OFF && config->n_certificates == 0) {
			fprintf(stderr, "smtpfwd: note: no tls section: a self-signed certificate is made at each start\n");
			break;
		}
}

bool
check_all(struct config *config, const struct inherited *inherited)
{
	struct check check = { .config = config, .held = json_array(), .inherited = inherited };
	struct fault fault;
	struct user user;
	bool is_well = true;

	if (user_find(config->user, config->is_user_given, &user, &fault) != 0)
		wrong(&check, top_of(&check), "user", "%s", fault.text);
	else
		is_well = check_as_user(config, &user, "smtpfwd", check_places,
		    &(struct user_check){ .check = &check, .user = &user, .was_root = geteuid() == 0 });
	ask_running_daemon(&check);
	check_ports(&check);
	(void)conf_print_errors(config->conf, stderr);
	warn(config);
	json_decref(check.held);
	return is_well && conf_n_errors(config->conf) == 0;
}
