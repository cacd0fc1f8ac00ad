/*
 * operate.h - what an operator can ask a running milter for: smtpfwdctl --milter status, reload
 */
#ifndef MILTER_OPERATE_H
#define MILTER_OPERATE_H

#include "milter/callbacks.h"
#include "milter/generation.h"
#include "milter/servers.h"
#include "smtpfwd/control/control.h"
#include "smtpfwd/runtime/log_writer.h"
#include "smtpfwd/runtime/notify.h"

enum { OPERATE_COMMANDS_N = 2 };

struct operate {			/* on the loop */
	struct milter		*milter;
	struct loop		*loop;
	const char		*config_path;
	struct generation	*generation;	/* today's: it is the milter's rules */
	struct resolver		*resolver;	/* a switch */
	struct servers		*servers;	/* beside the milter */
	struct log_writer	*log_writer;
	struct os_crew		*crew;		/* one thread, for reading files */
	bool			 is_reloading;
	struct timestamp	 since;
};

/* Fills the commands, which point to it. */
void	operate_fill(struct operate *operate, struct control_command commands_out[OPERATE_COMMANDS_N]);

/* One short line of how it goes, for notify.h. */
void	operate_describe(void *operate, char status_out[NOTIFY_STATUS_MAX]);

#endif
