/*
 * main.c - smtpfwd: reads its options and configuration, opens the doors, drops its rights, serves
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <config.h>
#include "smtpfwd/check.h"
#include "smtpfwd/daemon.h"
#include "smtpfwd/privileges.h"

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

/* A descriptor below 3 that is free would become a socket, and then get what is said on stderr. */
static void
fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* In the background we stand in "/", and a reload is to find the same file.  Lives as long as the program. */
static const char *
absolute(const char *path)
{
	char here[PATH_MAX], *joined;

	if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL || asprintf(&joined, "%s/%s", here, path) < 0)
		return path;
	return joined;
}

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
	options->config = absolute(options->config);
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

/* The parent's end, as the child's: ready, or failed, which the child has explained if it could. */
static _Noreturn void
await_child(pid_t child, int pipe)
{
	char byte;
	int status;

	if (read(pipe, &byte, 1) == 1)
		_exit(EXIT_DONE);
	if (waitpid(child, &status, 0) != child)
		_exit(EXIT_CANNOT);
	if (WIFSIGNALED(status))
		fprintf(stderr, "smtpfwd: ended by signal %d (%s) before it could serve\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
	_exit(WIFEXITED(status) && WEXITSTATUS(status) != EXIT_DONE ? WEXITSTATUS(status) : EXIT_CANNOT);
}

/*
 * Into the background: the parent waits until the child is ready or has failed, so that whoever
 * started us is told.  In the child the write end of the pipe; -1 on failure.
 */
static int
go_to_background(void)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
		fprintf(stderr, "smtpfwd: cannot go to the background: %s\n", strerror(errno));
		return -1;
	}
	if (child != 0) {
		close(ends[1]);
		await_child(child, ends[0]);
	}
	close(ends[0]);
	setsid();
	return ends[1];
}

struct readiness {
	int	pipe;			/* -1: in the foreground */
	bool	logs_to_stderr;
};

static void
tell_ready(void *context)
{
	struct readiness *readiness = context;
	int null;

	if (readiness->pipe < 0)
		return;
	/* Whoever started us must not wait for our end, nor keep a disk mounted for our sake. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (!readiness->logs_to_stderr)
			dup2(null, STDERR_FILENO);
		close(null);
	}
	if (chdir("/") != 0 || write(readiness->pipe, "", 1) != 1)
		return;			/* the pipe ends with us: the parent says that we did */
	close(readiness->pipe);
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

	fill_standard_descriptors();
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
	if (!options.is_foreground && (readiness.pipe = go_to_background()) < 0)
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
