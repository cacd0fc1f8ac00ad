/*
 * check.c - each thing the start would need, tried without changing anything
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtpfwd/ask.h"
#include "smtpfwd/check.h"
#include "smtpfwd/daemon.h"
#include "smtpfwd/privileges.h"

struct check {
	const struct config	*config;
	json_t			*held;		/* addresses that the running daemon holds; an array */
	int			 n_wrong;
};

static void __attribute__((format(printf, 2, 3)))
wrong(struct check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("smtpfwd: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	check->n_wrong++;
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
	int socket = ask_connect(check->config->control);

	if (socket >= 0)
		ask_daemon(socket, request, take_addresses, check, error);
	json_decref(request);
}

static bool
is_held(const struct check *check, struct str address)
{
	size_t i;
	json_t *held;

	json_array_foreach(check->held, i, held)
		if (str_eq(str_of(json_string_value(held)), address))
			return true;
	return false;
}

static void
check_ports(struct check *check)
{
	const struct config *config = check->config;
	char room[ENDPOINT_TEXT_MAX];

	for (int i = 0; i < config->n_listeners; i++) {
		for (int k = 0; k < config->listeners[i].n_addresses; k++) {
			const struct endpoint *at = &config->listeners[i].addresses[k];
			struct str text = endpoint_text(at, room);
			int socket = is_held(check, text) ? -EAGAIN : os_listen(at, 1);

			if (socket >= 0)
				os_close(socket);
			else if (socket != -EAGAIN && !(config->is_listener_default && at->ip.family == IP_V6))
				wrong(check, "listen \"%s\": %.*s cannot be bound: %s", config->listeners[i].name, STR_ARG(text),
				    strerror(-socket));
		}
	}
}

/* A directory that is there must be writable; a missing one needs a parent (root makes it at the start). */
static void
check_directory(struct check *check, const char *setting, const char *path, bool was_root)
{
	char parent[4096];
	char *end;
	struct stat found;

	if (stat(path, &found) == 0) {
		if (!S_ISDIR(found.st_mode))
			wrong(check, "%s: %s is no directory", setting, path);
		else if (access(path, R_OK | W_OK | X_OK) != 0)
			wrong(check, "%s: %s: %s", setting, path, strerror(errno));
		return;
	}
	if (errno != ENOENT || strlen(path) >= sizeof(parent)) {
		wrong(check, "%s: %s: %s", setting, path, strerror(errno));
		return;
	}
	strcpy(parent, path);
	end = strrchr(parent, '/');
	*(end == parent ? end + 1 : end) = '\0';
	if (stat(parent, &found) != 0 || !S_ISDIR(found.st_mode))
		wrong(check, "%s: %s: there is no directory %s", setting, path, parent);
	else if (!was_root && access(parent, W_OK | X_OK) != 0)
		wrong(check, "%s: %s cannot be made: %s", setting, path, strerror(errno));
}

static void
check_log(struct check *check)
{
	const char *to = check->config->log_to;
	struct stat found;

	if (to[0] == '/' && stat(to, &found) == 0 && access(to, W_OK) != 0)
		wrong(check, "log: %s: %s", to, strerror(errno));
}

static void
check_files(struct check *check)
{
	const struct config *config = check->config;
	struct tls_server *tls;
	struct fault fault;

	if (daemon_tls(config, &tls, &fault) != 0)
		wrong(check, "%s", fault.text);
	else
		tls_server_free(tls);
	for (int i = 0; i < config->n_routes; i++) {
		struct tls_client *client;

		if (config->routes[i].ca_file == NULL)
			continue;
		client = tls_client_new(config->routes[i].ca_file, &fault);
		if (client == NULL)
			wrong(check, "%s: %s", config->routes[i].destination, fault.text);
		else
			tls_client_free(client);
	}
	if (config->resolver.is_dnssec && access(config->resolver.trust_anchor_path, R_OK) != 0)
		wrong(check, "resolver: trust-anchor: %s: %s", config->resolver.trust_anchor_path, strerror(errno));
}

/* In a child, because there is no way back to root. */
static void
check_as_user(struct check *check, const struct user *user)
{
	bool was_root = geteuid() == 0;
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		struct fault fault;

		check->n_wrong = 0;
		if (privileges_drop(user, &fault) != 0) {
			wrong(check, "%s", fault.text);
			_exit(1);
		}
		check_files(check);
		check_directory(check, "spool", check->config->spool, was_root);
		check_log(check);
		_exit(check->n_wrong != 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		check->n_wrong++;
}

static void
warn(const struct config *config)
{
	if (config->policy.outbound == NULL)
		fprintf(stderr, "smtpfwd: note: without outbound, reports to senders of other domains cannot be sent\n");
	for (int i = 0; i < config->n_listeners; i++)
		if (config->listeners[i].tls != LISTEN_TLS_OFF && config->n_certificates == 0) {
			fprintf(stderr, "smtpfwd: note: no tls section: a self-signed certificate is made at each start\n");
			break;
		}
}

bool
check_all(const struct config *config)
{
	struct check check = { .config = config, .held = json_array() };
	struct fault fault;
	struct user user;
	char directory[4096];

	if (user_find(config->user, config->is_user_given, &user, &fault) != 0)
		wrong(&check, "%s", fault.text);
	else
		check_as_user(&check, &user);
	ask_running_daemon(&check);
	check_ports(&check);
	snprintf(directory, sizeof(directory), "%s", config->control);
	if (strrchr(directory, '/') != directory) {
		*strrchr(directory, '/') = '\0';
		check_directory(&check, "control", directory, geteuid() == 0);
	}
	warn(config);
	json_decref(check.held);
	return check.n_wrong == 0;
}
