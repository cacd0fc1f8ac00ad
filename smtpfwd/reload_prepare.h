/*
 * reload_prepare.h - all that a reload needs, made before anything is changed
 */
#ifndef SMTPFWD_RELOAD_PREPARE_H
#define SMTPFWD_RELOAD_PREPARE_H

#include "smtpfwd/daemon_inside.h"

struct preparation {
	struct os_job		 job;		/* runs on the crew: reload_prepare */
	struct daemon		*daemon;	/* of which only what never changes, and today's generation, is looked at */
	struct reload_report	*report;	/* changes, warnings and errors are put into it */
	struct endpoint		*open_now;	/* addresses; owned */
	int			 n_open_now;
	bool			 is_nothing;	/* the file says what it said before: there is nothing to adopt */

	/* What is to be adopted; each NULL or empty when it is not needed. */
	struct generation	*generation;
	struct courier_plan	*plan;
	struct doors		 doors;		/* of new addresses only */
	struct resolver		*resolver;
	struct log_place	*log_place;
	bool			 is_routing;	/* destinations and times of what waits are to be worked out anew */
};

/* A crew's job.  Blocks.  With errors in the report nothing is left that would have to be dropped. */
void	reload_prepare(struct os_job *job);

/* Frees what was prepared and not adopted. */
void	reload_drop(struct preparation *preparation);

#endif
