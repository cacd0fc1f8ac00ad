/*
 * smtpfwdctl.c - finds the command in the words, asks the daemon, shows the answer
 *
 * What commands there are is in the tables of ctl.h, each in the file of its subject.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <config.h>
#include "policy/settings.h"
#include "smtpfwd/config/options.h"
#include "smtpfwd/control/ask.h"
#include "smtpfwd/ctl/ctl.h"

#define COMMON_LETTERS	"c:s:mhV"

enum {
	TIMEOUT_DEFAULT_S = 30,
	TIMEOUT_MAX_S = 24 * 3600,
	OPTIONS_MAX = 32,		/* of all commands and of one */
	LETTERS_MAX = 64,
	USAGE_COLUMN = 33,		/* where the sentences begin */
};

/* In the order of the usage text. */
static const struct ctl_command *const tables[] = {
	ctl_status_commands,
	ctl_top_commands,
	ctl_reload_commands,
	ctl_queue_commands,
	ctl_trace_commands,
	ctl_recipients_commands,
	ctl_passwd_commands,
	ctl_keygen_commands,
	ctl_check_keys_commands,
	ctl_explain_commands,
};
enum { N_TABLES = sizeof(tables) / sizeof(tables[0]) };

static const struct option common_options[] = {
	{ "config", required_argument, NULL, 'c' }, { "socket", required_argument, NULL, 's' }, { "milter", no_argument, NULL, 'm' },
	{ "json", no_argument, NULL, 'j' }, { "timeout", required_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 },
};

/* --- wrong use --- */

static void
print_usage(FILE *out)
{
	fprintf(out, "usage: smtpfwdctl [-c FILE | -s SOCKET] [-m] [--timeout SECONDS] [--json] COMMAND\n\n");
	for (int t = 0; t < N_TABLES; t++) {
		for (const struct ctl_command *c = tables[t]; c->words != NULL; c++) {
			int n = fprintf(out, "  %s%s%s", c->words, c->behind != NULL ? " " : "", c->behind != NULL ? c->behind : "");

			fprintf(out, "%*s%s\n", n < USAGE_COLUMN ? USAGE_COLUMN - n + 1 : 2, "", c->sentence);
		}
	}
	fprintf(out, "\n-m: smtpfwd-milter is asked, which knows status and reload; explain says what it would do\n");
	fprintf(out, "WHICH: ID, --recipient-domain DOMAIN, --next-hop NAME (a relay, a route, or host:port), --held, --all\n");
}

_Noreturn void
ctl_wrong_use(const char *why, const char *what)
{
	fprintf(stderr, "smtpfwdctl: %s%s\n", why, what);
	print_usage(stderr);
	exit(CTL_WRONG_USE);
}

void
ctl_say(struct ctl *ctl, const char *key, const char *text)
{
	json_t *value = json_string(text);

	if (value == NULL || text[0] == '\0')
		ctl_wrong_use(text[0] == '\0' ? "empty: " : "no valid UTF-8: ", key);
	if (json_object_get(ctl->request, key) != NULL)
		ctl_wrong_use("given twice: ", key);
	json_object_set_new(ctl->request, key, value);
}

/* --- options and words --- */

static int
seconds_of(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || value < 1 || value > TIMEOUT_MAX_S)
		ctl_wrong_use("no number of seconds: ", text);
	return (int)value;
}

static void
take_common(struct ctl *ctl, int option)
{
	switch (option) {
	case 'c': ctl->config = optarg; break;
	case 's': ctl->socket = optarg; break;
	case 'm': ctl->is_milter = true; break;
	case 'j': ctl->is_json = true; break;
	case 't': ctl->timeout_s = seconds_of(optarg); break;
	case 'h': print_usage(stdout); exit(CTL_DONE);
	case 'V': puts(PACKAGE_STRING); exit(CTL_DONE);
	default: print_usage(stderr); exit(CTL_WRONG_USE);
	}
}

/* The command that the first words name; how many words that are. */
static const struct ctl_command *
find_command(int n_words, char **words, int *n_used_out)
{
	char written[64];

	for (int n = n_words < 2 ? n_words : 2; n > 0; n--) {
		snprintf(written, sizeof(written), n == 2 ? "%s %s" : "%s", words[0], words[n - 1]);
		for (int t = 0; t < N_TABLES; t++) {
			for (const struct ctl_command *c = tables[t]; c->words != NULL; c++) {
				if (strcmp(c->words, written) == 0) {
					*n_used_out = n;
					return c;
				}
			}
		}
	}
	if (n_words == 0)
		ctl_wrong_use("a command is missing", "");
	ctl_wrong_use("there is no command ", words[0]);
}

/* Options and words behind the command's own words; the common options may stand here too. */
static void
read_rest(struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct option options[2 * OPTIONS_MAX];
	char letters[LETTERS_MAX];
	int n = 0, option;

	for (const struct option *o = common_options; o->name != NULL; o++)
		options[n++] = *o;
	for (const struct option *o = command->options; o != NULL && o->name != NULL && n < 2 * OPTIONS_MAX - 1; o++)
		options[n++] = *o;
	options[n] = (struct option){ .name = NULL };
	optind = 0;			/* a new beginning, for glibc */
	snprintf(letters, sizeof(letters), COMMON_LETTERS "%s", command->letters != NULL ? command->letters : "");
	while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		bool is_own = false;

		for (const struct option *o = command->options; o != NULL && o->name != NULL; o++) {
			if (command->letters != NULL && option == o->name[0] && strchr(command->letters, option) != NULL)
				option = o->val;
			is_own |= o->val == option;
		}
		if (is_own)
			command->take(ctl, option, optarg);
		else
			take_common(ctl, option);
	}
	ctl->words = argv + optind;
	ctl->n_words = argc - optind;
	if (ctl->n_words > command->words_most)
		ctl_wrong_use("too much: ", ctl->words[command->words_most]);
	if (ctl->n_words < command->words_least)
		ctl_wrong_use("something is missing behind ", command->words);
}

static const struct ctl_command *
read_arguments(struct ctl *ctl, int argc, char **argv)
{
	const struct ctl_command *command;
	int option, n_used;

	while ((option = getopt_long(argc, argv, "+" COMMON_LETTERS, common_options, NULL)) != -1)
		take_common(ctl, option);
	command = find_command(argc - optind, argv + optind, &n_used);
	optind += n_used - 1;
	argv[optind] = argv[0];		/* getopt wants the program's name before what it reads */
	read_rest(ctl, command, argc - optind, argv + optind);
	return command;
}

/* --- asking --- */

/* The control socket that the configuration names; only that setting is looked at. */
static const char *
socket_of_config(struct ctl *ctl)
{
	struct conf *conf = ctl->conf = conf_read(ctl->config, settings_kinds, settings_n_kinds);

	if (!conf_is_whole(conf)) {
		(void)conf_print_errors(conf, stderr);
		fprintf(stderr, "smtpfwdctl: the control socket is not known (-s SOCKET names it)\n");
		exit(CTL_REFUSED);
	}
	return conf_string(conf_section(conf, ctl->is_milter ? "milter" : ""), "control");
}

static const char *
hint(const struct ctl *ctl, int error)
{
	if (error == ECONNREFUSED || error == ENOENT)
		return ctl->is_milter ? " (is smtpfwd-milter running?)" : " (is smtpfwd running?)";
	return error == EACCES ? " (only root and the daemon's user may ask)" : "";
}

int
ctl_ask(struct ctl *ctl, const char *request, void (*visit)(void *context, const json_t *object, const char *line),
    void *context)
{
	char error[ASK_ERROR_MAX];
	int socket;

	if (ctl->socket == NULL)
		ctl->socket = socket_of_config(ctl);
	json_object_set_new(ctl->request, "command", json_string(request));
	socket = ask_connect(ctl->socket, ctl->timeout_s);
	if (socket < 0) {
		fprintf(stderr, "smtpfwdctl: %s: %s%s\n", ctl->socket, ask_is_timeout(errno) ? "the daemon does not answer" :
		    strerror(errno), hint(ctl, errno));
		return CTL_REFUSED;
	}
	switch (ask_daemon(socket, ctl->request, visit, context, error)) {
	case ASK_ANSWERED:
		break;
	case ASK_BROKEN_OFF:
		fprintf(stderr, "smtpfwdctl: the daemon broke off\n");
		return CTL_REFUSED;
	case ASK_TIMED_OUT:
		fprintf(stderr, "smtpfwdctl: the daemon said nothing for %d s (--timeout)\n", ctl->timeout_s);
		return CTL_REFUSED;
	}
	if (error[0] == '\0')
		return CTL_DONE;
	fputs("smtpfwdctl: ", stderr);
	show_safe(error, stderr);
	fputc('\n', stderr);
	return CTL_REFUSED;
}

struct answer_shown {
	const struct ctl_command	*command;
	struct shown			 shown;
	bool				 is_json;
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

static int
ask_and_show(struct ctl *ctl, const struct ctl_command *command)
{
	struct answer_shown answer = { .command = command, .is_json = ctl->is_json };
	int status;

	if (command->prepare != NULL)
		command->prepare(ctl, command);
	status = ctl_ask(ctl, command->request, show_object, &answer);
	if (status == CTL_DONE && !ctl->is_json)
		command->show(NULL, &answer.shown);
	return status;
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { .config = CONFIG_DEFAULT_PATH, .timeout_s = TIMEOUT_DEFAULT_S, .interval_s = 2, .request = json_object() };
	const struct ctl_command *command;
	int status;

	signal(SIGPIPE, SIG_DFL);
	command = read_arguments(&ctl, argc, argv);
	status = command->run != NULL ? command->run(&ctl, command) : ask_and_show(&ctl, command);
	json_decref(ctl.request);
	if (ctl.conf != NULL)
		conf_free(ctl.conf);
	if (fflush(stdout) != 0) {
		perror("smtpfwdctl");
		return CTL_REFUSED;
	}
	return status;
}
