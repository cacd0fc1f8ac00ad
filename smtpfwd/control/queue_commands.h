/*
 * queue_commands.h - what an operator can do to the queue: list, show, hold, release, retry, remove
 *
 * A request's filter: "id", "recipient-domain", "next-hop" (a relay's or route's name, a destination as
 * "relay:NAME", or a next hop as written in the configuration), "held": true; all but queue-list demand one of them or "all": true.  Anything
 * else, an empty text too, is an error and does nothing.  An id that is not in the queue is an error.
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

enum { QUEUE_COMMANDS_N = 6 };
void	queue_commands_fill(struct queue_commands *context, struct control_command commands_out[QUEUE_COMMANDS_N]);

#endif
