/*
 * daemon.h - all parts of the relay joined on one loop, from the open doors to the clean end
 */
#ifndef SMTPFWD_DAEMON_H
#define SMTPFWD_DAEMON_H

#include "smtpfwd/doors.h"
#include "smtpfwd/runtime/notify.h"

struct starter {			/* who started us: what he wants to be told, and what he gave us */
	struct notifier		 notify;
	struct inherited	 inherited;
};

/* As many descriptors as all sessions and deliveries may need, or as many as we may have.  Root may have any. */
void	daemon_raise_descriptor_limit(const struct config *config);

/*
 * Serves until SIGTERM or SIGINT, a second one of which cuts the end short; SIGHUP reloads from config_path, an absolute
 * one.  ready is called once when mail is taken.  Takes over the configuration and the doors, tells what was
 * handed over and was of no use, and at the end removes the control socket's name.  0 after a clean end, -1 and a fault when it
 * cannot start, or when the disk did not take all at the end.  Blocks.
 */
int	daemon_serve(const char *config_path, struct config *config, struct doors *doors, struct starter *starter,
	    void (*ready)(void *context), void *context, struct fault *fault_out);

#endif
