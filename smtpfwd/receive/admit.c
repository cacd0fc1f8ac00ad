/*
 * admit.c - how many connections a listener serves at once, in total and of one address
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/receive/admit.h"

enum { KEY_V4_BYTES = 4, KEY_V6_BYTES = 8, KEY_SITE_BYTES = 6, SITE_LIMIT_TIMES = 4 };

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

/* False: there are n_max already (0: no limit). */
static bool
count_key(struct admit *a, struct str key, int n_max)
{
	struct admit_count *count = map_get(&a->by_address, key);

	if (count == NULL) {
		count = mem_new(sizeof(*count));
		map_set(&a->by_address, key, count);
	}
	if (n_max > 0 && count->n >= n_max)
		return false;
	count->n++;
	return true;
}

static void
release_key(struct admit *a, struct str key)
{
	struct admit_count *count = map_get(&a->by_address, key);

	insist(count != NULL);
	insist(count->n > 0);
	if (--count->n == 0) {
		map_remove(&a->by_address, key);
		mem_free(count);
	}
}

bool
admit_address(struct admit *a, const struct ip *ip)
{
	if (!count_key(a, key_of(ip), a->per_address_max))
		return false;
	if (ip->family != IP_V6 || count_key(a, str_n(ip->bytes, KEY_SITE_BYTES), a->per_address_max * SITE_LIMIT_TIMES))
		return true;
	release_key(a, key_of(ip));
	return false;
}

void
admit_release_address(struct admit *a, const struct ip *ip)
{
	release_key(a, key_of(ip));
	if (ip->family == IP_V6)
		release_key(a, str_n(ip->bytes, KEY_SITE_BYTES));
}
