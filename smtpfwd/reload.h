/*
 * reload.h - another configuration is put in the place of the one at work, whole or not at all
 *
 * In two steps.  Prepare, on a thread of its own, may block and fail: the file is read and checked, certificates and
 * authorities are read, new addresses bound.  Adopt, on the loop, is one moment in which nothing suspends.  One reload
 * at a time: who asks while one is under way has another one behind it, and all who ask meanwhile have it together.
 */
#ifndef SMTPFWD_RELOAD_H
#define SMTPFWD_RELOAD_H

#include "smtpfwd/changes.h"
#include "smtpfwd/control/control.h"

struct daemon;
struct reload;

struct reload_report {			/* how one went */
	int			 n_holders;
	struct timestamp	 at;
	bool			 has_failed;	/* the old configuration stays in use */
	struct lines		 changes;	/* none: nothing was changed */
	struct lines		 warnings;	/* what a reload cannot do, and has not done */
	struct lines		 errors;	/* FILE:LINE: ... */
};

/* Starts its thread and its fiber.  NULL and a fault. */
struct reload	*reload_new(struct daemon *daemon, struct fault *fault_out);

/* Reload soon.  Once the daemon stops, nothing. */
void		 reload_ask(struct reload *reload);

/* {"at", "failed", "changes", "warnings", "errors"}, the last three lists of texts. */
json_t		*reload_report_json(const struct reload_report *report);

/* How the last one went; NULL: there was none. */
const struct reload_report *reload_last(const struct reload *reload);

/*
 * The command "reload": reloads, waits for it and answers with one object: "reload", a report.  Failed, it is an error, too.  context: struct reload.
 */
void		 reload_answer(void *context, const json_t *request, struct answer *answer, struct instant deadline);

/*
 * When the daemon stops: returns when its fiber has ended; what was being prepared is given up.  False when a file could
 * not be read to its end by the deadline: then nothing of the daemon may be freed.  Suspends.
 */
bool		 reload_stop(struct reload *reload, struct instant deadline);
void		 reload_free(struct reload *reload);	/* after a reload_stop that was true; NULL is nothing */

#endif
