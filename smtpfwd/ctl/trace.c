/*
 * trace.c - smtpfwdctl trace: the story of one mail
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "smtpfwd/ctl/ctl.h"

/* Said at the front of a line, in this order, where the line has them: the key, and what stands before its value. */
static const struct { const char *key, *before; } first_keys[] = {
	{ "from", "from " }, { "to", "to " }, { "nexthop", "by " }, { "remote", "at " }, { "report", "as mail " },
};
/* Said already, or in what follows. */
static const char *const other_keys[] = { "at", "event", "id", "reply", "why" };

static bool
is_said(const char *key)
{
	for (size_t i = 0; i < sizeof(first_keys) / sizeof(first_keys[0]); i++)
		if (strcmp(first_keys[i].key, key) == 0)
			return true;
	for (size_t i = 0; i < sizeof(other_keys) / sizeof(other_keys[0]); i++)
		if (strcmp(other_keys[i], key) == 0)
			return true;
	return false;
}

static void
show_below(const json_t *line, const char *key, const char *before)
{
	const char *text = show_text(line, key);

	if (text[0] == '\0')
		return;
	printf("        %s", before);
	show_safe(text, stdout);
	putchar('\n');
}

/* A gap is of no mail; and a report's lines have its id before them when the story is of another one. */
static void
show_line(const json_t *line, struct shown *shown)
{
	const char *at = show_text(line, "at"), *id = show_text(line, "id"), *key;
	char part[5];
	json_t *value;

	if (strcmp(show_text(line, "event"), "gap") == 0) {
		show_time(at);
		show_member("  (", line, "lines");
		printf(" lines of any mails could not be kept here)\n");
		return;
	}
	if (strcmp(id, shown->id) != 0) {
		show_member(shown->n_objects > 0 ? "\n" : "", line, "id");
		printf(":\n");
		snprintf(shown->id, sizeof(shown->id), "%s", id);
	}
	shown->n_objects++;
	show_time(at);
	snprintf(part, sizeof(part), "%.4s", strlen(at) >= 23 ? at + 19 : "");	/* .123 */
	show_safe(part, stdout);
	show_member("  ", line, "event");
	for (size_t i = 0; i < sizeof(first_keys) / sizeof(first_keys[0]); i++) {
		if (show_text(line, first_keys[i].key)[0] == '\0')
			continue;
		putchar(' ');
		show_member(first_keys[i].before, line, first_keys[i].key);
	}
	json_object_foreach((json_t *)(uintptr_t)line, key, value) {
		if (is_said(key))
			continue;
		putchar(' ');
		show_safe(key, stdout);
		putchar('=');
		show_safe(json_string_value(value) != NULL ? json_string_value(value) : "", stdout);
	}
	putchar('\n');
	show_below(line, "reply", "reply: ");
	show_below(line, "why", "");
}

static void
show_trace(const json_t *object, struct shown *shown)
{
	const json_t *line = json_object_get(object, "line"), *end = json_object_get(object, "trace");

	if (line != NULL)
		show_line(line, shown);
	if (end == NULL)
		return;
	if (json_is_true(json_object_get(end, "begins-before"))) {
		printf("\nIts beginning is not kept any more: what is kept begins at ");
		show_time(show_text(end, "kept-since"));
		putchar('\n');
	}
	if (json_is_true(json_object_get(end, "is-cut")))
		printf("\nThere are more lines than can be shown.\n");
	if (json_is_true(json_object_get(end, "is-in-queue"))) {
		show_member("\nIt is in the queue: smtpfwdctl queue show ", end, "id");
		putchar('\n');
	}
}

static void
prepare_trace(struct ctl *ctl, const struct ctl_command *command)
{
	(void)command;
	ctl_say(ctl, "id", ctl->words[0]);
}

const struct ctl_command ctl_trace_commands[] = {
	{ .words = "trace", .behind = "ID", .sentence = "the story of one mail, also when it has left",
	  .words_least = 1, .words_most = 1, .request = "trace", .prepare = prepare_trace, .show = show_trace },
	{ .words = NULL },
};
