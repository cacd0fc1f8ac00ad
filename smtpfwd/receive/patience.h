/*
 * patience.h - how long mail waits for the DNS: less, for a while, after some mail waited in vain
 *
 * The rule: whoever's mail waited to the end gets short waits for PATIENCE_REST_S.  If a second client's mail waits in vain
 * during that time, and nobody had an answer while it did, it is not one domain's dead server but the DNS, and everybody
 * gets them: mail flows while the DNS is away.  So clients whose own servers are slow shorten the waits of nobody else.
 * What waited only shortly counts for nothing: after the rest one mail finds out whether things are better.
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
	struct instant	heard;		/* an answer came, the latest time */
};

bool	patience_is_short(const struct patience *patience, const struct ip *client, struct instant now);

/* Somebody's question was answered, by a server and not by a cache. */
void	patience_hear(struct patience *patience, struct instant now);

/* The client's mail had a long wait since it began, and it was in vain. */
void	patience_lose(struct patience *patience, const struct ip *client, struct instant began, struct instant now);

#endif
