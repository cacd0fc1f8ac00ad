/*
 * test_spf_record.c - what is a record, and what its terms say
 */
#include <stdio.h>

#include "base/buf.h"
#include "policy/spf/spf_record.h"
#include "tests/expect.h"

static const struct { const char *name, *record, *want; } records[] = {	/* want: terms as below; NULL: permerror */
	{ "an empty record", "v=spf1", "" },
	{ "blanks only", "v=spf1   ", "" },
	{ "all the qualifiers", "v=spf1 +all -all ~all ?all all", "+all -all ~all ?all +all" },
	{ "without regard to case", "V=SpF1 -ALL Mx IP4:192.0.2.1 REDIRECT=_SPF.Example.Com",
	    "-all +mx:/32//128 +ip4:192.0.2.1/32 redirect=_SPF.Example.Com" },
	{ "a, mx and ptr without a domain", "v=spf1 a mx ptr", "+a:/32//128 +mx:/32//128 +ptr:" },
	{ "with one", "v=spf1 a:a.com mx:%{d} ptr:b.org", "+a:a.com/32//128 +mx:%{d}/32//128 +ptr:b.org" },
	{ "prefixes", "v=spf1 a/0 a//0 a/24//64 a:a.com/1 mx:a.com//128 mx:a.com/32//1",
	    "+a:/0//128 +a:/32//0 +a:/24//64 +a:a.com/1//128 +mx:a.com/32//128 +mx:a.com/32//1" },
	{ "slashes in a domain", "v=spf1 a:x/y.com/24 a:x//y.com", "+a:x/y.com/24//128 +a:x//y.com/32//128" },
	{ "networks", "v=spf1 ip4:192.0.2.1/0 ip4:10.1.2.3/8 ip6:2001:db8::/32 ip6:::1 ip6:::/0",
	    "+ip4:192.0.2.1/0 +ip4:10.1.2.3/8 +ip6:2001:db8::/32 +ip6:::1/128 +ip6:::/0" },
	{ "a mapped network is nobody's", "v=spf1 ip6:::ffff:192.0.2.1/100", "+ip6:none/100" },
	{ "include and exists", "v=spf1 include:%{d2} exists:%{ir}.%{l1r+-}._spf.%{d}",
	    "+include:%{d2} +exists:%{ir}.%{l1r+-}._spf.%{d}" },
	{ "modifiers anywhere, unknown ones too", "v=spf1 exp=e.com a x.y-z_9=%{d}:/= redirect=r.com -all x.y-z_9=",
	    "+a:/32//128 -all redirect=r.com exp=e.com" },
	{ "a modifier in a modifier's place", "v=spf1 redirect2=x all", "+all" },
	{ "redirect twice", "v=spf1 redirect=a.com redirect=b.com", NULL },
	{ "exp twice", "v=spf1 exp=a.com a EXP=a.com", NULL },
	{ "redirect without a domain", "v=spf1 redirect=", NULL },
	{ "exp to a bare word", "v=spf1 exp=com", NULL },
	{ "a modifier with a qualifier", "v=spf1 -redirect=a.com", NULL },
	{ "a modifier that begins with a digit", "v=spf1 1x=a", NULL },
	{ "a bad macro in an unknown modifier", "v=spf1 x=%{q}", NULL },
	{ "a bad percent in an unknown modifier", "v=spf1 x=100%", NULL },
	{ "an unknown mechanism", "v=spf1 -all moo", NULL },
	{ "a wrong term behind all", "v=spf1 all ip4:1", NULL },
	{ "two qualifiers", "v=spf1 +-all", NULL },
	{ "a qualifier alone", "v=spf1 -", NULL },
	{ "all with a domain", "v=spf1 all:a.com", NULL },
	{ "all with a prefix", "v=spf1 all/8", NULL },
	{ "all with a dot", "v=spf1 all.", NULL },
	{ "include without a domain", "v=spf1 include", NULL },
	{ "include with a prefix", "v=spf1 include:a.com/24", NULL },
	{ "exists without a domain", "v=spf1 exists:", NULL },
	{ "ptr with a prefix", "v=spf1 ptr/0", NULL },
	{ "a with an empty domain", "v=spf1 a:", NULL },
	{ "a with an empty domain and a prefix", "v=spf1 a:/24", NULL },
	{ "a with an address", "v=spf1 a:192.0.2.1", NULL },
	{ "a prefix that is too long", "v=spf1 a/33", NULL },
	{ "an IPv6 prefix that is too long", "v=spf1 a//129", NULL },
	{ "a prefix with a zero in front", "v=spf1 a/08", NULL },
	{ "a prefix without digits", "v=spf1 a/", NULL },
	{ "an IPv6 prefix without digits", "v=spf1 a//", NULL },
	{ "a prefix with a sign", "v=spf1 a/+8", NULL },
	{ "prefixes in the wrong order", "v=spf1 a//64/24", NULL },
	{ "three slashes", "v=spf1 a///64", NULL },
	{ "a long prefix", "v=spf1 a/99999999999999999999", NULL },
	{ "ip4 without an address", "v=spf1 ip4", NULL },
	{ "ip4 with three bytes", "v=spf1 ip4:192.0.2", NULL },
	{ "ip4 with a large byte", "v=spf1 ip4:192.0.2.256", NULL },
	{ "ip4 with an IPv6 prefix", "v=spf1 ip4:192.0.2.1//32", NULL },
	{ "ip4 with a port", "v=spf1 ip4:192.0.2.1:25", NULL },
	{ "ip4 of IPv6", "v=spf1 ip4:2001:db8::1", NULL },
	{ "ip6 of IPv4", "v=spf1 ip6:192.0.2.1", NULL },
	{ "ip6 in brackets", "v=spf1 ip6:[2001:db8::1]", NULL },
	{ "ip6 with a zone", "v=spf1 ip6:fe80::1%%eth0", NULL },
	{ "ip6 with a long prefix", "v=spf1 ip6:2001:db8::1/129", NULL },
	{ "a tab between terms", "v=spf1 a\tmx", NULL },
	{ "a line end", "v=spf1 a\n", NULL },
	{ "eight bits", "v=spf1 a:\xc3\xb6.com", NULL },
	{ "a macro of explanations", "v=spf1 exists:%{c}.com", NULL },
	{ "a quoted record", "v=spf1 \"a\"", NULL },
};

static struct str
described(struct str text, struct buf *out)
{
	static const char *const words[] = { "all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists" };
	struct spf_record record;
	struct spf_term t;
	struct fault fault;
	struct str terms;
	char room[IP_TEXT_MAX];

	if (spf_record_parse(text, &record, &fault) != 0)
		return STR("permerror");
	for (terms = record.terms; spf_record_next(&terms, &t);) {
		buf_printf(out, " %c%s", t.qualifier, words[t.mechanism]);
		if (t.mechanism == SPF_IP4 || t.mechanism == SPF_IP6)
			buf_printf(out, ":%.*s/%d", STR_ARG(t.network.ip.family != IP_NONE ? ip_text(&t.network.ip, room) : STR("none")),
			    t.network.prefix_bits);
		else if (t.mechanism != SPF_ALL)
			buf_printf(out, ":%.*s", STR_ARG(t.domain_spec));
		if (t.mechanism == SPF_A || t.mechanism == SPF_MX)
			buf_printf(out, "/%d//%d", t.prefix4_bits, t.prefix6_bits);
	}
	if (record.redirect.len > 0)
		buf_printf(out, " redirect=%.*s", STR_ARG(record.redirect));
	if (record.exp.len > 0)
		buf_printf(out, " exp=%.*s", STR_ARG(record.exp));
	return str_from(buf_str(out), 1);
}

int
main(void)
{
	struct fault fault;
	struct spf_record record;
	char nul[] = "v=spf1 a\0 -all";

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct buf out;

		test_case("%s", records[i].name);
		buf_init(&out, 4096);
		expect_str(described(str_of(records[i].record), &out), str_of(records[i].want != NULL ? records[i].want : "permerror"));
		buf_fini(&out);
	}
	test_case("only \"v=spf1\" and a blank or the end begin a record (4.5)");
	expect(spf_record_is(STR("v=spf1")) && spf_record_is(STR("V=SPF1 -all")) && spf_record_is(STR("v=spf1 moo")));
	expect(!spf_record_is(STR("v=spf10 -all")) && !spf_record_is(STR(" v=spf1")) && !spf_record_is(STR("v=spf")));
	expect(!spf_record_is(STR("v=spf1\t-all")) && !spf_record_is(STR("")) && !spf_record_is(STR("v=spf1-all")));
	test_case("a NUL is in no term, and what a stranger wrote is shown in one printable line");
	expect_int(spf_record_parse(str_n(nul, sizeof(nul) - 1), &record, &fault), -1);
	expect_text(fault.text, "term \"a\" has more than may be there");	/* what is shown ends at it */
	expect_int(fault.kind, FAULT_PERMANENT);
	expect_int(spf_record_parse(STR("v=spf1 \xff\x1b[2J"), &record, &fault), -1);
	expect_text(fault.text, "term \"??[2J\" is no mechanism");
	return test_end();
}
