/*
 * resolver.c - libunbound behind the answers of the last minute, behind the hosts file
 */
#include "smtpfwd/config/resolver.h"
#include "smtpfwd/runtime/hosts.h"
#include "smtpfwd/runtime/resolver_cache.h"

struct resolver *
config_resolver(struct loop *loop, const struct config *config, struct fault *fault_out)
{
	struct resolver *dns = resolver_new(loop, &config->resolver, fault_out);

	return dns != NULL ? hosts_resolver_new(CONFIG_HOSTS, resolver_cache_new(loop, dns)) : NULL;
}

void
config_resolver_free(struct resolver *resolver)
{
	struct resolver *cache = hosts_resolver_below(resolver), *dns = resolver_cache_below(cache);

	hosts_resolver_free(resolver);
	resolver_cache_free(cache);
	resolver_free(dns);
}
