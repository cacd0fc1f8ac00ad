/*
 * test_spf.c - check_host(): appendix A of RFC 7208, limits over the whole evaluation, and our own trouble
 *
 * The public suite is test_spf_suite's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "policy/spf/spf.h"
#include "tests/expect.h"
#include "tests/policy/zone.h"

enum { ZONE_MAX_BYTES = 512 * 1024 };

/* Appendix A */
static const char rfc_zone[] =
    "example.com MX 10 mail-a.example.com\nexample.com MX 20 mail-b.example.com\n"
    "example.com A 192.0.2.10\nexample.com A 192.0.2.11\namy.example.com A 192.0.2.65\nbob.example.com A 192.0.2.66\n"
    "mail-a.example.com A 192.0.2.129\nmail-b.example.com A 192.0.2.130\nwww.example.com CNAME example.com\n"
    "example.org MX 10 mail-c.example.org\nmail-c.example.org A 192.0.2.140\n"
    "10.2.0.192.in-addr.arpa PTR example.com\n11.2.0.192.in-addr.arpa PTR example.com\n"
    "65.2.0.192.in-addr.arpa PTR amy.example.com\n66.2.0.192.in-addr.arpa PTR bob.example.com\n"
    "129.2.0.192.in-addr.arpa PTR mail-a.example.com\n130.2.0.192.in-addr.arpa PTR mail-b.example.com\n"
    "140.2.0.192.in-addr.arpa PTR mail-c.example.org\n4.0.0.10.in-addr.arpa PTR bob.example.com\n"
    /* ours */
    "v6.example.com AAAA 2001:db8::1\nv6.example.com MX 10 v6.example.com\n"
    "slow.example.com timeout\nslowmx.example.com MX 5 slow.example.com\nslowmx.example.com MX 10 mail-a.example.com\n"
    "nullmx.example.com MX 0 .\n5.2.0.192.in-addr.arpa timeout\n"
    "why.example.com TXT %{i} may not send as %{s}\n"
    "xn--bcher-kva.example TXT v=spf1 exists:%{o}.known.example exists:%{s}.known.example -all\n"
    "xn--bcher-kva.example.known.example A 127.0.0.2\n";

#define NETS8 "ip4:10.0.0.1 ip4:10.0.0.2 ip4:10.0.0.3 ip4:10.0.0.4 ip4:10.0.0.5 ip4:10.0.0.6 ip4:10.0.0.7 ip4:10.0.0.8 "
#define NETS64 NETS8 NETS8 NETS8 NETS8 NETS8 NETS8 NETS8 NETS8
#define MACROS16 "%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}%{d}"

static const struct spf_case {
	const char	*name, *records, *ip;
	enum spf_value	 want;
	const char	*want_mechanism, *want_problem;
	const char	*from;		/* NULL: user@example.com; "": null */
} cases[] = {
	{ "A.1 +all", "example.com TXT v=spf1 +all\n", "192.0.2.1", SPF_PASS, "+all", "", NULL },
	{ "A.1 a", "example.com TXT v=spf1 a -all\n", "192.0.2.10", SPF_PASS, "a", "", NULL },
	{ "A.1 a, another", "example.com TXT v=spf1 a -all\n", "192.0.2.11", SPF_PASS, "a", "", NULL },
	{ "A.1 a, not", "example.com TXT v=spf1 a -all\n", "192.0.2.65", SPF_FAIL, "-all", "", NULL },
	{ "A.1 a of what has no address", "example.com TXT v=spf1 a:example.org -all\n", "192.0.2.10", SPF_FAIL, "-all", "", NULL },
	{ "A.1 mx", "example.com TXT v=spf1 mx -all\n", "192.0.2.130", SPF_PASS, "mx", "", NULL },
	{ "A.1 mx of another", "example.com TXT v=spf1 mx:example.org -all\n", "192.0.2.140", SPF_PASS, "mx:example.org", "", NULL },
	{ "A.1 mx of both", "example.com TXT v=spf1 mx mx:example.org -all\n", "192.0.2.140", SPF_PASS, "mx:example.org", "", NULL },
	{ "A.1 mx/30", "example.com TXT v=spf1 mx/30 mx:example.org/30 -all\n", "192.0.2.131", SPF_PASS, "mx/30", "", NULL },
	{ "A.1 mx/30 of another", "example.com TXT v=spf1 mx/30 mx:example.org/30 -all\n", "192.0.2.143", SPF_PASS,
	    "mx:example.org/30", "", NULL },
	{ "A.1 mx/30, not", "example.com TXT v=spf1 mx/30 mx:example.org/30 -all\n", "192.0.2.132", SPF_FAIL, "-all", "", NULL },
	{ "A.1 ptr", "example.com TXT v=spf1 ptr -all\n", "192.0.2.65", SPF_PASS, "ptr", "", NULL },
	{ "A.1 ptr of another domain", "example.com TXT v=spf1 ptr -all\n", "192.0.2.140", SPF_FAIL, "-all", "", NULL },
	{ "A.1 ptr that is a lie", "example.com TXT v=spf1 ptr -all\n", "10.0.0.4", SPF_FAIL, "-all", "", NULL },
	{ "A.1 ip4, not", "example.com TXT v=spf1 ip4:192.0.2.128/28 -all\n", "192.0.2.65", SPF_FAIL, "-all", "", NULL },
	{ "A.1 ip4", "example.com TXT v=spf1 ip4:192.0.2.128/28 -all\n", "192.0.2.129", SPF_PASS, "ip4:192.0.2.128/28", "", NULL },
	{ "A.2 include", "example.org TXT v=spf1 include:example.com include:example.net -all\nexample.com TXT v=spf1 mx -all\n"
	    "example.net TXT v=spf1 -all\n", "192.0.2.129", SPF_PASS, "include:example.com", "", "u@example.org" },
	{ "A.2 redirect", "la.example.org TXT v=spf1 redirect=example.org\nexample.org TXT v=spf1 include:example.com -all\n"
	    "example.com TXT v=spf1 mx -all\n", "192.0.2.1", SPF_FAIL, "-all", "", "u@la.example.org" },
	{ "A.3 a mobile user", "example.com TXT v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all\n"
	    "mobile-users._spf.example.com TXT v=spf1 exists:%{l1r+}.%{d}\nmary.mobile-users._spf.example.com A 127.0.0.2\n"
	    "remote-users._spf.example.com TXT v=spf1 exists:%{ir}.%{l1r+}.%{d}\n"
	    "15.15.168.192.joel.remote-users._spf.example.com A 127.0.0.2\n",
	    "198.51.100.1", SPF_PASS, "include:mobile-users._spf.%{d}", "", "mary+list@example.com" },
	{ "A.3 a remote user", "example.com TXT v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all\n"
	    "mobile-users._spf.example.com TXT v=spf1 exists:%{l1r+}.%{d}\n"
	    "remote-users._spf.example.com TXT v=spf1 exists:%{ir}.%{l1r+}.%{d}\n"
	    "15.15.168.192.joel.remote-users._spf.example.com A 127.0.0.2\n",
	    "192.168.15.15", SPF_PASS, "include:remote-users._spf.%{d}", "", "joel@example.com" },
	{ "A.4 both must agree", "example.com TXT v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all\n"
	    "ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all\nptr._spf.example.com TXT v=spf1 -ptr:example.com +all\n",
	    "192.0.2.65", SPF_PASS, "+all", "", NULL },
	{ "A.4 the address does not", "example.com TXT v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all\n"
	    "ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all\nptr._spf.example.com TXT v=spf1 -ptr:example.com +all\n",
	    "198.51.100.1", SPF_FAIL, "-include:ip4._spf.%{d}", "", NULL },
	{ "A.4 the name does not", "example.com TXT v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all\n"
	    "ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all\nptr._spf.example.com TXT v=spf1 -ptr:example.com +all\n",
	    "192.0.2.140", SPF_FAIL, "-include:ptr._spf.%{d}", "", NULL },

	{ "127.0.0.1 has no free ride", "example.com TXT v=spf1 mx -all\n", "127.0.0.1", SPF_FAIL, "-all", "", NULL },
	{ "::1 neither", "example.com TXT v=spf1 a:v6.example.com -all\n", "::1", SPF_FAIL, "-all", "", NULL },
	{ "IPv6: a", "example.com TXT v=spf1 a:v6.example.com -all\n", "2001:db8::1", SPF_PASS, "a:v6.example.com", "", NULL },
	{ "IPv6: mx with a prefix", "example.com TXT v=spf1 mx:v6.example.com//33 -all\n", "2001:db8:7fff::", SPF_PASS,
	    "mx:v6.example.com//33", "", NULL },
	{ "IPv6: the prefix is too long", "example.com TXT v=spf1 mx:v6.example.com/1//33 -all\n", "2001:db8:8000::", SPF_FAIL, "-all", "", NULL },
	{ "IPv6: ip6", "example.com TXT v=spf1 ip6:2001:db8::/127 -all\n", "2001:db8::1", SPF_PASS, "ip6:2001:db8::/127", "", NULL },
	{ "/1 of IPv4", "example.com TXT v=spf1 a/1 -all\n", "255.255.255.255", SPF_PASS, "a/1", "", NULL },
	{ "/0 needs an address that is there", "example.com TXT v=spf1 a:v6.example.com/0 mx/0 -all\n", "198.51.100.1", SPF_PASS, "mx/0", "", NULL },
	{ "qualifiers: softfail", "example.com TXT v=spf1 ~a -all\n", "192.0.2.10", SPF_SOFTFAIL, "~a", "", NULL },
	{ "qualifiers: neutral", "example.com TXT v=spf1 ?mx -all\n", "192.0.2.129", SPF_NEUTRAL, "?mx", "", NULL },
	{ "nothing matches", "example.com TXT v=spf1 a mx\n", "192.0.2.1", SPF_NEUTRAL, "default", "", NULL },
	{ "the first match decides", "example.com TXT v=spf1 ~ip4:192.0.2.10 -a +all\n", "192.0.2.10", SPF_SOFTFAIL, "~ip4:192.0.2.10", "", NULL },
	{ "a record in any case", "example.com TXT V=spf1 -ALL\n", "192.0.2.10", SPF_FAIL, "-ALL", "", NULL },
	{ "no record", "example.com TXT v=spf2.0/pra -all\n", "192.0.2.10", SPF_NONE, "", "example.com has no record", NULL },
	{ "two records", "example.com TXT v=spf1 -all\nexample.com TXT v=spf1 +all\n", "192.0.2.10", SPF_PERMERROR, "",
	    "example.com has more than one record", NULL },
	{ "a wrong record", "example.com TXT v=spf1 +all foo\n", "192.0.2.10", SPF_PERMERROR, "", "example.com: term \"foo\" is no mechanism", NULL },
	{ "the DNS does not say the record", "example.com timeout\n", "192.0.2.10", SPF_TEMPERROR, "", "example.com: timed out", NULL },
	{ "nor an address", "example.com TXT v=spf1 a:slow.example.com -all\n", "192.0.2.10", SPF_TEMPERROR, "", "slow.example.com: timed out", NULL },
	{ "a match before it is a match", "example.com TXT v=spf1 a a:slow.example.com -all\n", "192.0.2.10", SPF_PASS, "a", "", NULL },
	{ "nor a mail exchanger's address", "example.com TXT v=spf1 mx:slowmx.example.com -all\n", "192.0.2.129", SPF_TEMPERROR, "",
	    "a mail exchanger: timed out", NULL },
	{ "for ptr that is no match", "example.com TXT v=spf1 ptr -all\n", "192.0.2.5", SPF_FAIL, "-all", "", NULL },
	{ "nor an included record", "example.com TXT v=spf1 include:slow.example.com -all\n", "192.0.2.1", SPF_TEMPERROR, "",
	    "slow.example.com: timed out", NULL },
	{ "nor a redirected one", "example.com TXT v=spf1 redirect=slow.example.com\n", "192.0.2.1", SPF_TEMPERROR, "", "slow.example.com: timed out", NULL },
	{ "include without a record", "example.com TXT v=spf1 include:amy.example.com -all\n", "192.0.2.1", SPF_PERMERROR, "",
	    "amy.example.com is included and has no record", NULL },
	{ "redirect to nothing", "example.com TXT v=spf1 redirect=amy.example.com\n", "192.0.2.1", SPF_PERMERROR, "", "amy.example.com has no record", NULL },
	{ "a redirect of an included record", "example.com TXT v=spf1 include:i.example.com -all\ni.example.com TXT v=spf1 redirect=r.example.com\n"
	    "r.example.com TXT v=spf1 a:amy.example.com -all\n", "192.0.2.65", SPF_PASS, "include:i.example.com", "", NULL },
	{ "a redirect is not followed behind all", "example.com TXT v=spf1 ?all redirect=slow.example.com\n", "192.0.2.1", SPF_NEUTRAL, "?all", "", NULL },
	{ "include of itself", "example.com TXT v=spf1 include:example.com -all\n", "192.0.2.1", SPF_PERMERROR, "", "more than 10 terms need the DNS", NULL },
	{ "redirect to itself", "example.com TXT v=spf1 redirect=example.com\n", "192.0.2.1", SPF_PERMERROR, "", "more than 10 terms need the DNS", NULL },
	{ "two that include each other", "example.com TXT v=spf1 include:b.example.com -all\nb.example.com TXT v=spf1 include:example.com -all\n",
	    "192.0.2.1", SPF_PERMERROR, "", "more than 10 terms need the DNS", NULL },
	{ "ten terms", "example.com TXT v=spf1 a a a a a a a a a mx -all\n", "192.0.2.129", SPF_PASS, "mx", "", NULL },
	{ "eleven terms", "example.com TXT v=spf1 a a a a a a a a a a mx -all\n", "192.0.2.129", SPF_PERMERROR, "", "more than 10 terms need the DNS", NULL },
	{ "eleven terms, the tenth matches", "example.com TXT v=spf1 a a a a a a a a a mx a a a -all\n", "192.0.2.129", SPF_PASS, "mx", "", NULL },
	{ "the count goes on in included records", "example.com TXT v=spf1 include:i.example.com a a a a -all\n"
	    "i.example.com TXT v=spf1 a:amy.example.com a:amy.example.com a:amy.example.com include:j.example.com ?all\n"
	    "j.example.com TXT v=spf1 mx:example.com mx:example.com\n", "192.0.2.1", SPF_PERMERROR, "", "more than 10 terms need the DNS", NULL },
	{ "and behind redirects", "example.com TXT v=spf1 a a a a a redirect=i.example.com\n"
	    "i.example.com TXT v=spf1 a:amy.example.com a:amy.example.com a:amy.example.com a:amy.example.com a:bob.example.com -all\n",
	    "192.0.2.66", SPF_PERMERROR, "", "more than 10 terms need the DNS", NULL },
	{ "two void lookups", "example.com TXT v=spf1 a:x1.example.com a:x2.example.com -all\n", "192.0.2.1", SPF_FAIL, "-all", "", NULL },
	{ "three", "example.com TXT v=spf1 a:x1.example.com mx:x2.example.com exists:x3.example.com -all\n", "192.0.2.1", SPF_PERMERROR, "",
	    "more than 2 lookups found nothing, the last of x3.example.com", NULL },
	{ "three, over includes", "example.com TXT v=spf1 include:i.example.com a:x2.example.com include:j.example.com -all\n"
	    "i.example.com TXT v=spf1 a:x1.example.com\nj.example.com TXT v=spf1 a:x3.example.com\n", "192.0.2.1", SPF_PERMERROR, "",
	    "more than 2 lookups found nothing, the last of x3.example.com", NULL },
	{ "a null MX", "example.com TXT v=spf1 mx:nullmx.example.com -all\n", "192.0.2.1", SPF_FAIL, "-all", "", NULL },
	{ "a name that cannot be", "example.com TXT v=spf1 a:x..com exists:%{l}.example.com +all\n", "192.0.2.1", SPF_PASS, "+all", "",
	    "0123456789012345678901234567890123456789012345678901234567890123@example.com" },
	{ "p", "example.com TXT v=spf1 exists:%{p}.p.example.com -all\namy.example.com.p.example.com A 127.0.0.2\n", "192.0.2.65", SPF_PASS,
	    "exists:%{p}.p.example.com", "", NULL },
	{ "p, unknown", "example.com TXT v=spf1 exists:%{p}.p.example.com -all\nunknown.p.example.com A 127.0.0.2\n", "10.0.0.4", SPF_PASS,
	    "exists:%{p}.p.example.com", "", NULL },
	{ "p counts as a term, once", "example.com TXT v=spf1 exists:%{p}.example.org a a a a a a a a exists:%{p}.example.org -all\n"
	    "amy.example.com.example.org exists\n", "192.0.2.65", SPF_PERMERROR, "", "more than 10 terms need the DNS", NULL },
	{ "no multi-label name", "", "192.0.2.1", SPF_NONE, "", "no domain name", "u@localhost" },
	{ "a literal", "", "192.0.2.1", SPF_NONE, "", "no domain name", "u@[192.0.2.1]" },
	{ "no domain", "", "192.0.2.1", SPF_NONE, "", "no domain name", "postmaster" },
	{ "a last dot", "example.com TXT v=spf1 a -all\n", "192.0.2.10", SPF_PASS, "a", "", "u@example.com." },
	{ "a null reverse-path is the HELO name's", "mail.example.net TXT v=spf1 exists:%{l}.example.net -all\npostmaster.example.net A 127.0.0.2\n",
	    "192.0.2.1", SPF_PASS, "exists:%{l}.example.net", "", "" },
	{ "a domain in UTF-8; a sender in UTF-8 has no form", "", "192.0.2.1", SPF_PASS, "exists:%{o}.known.example", "",
	    "\xc3\xb6@b\xc3\xbc" "cher.example" },
	{ "an included record in UTF-8 by a local part is an error",
	    "example.com TXT v=spf1 include:%{l}.example.com -all\n", "192.0.2.1", SPF_PERMERROR, "", " is included and has no record",
	    "\xc3\xb6@example.com" },
	{ "odd bytes in a name are asked for as they are", "example.com TXT v=spf1 exists:%{l}.users.example.com -all\n"
	    "\"a\\x20b\".users.example.com A 127.0.0.2\n", "192.0.2.1", SPF_PASS, "exists:%{l}.users.example.com", "", "\"a b\"@example.com" },
	{ "65 networks, the last", "example.com TXT v=spf1 " NETS64 "ip4:10.9.9.9 -all\n", "10.9.9.9", SPF_PASS, "ip4:10.9.9.9", "", NULL },
	{ "65 networks, none", "example.com TXT v=spf1 " NETS64 "ip4:10.9.9.9 -all\n", "192.0.2.1", SPF_FAIL, "-all", "", NULL },
	{ "the record that kills libspf2", "example.com TXT v=spf1 a:" MACROS16 MACROS16 MACROS16 MACROS16 MACROS16 MACROS16 MACROS16 MACROS16
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com -all\n",
	    "192.0.2.1", SPF_FAIL, "-all", "", NULL },
};

struct world {				/* what a check has about it */
	struct zone		 zone;
	struct buf		 text;
	struct arena		 arena;
	struct spf_inputs	 inputs;
};

static void
world_init(struct world *w, struct str records, const char *ip)
{
	buf_init(&w->text, ZONE_MAX_BYTES);
	expect(buf_append(&w->text, records) == 0 && buf_append(&w->text, str_of(rfc_zone)) == 0);
	zone_init(&w->zone, buf_str(&w->text));
	arena_init(&w->arena, SPF_ARENA_MAX_BYTES);
	w->inputs = (struct spf_inputs){
		.helo = STR("mail.example.net"), .receiver = STR("r.example"), .resolver = &w->zone.resolver,
		.deadline = INSTANT_NEVER, .arena = &w->arena,
	};
	expect(ip_parse(str_of(ip), &w->inputs.client));
}

static void
world_fini(struct world *w)
{
	arena_fini(&w->arena);
	buf_fini(&w->text);
}

static struct address
address_of(const char *from)
{
	struct str text = str_of(from != NULL ? from : "user@example.com");
	ptrdiff_t at = str_rfind(text, '@');

	if (at < 0)
		return (struct address){ .local = text, .domain = STR_EMPTY };
	return (struct address){ .local = str_sub(text, 0, (size_t)at), .domain = str_from(text, (size_t)at + 1) };
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct spf_case *c = &cases[i];
		struct address from = address_of(c->from);
		struct spf_result result;
		struct world w;

		test_case("%s", c->name);
		world_init(&w, str_of(c->records), c->ip);
		spf_check_mail_from(&w.inputs, &from, &result);
		expect_text(spf_value_word(result.value), spf_value_word(c->want));
		expect_str(result.mechanism, str_of(c->want_mechanism));
		expect_str(result.problem, str_of(c->want_problem));
		expect(result.n_dns_terms <= SPF_DNS_TERMS_MAX + 1 && result.n_void_lookups <= SPF_VOID_LOOKUPS_MAX + 1);
		expect_int(result.identity, SPF_MAIL_FROM);
		world_fini(&w);
	}
}

/*
 * Whichever question stays open, and however little memory there is: the result is the right one, or
 * temperror.  Of the terms ptr and p a silent DNS means no match (5.5), so with them all answers come.
 */
struct deaf {				/* a resolver to which one question stays open */
	struct resolver	 resolver;
	struct zone	*zone;
	int		 n_until;
};

static void
deaf_ask(struct resolver *resolver, const struct dns_question *questions, int n, struct instant deadline, struct arena *arena,
    struct dns_answer *answers)
{
	struct deaf *deaf = (struct deaf *)resolver;

	dns_ask(&deaf->zone->resolver, questions, n, deadline, arena, answers);
	for (int i = 0; i < n; i++) {
		if (deaf->n_until-- == 0)
			answers[i] = (struct dns_answer){ .result = DNS_UNSETTLED, .why = "lost" };
	}
}

static void
test_trouble(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct spf_case *c = &cases[i];
		struct address from = address_of(c->from);
		struct spf_result result;
		struct world w;
		struct deaf deaf = { .resolver = { .ask = deaf_ask }, .zone = &w.zone };
		int n_questions = 1;

		test_case("%s, and one question stays open, or memory is short", c->name);
		if (strstr(c->records, "ptr") != NULL || strstr(c->records, "%{p") != NULL)
			n_questions = 0;
		for (int lost = 0; lost < n_questions; lost++) {
			world_init(&w, str_of(c->records), c->ip);
			w.inputs.resolver = &deaf.resolver;
			deaf.n_until = lost;
			spf_check_mail_from(&w.inputs, &from, &result);
			n_questions = w.zone.n_questions > n_questions ? w.zone.n_questions : n_questions;
			expect(result.value == SPF_TEMPERROR ? result.mechanism.len == 0 && result.problem.len > 0 : result.value == c->want);
			world_fini(&w);
		}
		for (size_t room = 0; room < 40000; room += 101) {
			world_init(&w, str_of(c->records), c->ip);
			w.arena.max_bytes = room;
			spf_check_mail_from(&w.inputs, &from, &result);
			expect(result.value == SPF_TEMPERROR || result.value == c->want);
			world_fini(&w);
		}
	}
}

static void
test_explanation(void)
{
	static const struct {
		const char *name, *records, *ip, *want;
	} words[] = {
		{ "an explanation of a fail", "example.com TXT v=spf1 -all exp=why.example.com\n", "192.0.2.1",
		    "192.0.2.1 may not send as user@example.com" },
		{ "none of a softfail", "example.com TXT v=spf1 ~all exp=why.example.com\n", "192.0.2.1", "" },
		{ "none where there is no text", "example.com TXT v=spf1 -all exp=amy.example.com\n", "192.0.2.1", "" },
		{ "none where the DNS does not say", "example.com TXT v=spf1 -all exp=slow.example.com\n", "192.0.2.1", "" },
		{ "none where the text is wrong", "example.com TXT v=spf1 -all exp=e.example.com\ne.example.com TXT 100% sure\n", "192.0.2.1", "" },
		{ "none where it is not printable", "example.com TXT v=spf1 -all exp=e.example.com\ne.example.com TXT a\\x0ab\n", "192.0.2.1", "" },
		{ "of where a redirect leads", "example.com TXT v=spf1 redirect=e.example.com exp=amy.example.com\n"
		    "e.example.com TXT v=spf1 -all exp=%{l}.%{d}\nuser.e.example.com TXT %{d} says no to %{h}\n", "192.0.2.1",
		    "e.example.com says no to mail.example.net" },
		{ "not of an included record", "example.com TXT v=spf1 include:e.example.com -all\n"
		    "e.example.com TXT v=spf1 -all exp=why.example.com\n", "192.0.2.1", "" },
		{ "of ten terms, and its own lookups do not count", "example.com TXT v=spf1 a a a a a a a a a a -all exp=%{p}.x.com\n"
		    "amy.example.com.x.com TXT %{p}\n", "192.0.2.65", "amy.example.com" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct address from = address_of(NULL);
		struct spf_result result;
		struct world w;

		test_case("%s", words[i].name);
		world_init(&w, str_of(words[i].records), words[i].ip);
		spf_check_mail_from(&w.inputs, &from, &result);
		expect_str(result.explanation, str_of(words[i].want));
		world_fini(&w);
	}
}

static void
test_long(void)
{
	struct address from = address_of(NULL);
	struct spf_result result;
	struct buf text;
	struct world w;

	test_case("an explanation that is too long is cut, and a record of 60,000 bytes is read");
	buf_init(&text, ZONE_MAX_BYTES);
	buf_printf(&text, "e.example.com TXT ");
	for (int i = 0; i < 3000; i++)
		buf_printf(&text, "%%{S} no ");
	buf_printf(&text, "\nexample.com TXT v=spf1 exp=e.example.com ");
	for (int i = 0; i < 4000; i++)
		buf_printf(&text, "ip4:10.0.%d.%d ", i / 256, i % 256);
	buf_printf(&text, "-all\n");
	world_init(&w, buf_str(&text), "192.0.2.1");
	spf_check_mail_from(&w.inputs, &from, &result);
	expect_text(spf_value_word(result.value), "fail");
	expect_int(result.explanation.len, SPF_EXPLANATION_MAX_BYTES);
	w.inputs.client.bytes[0] = 10;
	memset(w.inputs.client.bytes + 1, 0, 3);
	w.inputs.client.bytes[2] = 15;
	spf_check_mail_from(&w.inputs, &from, &result);
	expect_text(spf_value_word(result.value), "pass");
	expect_str(result.mechanism, STR("ip4:10.0.15.0"));
	world_fini(&w);
	buf_fini(&text);

	test_case("a domain-spec that is absurdly long is permerror, however many macros it has");
	buf_init(&text, ZONE_MAX_BYTES);
	buf_printf(&text, "example.com TXT v=spf1 a:");
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "%%{S}");
	buf_printf(&text, ".com -all\n");
	world_init(&w, buf_str(&text), "192.0.2.1");
	spf_check_mail_from(&w.inputs, &from, &result);
	expect_text(spf_value_word(result.value), "permerror");
	expect_int(w.zone.n_questions, 1);
	world_fini(&w);
	buf_fini(&text);
}

static void
test_helo(void)
{
	static const char zone[] = "mail.example.net TXT v=spf1 ip4:192.0.2.7 -all\nexample.com TXT v=spf1 +all\n";
	struct address from = address_of(NULL);
	struct spf_result result;
	char room[600];
	struct world w;

	test_case("the HELO identity is of its own");
	world_init(&w, str_of(zone), "192.0.2.1");
	spf_check_helo(&w.inputs, &result);
	expect_text(spf_value_word(result.value), "fail");
	expect_int(result.identity, SPF_HELO);
	expect_str(result.sender, STR("postmaster@mail.example.net"));
	expect_str(result.domain, STR("mail.example.net"));
	expect_str(result.mechanism_domain, STR("mail.example.net"));
	spf_check_mail_from(&w.inputs, &from, &result);
	expect_text(spf_value_word(result.value), "pass");

	test_case("a HELO that is no name, none, or absurd, is no reason to fail anything");
	w.inputs.helo = STR("[192.0.2.1]");
	spf_check_helo(&w.inputs, &result);
	expect_text(spf_value_word(result.value), "none");
	w.inputs.helo = STR_EMPTY;
	spf_check_helo(&w.inputs, &result);
	expect_text(spf_value_word(result.value), "none");
	w.inputs.helo = str_n(memset(room, 'a', sizeof(room)), sizeof(room));
	room[300] = '.';
	spf_check_helo(&w.inputs, &result);
	expect_text(spf_value_word(result.value), "none");
	spf_check_mail_from(&w.inputs, &from, &result);
	expect_text(spf_value_word(result.value), "pass");
	w.inputs.client.family = IP_NONE;
	spf_check_mail_from(&w.inputs, &from, &result);
	expect_text(spf_value_word(result.value), "none");
	world_fini(&w);
}

int
main(void)
{
	test_cases();
	test_explanation();
	test_long();
	test_helo();
	test_trouble();
	return test_end();
}
