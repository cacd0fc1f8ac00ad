/*
 * room.h - how much of the queue each site may have out: what its next hops have room for, and its fair share
 *
 * The queue is told a limit for each destination, so that what cannot go now stays there and does not hold a courier.
 * A site that has no room waits in its next hops' lists, in turn with the other sites of the same hosts.
 *
 * The share: a site may have as many couriers as there are free ones (dynamic thresholds, Choudhury and Hahne 1998).
 * One busy destination gets half of all, two get a third each, n get 1/(n+1), and some are always left for a newcomer.
 */
#ifndef DELIVER_ROOM_H
#define DELIVER_ROOM_H

#include "smtpfwd/deliver/site.h"

/* Tells the queue what the site may have now; true if the queue has something for it. */
bool	room_tell(struct site *site);

/* Nothing more for the site until it is its turn, at the end of the lines where it would go now. */
void	room_shut(struct site *site);

/* It waits no more. */
void	room_forget(struct site *site);
bool	room_is_waited_for(const struct site *site);

/* A connection of the next hop ended or became idle, or its limit grew: sites that wait have their turn. */
void	room_came_free(struct next_hop *next_hop);

/* A courier ended. */
void	room_share_came_free(struct couriers *c);

/* How many couriers more the site may have. */
int	room_share(const struct site *site);

#endif
