/*
 * main.c - smtpfwd: reads its options and configuration, opens the doors, drops its rights, serves
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <config.h>
#include "smtpfwd/check.h"
#include "smtpfwd/daemon.h"
#include "smtpfwd/runtime/background.h"
#include "smtpfwd/runtime/privileges.h"

#define DEFAULT_CONFIG	"/etc/smtpfwd/smtpfwd.conf"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_CANNOT = 1,		/* start, or go on */
	EXIT_WRONG_USE = 2,
	EXIT_WRONG_CONFIG = 3,
};

static const char usage_text[] =
    "usage: smtpfwd [-c FILE] [-f | -n]\n"
    "  -c FILE   the configuration (" DEFAULT_CONFIG ")\n"
    "  -f        stay in the foreground\n"
    "  -n        check the configuration and all it names, then end\n"
    "  -V        say the version\n";

struct options {
	const char	*config;
	bool		 is_foreground, is_check;
};

static void
read_options(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "c:fnhV")) != -1) {
		switch (option) {
		case 'c': options->config = optarg; break;
		case 'f': options->is_foreground = true; break;
		case 'n': options->is_check = true; break;
		case 'h': fputs(usage_text, stdout); exit(EXIT_DONE);
		case 'V': puts(PACKAGE_STRING); exit(EXIT_DONE);
		default: fputs(usage_text, stderr); exit(EXIT_WRONG_USE);
		}
	}
	options->config = background_path(options->config);
	if (optind != argc) {
		fprintf(stderr, "smtpfwd: too much: %s\n%s", argv[optind], usage_text);
		exit(EXIT_WRONG_USE);
	}
}

static bool
print_errors(const struct config *config)
{
	int n = conf_n_errors(config->conf);

	for (int i = 0; i < n; i++)
		fprintf(stderr, "%s\n", conf_error_text(config->conf, i));
	return n != 0;
}

struct readiness {
	int	pipe;			/* -1: in the foreground */
	bool	logs_to_stderr;
};

static void
tell_ready(void *context)
{
	const struct readiness *readiness = context;

	if (readiness->pipe >= 0)
		background_ready(readiness->pipe, readiness->logs_to_stderr);
}

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
	struct options options = { .config = DEFAULT_CONFIG };
	struct readiness readiness = { .pipe = -1 };
	struct config *config;
	struct doors doors = { .control = -1 };
	struct starter starter;
	struct fault fault;

	background_fill_descriptors();
	inherited_find(&starter.inherited);
	notify_init(&starter.notify);
	read_options(argc, argv, &options);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);		/* until the daemon can reload: a rotation of logs must not end a start */
	config = config_load(options.config);
	if (print_errors(config) || (options.is_check && !check_all(config, &starter.inherited))) {
		config_free(config);
		return EXIT_WRONG_CONFIG;
	}
	if (options.is_check) {
		printf("%s: all is well\n", options.config);
		inherited_end(&starter.inherited, NULL);
		config_free(config);
		return EXIT_DONE;
	}
	if (!options.is_foreground && (readiness.pipe = background_go("smtpfwd")) < 0)
		return EXIT_CANNOT;
	readiness.logs_to_stderr = strcmp(config->log_to, "stderr") == 0;
	if (open_and_drop(config, &starter, &doors, &fault) != 0 ||
	    daemon_serve(options.config, config, &doors, &starter, tell_ready, &readiness, &fault) != 0) {
		fprintf(stderr, "smtpfwd: %s\n", fault.text);
		return EXIT_CANNOT;
	}
	doors_close(&doors);
	return EXIT_DONE;
}
