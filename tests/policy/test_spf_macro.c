/*
 * test_spf_macro.c - the syntax of macro strings, and the examples of RFC 7208 7.4
 */
#include "policy/spf/spf_macro.h"
#include "tests/expect.h"

static const struct spf_macro_values rfc = {	/* of 7.4 */
	.sender = STR("strong-bad@email.example.com"), .local_part = STR("strong-bad"), .sender_domain = STR("email.example.com"),
	.domain = STR("email.example.com"), .client = { .family = IP_V4, .bytes = { 192, 0, 2, 3 } },
	.validated_name = STR("mx.example.org"), .helo = STR("mx.example.net"), .receiver = STR("r.example"),
	.now = { .us = 1234567890999999 },
};

static const struct { const char *spec, *want; } names[] = {
	{ "%{s}", "strong-bad@email.example.com" },
	{ "%{o}", "email.example.com" },
	{ "%{d}", "email.example.com" },
	{ "%{d4}", "email.example.com" },
	{ "%{d3}", "email.example.com" },
	{ "%{d2}", "example.com" },
	{ "%{d1}", "com" },
	{ "%{dr}", "com.example.email" },
	{ "%{d2r}", "example.email" },
	{ "%{l}", "strong-bad" },
	{ "%{l-}", "strong.bad" },
	{ "%{lr}", "strong-bad" },
	{ "%{lr-}", "bad.strong" },
	{ "%{l1r-}", "strong" },
	{ "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com" },
	{ "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com" },
	{ "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
	{ "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com" },
	{ "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net" },
	/* ours */
	{ "%{h}.%{p}.x", "mx.example.net.mx.example.org.x" },
	{ "%{S}.x", "strong-bad%40email.example.com.x" },
	{ "%{L}.x", "strong-bad.x" },
	{ "%{s.-@}.x", NULL },			/* "@" is no delimiter */
	{ "%{sr-.}.x", "com.example.bad@email.strong.x" },
	{ "%{d99999999999999999999}", "email.example.com" },
	{ "a%%b%_c%-d.x", "a%b c%20d.x" },
	{ "%{d3+}.x", "email.example.com.x" },
	{ "%{i1}.x", "3.x" },
	{ "%{ir/}.x", "192.0.2.3.x" },
	/* wrong */
	{ "", NULL }, { "%", NULL }, { "%{", NULL }, { "%{d", NULL }, { "%{}", NULL }, { "%d", NULL }, { "%{d0}", NULL },
	{ "%{x}", NULL }, { "%{d2r2}", NULL }, { "%{dr2}", NULL }, { "%{d}}", NULL }, { "%{c}", NULL }, { "%{r}", NULL },
	{ "%{t}", NULL }, { "%{d*}", NULL }, { "%{ d}", NULL }, { "com", NULL }, { "a.com.", "a.com" }, { ".com", ".com" },
	{ "a.1", NULL }, { "a.1a", "a.1a" }, { "a.-a", NULL }, { "a.a-", NULL }, { "a.a-1", "a.a-1" }, { "a.1-1", "a.1-1" },
	{ "a..", NULL }, { "a.b_c", NULL }, { "a.%{d}b", NULL }, { "%{d}.", NULL }, { "a.%{d}.b", "a.email.example.com.b" }, { "%%", "%" }, { "a.\x80", NULL },
	{ "a.\tb", NULL }, { "a!$&'()*,;=?@^`|~b.c", "a!$&'()*,;=?@^`|~b.c" },
};

static void
test_names(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct str spec = str_of(names[i].spec), name = STR_EMPTY;
		char room[SPF_NAME_ROOM_BYTES];

		test_case("\"%s\" is %s", names[i].spec, names[i].want != NULL ? names[i].want : "wrong");
		expect(spf_domain_spec_is_valid(spec) == (names[i].want != NULL));
		if (names[i].want != NULL && expect(spf_macro_expand_name(spec, &rfc, room, &name)))
			expect_str(name, str_of(names[i].want));
	}
}

static void
test_ip6(void)
{
	struct spf_macro_values values = rfc;
	char room[SPF_NAME_ROOM_BYTES];
	struct str name = STR_EMPTY;

	test_case("an IPv6 client is nibbles, in whatever case (RFC 7208 7.4)");
	expect(ip_parse(STR("2001:db8::cb01"), &values.client));
	expect(spf_macro_expand_name(STR("%{ir}.%{v}._spf.%{d2}"), &values, room, &name));
	expect(str_eq_nocase(name,
	    STR("1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com")));
}

/* So many bytes of "abcdefghi." or less, with a letter at the end. */
static struct str
labels(char *room, size_t n)
{
	for (size_t i = 0; i < n; i++)
		room[i] = i % 10 == 9 && i + 1 < n ? '.' : (char)('a' + i % 10);
	return str_n(room, n);
}

static void
test_lengths(void)
{
	struct spf_macro_values values = rfc;
	char room[SPF_NAME_ROOM_BYTES], long_value[600], odd[] = "\xc3\xb6";
	struct str name = STR_EMPTY;

	test_case("a name that is too long loses labels at its left (RFC 7208 7.3)");
	values.domain = labels(long_value, 250);
	expect(spf_macro_expand_name(STR("x.%{d}"), &values, room, &name));
	expect_int(name.len, 252);
	expect(spf_macro_expand_name(STR("xyz.%{d}"), &values, room, &name));
	expect_str(name, values.domain);
	expect(spf_macro_expand_name(STR("%{s}.%{d}.%{d}.%{d}.%{d}.com"), &values, room, &name));
	expect_int(name.len, 250 - 10 + 4);	/* with the first label it were 254 */
	expect_str(str_sub(name, 0, 240), str_from(values.domain, 10));
	expect_str(str_from(name, 240), STR(".com"));

	test_case("a value of the greatest length, all delimiters");
	memset(long_value, '.', sizeof(long_value));
	values.sender = str_n(long_value, SPF_VALUE_MAX_BYTES);
	expect(spf_macro_expand_name(STR("%{sr}.com"), &values, room, &name));
	expect(name.len <= SPF_NAME_MAX_BYTES && str_ends_nocase(name, STR("..com")));

	test_case("a local part in UTF-8 has no form in the DNS (RFC 8616 4)");
	values.local_part = str_n(odd, 2);
	expect(!spf_macro_expand_name(STR("%{l}.com"), &values, room, &name));
	expect(spf_macro_expand_name(STR("%{o}"), &values, room, &name));

}

static void
test_text(void)
{
	struct buf out;

	test_case("an explanation has letters that records have not, and is cut where there is no more room");
	buf_init(&out, 60);
	expect(spf_macro_is_valid(STR("%{c} %{r} at %{t}: no %{S}%%"), SPF_MACRO_IN_EXPLANATION));
	expect(!spf_macro_is_valid(STR("%{c}"), SPF_MACRO_IN_RECORD));
	expect(!spf_macro_is_valid(STR("100%"), SPF_MACRO_IN_EXPLANATION));
	expect(!spf_macro_is_valid(STR("a\nb"), SPF_MACRO_IN_EXPLANATION));
	spf_macro_expand_text(STR("%{c} %{r} at %{t}: no %{S}%%"), &rfc, &out);
	expect_str(buf_str(&out), STR("192.0.2.3 r.example at 1234567890: no strong-bad%40email.exa"));
	buf_fini(&out);
	expect(spf_macro_uses(STR("a%%{p}%{d}"), 'd') && !spf_macro_uses(STR("a%%{p}%{d}"), 'p') && spf_macro_uses(STR("%{P2}"), 'p'));
}

int
main(void)
{
	test_names();
	test_ip6();
	test_lengths();
	test_text();
	return test_end();
}
