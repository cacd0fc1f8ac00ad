/*
 * courier.h - takes due deliveries from the queue and brings them to their next hops
 */
#ifndef DELIVER_COURIER_H
#define DELIVER_COURIER_H

#include "base/dns.h"
#include "base/log.h"
#include "smtpfwd/deliver/route.h"
#include "smtpfwd/queue/queue.h"
#include "smtpfwd/runtime/tls.h"

struct couriers;

struct courier_settings {		/* a zero means the default */
	const char			*hostname;	/* our EHLO name */
	const struct route_settings	*routes;
	int				 n_routes;
	int				 deliveries_max;	/* at once, all next hops together; default 200 */
	struct span			 idle_max;	/* a connection nobody uses is closed after this; default 30 s */
	/* RFC 5321 4.5.3.2, which are the defaults; 30 s to connect */
	struct span			 connect_timeout, greeting_timeout, mail_timeout, rcpt_timeout,
					 data_timeout, block_timeout, final_timeout;
};

/*
 * Starts its fibers.  Copies the settings.  NULL and a fault for a CA file that cannot be read.
 *
 * A recipient fails only by what a next hop said of it or of the mail, or cannot take (8BITMIME, SMTPUTF8,
 * SIZE), and for the destination "none".  All else is temporary: next hops that are down or turn us away, TLS
 * that does not come up to the route's, names that do not resolve, a destination that is not configured.
 */
struct couriers	*couriers_new(struct loop *loop, struct queue *queue, struct resolver *resolver,
		    const struct courier_settings *settings, struct log *log, struct fault *fault_out);

/*
 * Takes nothing new; returns when what is under way is settled or, at the deadline, cut off and given back.  A mail
 * whose final dot is out then is deferred as ambiguous.  Connections are closed with QUIT.  Suspends.
 */
void		 couriers_stop(struct couriers *couriers, struct instant deadline);
void		 couriers_free(struct couriers *couriers);	/* after couriers_stop */

/* Next hops of the destination ("": of all) that are down are checked now and not when it is their time. */
void		 couriers_check_now(struct couriers *couriers, struct str destination);

struct next_hop_view {			/* for status */
	struct str	 destination, next_hop;
	bool		 is_up;
	struct str	 last_trouble;	/* "" if none */
	int		 n_connections, n_idle;
	int64_t		 n_delivered;
};
void		 couriers_each_next_hop(const struct couriers *couriers,
		    void (*visit)(void *context, const struct next_hop_view *view), void *context);

#endif
