/*
 * test_plan.c - settings made ready: defaults, refusals, and which route is whose
 */
#include <string.h>

#include "smtpfwd/deliver/plan.h"
#include "tests/expect.h"

enum { HOPS = 3 };

static const struct next_hop_settings hops[HOPS] = {
	{ .written = "a.example.com:25", .host = "a.example.com", .port = 25 },
	{ .written = "b.example.com:25", .host = "b.example.com", .port = 25 },
	{ .written = "[192.0.2.3]:25", .ip = { .family = IP_V4, .bytes = { 192, 0, 2, 3 } }, .port = 25 },
};
static const struct next_hop_settings by_mx[1] = { { .written = "mx", .is_mx = true, .port = 25 } };

static void
check_refusal(void)
{
	const struct route_settings none = { .destination = "relay:y", .next_hops = hops, .n_next_hops = 0 };
	struct fault fault;

	test_case("a route without next hops is refused by name");
	expect(courier_plan_new(&(struct courier_settings){ .hostname = "h.example", .routes = &none, .n_routes = 1 }, &fault) == NULL);
	expect(strstr(fault.text, "relay:y") != NULL);
}

static void
check_defaults(void)
{
	const struct route_settings some = { .destination = "relay:y", .next_hops = hops, .n_next_hops = HOPS };
	struct courier_plan *plan = courier_plan_new(&(struct courier_settings){ .hostname = "h.example", .routes = &some,
	    .n_routes = 1 }, NULL);

	test_case("defaults are taken where nothing is set, and the host of a literal is its address");
	expect_int(plan->routes[0].connections_max, 20);
	expect_int(span_to_s(plan->routes[0].check_interval), 15);
	expect_int(plan->deliveries_max, 200);
	expect_str(plan->routes[0].hops[2].host, STR("192.0.2.3"));
	courier_plan_free(plan);
}

struct row {
	const char	*name;
	const char	*destination;
	int		 want;		/* which route; -1: none */
	const char	*domain;
};

static const struct row rows[] = {
	{ "a route with next hops of its own is found by its name", "relay:y", 0, "" },
	{ "one by MX with a domain behind it", "route:internet/example.org", 1, "example.org" },
	{ "and with an address literal", "route:internet/[IPv6:2001:db8::1]", 1, "[IPv6:2001:db8::1]" },
	{ "but not without any", "route:internet", -1, "" },
	{ "a slash in a section's title is no domain's", "route:a/b", 2, "" },
	{ "nor in one by MX", "route:c/d/example.org", 3, "example.org" },
	{ "a route with next hops of its own has no domains", "relay:y/example.org", -1, NULL },
	{ "what is not configured is not found", "relay:z", -1, "" },
};

static void
check_finding(void)
{
	const struct route_settings routes[] = {
		{ .destination = "relay:y", .next_hops = hops, .n_next_hops = HOPS },
		{ .destination = "route:internet", .next_hops = by_mx, .n_next_hops = 1 },
		{ .destination = "route:a/b", .next_hops = hops, .n_next_hops = HOPS },
		{ .destination = "route:c/d", .next_hops = by_mx, .n_next_hops = 1 },
	};
	struct courier_plan *plan = courier_plan_new(&(struct courier_settings){ .hostname = "h.example", .routes = routes,
	    .n_routes = 4 }, NULL);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str domain;
		const struct route *route;

		test_case("%s", rows[i].name);
		route = plan_find(plan, str_of(rows[i].destination), &domain);
		expect(route == (rows[i].want < 0 ? NULL : &plan->routes[rows[i].want]));
		if (rows[i].domain != NULL)
			expect_str(domain, str_of(rows[i].domain));
	}
	courier_plan_free(plan);
}

int
main(void)
{
	check_refusal();
	check_defaults();
	check_finding();
	return test_end();
}
