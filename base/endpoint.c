/*
 * endpoint.c - IP addresses and networks, read strictly and written in one form
 */
#include <arpa/inet.h>

#include "base/decimal.h"
#include "base/endpoint.h"

enum { MAPPED_PREFIX_BITS = 96, PORT_MAX_DIGITS = 5 };

static const unsigned char mapped_prefix[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* As ip_parse, but leaves a mapped IPv4 address what it is. */
static bool
parse_raw(struct str text, struct ip *ip_out)
{
	char terminated[IP_TEXT_MAX];
	struct ip ip = { .family = IP_V4 };

	if (text.len == 0 || text.len >= sizeof(terminated) || str_find(text, '\0') >= 0)
		return false;
	memcpy(terminated, text.at, text.len);
	terminated[text.len] = '\0';
	if (str_find(text, ':') >= 0)
		ip.family = IP_V6;
	if (inet_pton(ip.family == IP_V6 ? AF_INET6 : AF_INET, terminated, ip.bytes) != 1)
		return false;
	*ip_out = ip;
	return true;
}

/* True if it was mapped. */
static bool
unmap(struct ip *ip)
{
	struct ip v4 = { .family = IP_V4 };

	if (ip->family != IP_V6 || memcmp(ip->bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
		return false;
	memcpy(v4.bytes, ip->bytes + sizeof(mapped_prefix), 4);
	*ip = v4;
	return true;
}

static int
family_bits(const struct ip *ip)
{
	return ip->family == IP_V6 ? 128 : ip->family == IP_V4 ? 32 : 0;
}

struct ip
ip_of_bytes(enum ip_family family, const uint8_t *bytes)
{
	struct ip ip = { .family = family };

	memcpy(ip.bytes, bytes, (size_t)family_bits(&ip) / 8);
	unmap(&ip);
	return ip;
}

bool
ip_parse(struct str text, struct ip *ip_out)
{
	if (!parse_raw(text, ip_out))
		return false;
	unmap(ip_out);
	return true;
}

bool
ip_eq(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, (size_t)family_bits(a) / 8) == 0;
}

bool
ip_is_loopback(const struct ip *ip)
{
	static const unsigned char v6[16] = { [15] = 1 };

	if (ip->family == IP_V4)
		return ip->bytes[0] == 127;
	return ip->family == IP_V6 && memcmp(ip->bytes, v6, sizeof(v6)) == 0;
}

struct str
ip_text(const struct ip *ip, char room[IP_TEXT_MAX])
{
	char *end = room;

	room[0] = '\0';
	if (ip->family == IP_NONE)
		return STR("none");
	if (ip->family == IP_V6) {
		inet_ntop(AF_INET6, ip->bytes, room, IP_TEXT_MAX);
		return str_of(room);
	}
	for (int i = 0; i < 4; i++) {
		end = decimal_put(end, ip->bytes[i]);
		*end++ = i < 3 ? '.' : '\0';
	}
	return str_n(room, (size_t)(end - 1 - room));
}

bool
endpoint_parse(struct str text, struct endpoint *endpoint_out)
{
	ptrdiff_t colon = str_rfind(text, ':');
	struct endpoint endpoint;
	struct str host, port_text;
	uint64_t port;
	bool has_brackets;

	if (colon < 0)
		return false;
	host = str_sub(text, 0, (size_t)colon);
	port_text = str_from(text, (size_t)colon + 1);
	if (port_text.len > PORT_MAX_DIGITS || !str_to_u64(port_text, &port) || port == 0 || port > UINT16_MAX)
		return false;
	has_brackets = host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
	if (has_brackets)
		host = str_sub(host, 1, host.len - 2);
	if (!parse_raw(host, &endpoint.ip) || has_brackets != (endpoint.ip.family == IP_V6))
		return false;
	unmap(&endpoint.ip);
	endpoint.port = (uint16_t)port;
	*endpoint_out = endpoint;
	return true;
}

bool
endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && ip_eq(&a->ip, &b->ip);
}

struct str
endpoint_text(const struct endpoint *e, char room[ENDPOINT_TEXT_MAX])
{
	char ip_room[IP_TEXT_MAX], *end = room;
	struct str ip = ip_text(&e->ip, ip_room);

	if (e->ip.family == IP_V6)
		*end++ = '[';
	memcpy(end, ip.at, ip.len);
	end += ip.len;
	if (e->ip.family == IP_V6)
		*end++ = ']';
	*end++ = ':';
	end = decimal_put(end, e->port);
	*end = '\0';
	return str_n(room, (size_t)(end - room));
}

/* True if a and b agree in the first n bits. */
static bool
agree(const uint8_t *a, const uint8_t *b, int n_bits)
{
	size_t n_whole = (size_t)n_bits / 8;
	int n_rest = n_bits % 8;

	if (memcmp(a, b, n_whole) != 0)
		return false;
	return n_rest == 0 || ((a[n_whole] ^ b[n_whole]) >> (8 - n_rest)) == 0;
}

static bool
is_zero_behind(const struct ip *ip, int prefix_bits)
{
	for (int bit = prefix_bits; bit < family_bits(ip); bit++) {
		if ((ip->bytes[bit / 8] & (0x80 >> bit % 8)) != 0)
			return false;
	}
	return true;
}

bool
network_parse(struct str text, struct network *network_out)
{
	ptrdiff_t slash = str_find(text, '/');
	struct network network;
	uint64_t prefix_bits;

	if (!parse_raw(slash < 0 ? text : str_sub(text, 0, (size_t)slash), &network.ip))
		return false;
	prefix_bits = (uint64_t)family_bits(&network.ip);
	if (slash >= 0) {
		struct str digits = str_from(text, (size_t)slash + 1);

		if (!str_to_u64(digits, &prefix_bits) || prefix_bits > (uint64_t)family_bits(&network.ip) ||
		    (digits.len > 1 && digits.at[0] == '0'))
			return false;
	}
	network.prefix_bits = (int)prefix_bits;
	if (!is_zero_behind(&network.ip, network.prefix_bits))
		return false;
	/* A mapped address has bits set at 80-95, so a prefix that got here is 96 or longer. */
	if (unmap(&network.ip))
		network.prefix_bits -= MAPPED_PREFIX_BITS;
	*network_out = network;
	return true;
}

bool
network_has(const struct network *network, const struct ip *ip)
{
	return ip->family != IP_NONE && network->ip.family == ip->family &&
	    agree(network->ip.bytes, ip->bytes, network->prefix_bits);
}

int
networks_find(const struct network *networks, int n_networks, const struct ip *ip)
{
	for (int i = 0; i < n_networks; i++) {
		if (network_has(&networks[i], ip))
			return i;
	}
	return -1;
}
