/*
 * story_command.h - the operator's command "trace": the story of one mail
 *
 * Request: "id".  Answer: an object "line" for each line, with "at", "event" and the line's keys as they were logged; then
 * "trace" with "id", "lines", "ids" (whose lines they are), "kept-since", "is-in-queue", "is-cut" (there are more),
 * "begins-before" (the mail is older than what is kept).  A mail of which nothing is known is an error, which says
 * whether it is older than what is kept.
 */
#ifndef CONTROL_STORY_COMMAND_H
#define CONTROL_STORY_COMMAND_H

#include "smtpfwd/control/control.h"
#include "smtpfwd/story/story.h"

struct story_command {			/* context; outlives the control */
	struct story	*story;		/* NULL: none is kept */
	struct queue	*queue;
};

void	story_command_run(void *context, const json_t *request, struct answer *answer, struct instant deadline);

#endif
