/*
 * changes.h - what differs between two configurations, in words for people
 *
 *	listen "apps": opened 10.0.0.5:587
 *	relay "example.com": next-hop: added b.example.net:25
 *	retry: first is 2m, was 1m
 *	tls "a": certificate /etc/smtpfwd/a.pem is another one now
 *
 * By the tables of settings, so that no setting can be forgotten.
 */
#ifndef SMTPFWD_CHANGES_H
#define SMTPFWD_CHANGES_H

#include "smtpfwd/config/config.h"

enum { LINES_MAX = 200 };		/* who changes more knows what was changed */

struct lines {				/* of one text each, printable */
	struct arena	 arena;
	const char	*at[LINES_MAX];
	int		 n;
	int		 n_left_out;	/* beyond LINES_MAX */
};

void	lines_init(struct lines *lines);
void	lines_fini(struct lines *lines);
void	lines_clear(struct lines *lines);
void	lines_add(struct lines *lines, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct changes {
	struct lines	 lines;
	bool		 is_any;
	bool		 is_routing;	/* whose mail goes where, or when it is tried again, may be another now */
	bool		 is_resolver;	/* its settings, or a file that it reads */
};

/* Both are whole, checked and stamped.  After changes_fini nothing of it is left. */
void	changes_find(const struct config *before, const struct config *after, struct changes *changes_out);
void	changes_fini(struct changes *changes);

/*
 * What only a start can change: spool, control, user, whether traces are kept at all, and a
 * log that is to go to stderr.  started is the configuration
 * of the start.  A line for each that differs.
 */
struct start_settings {
	char	*spool, *control, *user, *log_to;	/* owned */
	bool	 keeps_traces;
};
void	start_settings_init(struct start_settings *started, const struct config *config);
void	start_settings_fini(struct start_settings *started);
void	changes_need_restart(const struct start_settings *started, const struct config *config, struct lines *lines);

#endif
