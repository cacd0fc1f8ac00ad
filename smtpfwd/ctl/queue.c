/*
 * queue.c - smtpfwdctl queue ...: the mails that wait
 */
#include <stdio.h>
#include <string.h>

#include "smtpfwd/ctl/ctl.h"

/* --- which mails --- */

static const struct option which_options[] = {
	{ "recipient-domain", required_argument, NULL, CTL_OPTION_RECIPIENT_DOMAIN },
	{ "next-hop", required_argument, NULL, CTL_OPTION_NEXT_HOP },
	{ "held", no_argument, NULL, CTL_OPTION_HELD },
	{ "all", no_argument, NULL, CTL_OPTION_ALL },
	{ NULL, 0, NULL, 0 },
};

static void
take_which(struct ctl *ctl, int option, const char *value)
{
	switch (option) {
	case CTL_OPTION_RECIPIENT_DOMAIN:
		ctl_say(ctl, "recipient-domain", value);
		return;
	case CTL_OPTION_NEXT_HOP:
		ctl_say(ctl, "next-hop", value);
		return;
	case CTL_OPTION_HELD:
		json_object_set_new(ctl->request, "held", json_true());
		return;
	case CTL_OPTION_ALL:
		json_object_set_new(ctl->request, "all", json_true());
		return;
	}
}

/* The id behind the command, if there is one. */
static void
may_say_which(struct ctl *ctl, const struct ctl_command *command)
{
	(void)command;
	if (ctl->n_words > 0)
		ctl_say(ctl, "id", ctl->words[0]);
}

/* It changes mails: which ones must be said. */
static void
must_say_which(struct ctl *ctl, const struct ctl_command *command)
{
	may_say_which(ctl, command);
	if (json_object_size(ctl->request) == 0)
		ctl_wrong_use("say which mails: ", command->words);
}

/* --- how they look --- */

static void
show_recipient(const json_t *recipient, bool is_long)
{
	const char *last = show_text(recipient, "last"), *next = show_text(recipient, "next-try");

	show_member("    ", recipient, "address");
	show_member("  ", recipient, "state");
	if (is_long)
		show_member(", to ", recipient, "destination");
	if (show_number(recipient, "tries") > 0)
		printf(", tried %lld time%s", show_number(recipient, "tries"), show_number(recipient, "tries") == 1 ? "" : "s");
	if (next[0] != '\0') {
		printf(", next at ");
		show_time(next);
	}
	if (last[0] != '\0') {
		printf("\n        ");
		show_safe(last, stdout);
	}
	putchar('\n');
}

static const char *
why_held(const char *by)
{
	if (strcmp(by, "unverified-sender") == 0)
		return "  (held: the sender was not verified)";
	if (strcmp(by, "class") == 0)
		return "  (held, as all of its class)";
	return strcmp(by, "forward-doomed") == 0 ? "  (held: it would be refused behind us, forward-doomed)" : "  (held)";
}

static void
show_mail_lines(const json_t *mail, bool is_long)
{
	const json_t *recipients = json_object_get(mail, "recipients"), *recipient;
	size_t i;

	show_member("", mail, "id");
	printf("  ");
	show_time(show_text(mail, "arrived"));
	printf("  ");
	show_size(show_number(mail, "size"));
	show_member("  from <", mail, "from");
	printf(">");
	if (show_text(mail, "srs")[0] != '\0') {
		show_member("  srs <", mail, "srs");
		printf(">");
	}
	if (json_is_true(json_object_get(mail, "held")))
		fputs(why_held(show_text(mail, "held-by")), stdout);
	putchar('\n');
	if (is_long) {
		show_member("    class ", mail, "class");
		show_member(", from ", mail, "client");
		show_member(" by listener ", mail, "listener");
		printf(", expires ");
		show_time(show_text(mail, "expires"));
		putchar('\n');
	}
	json_array_foreach(recipients, i, recipient)
		show_recipient(recipient, is_long);
}

static void
show_list(const json_t *object, struct shown *shown)
{
	const json_t *mail = json_object_get(object, "mail");

	if (object == NULL)
		printf(shown->n_objects == 0 ? "no mail\n" : "%ld mail%s\n", shown->n_objects, shown->n_objects == 1 ? "" : "s");
	if (mail == NULL)
		return;
	shown->n_objects++;
	show_mail_lines(mail, false);
}

static void
show_mail(const json_t *object, struct shown *shown)
{
	const json_t *mail = json_object_get(object, "mail");

	(void)shown;
	if (mail != NULL)
		show_mail_lines(mail, true);
}

static void
show_count(const json_t *object, struct shown *shown)
{
	const json_t *n = json_object_get(object, "mails");

	(void)shown;
	if (n != NULL)
		printf("%lld mail%s\n", (long long)json_integer_value(n), json_integer_value(n) == 1 ? "" : "s");
}

#define TAKES_WHICH	.words_most = 1, .options = which_options, .take = take_which

const struct ctl_command ctl_queue_commands[] = {
	{ .words = "queue list", .behind = "[WHICH]", .sentence = "the mails that wait, oldest first",
	  TAKES_WHICH, .request = "queue-list", .prepare = may_say_which, .show = show_list },
	{ .words = "queue show", .behind = "ID", .sentence = "one mail, with what happened to each recipient",
	  TAKES_WHICH, .request = "queue-show", .prepare = must_say_which, .show = show_mail },
	{ .words = "queue hold", .behind = "WHICH", .sentence = "keep from delivery until released",
	  TAKES_WHICH, .request = "queue-hold", .prepare = must_say_which, .show = show_count },
	{ .words = "queue release", .behind = "WHICH", .sentence = "end a hold; try again what failed and is held",
	  TAKES_WHICH, .request = "queue-release", .prepare = must_say_which, .show = show_count },
	{ .words = "queue bounce", .behind = "WHICH", .sentence = "report what failed and is held to its sender",
	  TAKES_WHICH, .request = "queue-bounce", .prepare = must_say_which, .show = show_count },
	{ .words = "queue retry", .behind = "WHICH", .sentence = "try now",
	  TAKES_WHICH, .request = "queue-retry", .prepare = must_say_which, .show = show_count },
	{ .words = "queue remove", .behind = "WHICH", .sentence = "delete, without a report to the sender",
	  TAKES_WHICH, .request = "queue-remove", .prepare = must_say_which, .show = show_count },
	{ .words = "queue export", .behind = "DIRECTORY [WHICH]", .sentence = "write mails and their envelopes to files",
	  .words_least = 1, .words_most = 2, .options = which_options, .take = take_which,
	  .request = "queue-export", .run = ctl_export },
	{ .words = NULL },
};
