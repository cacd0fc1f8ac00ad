/*
 * patience.h - how long mail waits for the DNS: less, for a while, after some mail waited in vain
 *
 * The rule: whoever's mail waited to the end gets short waits for PATIENCE_REST_S.  If a second client's mail waits in vain
 * during that time, it is not one domain's dead server but the DNS, and everybody gets them: mail flows while the DNS is
 * away.  So a client whose own servers are slow shortens the waits of nobody else.  What waited only shortly counts for
 * nothing: after the rest one mail finds out whether things are better.
 */
#ifndef RECEIVE_PATIENCE_H
#define RECEIVE_PATIENCE_H

#include "base/endpoint.h"
#include "base/instant.h"

enum { PATIENCE_REST_S = 30 };

struct patience {			/* zero: nobody waited in vain */
	struct instant	until;		/* the short waits end */
	struct ip	whose;		/* who waited in vain first */
	bool		is_everybodys;
};

bool	patience_is_short(const struct patience *patience, const struct ip *client, struct instant now);

/* The client's mail had a long wait, and it was in vain. */
void	patience_lose(struct patience *patience, const struct ip *client, struct instant now);

#endif
