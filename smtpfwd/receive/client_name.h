/*
 * client_name.h - the client's name by the DNS: only what leads back to its address is believed
 */
#ifndef RECEIVE_CLIENT_NAME_H
#define RECEIVE_CLIENT_NAME_H

#include "smtpfwd/receive/session.h"

/*
 * Looks the client's name up, once a session (again after XCLIENT gave another address).  Made when the
 * first mail needs it, so that no greeting waits for a slow DNS.  What is not known after a few
 * seconds stays unsettled.  Suspends.
 */
void	client_name_find(struct session *session);

#endif
