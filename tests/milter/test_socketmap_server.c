/*
 * test_socketmap_server.c - what each table says, and what it says of a question that makes no sense
 */
#include <stdio.h>

#include "base/insist.h"
#include "milter/socketmap.h"
#include "milter/socketmap_server.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

enum { ROOM = 64 * 1024, KEY_MAX_BYTES = 600 };

static const struct timestamp now = { .us = 1795262400 * INT64_C(1000000) };

static struct srs_rules *
make_srs(const char *secret)
{
	struct str secrets[] = { str_of(secret) };
	struct srs_settings settings = { .domain = "fwd.example.com", .secrets = secrets, .n_secrets = 1 };

	return srs_rules_new(&settings, NULL);
}

static struct policy *
make_policy(bool has_srs)
{
	static const char *const domains[] = { "example.org", ".example.org", "xn--bcher-kva.example" }, *const split_domains[] = { "split.example" };
	static const char *const ways[] = { "relay:split/a", "relay:split/b" }, *const senders[] = { "*@lists.example.com" };
	static const struct relay_rule relays[] = {
		{ .name = "moved", .domains = domains, .n_domains = 3 },
		{ .name = "split", .domains = split_domains, .n_domains = 1, .forwarding = { .is_by_recipient = true, .ways = ways, .n_ways = 2 } },
	};
	static const struct transport_text transports[] = {
		{ "relay:moved", "relay:[192.0.2.1]:25" }, { "relay:split", "" }, { "route:bulk", "bulk:" },
	};
	static const struct class_section classes[] = {
		{ .name = "list", .senders = senders, .n_senders = 1, .actions = { .route = "route:bulk" } },
		{ .name = "plain", .senders = senders, .n_senders = 1 },
	};
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 2, .outbound = "internet",
	    .transports = transports, .n_transports = 3, .classes = { .sections = classes, .n_sections = 2 },
	    .srs = { .rules = has_srs ? make_srs("a secret of ours") : NULL } };

	return policy_new(&settings, (uint64_t[]){ 1, 2 });
}

static struct str
ask(const struct policy *policy, const char *table, const char *key, struct buf *out)
{
	char question[KEY_MAX_BYTES + 100], framed[sizeof(question) + 10];
	int n = snprintf(question, sizeof(question), "%s %s", table, key);
	struct str inside;
	size_t n_taken;

	n = snprintf(framed, sizeof(framed), "%d:%s,", n, question);
	buf_clear(out);
	expect_int(socketmap_answer(policy, str_n(framed, (size_t)n), now, out), n);
	insist(netstring_read(buf_str(out), SOCKETMAP_REPLY_MAX_BYTES, &inside, &n_taken) == NETSTRING_WHOLE && n_taken == out->len);
	return inside;
}

#define NO_TABLE "PERM there is no such table; there are transport, transport/CLASS, relay-domains and srs"

static const struct {
	const char	*name, *table, *key, *want;
} cases[] = {
	{ "a relay's domain", "transport", "bob@example.org", "OK relay:[192.0.2.1]:25" },
	{ "in any case", "transport", "Bob@EXAMPLE.Org", "OK relay:[192.0.2.1]:25" },
	{ "a domain below", "transport", "bob@a.b.example.org", "OK relay:[192.0.2.1]:25" },
	{ "U-labels", "transport", "bob@b\xc3\xbc" "cher.example", "OK relay:[192.0.2.1]:25" },
	{ "A-labels", "transport", "bob@xn--bcher-kva.example", "OK relay:[192.0.2.1]:25" },
	{ "a local part that Postfix took the quotes of", "transport", "b @ob@example.org", "OK relay:[192.0.2.1]:25" },
	{ "another domain is that Postfix's own business", "transport", "bob@example.com", "NOTFOUND " },
	{ "a longer one", "transport", "bob@notexample.org", "NOTFOUND " },
	{ "a literal", "transport", "bob@[192.0.2.1]", "NOTFOUND " },
	{ "its wildcard", "transport", "*", "NOTFOUND " },
	{ "nothing is not the first relay's", "transport", "", "NOTFOUND " },
	{ "a local part alone neither", "transport", "postmaster", "NOTFOUND " },
	{ "nor one with an empty domain", "transport", "postmaster@", "NOTFOUND " },
	{ "a domain that is none", "transport", "bob@exa mple..org", "NOTFOUND " },
	{ "a domain that goes by the recipient", "transport", "bob@split.example",
	  "PERM relay:split goes by the recipient, which a table cannot tell: set its postfix-transport" },
	{ "a class's route", "transport/list", "bob@example.com", "OK bulk:" },
	{ "a relay's next hop beats it", "transport/list", "bob@example.org", "OK relay:[192.0.2.1]:25" },
	{ "it is for addresses", "transport/list", "*", "NOTFOUND " },
	{ "a class without a route", "transport/plain", "bob@example.com", "NOTFOUND " },
	{ "a class without a section", "transport/incoming", "bob@example.com", "NOTFOUND " },
	{ "a class that there is not", "transport/lists", "bob@example.com", "PERM there is no class lists" },
	{ "in another case", "transport/List", "bob@example.org", "PERM there is no class List" },
	{ "what is no class", "transport/a/b", "bob@example.com", NO_TABLE },
	{ "a relay's domain by its name", "relay-domains", "example.org", "OK moved" },
	{ "one below", "relay-domains", "a.example.org", "OK moved" },
	{ "one that goes by the recipient is a relay's too", "relay-domains", "split.example", "OK split" },
	{ "another one", "relay-domains", "example.com", "NOTFOUND " },
	{ "nothing is no domain", "relay-domains", "", "NOTFOUND " },
	{ "an address is no domain", "relay-domains", "bob@example.org", "NOTFOUND " },
	{ "no SRS address", "srs", "bob@example.org", "NOTFOUND " },
	{ "one in name only", "srs", "SRS0=bob@fwd.example.com", "NOTFOUND " },
	{ "another host's", "srs", "SRS0=AAAA=BB=example.org=bob@other.example", "NOTFOUND " },
	{ "what is no address", "srs", "@fwd.example.com", "NOTFOUND " },
	{ "no such table", "transports", "bob@example.org", NO_TABLE },
	{ "relay-domains has no classes", "relay-domains/list", "example.org", NO_TABLE },
};

static void
test_tables(void)
{
	struct policy *policy = make_policy(true);
	struct buf out;

	buf_init(&out, SOCKETMAP_REPLY_MAX_BYTES + 10);
	for (int i = 0; i < N_OF(cases); i++) {
		test_case("%s: %s", cases[i].table, cases[i].name);
		expect_str(ask(policy, cases[i].table, cases[i].key, &out), str_of(cases[i].want));
	}
	buf_fini(&out);
	policy_free(policy);
}

/* What another program with the secret made of alice@example.net. */
static const char *
srs_of(const char *secret, int days_ago, char key[KEY_MAX_BYTES])
{
	struct srs_rules *rules = make_srs(secret);
	struct address address, forward;
	struct arena arena;
	struct str text;

	arena_init(&arena, ROOM);
	insist(address_parse(STR("alice@example.net"), true, &address));
	insist(srs_forward(rules, &address, (struct timestamp){ now.us - days_ago * INT64_C(86400000000) }, &arena, &forward) == SRS_FORWARD_REWRITTEN);
	insist(address_text(&forward, &arena, &text));
	snprintf(key, KEY_MAX_BYTES, "%.*s", STR_ARG(text));
	arena_fini(&arena);
	srs_rules_free(rules);
	return key;
}

static void
test_srs(void)
{
	struct policy *policy = make_policy(true), *without = make_policy(false);
	char key[KEY_MAX_BYTES];
	struct buf out;

	buf_init(&out, SOCKETMAP_REPLY_MAX_BYTES + 10);
	test_case("srs: an address of ours is undone");
	expect_str(ask(policy, "srs", srs_of("a secret of ours", 3, key), &out), STR("OK alice@example.net"));
	test_case("srs: not when it is too old");
	expect_str(ask(policy, "srs", srs_of("a secret of ours", 30, key), &out), STR("NOTFOUND "));
	test_case("srs: nor when somebody else made it");
	expect_str(ask(policy, "srs", srs_of("a guess", 0, key), &out), STR("NOTFOUND "));
	test_case("srs: nor without an srs section");
	expect_str(ask(without, "srs", srs_of("a secret of ours", 3, key), &out), STR("NOTFOUND "));
	buf_fini(&out);
	policy_free(policy);
	policy_free(without);
}

static void
test_framing(void)
{
	struct policy *policy = make_policy(false);
	struct buf out;

	buf_init(&out, 100);
	test_case("a part of a question is waited for");
	expect_int(socketmap_answer(policy, STR("21:transport bob@x.exam"), now, &out), 0);
	expect_int((int64_t)out.len, 0);
	test_case("what is none ends the connection");
	expect_int(socketmap_answer(policy, STR("GET / HTTP/1.0\r\n"), now, &out), -1);
	test_case("the question behind it is left alone");
	expect_int(socketmap_answer(policy, STR("3:a b,3:c"), now, &out), 6);
	buf_fini(&out);
	policy_free(policy);
}

int
main(void)
{
	test_tables();
	test_srs();
	test_framing();
	return test_end();
}
