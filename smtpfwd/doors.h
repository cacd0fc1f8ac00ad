/*
 * doors.h - the sockets on which mail and operators come in, opened while we might still be root
 */
#ifndef SMTPFWD_DOORS_H
#define SMTPFWD_DOORS_H

#include "smtpfwd/config/config.h"
#include "smtpfwd/runtime/inherited.h"
#include "smtpfwd/runtime/notify.h"

struct doors {
	int	*sockets;		/* one per address of each listener, in order; -1: left out */
	int	 n_sockets;
	int	 control;
};

/*
 * Binds all addresses, but for those whose sockets were handed over: these are taken, and the rest of what was handed
 * over is closed.  0, or -1 with a fault that names the address; then nothing is open.
 */
int	doors_open(const struct config *config, struct inherited *inherited, const struct notifier *notify,
	    struct doors *doors_out, struct fault *fault_out);
/*
 * For a reload: binds the addresses that are not open now; for those that stay, sockets has -1.  0, or -1 with errors of
 * the configuration; then nothing is open.
 */
int	doors_open_new(const struct endpoint *open_now, int n_open_now, struct config *config, struct doors *doors_out);
/* Binds the control socket, as the user who will remove it.  0 or -1. */
int	doors_open_control(const struct config *config, struct doors *doors, struct fault *fault_out);
/* True for a bind's error that does not matter: a machine without IPv6, where nobody asked for it. */
bool	doors_may_lack(const struct config *config, const struct endpoint *address, int error);
void	doors_close(struct doors *doors);

#endif
