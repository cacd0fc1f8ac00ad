/*
 * control.h - the operator's socket: takes commands from smtpfwdctl, answers in JSON
 *
 * One request a connection: a line of JSON {"command": "...", ...}; the answer is lines of JSON objects, the last
 * with "done": true and, on failure, "error".  Only root and the daemon's own user are served (SO_PEERCRED).
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <jansson.h>

#include "base/log.h"
#include "smtpfwd/queue/queue.h"

struct control;

/* Writes one object of the answer; takes over the reference.  -1 when the operator has gone.  Suspends. */
struct answer;
int	answer_write(struct answer *answer, json_t *object, struct instant deadline);

struct control_command {		/* others hand in their commands as functions, joined in main.c */
	const char	*name;		/* "status" */
	void	       (*run)(void *context, const json_t *request, struct answer *answer, struct instant deadline);
	void		*context;
};

/* Serves on an already listening unix socket.  The queue's own commands (queue-list, queue-show, queue-hold, ...) are built in. */
struct control	*control_new(struct loop *loop, int listener, struct queue *queue, const struct control_command *commands,
		    int n_commands, struct log *log, struct fault *fault_out);
void		 control_stop(struct control *control);
void		 control_free(struct control *control);

#endif
