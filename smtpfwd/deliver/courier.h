/*
 * courier.h - takes due deliveries from the queue and brings them to their next hops
 */
#ifndef DELIVER_COURIER_H
#define DELIVER_COURIER_H

#include "base/dns.h"
#include "base/log.h"
#include "smtpfwd/deliver/hearing.h"
#include "smtpfwd/deliver/route.h"
#include "smtpfwd/queue/queue.h"
#include "smtpfwd/runtime/tls.h"

struct couriers;
struct courier_plan;

/* Destinations by MX are "ROUTE/DOMAIN": the destination of the route, and the domain in lower case and A-labels. */
struct courier_settings {		/* a zero means the default */
	const char			*hostname;	/* our EHLO name */
	const struct route_settings	*routes;
	int				 n_routes;
	const struct endpoint		*ours;	/* where we listen (0.0.0.0 and [::] too): no MX record may lead there */
	int				 n_ours;
	int				 deliveries_max;	/* at once, all next hops together; default 200; see room.h */
	struct span			 idle_max;	/* a connection nobody uses is closed after this; default 30 s */
	/* RFC 5321 4.5.3.2, which are the defaults; 30 s to connect */
	struct span			 connect_timeout, greeting_timeout, mail_timeout, rcpt_timeout,
					 data_timeout, block_timeout, final_timeout;
};

/*
 * Settings made ready: CA and password files are read.  Copies the settings.  Blocks, and may run on any thread.  NULL and a
 * fault for what cannot be read.
 */
struct courier_plan	*courier_plan_new(const struct courier_settings *settings, struct fault *fault_out);
void			 courier_plan_free(struct courier_plan *plan);	/* one that nobody adopted */

/*
 * Starts its fibers; the plan is the couriers' from here on, whatever comes of it.  NULL and a fault for want of room.
 *
 * A recipient fails only by what a next hop said of it or of the mail, or cannot take (8BITMIME, SMTPUTF8,
 * SIZE), and by what a domain says of itself in the DNS (no such name, no mail: see mx.h).  All else is temporary:
 * next hops that are down or turn us away, TLS that does not come up to the route's, names that do not resolve, a
 * destination that is not configured, "none" too.
 */
struct couriers	*couriers_new(struct loop *loop, struct queue *queue, struct resolver *resolver,
		    struct courier_plan *plan, struct log *log, struct fault *fault_out);

/* Who is told from now on what next hops say of recipients of the queue's mail.  What an online is told is its owner's. */
void		 couriers_set_hearing(struct couriers *couriers, const struct hearing *hearing);

/*
 * Another plan, which is the couriers' then; on their loop.  New deliveries go by it; those under way end by the old
 * one, whose idle sessions are ended.  What is known of a next hop of a destination that stays is kept: up or down,
 * what it was seen to bear, counts.  The queue is to be told of new destinations by queue_reconfigure.
 */
void		 couriers_adopt(struct couriers *couriers, struct courier_plan *plan);

/*
 * Takes nothing new; returns when what is under way is settled or, at the deadline, cut off and given back.  A mail
 * whose final dot is out then is deferred as ambiguous.  Connections are closed with QUIT.  Suspends.
 */
void		 couriers_stop(struct couriers *couriers, struct instant deadline);
void		 couriers_free(struct couriers *couriers);	/* after couriers_stop */

/* Next hops of the destination, or of all of a route by MX ("": of all), that are down are checked now and not when it is their time. */
void		 couriers_check_now(struct couriers *couriers, struct str destination);

/* Those that are configured; and those that MX records name while they are connected to, or down. */
struct next_hop_view {			/* for status */
	struct str	 destination;	/* of a host that MX records name the route's, "route:NAME" */
	struct str	 next_hop;
	bool		 is_up;
	struct str	 last_trouble;	/* "" if none */
	int		 n_connections, n_idle;
	int		 limit, limit_max;	/* of connections: what it is trusted with now, and what is set */
	int64_t		 n_delivered, n_deferred, n_failed;	/* recipients, since we know it */
	struct span	 latency;	/* of the last mail it answered for: from MAIL to the answer to the dot; 0: none */
	struct str	 identity;	/* how it was told of the last client: "xclient" ...; "none" */
};
void		 couriers_each_next_hop(const struct couriers *couriers,
		    void (*visit)(void *context, const struct next_hop_view *view), void *context);

#endif
