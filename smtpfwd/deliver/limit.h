/*
 * limit.h - how many connections a next hop is trusted with: up with success, down with trouble
 *
 * The question is the one TCP has of a path it does not know, and so is the answer (RFC 5681): increase by adding,
 * decrease by halving, so that several senders to one server come to fair shares of what it bears, and none keeps
 * pushing at its edge.
 *
 *	start		LIMIT_START connections, as long as nothing is known
 *	a success	below the threshold one connection more (a round of mails doubles the limit: slow start); above
 *			it one more for as many successes as the limit has, times the patience.  Only where all that is
 *			allowed is in use: what was not tried was not shown.  Never above the administrator's maximum.
 *	trouble		half, and the threshold is there too; at once to what the server was seen to serve where that
 *			is less.  What was begun before the last lowering says nothing new and does not count.
 *	patience	doubles with trouble, up to LIMIT_PATIENCE_MAX, and is one again when two more than at the last
 *			trouble were borne: a server with a fixed number is not asked for more at every second mail
 *	down		when it is back one connection, and slow start up to half of what it had; of
 *			the maximum where it never saw trouble
 *
 * What counts as trouble is the caller's to judge.  Knows no clock but what it is given.
 */
#ifndef DELIVER_LIMIT_H
#define DELIVER_LIMIT_H

#include "base/instant.h"

enum {
	LIMIT_START = 5,		/* as Postfix's initial_destination_concurrency, known to be harmless */
	LIMIT_PATIENCE_MAX = 64,	/* of 20 connections: one more is tried in vain once in 1,300 mails */
};

struct limit {
	int		 now;		/* 1 to max */
	int		 max;
	int		 threshold;
	int		 n_successes;	/* above the threshold, since the last step */
	int		 patience;
	struct instant	 lowered;
};

void	limit_init(struct limit *limit, int max);
void	limit_set_max(struct limit *limit, int max);

/* n_busy: connections that carry mail, this one too.  True if it grew. */
bool	limit_succeed(struct limit *limit, int n_busy);

/* began: when what failed was begun; n_served: connections that the server bears at this moment; -1: not known. */
void	limit_lower(struct limit *limit, struct instant began, struct instant now, int n_served);

void	limit_restart(struct limit *limit);

#endif
