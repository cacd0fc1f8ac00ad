/*
 * rules.h - what mails are judged by: one generation, which a reload replaces while the mails that began with it go on
 */
#ifndef MILTER_RULES_H
#define MILTER_RULES_H

#include <pthread.h>
#include <stdatomic.h>

#include "milter/client.h"
#include "policy/classify.h"

struct rules {				/* immutable, but for its holders; who makes one fills it */
	atomic_int			 n_holders;
	void				(*end)(struct rules *rules);	/* of the last holder, on any thread */

	const struct policy		*policy;
	struct client_trust		 trust;
	const struct listener_class	*classes;	/* of listen sections */
	int				 n_classes;
	const char *const		*after_filter;	/* daemon names: their mail was here before */
	int				 n_after_filter;
	const char *const		*local_transports;	/* {rcpt_mailer} of mailboxes that are ours */
	int				 n_local_transports;
	int				 received_max;	/* hops */
	int				 sessions_max;
	size_t				 memory_max_bytes;	/* of all mails together */
	bool				 accepts_on_failure;	/* mail that could not be judged goes on as it is; else it is deferred */
};

struct rules_place {			/* today's; for any thread */
	pthread_mutex_t	 lock;
	struct rules	*now;
};

/* Takes the caller's hold over. */
void		 rules_place_init(struct rules_place *place, struct rules *first);
void		 rules_replace(struct rules_place *place, struct rules *next);
void		 rules_place_fini(struct rules_place *place);

struct rules	*rules_hold(struct rules_place *place);		/* today's, which stays until it is released */
void		 rules_release(struct rules *rules);		/* NULL is nothing */

const char	*rules_listener_class(const struct rules *rules, struct str daemon_name);
bool		 rules_is_after_filter(const struct rules *rules, struct str daemon_name);
bool		 rules_is_local_transport(const struct rules *rules, struct str transport);

#endif
