/*
 * command_parts.h - how the files that read commands call each other; for them only
 */
#ifndef SMTP_COMMAND_PARTS_H
#define SMTP_COMMAND_PARTS_H

#include "smtpfwd/smtp/command.h"

/* Sets the reply to give and returns -1.  The text is a constant. */
int	command_refuse(struct reply *reply_out, int code, struct status status, const char *text);

/* Each reads what stands behind its verb, as command_parse says. */
int	command_parse_mail(struct str argument, const struct ehlo *offered, struct command_mail *mail,
	    struct reply *reply_out);
int	command_parse_rcpt(struct str argument, const struct ehlo *offered, struct recipient *rcpt,
	    struct reply *reply_out);
int	command_parse_xclient(struct str argument, struct arena *arena, struct command_xclient *xclient,
	    struct reply *reply_out);

#endif
