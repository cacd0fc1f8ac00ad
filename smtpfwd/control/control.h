/*
 * control.h - the operator's socket: takes commands from smtpfwdctl, answers in JSON
 *
 * One request a connection: a line {"command": "queue-list", ...}.  The answer is lines of
 * one JSON object each; the last has "done": true, and "error" if it did not work.  A command that has nothing to say
 * for some seconds sends an empty line.  Only
 * root and the daemon's own user are served (SO_PEERCRED).
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <jansson.h>

#include "base/log.h"
#include "smtpfwd/queue/queue.h"

struct control;
struct answer;

/* Writes one object of the answer and drops the reference.  -1 when the operator has gone.  Suspends. */
int	answer_write(struct answer *answer, json_t *object, struct instant deadline);
/* Says what was wrong; the answer's last object gets it.  Escapes bytes of others. */
void	answer_error(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct control_command {		/* parts hand in their commands as functions, joined in main.c */
	const char	*name;
	void	       (*run)(void *context, const json_t *request, struct answer *answer, struct instant deadline);
	void		*context;
};

/* A str as a JSON string; bytes that are no UTF-8 are escaped as \xHH. */
json_t	*control_json_str(struct str text);

/* A limit of rate as an object of the command "status", the daemon's and the milter's: {"rate": {"class", "limit", "keys", "put-off"}}. */
json_t	*control_json_rate(const char *class_name, struct str limit, int n_keys, int64_t n_put_off);

/* Serves on a listening unix socket that it takes over.  The commands array outlives it. */
struct control	*control_new(struct loop *loop, int listener, uid_t daemon_uid, const struct control_command *commands,
		    int n_commands, struct log *log, struct fault *fault_out);
/* Takes no more requests; running ones are cut off.  Suspends until they ended. */
void		 control_stop(struct control *control);
void		 control_free(struct control *control);

#endif
