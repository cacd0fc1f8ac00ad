/*
 * queue_commands.h - what an operator can do to the queue: list, show, hold, release, retry, remove, export
 *
 * Which mails is said as queue_filters.h has it; all but queue-list and queue-export demand that something is said, if
 * only "all": true.  An id that is not in the queue is an error, and so are mails that could not be read.
 *
 * queue-export answers, for each mail, with "mail" (queue_json.h), "content" as often as it takes (base64; together the
 * bytes as they are stored), and "end" with its "id", and "error" where it could not be read to its end.
 */
#ifndef CONTROL_QUEUE_COMMANDS_H
#define CONTROL_QUEUE_COMMANDS_H

#include "smtpfwd/control/control.h"

struct queue_commands {			/* context of the commands; outlives the control */
	struct queue	*queue;
	struct log	*log;
	/* Calls visit for each destination that a word of an operator means; may be NULL. */
	void	       (*each_destination)(void *context, struct str word,
			    void (*visit)(void *visit_context, struct str destination), void *visit_context);
	void		*each_destination_context;
	/* Told of each destination whose mail is to be tried now, "" for all; may be NULL. */
	void	       (*retried)(void *context, struct str destination);
	void		*retried_context;
};

enum { QUEUE_COMMANDS_N = 8 };
void	queue_commands_fill(struct queue_commands *context, struct control_command commands_out[QUEUE_COMMANDS_N]);

#endif
