/*
 * patience.c - how long mail waits for the DNS: less, for a while, after some mail waited in vain
 */
#include "smtpfwd/receive/patience.h"

bool
patience_is_short(const struct patience *patience, const struct ip *client, struct instant now)
{
	return instant_is_before(now, patience->until) && (patience->is_everybodys || ip_eq(&patience->whose, client));
}

void
patience_lose(struct patience *patience, const struct ip *client, struct instant now)
{
	bool is_first = !instant_is_before(now, patience->until);

	if (is_first)
		*patience = (struct patience){ .whose = *client };
	else if (!ip_eq(&patience->whose, client))
		patience->is_everybodys = true;
	patience->until = instant_after(now, span_s(PATIENCE_REST_S));
}
