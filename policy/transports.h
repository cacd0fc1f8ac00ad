/*
 * transports.h - where mail goes, in the words of Postfix's transport(5), by the destination's name
 *
 * For a Postfix that asks where we would send a mail (milter/socketmap_server.h).  The words are made by smtpfwd/config/transport.c.
 */
#ifndef POLICY_TRANSPORTS_H
#define POLICY_TRANSPORTS_H

#include "base/str.h"

struct transport_text {
	const char	*destination;	/* "relay:NAME" or "route:NAME" */
	const char	*text;		/* "relay:[192.0.2.1]:25", "list:"; "" where a table cannot tell it */
};

struct transports;

/* Copies what it keeps. */
struct transports	*transports_new(const struct transport_text *transports, int n, const uint64_t seed[2]);
void			 transports_free(struct transports *transports);	/* NULL is nothing */

/* NULL: there is no such destination; "" where a table cannot tell it. */
const char		*transports_find(const struct transports *transports, struct str destination);

#endif
