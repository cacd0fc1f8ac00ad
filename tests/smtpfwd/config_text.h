/*
 * config_text.h - configurations as texts: what they mean, and the one error that a wrong one gives
 */
#ifndef TESTS_SMTPFWD_CONFIG_TEXT_H
#define TESTS_SMTPFWD_CONFIG_TEXT_H

#include "smtpfwd/config/config.h"

/* The least that is whole: two lines. */
#define GOOD	"hostname = \"mx.example.net\"\nrelay \"example.com\" { next-hop = { \"192.0.2.1\" } }\n"

struct config_case {
	const char	*name, *text;
	const char	*want;		/* part of the one error; NULL: there is none */
};

/* The tests of a program begin and end with these: there is a file that a text is put into to be read. */
void		 config_text_begin(void);
void		 config_text_end(void);
const char	*config_text_path(void);	/* what errors call it */

/* Free it with config_free. */
struct config	*config_of_text(const char *text);

/* Each is a test case. */
void		 expect_config_cases(const struct config_case *cases, size_t n_cases);

#endif
