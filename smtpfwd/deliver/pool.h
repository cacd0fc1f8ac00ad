/*
 * pool.h - open sessions that wait for the next mail to the same next hop
 *
 * A next hop belongs to one route and so has one TLS policy: a session in its pool may carry any mail of the
 * route; one that stands for a client (identity.h) must not come here.
 */
#ifndef DELIVER_POOL_H
#define DELIVER_POOL_H

#include "smtpfwd/deliver/client.h"
#include "smtpfwd/deliver/next_hop.h"

/* Gives the session away.  It must be reusable, and stand for nobody. */
void		 pool_put(struct next_hop *next_hop, struct client *client, struct instant until);

/* The one used last, or NULL.  Whether the server still holds it is for the caller to see. */
struct client	*pool_take(struct next_hop *next_hop);

/* One whose time is over, or NULL.  With now INSTANT_NEVER any. */
struct client	*pool_take_expired(struct next_hop *next_hop, struct instant now);

/* When the next one's time is over. */
struct instant	 pool_expires(const struct next_hop *next_hop);

#endif
