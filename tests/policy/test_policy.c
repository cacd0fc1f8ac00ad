/*
 * test_policy.c - whose a domain is, and where mail for it goes
 */
#include "policy/policy.h"
#include "tests/expect.h"

static const uint64_t seed[2] = { 1, 2 };
static const char *const moved[] = { "example.org", ".example.org", "xn--bcher-kva.example" };
static const char *const deep[] = { ".sub.example.org" };
static const struct relay_rule relays[] = {
	{ .name = "moved", .domains = moved, .n_domains = 3 },
	{ .name = "deep", .domains = deep, .n_domains = 1 },
};

static const struct {
	const char *name, *domain, *want;	/* want: the relay, or NULL */
} whose[] = {
	{ "an exact domain", "example.org", "moved" },
	{ "without regard to case", "EXAMPLE.Org", "moved" },
	{ "a subdomain by a leading dot", "a.b.example.org", "moved" },
	{ "the closest parent wins", "x.sub.example.org", "deep" },
	{ "a leading dot does not take the name itself", "sub.example.org", "moved" },
	{ "a name that only ends alike", "badexample.org", NULL },
	{ "a parent", "org", NULL },
	{ "a U-label and its A-label are one", "b\xc3\xbc" "cher.example", "moved" },
	{ "a last dot changes nothing", "example.org.", "moved" },
	{ "an address literal is nobody's", "[192.0.2.1]", NULL },
	{ "a bare postmaster is the first relay's", "", "moved" },
	{ "a star is no domain", "*", NULL },
};

static void
test_whose(void)
{
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 2 };
	struct policy *policy = policy_new(&settings, seed);

	for (size_t i = 0; i < sizeof(whose) / sizeof(whose[0]); i++) {
		const char *got = policy_relay_of(policy, str_of(whose[i].domain));

		test_case("whose: %s", whose[i].name);
		expect_text(got != NULL ? got : "(nobody)", whose[i].want != NULL ? whose[i].want : "(nobody)");
	}
	policy_free(policy);
}

static const struct {
	const char *name, *recipient;
	bool is_utf8;
	const char *want;
} ways[] = {
	{ "a relay's domain goes to its relay", "a@example.org", false, "relay:moved" },
	{ "any other is a destination of its own", "a@example.net", false, "route:out/example.net" },
	{ "in whatever case", "a@EXAMPLE.Net", false, "route:out/example.net" },
	{ "U-labels and A-labels are the same", "a@b\303\274ro.example", true, "route:out/xn--bro-hoa.example" },
	{ "a literal is one too", "a@[IPv6:2001:DB8::1]", false, "route:out/[IPv6:2001:DB8::1]" },
};

static const struct {
	const char *name, *class_name, *recipient, *want;
} class_ways[] = {
	{ "a class with a route", "bulk", "a@example.net", "route:bulk" },
	{ "a relay's domain goes to its relay all the same", "bulk", "a@example.org", "relay:moved" },
	{ "a class whose route goes by the domain", "direct", "a@EXAMPLE.net", "route:direct/example.net" },
	{ "a class without a route", "plain", "a@example.net", "route:out" },
	{ "a class that no section has", "local", "a@example.net", "route:out" },
	{ "none", "", "a@example.net", "route:out" },
	{ "one whose name only begins so", "bulk2", "a@example.net", "route:out" },
};

/* Also where nothing else goes out. */
static void
test_destinations_by_class(bool has_outbound)
{
	static const struct class_section sections[] = { { .name = "plain" }, { .name = "bulk", .actions = { .route = "route:bulk" } },
	    { .name = "direct", .actions = { .route = "route:direct", .is_route_by_domain = true } } };
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 2, .outbound = has_outbound ? "out" : NULL,
	    .classes = { .sections = sections, .n_sections = 3 } };
	struct policy *policy = policy_new(&settings, seed);

	expect_int(policy_has_outbound(policy), has_outbound);
	for (size_t i = 0; i < sizeof(class_ways) / sizeof(class_ways[0]); i++) {
		bool is_outbound = strcmp(class_ways[i].want, "route:out") == 0;
		char room[POLICY_DESTINATION_MAX];
		struct address address;

		test_case("destination by class, %s outbound: %s", has_outbound ? "with" : "without", class_ways[i].name);
		expect(address_parse(str_of(class_ways[i].recipient), false, &address));
		expect_str(policy_destination_of(policy, str_of(class_ways[i].class_name), &address, room),
		    str_of(is_outbound && !has_outbound ? "none" : class_ways[i].want));
	}
	policy_free(policy);
}

static void
test_destinations(void)
{
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 2, .outbound = "out",
	    .is_outbound_by_domain = true };
	struct policy *policy = policy_new(&settings, seed);

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char room[POLICY_DESTINATION_MAX];
		struct address address;

		test_case("destination: %s", ways[i].name);
		expect(address_parse(str_of(ways[i].recipient), ways[i].is_utf8, &address));
		expect_str(policy_destination_of(policy, STR_EMPTY, &address, room), str_of(ways[i].want));
	}
	policy_free(policy);
}

int
main(void)
{
	test_whose();
	test_destinations();
	test_destinations_by_class(true);
	test_destinations_by_class(false);
	return test_end();
}
