/*
 * options.h - what both programs that serve can be told on the command line, and what they say at their end
 */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include <stdbool.h>

#define CONFIG_DEFAULT_PATH	"/etc/smtpfwd/smtpfwd.conf"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_CANNOT = 1,		/* start, or go on */
	EXIT_WRONG_USE = 2,
	EXIT_WRONG_CONFIG = 3,
};

struct options {
	const char	*config;	/* absolute; lives as long as the program */
	bool		 is_foreground, is_check;
};

/* Ends the program for -h, -V and wrong use; the usage is all of its text. */
void	options_read(int argc, char **argv, const char *program, const char *usage, struct options *options_out);

#endif
