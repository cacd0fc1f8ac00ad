/*
 * view.c - whose address the next hops of a destination see
 */
#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/sender.h"
#include "smtpfwd/deliver/view.h"

enum client_view
view_by_rule(const struct identity_rule *rule, const struct identity *identity)
{
	if (!identity_may_be_seen(identity, rule) || identity->client.ip.family == IP_NONE)
		return VIEW_OF_US;
	switch (rule->means) {
	case IDENTITY_NONE:
	case IDENTITY_XFORWARD:			/* for its log only */
		return VIEW_OF_US;
	case IDENTITY_PROXY:			/* the port takes nothing else */
		return VIEW_OF_CLIENT;
	case IDENTITY_AUTO:
	case IDENTITY_XCLIENT:
		return rule->has_login ? VIEW_OF_US : VIEW_UNKNOWN;
	}
	return VIEW_UNKNOWN;
}

/* Of hosts that MX records name only those are known that there were sessions with: the others say nothing. */
static enum client_view
view_seen(const struct couriers *c, const struct route *route)
{
	enum client_view view = VIEW_UNKNOWN;
	bool is_first = true;

	LIST_EACH(link, &c->all_next_hops) {
		const struct next_hop *next_hop = LIST_ITEM(link, struct next_hop, in_all);

		if (next_hop->route != route || (next_hop->is_by_mx && next_hop->view == VIEW_UNKNOWN))
			continue;
		if (!is_first && next_hop->view != view)
			return VIEW_UNKNOWN;
		view = next_hop->view;
		is_first = false;
	}
	return view;
}

enum client_view
view_of_destination(const struct couriers *c, struct str destination, const struct identity *identity)
{
	struct str domain;
	const struct route *route = plan_find(c->plan, destination, &domain);
	enum client_view view;

	if (route == NULL)
		return VIEW_UNKNOWN;
	view = view_by_rule(&route->identity, identity);
	return view != VIEW_UNKNOWN ? view : view_seen(c, route);
}

bool
view_is_rewritten(const struct couriers *c, struct str destination, const struct envelope *envelope, enum client_view view)
{
	struct str domain;
	const struct route *route = plan_find(c->plan, destination, &domain);

	return route != NULL && sender_srs(route->srs, envelope, view != VIEW_OF_US) != NULL;
}
