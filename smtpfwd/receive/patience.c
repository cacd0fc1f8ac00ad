/*
 * patience.c - how long mail waits for the DNS: less, for a while, after some mail waited in vain
 */
#include "smtpfwd/receive/patience.h"

enum { V4_BYTES = 4, SITE_BYTES = 6 };

/* An IPv6 network of 48 bits is one: the most that a site gets (RFC 6177). */
static bool
is_same_client(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == IP_V6 ? SITE_BYTES : V4_BYTES) == 0;
}

bool
patience_is_short(const struct patience *patience, const struct ip *client, struct instant now)
{
	return instant_is_before(now, patience->until) && (patience->is_everybodys || is_same_client(&patience->whose, client));
}

void
patience_hear(struct patience *patience, struct instant now)
{
	patience->heard = now;
}

void
patience_lose(struct patience *patience, const struct ip *client, struct instant began, struct instant now)
{
	bool is_heard = instant_is_before(began, patience->heard);

	if (!instant_is_before(now, patience->until) || (is_heard && !patience->is_everybodys)) {
		patience->whose = *client;
		patience->is_everybodys = false;
	} else if (!is_same_client(&patience->whose, client)) {
		patience->is_everybodys = true;
	}
	patience->until = instant_after(now, span_s(PATIENCE_REST_S));
}
