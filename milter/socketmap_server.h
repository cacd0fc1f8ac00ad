/*
 * socketmap_server.h - tables that Postfix can ask us by its socketmap protocol: where our configuration would send a mail
 *
 * Names of the tables, and what they are asked for:
 *
 *	transport	a recipient of a relay section's domain: that relay, as transport(5) wants it.  Others are not found, and
 *			go as that Postfix would send them without us
 *	transport/CLASS	the same; others go by the route of that class, if it has one.  For a Postfix that has mail of this class
 *			only, and delivers none itself.  A class that there is not is an error
 *	relay-domains	a domain of a relay section: the section's title
 *	srs		an SRS address that we made, or another one with our secret: the address that it stands for
 */
#ifndef MILTER_SOCKETMAP_SERVER_H
#define MILTER_SOCKETMAP_SERVER_H

#include "milter/inquiries.h"
#include "milter/rules.h"

/*
 * The answer to the request at the front of the bytes, as inquiry_kind.answer wants it.  What is wrong with the question or the
 * configuration is answered with PERM, on which Postfix keeps the mail and tries again, as on TEMP.
 */
ptrdiff_t	socketmap_answer(const struct policy *policy, struct str bytes, struct timestamp now, struct buf *out);

/* Its context is a struct rules_place. */
extern const struct inquiry_kind	socketmap_server;

#endif
