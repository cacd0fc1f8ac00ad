/*
 * test_view.c - whose address a next hop sees, as far as the configuration says it
 */
#include "smtpfwd/deliver/next_hop.h"
#include "smtpfwd/deliver/view.h"
#include "tests/expect.h"

/* What a next hop did last tells of the next client's mail only what it does whoever that is. */
static void
test_told(void)
{
	static const struct { const char *name; unsigned xclient; enum identity_means told; bool is_trusted; enum client_view before, want; } cases[] = {
		{ "it took XCLIENT", 1, IDENTITY_XCLIENT, false, VIEW_OF_US, VIEW_OF_CLIENT },
		{ "it has none", 0, IDENTITY_XFORWARD, false, VIEW_OF_CLIENT, VIEW_OF_US },
		{ "it has it, and refused this client, of a family that it has not", 1, IDENTITY_XFORWARD, false, VIEW_OF_CLIENT, VIEW_UNKNOWN },
		{ "a client that is not told of says nothing", 0, IDENTITY_NONE, true, VIEW_OF_CLIENT, VIEW_OF_CLIENT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct route route = { .identity.means = IDENTITY_AUTO };
		struct next_hop next_hop = { .route = &route, .view = cases[i].before };
		struct client client = { .ehlo.xclient_attributes = cases[i].xclient, .told = cases[i].told };
		struct identity identity = { .is_trusted = cases[i].is_trusted };

		test_case("view: %s", cases[i].name);
		expect(ip_parse(STR("192.0.2.1"), &identity.client.ip));
		next_hop_note_told(&next_hop, &client, &identity);
		expect_int(next_hop.view, cases[i].want);
	}
}

int
main(void)
{
	static const struct { const char *name; enum identity_means means; bool has_login; const char *client; enum client_view want; } cases[] = {
		{ "nothing is told", IDENTITY_NONE, false, "192.0.2.1", VIEW_OF_US },
		{ "only its log is told", IDENTITY_XFORWARD, false, "192.0.2.1", VIEW_OF_US },
		{ "a PROXY header", IDENTITY_PROXY, false, "192.0.2.1", VIEW_OF_CLIENT },
		{ "a PROXY header and a login", IDENTITY_PROXY, true, "192.0.2.1", VIEW_OF_CLIENT },
		{ "XCLIENT, if it takes that", IDENTITY_XCLIENT, false, "192.0.2.1", VIEW_UNKNOWN },
		{ "the best means, whatever that is", IDENTITY_AUTO, false, "2001:db8::1", VIEW_UNKNOWN },
		{ "XCLIENT would undo our login", IDENTITY_AUTO, true, "192.0.2.1", VIEW_OF_US },
		{ "a client at a loopback address is not told of", IDENTITY_PROXY, false, "127.0.0.1", VIEW_OF_US },
		{ "nor is nobody", IDENTITY_PROXY, false, NULL, VIEW_OF_US },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct identity_rule rule = { .means = cases[i].means, .has_login = cases[i].has_login };
		struct identity identity = { .is_esmtp = true };

		test_case("view: %s", cases[i].name);
		expect(cases[i].client == NULL || ip_parse(str_of(cases[i].client), &identity.client.ip));
		expect_int(view_by_rule(&rule, cases[i].client != NULL ? &identity : NULL), cases[i].want);
	}
	test_told();
	return test_end();
}
