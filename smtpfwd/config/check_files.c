/*
 * check_files.c - the files of a configuration, tried: may we read them, and are they what they should be?
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/auth/secret_file.h"
#include "smtpfwd/auth/users.h"
#include "smtpfwd/config/check_files.h"
#include "smtpfwd/config/sign_keys.h"
#include "smtpfwd/config/srs_file.h"

enum {
	FILE_PATH_MAX = 1100,		/* a setting has at most 1000 bytes */
	HELP_MAX = 2600,
};

/* --- readable? --- */

/* The highest directory above the file that we may not pass. */
static bool
find_closed_directory(const char *path, char room[FILE_PATH_MAX])
{
	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);

		if (len >= FILE_PATH_MAX)
			return false;
		memcpy(room, path, len);
		room[len] = '\0';
		if (access(room, X_OK) != 0 && errno == EACCES)
			return true;
	}
	return false;
}

/* What is wrong and, where it is a matter of rights, what an administrator can type. */
static void
say_unreadable(const char *path, int error, char help[HELP_MAX])
{
	const struct passwd *user = getpwuid(geteuid());
	const struct group *group = getgrgid(getegid());
	const char *user_name = user != NULL ? user->pw_name : "?", *group_name = group != NULL ? group->gr_name : "?";
	char closed[FILE_PATH_MAX];

	if (error != EACCES)
		snprintf(help, HELP_MAX, "%s: %s", path, strerror(error));
	else if (find_closed_directory(path, closed))
		snprintf(help, HELP_MAX, "%s: user %s may not enter %s (chgrp %s, chmod g+x)", path, user_name, closed, group_name);
	else
		snprintf(help, HELP_MAX, "%s: user %s may not read it (chgrp %s, chmod g+r)", path, user_name, group_name);
}

/* False: said what is wrong. */
static bool
is_readable(const char *path, char help[HELP_MAX])
{
	struct stat found;

	if (stat(path, &found) == 0 && S_ISDIR(found.st_mode)) {
		say_unreadable(path, EISDIR, help);
		return false;
	}
	if (access(path, R_OK) == 0)
		return true;
	say_unreadable(path, errno, help);
	return false;
}

int
check_own_files(const struct config *config, struct fault *fault_out)
{
	char help[HELP_MAX];

	for (int i = 0; i < conf_n_files(config->conf); i++)
		if (!is_readable(conf_file_at(config->conf, i), help))
			return fault_permanent(fault_out, "%s", help);
	return 0;
}

/* --- what they should be? --- */

static void
check_certificates(struct config *config)
{
	struct tls_server *tls;
	struct fault fault;

	for (int i = 0; i < config->n_certificates; i++) {
		const struct conf_section *section = conf_section_at(config->conf, "tls", i);

		if (access(config->certificates[i].certificate_path, R_OK) != 0 || access(config->certificates[i].key_path, R_OK) != 0)
			continue;
		tls = tls_server_new(&config->certificates[i], 1, &fault);
		if (tls == NULL)
			conf_error(config->conf, section, NULL, "%s", fault.text);
		tls_server_free(tls);
	}
}

static void
check_client_authorities(struct config *config)
{
	for (int i = 0; i < config->n_listeners; i++) {
		const char *path = config->listeners[i].client_ca;
		struct fault fault;

		if (path != NULL && access(path, R_OK) == 0 && tls_check_client_ca(path, &fault) != 0)
			conf_error(config->conf, conf_section_at(config->conf, "listen", i), NULL, "%s", fault.text);
	}
}

static const struct conf_section *
section_of_route(const struct conf *conf, int i)
{
	int n_relays = conf_n_sections(conf, "relay");

	return i < n_relays ? conf_section_at(conf, "relay", i) : conf_section_at(conf, "route", i - n_relays);
}

static void
check_passwords(struct config *config)
{
	struct buf line;
	struct fault fault;

	for (int i = 0; i < config->n_routes; i++) {
		const char *path = config->routes[i].login != NULL ? config->routes[i].password_file : NULL;

		if (path == NULL || access(path, R_OK) != 0)
			continue;
		buf_init(&line, PASSWORD_MAX_BYTES);
		if (secret_file_read_line(path, &line, &fault) != 0)
			conf_error(config->conf, section_of_route(config->conf, i), "password-file", "%s", fault.text);
		prepare_wipe(&line);
	}
}

static void
check_users(struct config *config)
{
	struct users *users;
	struct fault fault;

	if (config->users == NULL || access(config->users, R_OK) != 0)
		return;
	users = users_read(config->users, &fault);
	if (users == NULL)
		conf_error(config->conf, conf_section(config->conf, ""), "users", "%s", fault.text);
	users_unref(users);
}

static void
check_authorities(struct config *config)
{
	struct tls_client *client;
	struct fault fault;

	for (int i = 0; i < config->n_routes; i++) {
		const char *path = config->routes[i].ca_file;

		if (path == NULL || access(path, R_OK) != 0)
			continue;
		client = tls_client_new(path, &fault);
		if (client == NULL)
			conf_error(config->conf, section_of_route(config->conf, i), "ca-file", "%s", fault.text);
		tls_client_free(client);
	}
}

static void
check_srs(struct config *config)
{
	struct srs_rules *rules;
	struct fault fault;

	if (config->srs.secret_file == NULL || access(config->srs.secret_file, R_OK) != 0)
		return;
	rules = srs_file_rules(&config->srs, &fault);
	if (rules == NULL)
		conf_error(config->conf, config->srs.section, "secret-file", "%s", fault.text);
	srs_rules_free(rules);
}

/* All of them, or none: what cannot be read was said, with what helps. */
static void
check_sign_keys(struct config *config, struct policy_signing *signing_out)
{
	char help[HELP_MAX];

	for (int i = 0; i < config->n_signs; i++)
		for (int k = 0; k < config->signs[i].settings.n_selectors; k++)
			if (!is_readable(config->signs[i].key_paths[k], help))
				return;
	if (config->arc.key_path != NULL && !is_readable(config->arc.key_path, help))
		return;
	sign_keys_read(config, signing_out);
}

void
check_files(struct config *config, struct policy_signing *signing_out)
{
	char help[HELP_MAX];

	*signing_out = (struct policy_signing){ .n_keys = 0 };
	for (int i = 0; i < config->n_files; i++)
		if (!is_readable(config->files[i].path, help))
			conf_error(config->conf, config->files[i].section, config->files[i].setting, "%s", help);
	check_certificates(config);
	check_authorities(config);
	check_client_authorities(config);
	check_passwords(config);
	check_users(config);
	check_srs(config);
	check_sign_keys(config, signing_out);
}

/* --- as the user --- */

static _Noreturn void
check_in_child(struct config *config, const struct user *user, void (*also)(void *context), void *context)
{
	struct policy_signing signing;
	struct fault fault;

	if (privileges_drop(user, &fault) != 0) {
		conf_error(config->conf, conf_section(config->conf, ""), "user", "%s", fault.text);
	} else {
		also(context);
		if (check_own_files(config, &fault) != 0)
			conf_error(config->conf, conf_section(config->conf, ""), NULL, "no reload could read it: %s", fault.text);
		check_files(config, &signing);
		sign_keys_free(&signing);
	}
	_exit(conf_print_errors(config->conf, stderr));
}

bool
check_as_user(struct config *config, const struct user *user, const char *program, void (*also)(void *context), void *context)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	if (child == 0)
		check_in_child(config, user, also, context);
	if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status))
		return WEXITSTATUS(status) == 0;
	fprintf(stderr, "%s: the check as %s did not come to its end\n", program, user->name);
	return false;
}
