/*
 * queue_filters.h - which mails a request means
 *
 * A request says "id", "recipient-domain" (in any form: case, A- or U-labels), "next-hop" (a relay's or route's name, a
 * destination as "relay:NAME", or a next hop as written in the configuration), "held": true, "all": true.  Anything else,
 * an empty text too, is an error: a misspelt key must not make "remove these" into "remove all".
 */
#ifndef CONTROL_QUEUE_FILTERS_H
#define CONTROL_QUEUE_FILTERS_H

#include "base/arena.h"
#include "smtpfwd/control/queue_commands.h"

struct filters {			/* what a request asks for: one filter per destination, or one */
	struct arena		 arena;
	struct queue_filter	 filter;
	struct str		*destinations;
	int			 n_destinations;	/* 0: any */
	bool			 is_given;	/* something was said, if only "all" */
};

/*
 * False when the request cannot mean anything; the answer's error says why.  filters_fini is to be called either way; what
 * is in it lives until then, or as long as the request.
 */
bool	filters_read(const struct queue_commands *c, const json_t *request, struct answer *answer, struct filters *filters_out);
void	filters_fini(struct filters *filters);

#endif
