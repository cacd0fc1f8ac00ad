/*
 * inquiry.h - commands that need no daemon: they read its configuration and ask the DNS as it would
 */
#ifndef CTL_INQUIRY_H
#define CTL_INQUIRY_H

#include "smtpfwd/config/config.h"
#include "smtpfwd/ctl/ctl.h"

enum inquiry_exit {			/* beside those of ctl.h */
	INQUIRY_WELL = CTL_DONE,
	INQUIRY_WRONG = CTL_REFUSED,	/* what was looked at is not as it should be */
	INQUIRY_IMPOSSIBLE = CTL_WRONG_USE,	/* options, the configuration or a file: nothing was looked at */
	INQUIRY_UNSETTLED = 75,		/* EX_TEMPFAIL of sysexits.h: ask again later */
};

/* The configuration, the caller's to free; NULL: its errors stand on stderr. */
struct config	*inquiry_config(const struct ctl *ctl);

/*
 * Runs a function in a fiber of a loop of its own, with the resolver of the configuration.  0, or -1 and the reason
 * stands on stderr.
 */
int		 inquiry_run(const struct config *config, void (*run)(void *context, struct resolver *resolver), void *context);

#endif
