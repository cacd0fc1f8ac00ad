/*
 * sim_poller.h - the simulated poller: a list of sockets whose state has changed
 */
#ifndef SIM_POLLER_H
#define SIM_POLLER_H

#include "base/list.h"

struct os_poller {
	struct list	 changed;	/* struct sim_socket, reported once each if ready then */
	bool		 is_woken;
};

#endif
