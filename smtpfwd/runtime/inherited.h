/*
 * inherited.h - listening sockets that who started us has handed over (sd_listen_fds(3))
 *
 * From a socket unit, or kept by the service manager while we were restarted (notify.h): whoever connects meanwhile
 * waits in their backlog.  What address a socket has is asked of the socket, so that the names do not matter.
 */
#ifndef RUNTIME_INHERITED_H
#define RUNTIME_INHERITED_H

#include "base/endpoint.h"

struct notifier;
struct log;

struct inherited_socket {
	int		 socket;	/* -1: taken, or closed */
	bool		 is_unwanted;	/* closed */
	struct endpoint	 at;		/* of family IP_NONE: it is no TCP socket that listens */
};

struct inherited {
	struct inherited_socket	*sockets;
	int			 n;
};

/*
 * Finds them by $LISTEN_FDS, if $LISTEN_PID is ours, and clears the environment: nobody after us takes them for
 * his.  All are close-on-exec then.  So it is called before any fork, before any thread, and before another
 * descriptor is opened that could get one of their numbers.
 */
void	inherited_find(struct inherited *inherited_out);

bool	inherited_has(const struct inherited *inherited, const struct endpoint *at);

/* The socket of that address, which is the caller's then; -1: there is none. */
int	inherited_take(struct inherited *inherited, const struct endpoint *at);

/*
 * Closes what nobody took, and has it forgotten by who keeps it, so that another socket can be bound in its place.
 * Blocks until that is so.
 */
void	inherited_close(struct inherited *inherited, const struct notifier *notify);

/* A line in the log for each that was closed (NULL: there is none); all of it is gone then. */
void	inherited_end(struct inherited *inherited, struct log *log);

#endif
