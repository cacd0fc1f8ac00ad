/*
 * recipients.c - smtpfwdctl recipients ...: what is known of mailboxes for the time when their server is down
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpfwd/ctl/ctl.h"

enum { REQUEST_BYTES = 12 * 1024 };	/* of addresses in one; the daemon takes 64 KB, and a byte may become six */

/* --- options --- */

static const struct option list_options[] = {
	{ "relay", required_argument, NULL, CTL_OPTION_RELAY }, { NULL, 0, NULL, 0 },
};
static const struct option import_options[] = {
	{ "relay", required_argument, NULL, CTL_OPTION_RELAY }, { "bad", no_argument, NULL, CTL_OPTION_BAD }, { NULL, 0, NULL, 0 },
};
static const struct option forget_options[] = {
	{ "relay", required_argument, NULL, CTL_OPTION_RELAY }, { "all", no_argument, NULL, CTL_OPTION_ALL }, { NULL, 0, NULL, 0 },
};

static void
take_option(struct ctl *ctl, int option, const char *value)
{
	switch (option) {
	case CTL_OPTION_RELAY:
		ctl_say(ctl, "relay", value);
		return;
	case CTL_OPTION_BAD:
		ctl_say(ctl, "known", "bad");
		return;
	case CTL_OPTION_ALL:
		json_object_set_new(ctl->request, "all", json_true());
		return;
	}
}

static void
may_say_address(struct ctl *ctl, const struct ctl_command *command)
{
	(void)command;
	if (ctl->n_words > 0)
		ctl_say(ctl, "address", ctl->words[0]);
}

static void
must_say_whom(struct ctl *ctl, const struct ctl_command *command)
{
	may_say_address(ctl, command);
	if (json_object_size(ctl->request) == 0)
		ctl_wrong_use("say whom: ", command->words);
	if (json_object_get(ctl->request, "all") != NULL && json_object_size(ctl->request) > 1)
		ctl_wrong_use("--all is all of them: ", command->words);
}

/* --- how they look --- */

static void
show_recipient(const json_t *recipient)
{
	show_member("", recipient, "address");
	show_member("  ", recipient, "known");
	show_member("  relay ", recipient, "relay");
	if (show_text(recipient, "told")[0] != '\0') {
		printf(", told ");
		show_time(show_text(recipient, "told"));
		printf(", until ");
		show_time(show_text(recipient, "until"));
	}
	putchar('\n');
}

static void
show_relay(const json_t *relay)
{
	long long n_good_gone = show_number(relay, "good-gone"), n_bad_gone = show_number(relay, "bad-gone");

	show_member("relay ", relay, "name");
	printf(": %lld good, %lld bad", show_number(relay, "good"), show_number(relay, "bad"));
	if (n_good_gone > 0 || n_bad_gone > 0)
		printf("; %lld good and %lld bad had to go for want of room", n_good_gone, n_bad_gone);
	putchar('\n');
}

static void
show_list(const json_t *object, struct shown *shown)
{
	const json_t *recipient = json_object_get(object, "recipient"), *relay = json_object_get(object, "relay");

	(void)shown;
	if (recipient != NULL)
		show_recipient(recipient);
	if (relay != NULL)
		show_relay(relay);
}

static void
show_forgotten(const json_t *object, struct shown *shown)
{
	const json_t *n = json_object_get(object, "forgotten");

	(void)shown;
	if (n != NULL)
		printf("%lld recipient%s\n", (long long)json_integer_value(n), json_integer_value(n) == 1 ? "" : "s");
}

/* --- import --- */

struct importing {
	struct ctl	*ctl;
	const struct ctl_command *command;
	json_t		*addresses;	/* of the next request */
	size_t		 n_bytes;	/* in them */
	long long	 n_imported, n_refused;
	int		 status;
};

static void
take_answer(void *context, const json_t *object, const char *line)
{
	struct importing *importing = context;
	const json_t *refused = json_object_get(object, "refused");

	importing->n_imported += show_number(object, "imported");
	if (refused != NULL)
		importing->n_refused++;
	if (importing->ctl->is_json) {
		fputs(line, stdout);
	} else if (refused != NULL) {
		fputs("smtpfwdctl: ", stderr);
		show_safe(show_text(refused, "address"), stderr);
		fprintf(stderr, " %s\n", show_text(refused, "why"));
	}
}

static void
send_addresses(struct importing *importing)
{
	if (importing->status == CTL_DONE && json_array_size(importing->addresses) > 0) {
		json_object_set(importing->ctl->request, "addresses", importing->addresses);
		importing->status = ctl_ask(importing->ctl, importing->command->request, take_answer, importing);
	}
	json_array_clear(importing->addresses);
	importing->n_bytes = 0;
}

/* One address a line, blanks around it; an empty line and one that begins with # are nothing. */
static void
take_line(struct importing *importing, char *line)
{
	static const char blanks[] = " \t\r\n";
	json_t *text;
	size_t len;

	line += strspn(line, blanks);
	for (len = strlen(line); len > 0 && strchr(blanks, line[len - 1]) != NULL; len--)
		;
	line[len] = '\0';
	if (len == 0 || line[0] == '#')
		return;
	text = len < REQUEST_BYTES ? json_string(line) : NULL;
	if (text == NULL) {
		fprintf(stderr, "smtpfwdctl: a line is too long, or no UTF-8\n");
		importing->n_refused++;
		return;
	}
	if (importing->n_bytes + len > REQUEST_BYTES)
		send_addresses(importing);
	json_array_append_new(importing->addresses, text);
	importing->n_bytes += len + 3;		/* with quotes and comma */
}

static int
run_import(struct ctl *ctl, const struct ctl_command *command)
{
	struct importing importing = { .ctl = ctl, .command = command, .addresses = json_array(), .status = CTL_DONE };
	const char *path = ctl->words[0];
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	while (in != NULL && importing.status == CTL_DONE && getline(&line, &room, in) >= 0)
		take_line(&importing, line);
	if (in == NULL || ferror(in)) {
		fprintf(stderr, "smtpfwdctl: %s: %s\n", path, strerror(errno));
		importing.status = CTL_REFUSED;
	}
	send_addresses(&importing);
	if (!ctl->is_json)
		printf("%lld recipient%s\n", importing.n_imported, importing.n_imported == 1 ? "" : "s");
	if (in != NULL && in != stdin)
		fclose(in);
	free(line);
	json_decref(importing.addresses);
	return importing.n_refused > 0 ? CTL_REFUSED : importing.status;
}

const struct ctl_command ctl_recipients_commands[] = {
	{ .words = "recipients list", .behind = "[ADDRESS] [--relay NAME]", .sentence = "which mailboxes next hops are known to have, and not to have",
	  .words_most = 1, .options = list_options, .take = take_option,
	  .request = "recipients-list", .prepare = may_say_address, .show = show_list },
	{ .words = "recipients import", .behind = "FILE [--relay NAME] [--bad]", .sentence = "take a list of them, an address a line",
	  .words_least = 1, .words_most = 1, .options = import_options, .take = take_option,
	  .request = "recipients-import", .run = run_import },
	{ .words = "recipients forget", .behind = "ADDRESS | --relay NAME | --all", .sentence = "know nothing of them",
	  .words_most = 1, .options = forget_options, .take = take_option,
	  .request = "recipients-forget", .prepare = must_say_whom, .show = show_forgotten },
	{ .words = NULL },
};
