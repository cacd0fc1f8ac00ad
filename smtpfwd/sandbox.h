/*
 * sandbox.h - shuts the daemon in, so that who takes it over can write to its own directories only
 *
 * By landlock(7): for this process and whatever it starts, for good, whoever it is.  Reading stays free everywhere,
 * because a reload may name other certificates, keys and files; so do sockets.  System calls are not filtered here
 * but by the service manager (SystemCallFilter= of the unit), which a library's next version cannot break unseen.
 */
#ifndef SMTPFWD_SANDBOX_H
#define SMTPFWD_SANDBOX_H

#include "smtpfwd/config/config.h"

enum sandbox {
	SANDBOX_CLOSED,
	SANDBOX_MISSING,		/* the kernel has no landlock, or too old a one */
};

/*
 * From now on this thread, and those that it starts, may make, change and remove files only below the spool, the
 * control socket's directory, /var/log/smtpfwd and, if the log is a file, the log's, and execute nothing.
 * Directories that are missing now stay closed.  After no_new_privs is set, before any thread.  0, or -1 and a fault.
 */
int	sandbox_enter(const struct config *config, enum sandbox *sandbox_out, struct fault *fault_out);

#endif
