/*
 * endpoint.h - IP addresses, with a port, and networks of them
 *
 * IPv4-mapped IPv6 addresses (::ffff:192.0.2.1) are turned into IPv4 wherever they
 * come in, so that one host has one form.
 */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

#include "base/str.h"

enum ip_family { IP_NONE, IP_V4, IP_V6 };

struct ip {
	enum ip_family	 family;
	uint8_t		 bytes[16];	/* network order; IPv4 uses the first four */
};

struct endpoint {
	struct ip	 ip;
	uint16_t	 port;		/* host order */
};

struct network {
	struct ip	 ip;		/* bits behind the prefix are zero */
	int		 prefix_bits;
};

enum { IP_TEXT_MAX = 46, ENDPOINT_TEXT_MAX = 56 };	/* bytes, with the NUL */

/* Of 4 or 16 bytes in network order. */
struct ip	ip_of_bytes(enum ip_family family, const uint8_t *bytes);

bool	ip_parse(struct str text, struct ip *ip_out);			/* no brackets, no zone */
bool	ip_eq(const struct ip *a, const struct ip *b);
bool	ip_is_loopback(const struct ip *ip);
struct str	ip_text(const struct ip *ip, char room[IP_TEXT_MAX]);	/* RFC 5952 for IPv6 */

/* "192.0.2.1:25" and "[2001:db8::1]:25"; the port is needed. */
bool	endpoint_parse(struct str text, struct endpoint *endpoint_out);
bool	endpoint_eq(const struct endpoint *a, const struct endpoint *b);
struct str	endpoint_text(const struct endpoint *e, char room[ENDPOINT_TEXT_MAX]);

/* "192.0.2.0/24", "2001:db8::/32" or a single address.  Bits behind the prefix must be zero. */
bool	network_parse(struct str text, struct network *network_out);
bool	network_has(const struct network *network, const struct ip *ip);

/* The first network that has the ip, as an index; -1 for none (an empty list has nobody). */
int	networks_find(const struct network *networks, int n_networks, const struct ip *ip);

#endif
