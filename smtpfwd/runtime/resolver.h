/*
 * resolver.h - the daemon's struct resolver: libunbound by its event API, on the loop's own stack
 */
#ifndef RUNTIME_RESOLVER_H
#define RUNTIME_RESOLVER_H

#include "base/dns.h"
#include "smtpfwd/runtime/fiber.h"

struct resolver_settings {
	const struct endpoint	*servers;	/* none: /etc/resolv.conf */
	int			 n_servers;
	struct span		 timeout;	/* of one try; times tries bounds a question whatever the library does */
	int			 tries;
	bool			 is_dnssec;
	const char		*trust_anchor_path;	/* NULL: none */
};

struct resolver	*resolver_new(struct loop *loop, const struct resolver_settings *settings, struct fault *fault_out);
void		 resolver_free(struct resolver *resolver);

#endif
