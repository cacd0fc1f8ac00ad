/*
 * test_resolver.c - questions to nsd, through the resolver
 *
 * The zones stand in name_servers.py; what is wanted here was read off them.
 */
#include "base/mem.h"
#include "tests/expect.h"
#include "tests/runtime/asking.h"

static const struct {
	const char	*name;
	const char	*question;
	enum dns_type	 type;
	const char	*want;
} known[] = {
	{ "all addresses of a name are found", "two.example.org", DNS_A, "found 192.0.2.1 192.0.2.2" },
	{ "IPv6 addresses are found", "two.example.org", DNS_AAAA, "found 2001:db8::1" },
	{ "case does not matter", "TWO.Example.ORG", DNS_AAAA, "found 2001:db8::1" },
	{ "hosts of an MX come in lower case", "example.org", DNS_MX, "found 10:mx1.example.org 20:mx2.example.net" },
	{ "a null MX is the root", "null.example.org", DNS_MX, "found 0:" },
	{ "a name without this type has no data", "v4only.example.org", DNS_AAAA, "no data" },
	{ "a name that is not there is no name", "nobody.example.org", DNS_A, "no name" },
	{ "a text is found", "text.example.org", DNS_TXT, "found \"v=spf1 -all\"" },
	{ "strings of a text are joined", "strings.example.org", DNS_TXT, "found \"first second third\"" },
	{ "an underscore is a letter as others", "under_score.example.org", DNS_TXT, "found \"yes\"" },
	{ "an alias is followed, into another zone too", "a.example.org", DNS_A, "found 192.0.2.4" },
	{ "an alias of nothing is no name", "dangling.example.org", DNS_A, "no name" },
	{ "an address has a name", "1.2.0.192.in-addr.arpa", DNS_PTR, "found two.example.org" },
	{ "TLSA data is found", "_25._tcp.mx.example.org", DNS_TLSA, "found 35 bytes" },
	{ "a name under .test is a name as others", "c.other.test", DNS_A, "found 192.0.2.4" },
	{ "and may be missing there", "d.other.test", DNS_A, "no name" },
	{ "a private address has a name", "1.0.0.10.in-addr.arpa", DNS_PTR, "found private.example.org" },
	{ "a zone that the server refuses is unsettled", "example.com", DNS_A, "unsettled" },

	{ "localhost is asked", "localhost", DNS_TXT, "found \"asked\"" },
	{ "127.in-addr.arpa is asked", "127.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "invalid is asked", "invalid", DNS_TXT, "found \"asked\"" },
	{ "onion is asked", "onion", DNS_TXT, "found \"asked\"" },
	{ "home.arpa is asked", "home.arpa", DNS_TXT, "found \"asked\"" },
	{ "168.192.in-addr.arpa is asked", "168.192.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "16.172.in-addr.arpa is asked", "16.172.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "254.169.in-addr.arpa is asked", "254.169.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "64.100.in-addr.arpa is asked", "64.100.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "0.in-addr.arpa is asked", "0.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "100.51.198.in-addr.arpa is asked", "100.51.198.in-addr.arpa", DNS_TXT, "found \"asked\"" },
	{ "d.f.ip6.arpa is asked", "d.f.ip6.arpa", DNS_TXT, "found \"asked\"" },
	{ "8.e.f.ip6.arpa is asked", "8.e.f.ip6.arpa", DNS_TXT, "found \"asked\"" },
	{ "::1's reverse name is asked",
	  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", DNS_TXT, "found \"asked\"" },

	{ "an empty label is no name", "a..example.org", DNS_A, "no name" },
	{ "a last dot is no name", "two.example.org.", DNS_A, "no name" },
	{ "a first dot is no name", ".example.org", DNS_A, "no name" },
	{ "a label of 64 bytes is no name",
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org", DNS_A, "no name" },
	{ "a byte may be written as a number", "tw\\111.example.org", DNS_A, "found 192.0.2.1 192.0.2.2" },
	{ "a backslash without a number is no name", "tw\\o.example.org", DNS_A, "no name" },
	{ "a blank is a byte as others", "t wo.example.org", DNS_A, "no name" },
	{ "so are those above 127", "tw\xc3\xb6.example.org", DNS_A, "no name" },
};

static void
test_known(struct world *w, struct resolver *resolver)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		test_case("%s", known[i].name);
		expect_answer(resolver, known[i].question, known[i].type, known[i].want);
	}
}

static void
test_long_text(struct world *w, struct resolver *resolver)
{
	struct dns_question question = { .name = STR("many.example.org"), .type = DNS_TXT };
	struct dns_answer answer;
	struct arena arena;

	test_case("a text that no UDP packet holds comes by TCP");
	arena_init(&arena, ANSWERS_MAX_BYTES);
	dns_ask(resolver, &question, 1, in_ms(20000), &arena, &answer);
	expect_int(answer.result, DNS_FOUND);
	if (expect_int(answer.n_records, 1) && expect_int((int64_t)answer.records[0].text.len, 12 * 250))
		expect(answer.records[0].text.at[0] == 'a' && answer.records[0].text.at[12 * 250 - 1] == 'l');
	arena_fini(&arena);
}

static void
test_many_at_once(struct world *w, struct resolver *resolver)
{
	struct dns_question questions[] = {
		{ .name = STR("two.example.org"), .type = DNS_A }, { .name = STR("nobody.example.org"), .type = DNS_A },
		{ .name = STR("a..b"), .type = DNS_A }, { .name = STR("example.org"), .type = DNS_MX }, { .name = STR("two.example.org"), .type = DNS_A },
	};
	struct dns_answer answers[5];
	struct arena arena;
	struct str line;

	test_case("many questions have their answers in their places");
	arena_init(&arena, ANSWERS_MAX_BYTES);
	dns_ask(resolver, questions, 5, in_ms(20000), &arena, answers);
	line = answer_line(&answers[0], DNS_A, &arena);
	expect_str(line, STR("found 192.0.2.1 192.0.2.2"));
	expect_int(answers[0].ttl_s <= 300 && answers[0].ttl_s >= 290, true);
	expect_int(answers[1].result, DNS_NO_NAME);
	expect_int(answers[1].ttl_s <= 60 && answers[1].ttl_s >= 50, true);	/* the SOA's minimum */
	expect_int(answers[2].result, DNS_NO_NAME);
	line = answer_line(&answers[3], DNS_MX, &arena);
	expect_str(line, STR("found 10:mx1.example.org 20:mx2.example.net"));
	line = answer_line(&answers[4], DNS_A, &arena);
	expect_str(line, STR("found 192.0.2.1 192.0.2.2"));

	test_case("no question is answered at once");
	dns_ask(resolver, questions, 0, in_ms(20000), &arena, answers);
	expect(true);
	arena_fini(&arena);
}

/* --- many fibers --- */

enum { CROWD = 600, QUESTIONS_EACH = 4 };

struct member {
	struct world	*world;
	struct resolver	*resolver;
	int		 number;
	int		 n_found;
};

static void
member_run(void *arg)
{
	struct member *m = arg;
	struct dns_question questions[QUESTIONS_EACH];
	struct dns_answer answers[QUESTIONS_EACH];
	struct arena arena;

	arena_init(&arena, ANSWERS_MAX_BYTES);
	for (int i = 0; i < QUESTIONS_EACH; i++) {
		questions[i].type = DNS_A;
		/* Every other fiber asks what another one asks too. */
		arena_printf(&arena, &questions[i].name, "n%d.wild.example.org", m->number / 2 * QUESTIONS_EACH + i);
	}
	dns_ask(m->resolver, questions, QUESTIONS_EACH, in_ms(20000), &arena, answers);
	for (int i = 0; i < QUESTIONS_EACH; i++)
		m->n_found += answers[i].result == DNS_FOUND && answers[i].n_records == 1 &&
		    answers[i].records[0].ip.bytes[3] == 99;
	arena_fini(&arena);
}

static void
test_crowd(struct world *w, struct resolver *resolver)
{
	struct member *crowd = mem_new_array(CROWD, sizeof(*crowd));
	int n_found = 0;

	test_case("hundreds of fibers have their answers");
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = (struct member){ .world = w, .resolver = resolver, .number = i };
		fiber_start(w->loop, "member", member_run, &crowd[i]);
	}
	loop_run(w->loop);
	for (int i = 0; i < CROWD; i++)
		n_found += crowd[i].n_found;
	expect_int(n_found, CROWD * QUESTIONS_EACH);
	mem_free(crowd);
}

int
main(void)
{
	struct world w = { .loop = NULL };
	struct resolver *resolver;

	setvbuf(stdout, NULL, _IOLBF, 0);
	name_servers_start(&w.servers);
	w.loop = loop_new(1000, NULL);

	test_case("a resolver that is not asked can be freed");
	resolver_free(resolver_for(&w, &w.servers.nsd, span_ms(1000), 3));
	expect(true);

	resolver = resolver_for(&w, &w.servers.nsd, span_ms(2000), 3);
	in_fiber(&w, resolver, test_known);
	in_fiber(&w, resolver, test_long_text);
	in_fiber(&w, resolver, test_many_at_once);
	test_crowd(&w, resolver);
	resolver_free(resolver);

	test_case("a server is asked over IPv6");
	resolver = resolver_for(&w, &w.servers.nsd_v6, span_ms(2000), 3);
	in_fiber(&w, resolver, test_long_text);
	resolver_free(resolver);

	loop_free(w.loop);
	name_servers_stop(&w.servers);
	return test_end();
}
