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
	return test_end();
}
