/*
 * ctl.h - the commands of smtpfwdctl: a row each, in the file of its subject
 *
 * A subject (ctl_queue.c, ctl_status.c ...) has one table of its commands, named at the end of this file and in
 * smtpfwdctl.c.  A command is asked of the daemon (request, show) or runs by itself (run); the usage text is made
 * of the rows.  A short-lived program: all of it may block.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>

#include "smtpfwd/ctl/show.h"

enum ctl_exit {
	CTL_DONE = 0,
	CTL_REFUSED = 1,		/* the daemon says no, or is not there; or a file cannot be written */
	CTL_WRONG_USE = 2,
};

struct ctl {				/* what the person wants */
	const char	*config;	/* the path; socket is read from it when it is needed */
	const char	*socket;	/* NULL: the one that the configuration names */
	bool		 is_milter;	/* smtpfwd-milter is asked, not the relay */
	struct conf	*conf;		/* which has that name, once it was asked for */
	bool		 is_json;
	int		 timeout_s;	/* for the daemon's next byte */
	char		**words;	/* behind the command's own; borrowed from argv */
	int		 n_words;
	json_t		*request;	/* what the command's options and words say to the daemon */
	bool		 is_crypt;	/* passwd */
	bool		 is_ed25519;	/* keygen */
	int		 rsa_bits;	/* keygen; 0: not said */
	const char	*directory;	/* keygen; NULL: not said */
	double		 interval_s;	/* top; 2 */
	long		 n_batches;	/* top; 0: until it is ended */
};

/* Options of commands, beside -c, -s, --json, --timeout, -h and -V, which all have.  No two have one value. */
enum ctl_option {
	CTL_OPTION_RECIPIENT_DOMAIN = 256,
	CTL_OPTION_NEXT_HOP,
	CTL_OPTION_HELD,
	CTL_OPTION_ALL,
	CTL_OPTION_SCRAM,
	CTL_OPTION_CRYPT,
	CTL_OPTION_LONG,
	CTL_OPTION_BATCHES,
	CTL_OPTION_INTERVAL,
	CTL_OPTION_RSA,
	CTL_OPTION_ED25519,
	CTL_OPTION_DIRECTORY,
	CTL_OPTION_CLIENT,
	CTL_OPTION_HELO,
	CTL_OPTION_FROM,
	CTL_OPTION_TO,
	CTL_OPTION_LISTENER,
	CTL_OPTION_LOGIN,
	CTL_OPTION_CERTIFICATE,
	CTL_OPTION_RELAY,
	CTL_OPTION_BAD,
};

struct ctl_command {
	const char	*words;		/* as the person writes them: "queue list"; NULL ends a table */
	const char	*behind;	/* what may stand behind, for the usage text: "[WHICH]" */
	const char	*sentence;	/* what it does, for the usage text */
	int		 words_least, words_most;	/* behind its own words */
	const struct option *options;	/* its own, ended by a zero row; NULL: none */
	const char	*letters;	/* short ones, as getopt(3) wants them; NULL: none.  Each takes the place of the long one that begins so */
	/* Takes one of them.  It ends the program by ctl_wrong_use where the value cannot be. */
	void		(*take)(struct ctl *ctl, int option, const char *value);

	/* Asked of the daemon: */
	const char	*request;	/* the daemon's name for it */
	/* Puts the words into ctl->request and looks whether all is said that must be; may be NULL. */
	void		(*prepare)(struct ctl *ctl, const struct ctl_command *command);
	show		*show;

	/* Or by itself: the exit status.  request is NULL, or a name for ctl_ask. */
	int		(*run)(struct ctl *ctl, const struct ctl_command *command);
};

_Noreturn void	ctl_wrong_use(const char *why, const char *what);

/*
 * Adds a text to ctl->request.  What cannot be sent as it is must not be left out (fewer words could mean more mails):
 * it, an empty one, and a key given twice end the program.
 */
void		ctl_say(struct ctl *ctl, const char *key, const char *text);

/*
 * Asks the daemon, calls visit for each object of the answer but the last (with its line as it came), and says what
 * went wrong on stderr.  An exit status.
 */
int		ctl_ask(struct ctl *ctl, const char *request,
		    void (*visit)(void *context, const json_t *object, const char *line), void *context);

/* The run of "queue export" (ctl_export.c), a row of ctl_queue.c. */
int		ctl_export(struct ctl *ctl, const struct ctl_command *command);

extern const struct ctl_command
	ctl_status_commands[],
	ctl_top_commands[],
	ctl_reload_commands[],
	ctl_queue_commands[],
	ctl_trace_commands[],
	ctl_recipients_commands[],
	ctl_passwd_commands[],
	ctl_keygen_commands[],
	ctl_explain_commands[],
	ctl_check_keys_commands[];

#endif
