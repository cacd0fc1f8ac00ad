/*
 * main.c - smtpfwd-milter: reads its options and configuration, drops its rights, opens the doors, serves
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "milter/serve.h"
#include "milter/socket_group.h"
#include "smtpfwd/config/check_files.h"
#include "smtpfwd/config/options.h"
#include "smtpfwd/runtime/background.h"
#include "smtpfwd/runtime/privileges.h"

static const char usage_text[] =
    "usage: smtpfwd-milter [-c FILE] [-f | -n]\n"
    "  -c FILE   the configuration (" CONFIG_DEFAULT_PATH ")\n"
    "  -f        stay in the foreground\n"
    "  -n        check the configuration and the files it names, then end\n"
    "  -V        say the version\n";

static void
check_group(void *context)
{
	struct config *config = context;
	struct fault fault;
	gid_t group;

	if (config->milter.group != NULL && socket_group_find(config->milter.group, &group, &fault) != 0)
		conf_error(config->conf, conf_section(config->conf, "milter"), "group", "%s", fault.text);
}

static bool
check_all(struct config *config)
{
	struct fault fault;
	struct user user;

	if (user_find(config->user, config->is_user_given, &user, &fault) == 0)
		return check_as_user(config, &user, "smtpfwd-milter", check_group, config);
	fprintf(stderr, "smtpfwd-milter: user: %s\n", fault.text);
	return false;
}

/* A session is a descriptor, and questions of the resolver have sockets of their own. */
static uint64_t
n_descriptors_wanted(const struct config *config)
{
	enum { OTHERS = 512 + 8192 };

	return (uint64_t)config->milter.sessions_max + OTHERS;
}

/* NULL or "": it is no unix socket. */
static int
prepare_socket(const char *path, const struct user *user, struct fault *fault_out)
{
	return path != NULL && path[0] != '\0' ? directory_prepare_of(path, user, fault_out) : 0;
}

/*
 * As root only directories are made; then no root any more: what stands in them is the user's.  The generation, whose keys that user
 * must be able to read: NULL and a fault.
 */
static struct generation *
drop_and_make(struct config *config, struct fault *fault_out)
{
	struct generation *generation;
	struct user user;

	descriptors_prepare(n_descriptors_wanted(config));
	if (user_find(config->user, config->is_user_given, &user, fault_out) != 0 ||
	    directory_prepare_of(config->milter.control, &user, fault_out) != 0 ||
	    prepare_socket(config->milter.unix_path, &user, fault_out) != 0 ||
	    prepare_socket(config->milter.socketmap.place.path.at, &user, fault_out) != 0 ||
	    prepare_socket(config->milter.policy_service.place.path.at, &user, fault_out) != 0 ||
	    privileges_drop(&user, fault_out) != 0)
		return NULL;
	generation = generation_new(config);
	if (generation == NULL)
		fault_permanent(fault_out, "%s", conf_error_text(config->conf, 0));
	return generation;
}

int
main(int argc, char **argv)
{
	struct background background = { .pipe = -1 };
	struct options options;
	struct generation *generation;
	struct notifier notify;
	struct config *config;
	struct fault fault;

	background_fill_descriptors();
	notify_init(&notify);
	options_read(argc, argv, "smtpfwd-milter", usage_text, &options);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);	/* for good: to libmilter it means stop */
	config = config_load(options.config);
	if (conf_print_errors(config->conf, stderr) || (options.is_check && !check_all(config))) {
		config_free(config);
		return EXIT_WRONG_CONFIG;
	}
	if (options.is_check) {
		printf("%s: all is well\n", options.config);
		config_free(config);
		return EXIT_DONE;
	}
	if (!options.is_foreground && background_go("smtpfwd-milter", &background) != 0)
		return EXIT_CANNOT;
	background.logs_to_stderr = strcmp(config->log_to, "stderr") == 0;
	generation = drop_and_make(config, &fault);
	if (generation == NULL || serve(options.config, generation, &notify, background_ready, &background, &fault) != 0) {
		fprintf(stderr, "smtpfwd-milter: %s\n", fault.text);
		return EXIT_CANNOT;
	}
	return EXIT_DONE;
}
