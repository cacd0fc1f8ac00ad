/*
 * resolver_cache.h - a resolver that knows the answers of the last minute, before another one
 *
 * Mails in a row come from the same few domains.  libunbound has their answers too, but to ask it costs a turn of the loop and
 * the reading and writing of packets, several times a mail.  An answer is kept for its TTL, and for a minute at most; what was
 * not settled is not kept.  What is kept takes a bounded room, and what came first goes first.
 */
#ifndef RUNTIME_RESOLVER_CACHE_H
#define RUNTIME_RESOLVER_CACHE_H

#include "base/dns.h"
#include "smtpfwd/runtime/fiber.h"

enum {
	RESOLVER_CACHE_MOST_S = 60,
	RESOLVER_CACHE_MAX_BYTES = 2 * 1024 * 1024,	/* some 8,000 usual answers */
};

/* The clock is the loop's. */
struct resolver	*resolver_cache_new(struct loop *loop, struct resolver *below);
struct resolver	*resolver_cache_below(const struct resolver *resolver);
void		 resolver_cache_free(struct resolver *resolver);	/* not the one below */

#endif
