/*
 * callbacks.h - what libmilter calls, for each session of Postfix's
 */
#ifndef MILTER_CALLBACKS_H
#define MILTER_CALLBACKS_H

#include "base/fault.h"
#include "base/log.h"
#include "milter/judging.h"
#include "milter/locked_rates.h"

struct milter {				/* outlives smfi_main, and the threads that libmilter has then */
	struct judging_world	 world;
	struct locked_rates	 rates;
	struct log		*log;
	atomic_bool		 is_draining;	/* no mail begins any more */

	atomic_int		 n_sessions, n_mails;	/* now */
	atomic_llong		 n_accepted, n_rejected, n_deferred, n_failed, n_held;	/* mails since the start */
};

/* Registers them with libmilter, once in a process; then smfi_opensocket and smfi_main are main's.  0, or -1 and a fault. */
int	callbacks_register(struct milter *milter, struct fault *fault_out);

#endif
