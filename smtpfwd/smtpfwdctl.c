/*
 * smtpfwdctl.c - asks the daemon at its control socket, and shows the answer
 *
 * A short-lived program: it may block.  How an answer looks to people is in show.c.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <config.h>
#include "policy/settings.h"
#include "smtpfwd/ask.h"
#include "smtpfwd/show.h"

#define DEFAULT_CONFIG	"/etc/smtpfwd/smtpfwd.conf"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,		/* the daemon says no, or is not there */
	EXIT_WRONG_USE = 2,
};

struct command {
	const char	*words;		/* as the person writes them */
	const char	*request;	/* the daemon's name for it */
	bool		 takes_filter;
	bool		 needs_filter;	/* it changes mails: which ones must be said */
	show		*show;
};

static const struct command commands[] = {
	{ "status", "status", false, false, show_status },
	{ "queue list", "queue-list", true, false, show_list },
	{ "queue show", "queue-show", true, true, show_mail },
	{ "queue hold", "queue-hold", true, true, show_count },
	{ "queue release", "queue-release", true, true, show_count },
	{ "queue retry", "queue-retry", true, true, show_count },
	{ "queue remove", "queue-remove", true, true, show_count },
};

static const char usage_text[] =
    "usage: smtpfwdctl [-c FILE | -s SOCKET] [--json] COMMAND\n"
    "\n"
    "  status                     the daemon, its listeners, next hops and queue\n"
    "  queue list [WHICH]         the mails that wait, oldest first\n"
    "  queue show ID              one mail, with what happened to each recipient\n"
    "  queue hold WHICH           keep from delivery until released\n"
    "  queue release WHICH        end a hold\n"
    "  queue retry WHICH          try now\n"
    "  queue remove WHICH         delete, without a report to the sender\n"
    "\n"
    "WHICH: ID, --recipient-domain DOMAIN, --next-hop NAME (a relay, a route, or host:port), --held, --all\n";

struct options {
	const char	*config, *socket;
	bool		 is_json;
	json_t		*request;
};

static _Noreturn void
wrong_use(const char *why, const char *what)
{
	fprintf(stderr, "smtpfwdctl: %s%s\n%s", why, what, usage_text);
	exit(EXIT_WRONG_USE);
}

/* What cannot be sent as it is must not be left out: fewer words would mean more mails. */
static void
add_word(json_t *request, const char *key, const char *word)
{
	json_t *value = json_string(word);

	if (value == NULL || word[0] == '\0')
		wrong_use(word[0] == '\0' ? "empty: " : "no valid UTF-8: ", key);
	if (json_object_get(request, key) != NULL)
		wrong_use("given twice: ", key);
	json_object_set_new(request, key, value);
}

static void
read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' }, { "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ "recipient-domain", required_argument, NULL, 'd' }, { "next-hop", required_argument, NULL, 'n' },
		{ "held", no_argument, NULL, 'H' }, { "all", no_argument, NULL, 'a' }, { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:s:hV", known, NULL)) != -1) {
		switch (option) {
		case 'c': options->config = optarg; break;
		case 's': options->socket = optarg; break;
		case 'j': options->is_json = true; break;
		case 'd': add_word(options->request, "recipient-domain", optarg); break;
		case 'n': add_word(options->request, "next-hop", optarg); break;
		case 'H': json_object_set_new(options->request, "held", json_true()); break;
		case 'a': json_object_set_new(options->request, "all", json_true()); break;
		case 'h': fputs(usage_text, stdout); exit(EXIT_DONE);
		case 'V': puts(PACKAGE_STRING); exit(EXIT_DONE);
		default: fputs(usage_text, stderr); exit(EXIT_WRONG_USE);
		}
	}
}

/* Finds the command in the words, and takes an id behind it. */
static const struct command *
read_command(int n_words, char **words, json_t *request)
{
	const struct command *command = NULL;
	char written[64];
	int n_used = n_words > 0 && strcmp(words[0], "queue") == 0 ? 2 : 1;

	if (n_words < n_used)
		wrong_use("a command is missing", "");
	snprintf(written, sizeof(written), n_used == 2 ? "%s %s" : "%s", words[0], words[n_used - 1]);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].words, written) == 0)
			command = &commands[i];
	if (command == NULL)
		wrong_use("there is no command ", written);
	if (n_words > n_used && command->takes_filter)
		add_word(request, "id", words[n_used++]);
	if (n_words > n_used)
		wrong_use("too much: ", words[n_used]);
	if (!command->takes_filter && json_object_size(request) != 0)
		wrong_use("takes no WHICH: ", written);
	if (command->needs_filter && json_object_size(request) == 0)
		wrong_use("say which mails: ", written);
	json_object_set_new(request, "command", json_string(command->request));
	return command;
}

/* The control socket that the configuration names; only that setting is looked at. */
static const char *
socket_of_config(const char *path)
{
	struct conf *conf = conf_read(path, settings_kinds, settings_n_kinds);

	if (!conf_is_whole(conf)) {
		for (int i = 0; i < conf_n_errors(conf); i++)
			fprintf(stderr, "%s\n", conf_error_text(conf, i));
		fprintf(stderr, "smtpfwdctl: the control socket is not known (-s SOCKET names it)\n");
		exit(EXIT_REFUSED);
	}
	return conf_string(conf_section(conf, ""), "control");	/* the conf lives as long as the program */
}

struct answer_shown {
	const struct command	*command;
	struct shown		 shown;
	bool			 is_json;
};

static void
show_object(void *context, const json_t *object, const char *line)
{
	struct answer_shown *answer = context;

	if (answer->is_json)
		fputs(line, stdout);
	else
		answer->command->show(object, &answer->shown);
}

static const char *
hint(int error)
{
	if (error == ECONNREFUSED || error == ENOENT)
		return " (is smtpfwd running?)";
	return error == EACCES ? " (only root and the daemon's user may ask)" : "";
}

static int
ask_and_show(const struct command *command, const struct options *options)
{
	struct answer_shown answer = { .command = command, .is_json = options->is_json };
	char error[ASK_ERROR_MAX];
	int socket = ask_connect(options->socket);

	if (socket < 0) {
		fprintf(stderr, "smtpfwdctl: %s: %s%s\n", options->socket, strerror(errno), hint(errno));
		return EXIT_REFUSED;
	}
	if (!ask_daemon(socket, options->request, show_object, &answer, error)) {
		fprintf(stderr, "smtpfwdctl: the daemon broke off\n");
		return EXIT_REFUSED;
	}
	if (error[0] != '\0') {
		fputs("smtpfwdctl: ", stderr);
		show_safe(error, stderr);
		fputc('\n', stderr);
		return EXIT_REFUSED;
	}
	if (!options->is_json)
		command->show(NULL, &answer.shown);
	return EXIT_DONE;
}

int
main(int argc, char **argv)
{
	struct options options = { .config = DEFAULT_CONFIG, .request = json_object() };
	const struct command *command;

	signal(SIGPIPE, SIG_DFL);
	read_options(argc, argv, &options);
	command = read_command(argc - optind, argv + optind, options.request);
	if (options.socket == NULL)
		options.socket = socket_of_config(options.config);
	int status = ask_and_show(command, &options);
	json_decref(options.request);
	if (fflush(stdout) != 0) {
		perror("smtpfwdctl");
		return EXIT_REFUSED;
	}
	return status;
}
