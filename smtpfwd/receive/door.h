/*
 * door.h - one address that is listened on; not for others than receive/
 */
#ifndef RECEIVE_DOOR_H
#define RECEIVE_DOOR_H

#include "smtpfwd/receive/session.h"

struct door {
	struct list_link	 link;		/* in listeners->doors */
	struct watch		 watch;
	struct timer		 again;		/* more may wait: the poller tells of news only */
	struct listeners	*listeners;
	struct listener		*listener;	/* whose sessions begin here; today's, so not held */
	struct endpoint		 address;
	int			 socket;
	bool			 has_local;	/* all come to one local address: */
	struct endpoint		 local;
};

/* Watches the socket, which is taken over with success only; who came before is welcomed soon.  NULL when it cannot be watched. */
struct door	*door_open(struct listeners *listeners, struct listener *listener, const struct endpoint *address, int socket,
		    struct fault *fault_out);
/* Begins the sessions of those who have knocked already, before the door is closed for good. */
void		 door_welcome_all(struct door *door);

/* Closes the socket.  Who has not been accepted yet is reset by the system. */
void		 door_close(struct door *door);

#endif
