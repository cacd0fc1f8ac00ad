/*
 * resolver.h - the resolver by which the daemon asks, and by which who explains it must ask too
 */
#ifndef CONFIG_RESOLVER_H
#define CONFIG_RESOLVER_H

#include "smtpfwd/config/config.h"
#include "smtpfwd/runtime/fiber.h"

/* The DNS as the configuration has it, behind the hosts file.  Blocks (files).  NULL and a fault. */
struct resolver	*config_resolver(struct loop *loop, const struct config *config, struct fault *fault_out);
void		 config_resolver_free(struct resolver *resolver);	/* no fiber may be asking; before its loop is freed */

#endif
