/*
 * resolver.c - libunbound behind the hosts file
 */
#include "smtpfwd/config/resolver.h"
#include "smtpfwd/runtime/hosts.h"

struct resolver *
config_resolver(struct loop *loop, const struct config *config, struct fault *fault_out)
{
	struct resolver *dns = resolver_new(loop, &config->resolver, fault_out);

	return dns != NULL ? hosts_resolver_new(CONFIG_HOSTS, dns) : NULL;
}

void
config_resolver_free(struct resolver *resolver)
{
	struct resolver *dns = hosts_resolver_below(resolver);

	hosts_resolver_free(resolver);
	resolver_free(dns);
}
