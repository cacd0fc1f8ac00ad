/*
 * generation.h - a configuration and what mails are judged by, made of it
 */
#ifndef MILTER_GENERATION_H
#define MILTER_GENERATION_H

#include "milter/rules.h"
#include "smtpfwd/config/config.h"

struct generation {			/* immutable; it ends with its rules */
	struct rules		 rules;		/* first: it is cast back */
	struct config		*config;
	struct policy		*judges;	/* the rules' */
	struct timestamp	 loaded;
};

/*
 * Takes over a configuration without errors, and reads its keys and secrets as who we are now.  NULL where that cannot be: the configuration, with
 * one error more, is the caller's as before.  Blocks, and may run on any thread, one at a time.
 */
struct generation	*generation_new(struct config *config);

#endif
