/*
 * generation.h - a configuration and what was made of it: policy with its keys, certificates, users
 *
 * Immutable.  Whoever uses a part of one holds it: the daemon holds today's, each session the one with which it
 * began, so a reload frees nothing under anybody.
 */
#ifndef SMTPFWD_GENERATION_H
#define SMTPFWD_GENERATION_H

#include "smtpfwd/config/config.h"

struct generation {
	int			 n_holders;	/* on the loop's thread */
	struct config		*config;
	struct policy		*policy;
	struct tls_server	*tls;		/* NULL: no listener offers TLS */
	struct users		*users;		/* NULL: no users file is set */
	struct timestamp	 loaded;
};

/*
 * Takes over a configuration without errors, reads its certificates, keys and users.  NULL where that cannot be: the configuration, with
 * one error more, is the caller's as before.  Blocks, and may run on any thread.
 */
struct generation	*generation_new(struct config *config);
void			 generation_hold(struct generation *generation);
void			 generation_release(struct generation *generation);	/* NULL is nothing */

#endif
