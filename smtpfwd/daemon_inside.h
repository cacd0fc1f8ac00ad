/*
 * daemon_inside.h - what the files of the daemon share: daemon.c begins it, reload.c renews it, daemon_end.c ends it
 */
#ifndef SMTPFWD_DAEMON_INSIDE_H
#define SMTPFWD_DAEMON_INSIDE_H

#include "smtpfwd/control/queue_commands.h"
#include "smtpfwd/control/recipients_commands.h"
#include "smtpfwd/control/story_command.h"
#include "smtpfwd/daemon.h"
#include "smtpfwd/deliver/courier.h"
#include "smtpfwd/generation.h"
#include "smtpfwd/overview.h"
#include "smtpfwd/recipients/recipients.h"
#include "smtpfwd/reload.h"
#include "smtpfwd/report/reporter.h"
#include "smtpfwd/runtime/log_writer.h"
#include "smtpfwd/runtime/sync.h"

enum {
	DELIVERIES_MAX = 500,		/* at once; each is a fiber and a connection */
	COMMANDS_MAX = 40,		/* of the operator */
	OTHER_FIBERS_MAX = 200,		/* control, checks of next hops, the reporter, the reload, the stop */
};

struct daemon {
	const char		*config_path;
	struct generation	*generation;	/* today's; held */
	struct start_settings	 started;	/* what a reload cannot change */
	struct starter		*starter;
	struct loop		*loop;
	struct log_writer	*log_writer;
	struct log		*log;		/* the story's, where stories are kept, else the writer's */
	struct story		*story;		/* NULL: none are kept */
	struct resolver		*resolver;	/* a switch */
	char			 destination_room[POLICY_DESTINATION_MAX];	/* of the destination told last */
	struct queue		*queue;
	struct recipients	*recipients;
	struct couriers		*couriers;
	struct reporter		*reporter;
	struct turnstile	*turnstile;
	struct os_crew		*signers;
	struct class_rates	*rates;
	struct listeners	*listeners;
	struct control		*control;
	struct overview		 overview;
	struct queue_commands	 queue_commands;
	struct story_command	 story_command;
	struct recipients_commands recipients_commands;
	struct control_command	 commands[COMMANDS_MAX];
	int			 n_commands;
	struct signal_watch	 signals;
	struct reload		*reload;

	/* The end. */
	struct signal_list	 end;		/* one of these has changed */
	bool			 is_stopping, is_receiving_stopped, is_delivering_stopped, is_queue_stopped;
	bool			 is_rest_stopped;	/* no thread has a file of ours in its hands */
	struct fiber		*stop_receiving, *stop_delivering;	/* NULL: ended */
	struct instant		 stop_by;
	struct fault		*fault_out;	/* of daemon_serve */
};

/* What parts are made of, at the start and at each reload. */
struct receive_world	 daemon_receive_world(struct daemon *daemon, struct generation *generation);
struct courier_plan	*daemon_courier_plan(const struct config *config, struct fault *fault_out);	/* blocks */
struct queue_world	 daemon_queue_world(struct daemon *daemon);
int			 daemon_make_recipients(struct daemon *daemon, struct fault *fault_out);
void			 daemon_adopt_recipients(struct daemon *daemon);	/* after the generation */
const char		*daemon_relay_of(void *daemon, struct str domain);	/* of today's policy */
int			 daemon_n_fibers_max(const struct config *config);
/* True, and what is allowed and wanted, when all sessions and deliveries together may want more descriptors than they can have. */
bool			 daemon_lacks_descriptors(const struct config *config, unsigned long long *allowed_out, unsigned long long *wanted_out);
/* Listening sockets are given to the service manager, so that a restart refuses nobody. */
void			 daemon_keep_sockets(struct daemon *daemon);

/* Starts the fibers of the end, which wait for it.  0 or -1. */
int	daemon_await_end(struct daemon *daemon, struct fault *fault_out);

/* The end begins, or, said again, is cut short: what is in flight is cancelled at once. */
void	daemon_stop(struct daemon *daemon);

#endif
