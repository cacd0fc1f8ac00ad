/*
 * servers.h - what answers Postfix beside the milter, on its loop: the socketmap server and the policy service
 */
#ifndef MILTER_SERVERS_H
#define MILTER_SERVERS_H

#include "milter/inquiries.h"
#include "milter/policy_server.h"
#include "smtpfwd/config/config.h"

struct servers {			/* zeroed at first; where it stands it stays */
	struct policy_desk	 desk;
	struct inquiries	*socketmap, *policy_service;	/* NULL: there is none */
};

enum { SERVERS_FIBERS_MAX = 2 * INQUIRIES_CONNECTIONS_MAX };	/* of the loop */

/* Binds and opens those that the section has.  What the desk points to outlives them.  0, or -1 and a fault: then none is open. */
int	servers_open(struct servers *servers, struct loop *loop, const struct milter_section *section, const struct policy_desk *desk,
	    struct fault *fault_out);

/* In a fiber of the loop.  Suspends until all connections ended.  Their unix sockets are left to the next start. */
void	servers_stop(struct servers *servers);
void	servers_free(struct servers *servers);		/* stopped */

#endif
