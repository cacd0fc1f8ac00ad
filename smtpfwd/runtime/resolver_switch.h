/*
 * resolver_switch.h - a resolver whose answers come from another one, which can be exchanged at any time
 *
 * A reload may bring other servers or another hosts file.  Whoever asks keeps the one pointer; questions that
 * are open are answered by the resolver they were put to, which ends with the last of them.
 */
#ifndef RUNTIME_RESOLVER_SWITCH_H
#define RUNTIME_RESOLVER_SWITCH_H

#include "base/dns.h"
#include "smtpfwd/runtime/fiber.h"

/* Takes over `now`; end(now) frees it, on the loop's own stack (libunbound needs more than a fiber has). */
struct resolver	*resolver_switch_new(struct loop *loop, struct resolver *now, void (*end)(struct resolver *resolver));

/* Questions from now on go to `now`, which is taken over.  Cannot fail, does not suspend. */
void		 resolver_switch_to(struct resolver *resolver, struct resolver *now);

/* Ends all that are still there, too: no fiber may be asking.  Before the loop is freed.  NULL is nothing. */
void		 resolver_switch_free(struct resolver *resolver);

#endif
