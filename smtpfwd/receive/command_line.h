/*
 * command_line.h - command lines off the stream, of limited length and with the right end
 */
#ifndef RECEIVE_COMMAND_LINE_H
#define RECEIVE_COMMAND_LINE_H

#include "smtpfwd/receive/session.h"

enum command_line_step {
	COMMAND_LINE_READ,
	COMMAND_LINE_REFUSED,		/* answered with 500; go on */
	COMMAND_LINE_ENDED,		/* the session ends */
};

/*
 * Sends what was written and waits for a line; *line_out is a copy without its end.  A line of more than
 * SMTP_COMMAND_LINE_MAX_BYTES is read over.  A bare LF ends a line only where the listener repairs line ends;
 * otherwise it ends the session: on which side of it the next command begins is what smugglers play with.
 */
enum command_line_step	command_line_read(struct session *session, struct arena *arena, struct str *line_out);

/* The same for another longest line: SMTP_AUTH_LINE_MAX_BYTES inside an AUTH exchange, which then has its own status. */
enum command_line_step	command_line_read_to(struct session *session, size_t max_bytes, struct arena *arena, struct str *line_out);

#endif
