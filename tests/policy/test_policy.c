/*
 * test_policy.c - whose a domain is, who may relay, what is a loop
 */
#include "mail/header.h"
#include "policy/decide.h"
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
	bool is_trusted, has_outbound;
	int want_code;				/* 0: accepted */
} may[] = {
	{ "anybody may send to a relay domain", "a@example.org", false, false, 0 },
	{ "a stranger may not relay", "a@example.net", false, true, 550 },
	{ "a trusted peer may", "a@example.net", true, true, 0 },
	{ "even a trusted peer needs a route", "a@example.net", true, false, 550 },
	{ "a percent hack stays a local part", "a%example.net@example.org", false, true, 0 },
	{ "a percent hack to elsewhere is relaying", "a%example.org@example.net", false, true, 550 },
	{ "a quoted @ does not change the domain", "\"a@example.org\"@example.net", false, true, 550 },
	{ "a literal is relaying", "a@[127.0.0.1]", false, true, 550 },
};

static void
test_may_relay(void)
{
	for (size_t i = 0; i < sizeof(may) / sizeof(may[0]); i++) {
		struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 2,
		    .outbound = may[i].has_outbound ? "smart" : NULL };
		struct policy *policy = policy_new(&settings, seed);
		struct peer peer = { .is_trusted = may[i].is_trusted };
		struct envelope envelope = { .n_recipients = 0 };
		char room[POLICY_DESTINATION_MAX];
		struct address address;
		struct verdict verdict;

		test_case("may relay: %s", may[i].name);
		expect(address_parse(str_of(may[i].recipient), false, &address));
		decide_recipient(policy, &peer, &envelope, &address, &verdict);
		expect_int(verdict.action, may[i].want_code == 0 ? ACTION_ACCEPT : ACTION_REJECT);
		expect_int(verdict.reply.code, may[i].want_code);
		if (may[i].want_code == 0)
			expect(!str_eq(policy_destination_of(policy, &address, room), STR("none")));
		policy_free(policy);
	}
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
		expect_str(policy_destination_of(policy, &address, room), str_of(ways[i].want));
	}
	policy_free(policy);
}

#define OTHER	"Received: from a.example by b.example with ESMTP; Sat, 21 Nov 2026 00:00:00 +0000\r\n"
#define OURS	"Received: from a.example ([192.0.2.1])\r\n\tby MX.example.net with ESMTP id 1;\r\n\tSat, 21 Nov 2026 00:00:00 +0000\r\n"
#define SHORT	"Received: from a.example by mx.example.net; Sat, 21 Nov 2026 00:00:00 +0000\r\n"
#define LIKE	"Received: from mx.example.net by b.example with ESMTP; Sat, 21 Nov 2026 00:00:00 +0000\r\n"

static const struct {
	const char *name, *header;
	bool is_loop;
} loops[] = {
	{ "no Received field", "Subject: x\r\n\r\n", false },
	{ "as many hops as allowed", OTHER OTHER OTHER OTHER "\r\n", false },
	{ "one more", OTHER OTHER OTHER OTHER OTHER "\r\n", true },
	{ "once through here is honest forwarding", OURS OTHER "\r\n", false },
	{ "three times through here", OURS OTHER OURS OURS "\r\n", true },
	{ "also where nothing stands between us and the date", SHORT SHORT SHORT "\r\n", true },
	{ "coming from here by other ways is not through here", LIKE LIKE LIKE "\r\n", false },
	{ "fields in the body do not count", "Subject: x\r\n\r\n" OURS OURS OURS OURS OURS, false },
};

static void
test_loops(void)
{
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 2 };
	struct policy *policy = policy_new(&settings, seed);

	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		struct header_section header;
		struct verdict verdict;
		struct arena arena;

		test_case("loops: %s", loops[i].name);
		arena_init(&arena, 100000);
		expect_int(header_read(str_of(loops[i].header), &arena, &header), 0);
		decide_header(policy, &header, 4, &verdict);
		expect_int(verdict.action, loops[i].is_loop ? ACTION_REJECT : ACTION_ACCEPT);
		arena_fini(&arena);
	}
	policy_free(policy);
}

int
main(void)
{
	test_whose();
	test_may_relay();
	test_destinations();
	test_loops();
	return test_end();
}
