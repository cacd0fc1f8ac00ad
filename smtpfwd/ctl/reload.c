/*
 * reload.c - smtpfwdctl reload: what the daemon says of it, and of the last one
 */
#include <stdio.h>

#include "smtpfwd/ctl/ctl.h"

static void
show_lines(const json_t *report, const char *key, const char *before, FILE *out)
{
	const json_t *line;
	size_t i;

	json_array_foreach(json_object_get(report, key), i, line) {
		fputs(before, out);
		show_safe(json_string_value(line) != NULL ? json_string_value(line) : "", out);
		fputc('\n', out);
	}
}

/* Errors come as they come of smtpfwd -n; the last line, that nothing was changed, is the answer's. */
static void
show_reload(const json_t *object, struct shown *shown)
{
	const json_t *report = json_object_get(object, "reload");

	(void)shown;
	if (report == NULL)
		return;
	show_lines(report, "errors", "", stderr);
	if (json_is_true(json_object_get(report, "failed")))
		return;
	show_lines(report, "changes", "", stdout);
	if (json_array_size(json_object_get(report, "changes")) == 0)
		puts("nothing changed");
	show_lines(report, "warnings", "smtpfwdctl: ", stderr);
}

const struct ctl_command ctl_reload_commands[] = {
	{ .words = "reload", .sentence = "read the configuration anew; what is wrong with it changes nothing",
	  .request = "reload", .show = show_reload },
	{ .words = NULL },
};
