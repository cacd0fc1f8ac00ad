/*
 * resolver.h - the daemon's struct resolver: libunbound by its event API, on the loop's own stack
 */
#ifndef RUNTIME_RESOLVER_H
#define RUNTIME_RESOLVER_H

#include "base/dns.h"
#include "smtpfwd/runtime/fiber.h"

enum {
	/* Asked at once, by all who ask; each holds a socket and some KB until it is answered or given up, 10 to 20 s. */
	RESOLVER_QUESTIONS_MAX = 8192,
	/* Of these, so many about names that strangers chose: whatever they do, the names of the configuration can be asked for. */
	RESOLVER_STRANGERS_MAX = RESOLVER_QUESTIONS_MAX - 512,
};

struct resolver_settings {
	const struct endpoint	*servers;	/* none: /etc/resolv.conf */
	int			 n_servers;
	struct span		 timeout;	/* of one try; times tries bounds a question whatever the library does */
	int			 tries;
	bool			 is_dnssec;
	const char		*trust_anchor_path;	/* needed with is_dnssec: DS or DNSKEY records */
};

/*
 * All names go to the servers, none is answered from some list of special ones; with
 * several servers the quicker are preferred.  A name that cannot stand in the DNS (an
 * empty label, more than 253 bytes) is DNS_NO_NAME.  Beyond RESOLVER_QUESTIONS_MAX, and for
 * questions that are a stranger's beyond RESOLVER_STRANGERS_MAX, all is DNS_UNSETTLED at once.  Blocks (files).  NULL and a fault.
 */
struct resolver	*resolver_new(struct loop *loop, const struct resolver_settings *settings, struct fault *fault_out);
void		 resolver_free(struct resolver *resolver);	/* no fiber may be asking; before its loop is freed */

#endif
