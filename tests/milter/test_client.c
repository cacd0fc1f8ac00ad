/*
 * test_client.c - a peer is what Postfix's macros say
 */
#include "milter/client.h"
#include "tests/expect.h"

enum { ROOM = 16 * 1024, MACROS_MAX = 16 };

struct macro {
	const char	*name, *value;
};

static const char *
find_macro(void *context, const char *name)
{
	for (const struct macro *macro = context; macro->name != NULL; macro++)
		if (strcmp(macro->name, name) == 0)
			return macro->value;
	return NULL;
}

static bool
read_peer(struct macro *set, const char *network, struct arena *arena, struct peer *peer)
{
	const struct macros macros = { .find = find_macro, .context = set };
	static const char *const names[] = { ".nodes.example.com", "app.example.com" };
	struct network networks[1];
	const struct client_trust trust = { networks, network_parse(str_of(network), &networks[0]) ? 1 : 0, names, 2 };

	return client_read(&macros, STR("mail.example.org"), &trust, arena, peer);
}

static void
test_whole(void)
{
	struct macro set[] = { { "{client_addr}", "192.0.2.7" }, { "{client_port}", "4711" }, { "{daemon_addr}", "2001:db8::1" },
	    { "{daemon_port}", "25" }, { "{client_name}", "Mail.Example.ORG" }, { "{client_ptr}", "mail.example.org" }, { "{client_resolve}", "OK" },
	    { "{daemon_name}", "apps" }, { "{tls_version}", "TLSv1.3" }, { "{cipher}", "TLS_AES_256_GCM_SHA384" }, { "{cipher_bits}", "256" },
	    { "{cert_subject}", "Client.Example.org" }, { "{auth_authen}", "shop" }, { NULL, NULL } };
	struct arena arena;
	struct peer peer;
	char room[ENDPOINT_TEXT_MAX];

	test_case("all that the macros tell is the peer's");
	arena_init(&arena, ROOM);
	if (expect(read_peer(set, "10.0.0.0/8", &arena, &peer))) {
		expect_str(endpoint_text(&peer.client, room), STR("192.0.2.7:4711"));
		expect_str(endpoint_text(&peer.local, room), STR("[2001:db8::1]:25"));
		expect_int(peer.name_state, PEER_NAME_FOUND);
		expect_str(peer.name, STR("mail.example.org"));
		expect_str(peer.reverse_name, STR("mail.example.org"));
		expect_str(peer.helo, STR("mail.example.org"));
		expect_str(peer.listener, STR("apps"));
		expect(peer.tls.is_on);
		expect_str(peer.tls.version, STR("TLSv1.3"));
		expect_int(peer.tls.bits, 256);
		expect_str(peer.tls.verified_name, STR("client.example.org"));
		expect_str(peer.login, STR("shop"));
		expect(peer.is_trusted);
	}
	test_case("memory's limit is told");
	arena_fini(&arena);
	arena_init(&arena, 16);
	expect(!read_peer(set, "10.0.0.0/8", &arena, &peer));
	arena_fini(&arena);
}

static void
test_trust(void)
{
	static const struct {
		const char *name, *address, *login, *network;
		bool want;
	} cases[] = {
		{ "a stranger may not relay", "192.0.2.7", NULL, "10.0.0.0/8", false },
		{ "who comes from a network may", "10.1.2.3", NULL, "10.0.0.0/8", true },
		{ "a mapped address is the IPv4 one", "::ffff:10.1.2.3", NULL, "10.0.0.0/8", true },
		{ "Sendmail's way to write IPv6 is read", "IPv6:2001:db8::5", NULL, "2001:db8::/32", true },
		{ "a login may", "192.0.2.7", "shop", "10.0.0.0/8", true },
		{ "an empty login is none", "192.0.2.7", "", "10.0.0.0/8", false },
		{ "no address is in no network", NULL, NULL, "0.0.0.0/0", false },
		{ "nor is what is no address", "local", NULL, "0.0.0.0/0", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct macro set[] = { { "{client_addr}", cases[i].address }, { "{auth_authen}", cases[i].login }, { NULL, NULL } };
		struct arena arena;
		struct peer peer;

		test_case("%s", cases[i].name);
		arena_init(&arena, ROOM);
		if (expect(read_peer(set, cases[i].network, &arena, &peer)))
			expect(peer.is_trusted == cases[i].want);
		arena_fini(&arena);
	}
}

static void
test_names(void)
{
	static const struct {
		const char *name, *resolve, *client_name, *ptr, *want_name, *want_reverse;
		enum peer_name want;
	} cases[] = {
		{ "a name that leads back", "OK", "a.example", "a.example", "a.example", "a.example", PEER_NAME_FOUND },
		{ "one that leads elsewhere", "FORGED", "unknown", "a.example", "", "a.example", PEER_NAME_DIFFERS },
		{ "no name", "FAIL", "unknown", "unknown", "", "", PEER_NAME_NONE },
		{ "the DNS could not say", "TEMP", "unknown", "unknown", "", "", PEER_NAME_UNSETTLED },
		{ "nothing told of the look-up but a name", NULL, "a.example", NULL, "a.example", "", PEER_NAME_FOUND },
		{ "nothing told at all", NULL, NULL, NULL, "", "", PEER_NAME_UNASKED },
		{ "a name that is none", "OK", "not a name", "also not", "", "", PEER_NAME_NONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct macro set[] = { { "{client_resolve}", cases[i].resolve }, { "{client_name}", cases[i].client_name },
		    { "{client_ptr}", cases[i].ptr }, { NULL, NULL } };
		struct arena arena;
		struct peer peer;

		test_case("a client's name: %s", cases[i].name);
		arena_init(&arena, ROOM);
		if (expect(read_peer(set, "10.0.0.0/8", &arena, &peer))) {
			expect_int(peer.name_state, cases[i].want);
			expect_str(peer.name, str_of(cases[i].want_name));
			expect_str(peer.reverse_name, str_of(cases[i].want_reverse));
		}
		arena_fini(&arena);
	}
}

static void
test_trusted_certificate(void)
{
	static const struct {
		const char *name, *subject, *tls;
		bool want;
	} cases[] = {
		{ "a listed name may relay", "App.Example.com", "TLSv1.3", true },
		{ "a name below one may", "n7.nodes.example.com", "TLSv1.3", true },
		{ "the one above may not", "nodes.example.com", "TLSv1.3", false },
		{ "another name may not", "shop.example.com", "TLSv1.3", false },
		{ "one that no TLS proves may not", "app.example.com", NULL, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct macro set[] = { { "{cert_subject}", cases[i].subject }, { "{tls_version}", cases[i].tls }, { NULL, NULL } };
		struct arena arena;
		struct peer peer;

		test_case("a certificate: %s", cases[i].name);
		arena_init(&arena, ROOM);
		if (expect(read_peer(set, "10.0.0.0/8", &arena, &peer)))
			expect(peer.is_trusted == cases[i].want);
		arena_fini(&arena);
	}
}

static void
test_certificate(void)
{
	struct macro plain[] = { { "{cert_subject}", "client.example.org" }, { NULL, NULL } };
	struct macro person[] = { { "{tls_version}", "TLSv1.2" }, { "{cert_subject}", "Alice Example" }, { NULL, NULL } };
	struct arena arena;
	struct peer peer;

	arena_init(&arena, ROOM);
	test_case("a certificate without TLS names nobody");
	if (expect(read_peer(plain, "10.0.0.0/8", &arena, &peer)))
		expect_str(peer.tls.verified_name, STR_EMPTY);
	test_case("a subject that is no domain names nobody");
	if (expect(read_peer(person, "10.0.0.0/8", &arena, &peer)))
		expect_str(peer.tls.verified_name, STR_EMPTY);
	arena_fini(&arena);
}

int
main(void)
{
	test_whole();
	test_trust();
	test_names();
	test_certificate();
	test_trusted_certificate();
	return test_end();
}
