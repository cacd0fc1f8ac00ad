/*
 * resolv_conf.h - the name servers that /etc/resolv.conf names
 *
 * Only them: search lists and options are for people who type short names.
 */
#ifndef RUNTIME_RESOLV_CONF_H
#define RUNTIME_RESOLV_CONF_H

#include "base/endpoint.h"

enum { RESOLVER_SERVERS_MAX = 8 };	/* of a resolv.conf; its manual promises three */

/*
 * How many servers there are, in the order of the file.  Lines that cannot be
 * understood (an address with a zone, say) are passed over; without any server it is
 * the local machine, as resolv.conf(5) has it.
 */
int	resolv_conf_parse(struct str text, struct endpoint servers_out[RESOLVER_SERVERS_MAX]);

/* The same of a file; one that cannot be read is an empty one.  Blocks. */
int	resolv_conf_read(const char *path, struct endpoint servers_out[RESOLVER_SERVERS_MAX]);

#endif
