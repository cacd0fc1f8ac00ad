/*
 * serve.h - the milter at work: libmilter on its threads, the DNS and the operator on the loop of this one
 */
#ifndef MILTER_SERVE_H
#define MILTER_SERVE_H

#include "milter/generation.h"
#include "smtpfwd/runtime/notify.h"

/*
 * Binds the socket of libmilter, which has one in a process, and that of the operator; so behind the drop of rights.  Serves until SIGTERM or SIGINT;
 * SIGHUP, which means stop to libmilter, is to be ignored.  config_path is an absolute one, for reloads.  ready is called
 * once, when mail is judged.  Takes over the generation.  0 after an end that was asked for; -1 and a fault.  The process is to end then.
 */
int	serve(const char *config_path, struct generation *generation, struct notifier *notify, void (*ready)(void *context), void *context,
	    struct fault *fault_out);

#endif
