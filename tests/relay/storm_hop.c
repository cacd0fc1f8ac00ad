/*
 * storm_hop.c - the next hops of a storm: where they listen and whose mail goes to them
 */
#include "base/insist.h"
#include "tests/relay/storm.h"

enum { ONLINE_S = 20 };			/* less than a next hop may take */

/* Hops 0: d0; 1, 2: d1, each has some of its mailboxes; 3, 4, 5: d2, in turn; 6: d3; 7: d4, least connections, with 6; 8: bulk; 9: home. */
static const char *const hop_ats[STORM_HOPS] = {
	"192.0.2.10:25", "192.0.2.11:25", "192.0.2.12:25", "192.0.2.13:25", "192.0.2.14:25", "192.0.2.15:25",
	"192.0.2.16:25", "192.0.2.17:25", "192.0.2.18:25", "192.0.2.20:25",
};

/* In percent at each step: from good to hardly usable. */
static const int trouble_percents[STORM_HOPS] = { 2, 4, 1, 3, 8, 15, 6, 25, 6, 3 };

const struct relay_plan *
storm_plan(struct route_settings routes[STORM_ROUTES], struct next_hop_settings next_hops[STORM_HOPS],
    struct relay_rule rules[STORM_DOMAINS], struct relay_plan *plan_out)
{
	static const char *const domains[STORM_DOMAINS] = { "d0.example", "d1.example", "d2.example", "d3.example", "d4.example" };
	static const char *const destinations[STORM_ROUTES] = {
		"relay:r0", "relay:r1", "relay:r2", "relay:r3", "relay:r4", "route:bulk", "route:out",
	};
	static const int firsts[STORM_ROUTES] = { 0, 1, 3, 6, 6, STORM_BULK, STORM_HOME }, numbers[STORM_ROUTES] = { 1, 2, 3, 1, 2, 1, 1 };
	static const enum balance balances[STORM_ROUTES] = {
		BALANCE_FAILOVER, BALANCE_FAILOVER, BALANCE_ROUND_ROBIN, BALANCE_FAILOVER, BALANCE_LEAST_CONNECTIONS, BALANCE_FAILOVER, BALANCE_FAILOVER,
	};

	static const char *const ways[] = { "relay:r1/192.0.2.11:25", "relay:r1/192.0.2.12:25" };
	static const struct forwarding forwardings[STORM_DOMAINS] = {
		{ .is_online = true, .online_timeout = { ONLINE_S * INT64_C(1000000000) }, .queues_4xx = true },
		{ .is_by_recipient = true, .ways = ways, .n_ways = 2, .verifies_recipients = true },
		{ .is_online = false, .verifies_recipients = true },
		{ .is_online = true, .online_timeout = { ONLINE_S * INT64_C(1000000000) }, .queues_mixed = true },
		{ .is_online = true, .online_timeout = { ONLINE_S * INT64_C(1000000000) }, .accepts_unknown = true },
	};

	for (int i = 0; i < STORM_HOPS; i++)
		next_hops[i] = relay_next_hop(hop_ats[i]);
	for (int i = 0; i < STORM_ROUTES; i++)
		routes[i] = (struct route_settings){
			.destination = destinations[i], .next_hops = &next_hops[firsts[i]], .n_next_hops = numbers[i],
			.balance = balances[i], .connections_max = 4, .check_interval = span_s(10), .srs = returns_mode(i),
			.identity = identity_of_route(i), .is_by_recipient = i == STORM_SPLIT_DOMAIN,
		};
	for (int i = 0; i < STORM_DOMAINS; i++)
		rules[i] = (struct relay_rule){ .name = destinations[i] + sizeof("relay"), .domains = &domains[i], .n_domains = 1,
		    .forwarding = forwardings[i] };
	*plan_out = (struct relay_plan){ .rules = rules, .n_rules = STORM_DOMAINS, .routes = routes, .n_routes = STORM_ROUTES,
	    .holds_unverified = true, .srs_secret = STORM_SRS_SECRET };
	return plan_out;
}

struct endpoint
hop_endpoint(int number)
{
	struct endpoint at;

	insist(endpoint_parse(str_of(hop_ats[number]), &at));
	return at;
}

static void
accept_all(struct watch *watch, unsigned what)
{
	struct storm_hop *hop = (struct storm_hop *)(void *)((char *)watch - offsetof(struct storm_hop, watch));
	struct endpoint peer, local;
	int socket;

	(void)what;
	while ((socket = os_accept(hop->socket, &peer, &local)) >= 0)
		hop_serve(hop, socket);
}

void
hop_open(struct storm_hop *hop)
{
	struct endpoint at = hop_endpoint(hop->number);

	if (hop->socket >= 0)
		return;
	hop->watch.notice = accept_all;
	hop->socket = os_listen(&at, 100);
	insist(hop->socket >= 0 && loop_watch(hop->storm->relay.loop, hop->socket, &hop->watch) == 0);
}

void
hop_close(struct storm_hop *hop)
{
	if (hop->socket < 0)
		return;
	loop_unwatch(hop->storm->relay.loop, hop->socket, &hop->watch);
	os_close(hop->socket);
	hop->socket = -1;
}

void
hops_start(struct storm *storm)
{
	for (int i = 0; i < STORM_HOPS; i++) {
		struct storm_hop *hop = &storm->hops[i];

		*hop = (struct storm_hop){
			.storm = storm, .number = i, .socket = -1,
			.trouble_percent = storm->is_calm ? 0 : trouble_percents[i],
		};
		list_init(&hop->sessions);
		hop_open(hop);
	}
}
