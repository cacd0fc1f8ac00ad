/*
 * main.c - smtpfwd-milter: reads its options and configuration, drops its rights, opens the doors, serves
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <config.h>
#include "milter/serve.h"
#include "milter/socket_group.h"
#include "smtpfwd/config/check_files.h"
#include "smtpfwd/config/sign_keys.h"
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
    "usage: smtpfwd-milter [-c FILE] [-f | -n]\n"
    "  -c FILE   the configuration (" DEFAULT_CONFIG ")\n"
    "  -f        stay in the foreground\n"
    "  -n        check the configuration and the files it names, then end\n"
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
		fprintf(stderr, "smtpfwd-milter: too much: %s\n%s", argv[optind], usage_text);
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

static void
check_group(struct config *config)
{
	struct fault fault;
	gid_t group;

	if (config->milter.group != NULL && socket_group_find(config->milter.group, &group, &fault) != 0)
		conf_error(config->conf, conf_section(config->conf, "milter"), "group", "%s", fault.text);
}

/* As the user, so in a child: there is no way back to root. */
static bool
check_as_user(struct config *config)
{
	struct policy_signing signing;
	struct fault fault;
	struct user user;
	pid_t child;
	int status;

	if (user_find(config->user, config->is_user_given, &user, &fault) != 0) {
		fprintf(stderr, "smtpfwd-milter: user: %s\n", fault.text);
		return false;
	}
	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (privileges_drop(&user, &fault) != 0)
			conf_error(config->conf, conf_section(config->conf, ""), "user", "%s", fault.text);
		else if (check_own_files(config, &fault) != 0)
			conf_error(config->conf, conf_section(config->conf, ""), NULL, "no reload could read it: %s", fault.text);
		check_group(config);
		check_files(config, &signing);
		_exit(print_errors(config));
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A session is a descriptor; the usual soft limit of 1024 is for select(2). */
static void
raise_descriptor_limit(const struct config *config)
{
	enum { OTHERS = 512 + 8192 };	/* questions of the resolver have sockets of their own */
	rlim_t wanted = (rlim_t)config->milter.sessions_max + OTHERS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max < wanted && setrlimit(RLIMIT_NOFILE, &(struct rlimit){ .rlim_cur = wanted, .rlim_max = wanted }) == 0)
		return;			/* as root may */
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
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

	raise_descriptor_limit(config);
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
	struct options options = { .config = DEFAULT_CONFIG };
	struct readiness readiness = { .pipe = -1 };
	struct generation *generation;
	struct notifier notify;
	struct config *config;
	struct fault fault;

	background_fill_descriptors();
	notify_init(&notify);
	read_options(argc, argv, &options);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);	/* for good: to libmilter it means stop */
	config = config_load(options.config);
	if (print_errors(config) || (options.is_check && !check_as_user(config))) {
		config_free(config);
		return EXIT_WRONG_CONFIG;
	}
	if (options.is_check) {
		printf("%s: all is well\n", options.config);
		config_free(config);
		return EXIT_DONE;
	}
	if (!options.is_foreground && (readiness.pipe = background_go("smtpfwd-milter")) < 0)
		return EXIT_CANNOT;
	readiness.logs_to_stderr = strcmp(config->log_to, "stderr") == 0;
	generation = drop_and_make(config, &fault);
	if (generation == NULL || serve(options.config, generation, &notify, tell_ready, &readiness, &fault) != 0) {
		fprintf(stderr, "smtpfwd-milter: %s\n", fault.text);
		return EXIT_CANNOT;
	}
	return EXIT_DONE;
}
