/*
 * admit.c - how many connections a listener serves at once, in total and of one address
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/receive/admit.h"

enum { KEY_V4_BYTES = 4, KEY_V6_BYTES = 8 };

struct admit_count {
	int	 n;
};

static struct str
key_of(const struct ip *ip)
{
	return str_n(ip->bytes, ip->family == IP_V6 ? KEY_V6_BYTES : KEY_V4_BYTES);
}

void
admit_init(struct admit *a, int connections_max, int per_address_max, const uint64_t seed[2])
{
	*a = (struct admit){ .connections_max = connections_max, .per_address_max = per_address_max };
	map_init(&a->by_address, seed);
}

void
admit_fini(struct admit *a)
{
	insist(a->n_connections == 0);
	insist(a->by_address.n == 0);
	map_fini(&a->by_address);
}

bool
admit_connection(struct admit *a)
{
	if (a->connections_max > 0 && a->n_connections >= a->connections_max)
		return false;
	a->n_connections++;
	return true;
}

void
admit_release_connection(struct admit *a)
{
	insist(a->n_connections > 0);
	a->n_connections--;
}

bool
admit_address(struct admit *a, const struct ip *ip)
{
	struct admit_count *count = map_get(&a->by_address, key_of(ip));

	if (count == NULL) {
		count = mem_new(sizeof(*count));
		map_set(&a->by_address, key_of(ip), count);
	}
	if (a->per_address_max > 0 && count->n >= a->per_address_max)
		return false;
	count->n++;
	return true;
}

void
admit_release_address(struct admit *a, const struct ip *ip)
{
	struct admit_count *count = map_get(&a->by_address, key_of(ip));

	insist(count != NULL);
	insist(count->n > 0);
	if (--count->n == 0) {
		map_remove(&a->by_address, key_of(ip));
		mem_free(count);
	}
}
