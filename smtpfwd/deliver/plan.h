/*
 * plan.h - courier settings made ready: routes with their TLS contexts, timeouts; not for others
 */
#ifndef DELIVER_PLAN_H
#define DELIVER_PLAN_H

#include "base/list.h"
#include "smtpfwd/deliver/client.h"
#include "smtpfwd/deliver/courier.h"

struct courier_plan {
	struct routes		*routes;
	struct client_settings	 client_settings;
	char			*hostname;	/* owned */
	struct span		 idle_max;
	int			 deliveries_max;
	struct list_link	 in_retired;
};

#endif
