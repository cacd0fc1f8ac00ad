/*
 * test_route.c - whose turn it is, and how the balances differ when next hops are down or busy
 */
#include <stdio.h>

#include "smtpfwd/deliver/next_hop.h"
#include "tests/expect.h"

enum { HOPS = 3, CHOICES = 6 };

struct row {
	const char	*name;
	enum balance	 balance;
	const char	*down;		/* "ab": these are */
	int		 busy[HOPS];	/* connections in use, of 2 */
	uint64_t	 tried;
	const char	*want;		/* next hops chosen one after the other; "!" all busy, "-" none left */
};

static const struct row rows[] = {
	{ .name = "failover: the first as long as it is up", .balance = BALANCE_FAILOVER, .want = "aaaaaa" },
	{ .name = "failover: the second while the first is down", .balance = BALANCE_FAILOVER, .down = "a", .want = "bbbbbb" },
	{ .name = "failover: a busy first is waited for", .balance = BALANCE_FAILOVER, .busy = { 2, 0, 0 }, .want = "!!!!!!" },
	{ .name = "failover: one that was tried is passed over", .balance = BALANCE_FAILOVER, .tried = 1, .want = "bbbbbb" },
	{ .name = "round robin: each in turn", .balance = BALANCE_ROUND_ROBIN, .want = "abcabc" },
	{ .name = "round robin: without the one that is down", .balance = BALANCE_ROUND_ROBIN, .down = "b", .want = "acacac" },
	{ .name = "round robin: a busy one is passed over", .balance = BALANCE_ROUND_ROBIN, .busy = { 0, 2, 0 }, .want = "acacac" },
	{ .name = "least connections: the idlest", .balance = BALANCE_LEAST_CONNECTIONS, .busy = { 1, 0, 1 }, .want = "bbbbbb" },
	{ .name = "least connections: equals take turns", .balance = BALANCE_LEAST_CONNECTIONS, .busy = { 1, 0, 0 }, .want = "bcbcbc" },
	{ .name = "least connections: down is not idle", .balance = BALANCE_LEAST_CONNECTIONS, .down = "b", .busy = { 1, 0, 0 }, .want = "cccccc" },
	{ .name = "all busy", .balance = BALANCE_ROUND_ROBIN, .busy = { 2, 2, 2 }, .want = "!!!!!!" },
	{ .name = "all down", .balance = BALANCE_ROUND_ROBIN, .down = "abc", .want = "------" },
	{ .name = "all tried", .balance = BALANCE_LEAST_CONNECTIONS, .tried = 7, .want = "------" },
};

static const struct next_hop_settings hops[HOPS] = {
	{ .written = "a.example.com:25", .host = "a.example.com", .port = 25 },
	{ .written = "b.example.com:25", .host = "b.example.com", .port = 25 },
	{ .written = "[192.0.2.3]:25", .ip = { .family = IP_V4, .bytes = { 192, 0, 2, 3 } }, .port = 25 },
};

static void
check(const struct row *row)
{
	const struct route_settings settings = {
		.destination = "relay:x", .next_hops = hops, .n_next_hops = HOPS, .balance = row->balance, .connections_max = 2,
	};
	struct routes *routes = routes_new(&settings, 1, NULL);
	struct route *route = routes_find(routes, STR("relay:x"));
	char got[CHOICES + 1] = { 0 };
	struct next_hop *next_hop;
	int i;

	test_case("%s", row->name);
	for (i = 0; i < HOPS; i++) {
		route->next_hops[i].is_up = row->down == NULL || strchr(row->down, 'a' + i) == NULL;
		route->next_hops[i].n_connections = row->busy[i];
	}
	for (i = 0; i < CHOICES; i++) {
		switch (route_choose(route, row->tried, &next_hop)) {
		case ROUTE_CHOSEN:
			got[i] = (char)('a' + (next_hop - route->next_hops));
			break;
		case ROUTE_ALL_BUSY:
			got[i] = '!';
			break;
		case ROUTE_NONE_LEFT:
			got[i] = '-';
			break;
		}
	}
	expect_text(got, row->want);
	for (i = 0; i < HOPS; i++)
		route->next_hops[i].n_connections = 0;
	routes_free(routes);
}

static void
check_settings(void)
{
	const struct route_settings none = { .destination = "relay:y", .next_hops = hops, .n_next_hops = 0 };
	const struct route_settings some = { .destination = "relay:y", .next_hops = hops, .n_next_hops = HOPS,
	    .balance = BALANCE_ROUND_ROBIN };
	struct routes *routes;
	struct fault fault;

	test_case("a route without next hops is refused by name");
	expect(routes_new(&none, 1, &fault) == NULL);
	expect(strstr(fault.text, "relay:y") != NULL);

	test_case("defaults are taken where nothing is set, and the host of a literal is its address");
	routes = routes_new(&some, 1, &fault);
	expect_int(routes_at(routes, 0)->connections_max, 20);
	expect_int(span_to_s(routes_at(routes, 0)->check_interval), 15);
	expect_int(route_connections_max(routes_at(routes, 0)), 60);
	expect_str(routes_at(routes, 0)->next_hops[2].host, STR("192.0.2.3"));
	expect(routes_find(routes, STR("relay:z")) == NULL);
	routes_free(routes);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
	check_settings();
	return test_end();
}
