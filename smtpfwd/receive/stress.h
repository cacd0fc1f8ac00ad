/*
 * stress.h - a listener that is nearly full lets go of those who stand still
 *
 * Each timeout alone may be kept by who says a word now and then, and so max-connections, or the memory for mails on
 * their way in, could be held by clients that never bring one.  While nine tenths of either are in use a session must
 * bring a mail or some bytes each minute; who does not is told 421 and makes room.  Memory is one for all listeners, so
 * all look for it then, at those with half a mail.  Who is one of ours (networks, client-names, a login, xclient-from) is
 * left alone.
 */
#ifndef RECEIVE_STRESS_H
#define RECEIVE_STRESS_H

#include "smtpfwd/receive/session.h"

/* The timer's call; set once for a gate. */
void	stress_ring(struct timer *timer);

/* After a connection was admitted, or a mail in memory has grown. */
void	stress_look(struct gate *gate);

/* The session's patience begins anew: it connected, or brought a mail. */
void	stress_begin(struct session *session);

/* Since then it waited for us: that does not count against it. */
void	stress_pass(struct session *session, struct instant since);

#endif
