/*
 * nudge.h - a connection to our own socket, of no use but that libmilter makes a thread for it
 *
 * libmilter gives what comes to threads that are idle, and counts one as idle until it has begun.  Of many sessions at once most wait for
 * one thread then, and go on waiting while it waits for the DNS, though there could be more; only what comes when none is idle makes
 * another thread, and that one takes up what waits.
 */
#ifndef MILTER_NUDGE_H
#define MILTER_NUDGE_H

#include "base/place.h"

/* The place outlives them.  Any thread; does not block, and what goes wrong is no matter. */
void	nudge(void *place);

#endif
