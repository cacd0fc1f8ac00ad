/*
 * overview.h - the daemon's own state, told to an operator
 */
#ifndef SMTPFWD_OVERVIEW_H
#define SMTPFWD_OVERVIEW_H

#include "policy/class_rates.h"
#include "smtpfwd/generation.h"
#include "smtpfwd/reload.h"
#include "smtpfwd/control/control.h"
#include "smtpfwd/deliver/courier.h"
#include "smtpfwd/story/story.h"
#include "smtpfwd/runtime/notify.h"

struct overview {				/* borrowed parts */
	const struct generation	*generation;	/* today's */
	const struct reload	*reload;
	struct timestamp	 since;
	struct queue		*queue;
	struct listeners	*listeners;
	struct couriers		*couriers;
	struct class_rates	*rates;
	struct story		*story;		/* NULL: none */
};

/*
 * The command "status": objects "daemon", "listener", "next-hop" (at most 20, those that are down first, and "next-hops":
 * how many there are; all of them with "long": true), "rate", "queue" and "trace".  context: struct overview.
 */
void	overview_answer(void *context, const json_t *request, struct answer *answer, struct instant deadline);

/*
 * The command "top": "daemon", "queue", "listener", "next-hop" (the busiest, at most 100) and "next-hops", "destination" (those
 * with most waiting mail, at most 20) and "destinations".  Rates are for the asker, who asks again.
 */
void	overview_answer_top(void *context, const json_t *request, struct answer *answer, struct instant deadline);

/* One line for the service manager.  context: struct overview. */
void	overview_line(void *context, char line_out[NOTIFY_STATUS_MAX]);

/* Calls visit for each destination that an operator's word means: a relay's or route's name, a destination, a next hop. */
void	overview_each_destination(void *context, struct str word,
	    void (*visit)(void *visit_context, struct str destination), void *visit_context);

#endif
