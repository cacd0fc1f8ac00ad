/*
 * apply.c - a judged mail's changes and verdict, told to Postfix
 */
#include <stdio.h>

#include "milter/apply.h"

enum { REPLY_TEXT_MAX_BYTES = 900 };	/* libmilter refuses lines of more than 980 */

/* Old interfaces take strings that they do not write to. */
static char *
unconst(const char *text)
{
	return (char *)(uintptr_t)text;
}

static bool
remove_fields(SMFICTX *context, struct judging *judging)
{
	int n;
	const struct field_removal *removals = judging_removals(judging, &n);

	for (int i = 0; removals != NULL && i < n; i++)
		if (smfi_chgheader(context, unconst(removals[i].name), removals[i].nth, NULL) != MI_SUCCESS)
			return false;
	return removals != NULL;
}

static bool
insert_fields(SMFICTX *context, struct judging *judging)
{
	int n;
	const struct field_insertion *insertions = judging_insertions(judging, &n);

	for (int i = 0; insertions != NULL && i < n; i++)
		if (smfi_insheader(context, 0, unconst(insertions[i].name), unconst(insertions[i].value)) != MI_SUCCESS)
			return false;
	return insertions != NULL;
}

static bool
change_reverse_path(SMFICTX *context, struct judging *judging)
{
	struct str path;

	return judging_reverse_path(judging, &path) && (path.len == 0 || smfi_chgfrom(context, unconst(path.at), NULL) == MI_SUCCESS);
}

/* One line; the servers read "%%" as "%", and control characters are an error. */
static void
reply_text(struct str text, char out[REPLY_TEXT_MAX_BYTES + 2])
{
	size_t n = 0;

	for (size_t i = 0; i < text.len && n < REPLY_TEXT_MAX_BYTES; i++) {
		char c = text.at[i];

		if (c == '%')
			out[n++] = '%';
		out[n++] = c == '\n' ? ' ' : c >= 0x20 && c < 0x7f ? c : '?';
	}
	out[n] = '\0';
}

static void
set_reply(SMFICTX *context, const struct reply *reply)
{
	char code[12], status[40], text[REPLY_TEXT_MAX_BYTES + 2];

	snprintf(code, sizeof(code), "%d", reply->code);
	snprintf(status, sizeof(status), "%d.%d.%d", reply->status.class, reply->status.subject, reply->status.detail);
	reply_text(reply->text, text);
	/* Without it the server says some words of its own. */
	(void)smfi_setreply(context, code, status, text);
}

sfsistat
apply_put_off(SMFICTX *context, const struct verdict *verdict)
{
	set_reply(context, &verdict->reply);
	return SMFIS_TEMPFAIL;
}

bool
apply(SMFICTX *context, struct judging *judging, const struct verdict *verdict, sfsistat *status_out)
{
	switch (verdict->action) {
	case ACTION_REJECT:
		set_reply(context, &verdict->reply);
		*status_out = SMFIS_REJECT;
		return true;
	case ACTION_DEFER:
		if (judging_has_failed(judging) && judging_is_accepted_on_failure(judging))
			break;
		*status_out = apply_put_off(context, verdict);
		return true;
	case ACTION_ACCEPT:
		break;
	}
	*status_out = SMFIS_CONTINUE;
	return remove_fields(context, judging) && insert_fields(context, judging) && change_reverse_path(context, judging) &&
	    (!verdict->is_held || smfi_quarantine(context, unconst(verdict->reason)) == MI_SUCCESS);
}
