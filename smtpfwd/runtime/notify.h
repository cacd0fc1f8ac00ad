/*
 * notify.h - tells the service manager how it goes (sd_notify(3)), and shows it that the loop still turns
 *
 * The protocol itself, which systemd documents and keeps, and not its library, which would hold up the loop when the
 * manager does not read.  Where nobody wants to be told ($NOTIFY_SOCKET) all calls do nothing.  What could not be
 * sent is sent again with the next beat, but for sockets.
 */
#ifndef RUNTIME_NOTIFY_H
#define RUNTIME_NOTIFY_H

#include "base/endpoint.h"
#include "smtpfwd/runtime/fiber.h"

enum { NOTIFY_PATH_MAX = 108, NOTIFY_STATUS_MAX = 200 };

enum notify_state {
	NOTIFY_STARTING,
	NOTIFY_SERVING,
	NOTIFY_RELOADING,
	NOTIFY_STOPPING,
};

struct notifier {
	char			 path[NOTIFY_PATH_MAX];	/* "": nobody wants to be told */
	struct span		 watchdog;		/* at least one beat in it, or we are killed; 0: none */
	enum notify_state	 state;
	bool			 is_state_owed;		/* not told yet */
	char			 status[NOTIFY_STATUS_MAX];	/* as last told */
	struct instant		 progress_at;		/* when it was last told */

	struct loop		*loop;			/* NULL: not on a loop (yet, or any more) */
	struct timer		 beat;
	/* One short line without a line end: what there is to see now.  On the loop's own stack. */
	void			(*describe)(void *context, char status_out[NOTIFY_STATUS_MAX]);
	void			*context;
};

/* From the environment, which is cleared, so that nobody after us speaks for us.  Before any fork or thread. */
void	notify_init(struct notifier *notify_out);

/* While the start takes long: what it is at, and that it must not be given up.  Tells that once a second at most. */
void	notify_progress(struct notifier *notify, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Mail is taken: READY=1.  From now on a timer of the loop beats: it shows the watchdog that the loop turns, and
 * tells the line that describe makes when that has changed.
 */
void	notify_ready(struct notifier *notify, struct loop *loop,
	    void (*describe)(void *context, char status_out[NOTIFY_STATUS_MAX]), void *context);

/* A reload has begun; notify_reloaded ends it, whether it came to anything or not. */
void	notify_reloading(struct notifier *notify);
void	notify_reloaded(struct notifier *notify);

/* The end has begun.  The beats say from now on that it must be waited for. */
void	notify_stopping(struct notifier *notify);

/* Before the loop is freed.  What is left must not take longer than a beat does. */
void	notify_end(struct notifier *notify);

/*
 * Gives the manager a listening socket to keep, until we are started again or are not wanted any more; giving it
 * again changes nothing.  0 or -errno: then it is not kept.  notify_forget_socket: it is not ours any more.
 */
int	notify_keep_socket(const struct notifier *notify, const struct endpoint *at, int socket);
void	notify_forget_socket(const struct notifier *notify, const struct endpoint *at);
/* Waits, a few seconds at most, until all that was told has been done.  Blocks: only before the loop runs. */
void	notify_await_done(const struct notifier *notify);

#endif
