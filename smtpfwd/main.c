/*
 * main.c - smtpfwd: reads its options and configuration, opens the doors, drops its rights, serves
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "smtpfwd/check.h"
#include "smtpfwd/daemon.h"
#include "smtpfwd/config/options.h"
#include "smtpfwd/runtime/background.h"
#include "smtpfwd/runtime/privileges.h"

static const char usage_text[] =
    "usage: smtpfwd [-c FILE] [-f | -n]\n"
    "  -c FILE   the configuration (" CONFIG_DEFAULT_PATH ")\n"
    "  -f        stay in the foreground\n"
    "  -n        check the configuration and all it names, then end\n"
    "  -V        say the version\n";

/*
 * All that may need root, and then no root any more.  What stands in directories that are the user's is
 * opened behind the drop: root would follow the links that the user put there.  0 or -1.
 */
static int
open_and_drop(const struct config *config, struct starter *starter, struct doors *doors, struct fault *fault_out)
{
	struct user user;

	daemon_raise_descriptor_limit(config);
	if (user_find(config->user, config->is_user_given, &user, fault_out) != 0 ||
	    directory_prepare(config->spool, &user, fault_out) != 0 ||
	    directory_prepare_of(config->control, &user, fault_out) != 0 ||
	    doors_open(config, &starter->inherited, &starter->notify, doors, fault_out) != 0 ||
	    privileges_drop(&user, fault_out) != 0 ||
	    directory_claim(config->spool, &user, fault_out) != 0)
		return -1;
	return doors_open_control(config, doors, fault_out);
}

int
main(int argc, char **argv)
{
	struct background background = { .pipe = -1 };
	struct options options;
	struct config *config;
	struct doors doors = { .control = -1 };
	struct starter starter;
	struct fault fault;

	background_fill_descriptors();
	inherited_find(&starter.inherited);
	notify_init(&starter.notify);
	options_read(argc, argv, "smtpfwd", usage_text, &options);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);		/* until the daemon can reload: a rotation of logs must not end a start */
	config = config_load(options.config);
	if (conf_print_errors(config->conf, stderr) || (options.is_check && !check_all(config, &starter.inherited))) {
		config_free(config);
		return EXIT_WRONG_CONFIG;
	}
	if (options.is_check) {
		printf("%s: all is well\n", options.config);
		inherited_end(&starter.inherited, NULL);
		config_free(config);
		return EXIT_DONE;
	}
	if (!options.is_foreground && background_go("smtpfwd", &background) != 0)
		return EXIT_CANNOT;
	background.logs_to_stderr = strcmp(config->log_to, "stderr") == 0;
	if (open_and_drop(config, &starter, &doors, &fault) != 0 ||
	    daemon_serve(options.config, config, &doors, &starter, background_ready, &background, &fault) != 0) {
		fprintf(stderr, "smtpfwd: %s\n", fault.text);
		return EXIT_CANNOT;
	}
	doors_close(&doors);
	return EXIT_DONE;
}
