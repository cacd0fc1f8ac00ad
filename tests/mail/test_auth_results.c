/*
 * test_auth_results.c - Authentication-Results and Received-SPF: what is written, and whose a field is
 */
#include <stdio.h>

#include "base/insist.h"
#include "mail/auth_results.h"
#include "mail/received_spf.h"
#include "tests/expect.h"
#include "tests/mail/auth_judge.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define ID		"mx.example.org"

static const struct auth_property iprev_properties[] = { { "policy", "iprev", STR_EMPTY } };
static const struct auth_result no_properties[] = {
	{ "iprev", "fail", STR_EMPTY, iprev_properties, N_OF(iprev_properties) },
	{ "spf", "temperror", { .at = "the \"server\"\r\nX-Evil: 1\t does \\not answer", .len = 41 }, NULL, 0 },
};

static const struct auth_property all_properties[][4] = {
	{ { "policy", "iprev", { .at = "192.0.2.1", .len = 9 } } },
	{ { "smtp", "mailfrom", { .at = "bounce+x=y@mail.example.com", .len = 27 } } },
	{ { "smtp", "helo", { .at = "client.example.com", .len = 18 } } },
	{ { "header", "d", { .at = "example.com", .len = 11 } }, { "header", "s", { .at = "sel-1", .len = 5 } },
	  { "header", "a", { .at = "rsa-sha256", .len = 10 } }, { "header", "b", { .at = "aB/+9x==", .len = 8 } } },
	{ { "header", "from", { .at = "example.com", .len = 11 } }, { "polrec", "p", { .at = "reject", .len = 6 } } },
};
static const struct auth_result all_methods[] = {
	{ "iprev", "pass", STR_EMPTY, all_properties[0], 1 },
	{ "spf", "pass", STR_EMPTY, all_properties[1], 1 },
	{ "spf", "none", STR_EMPTY, all_properties[2], 1 },
	{ "dkim", "fail", { .at = "signature did not verify", .len = 24 }, all_properties[3], 4 },
	{ "dmarc", "pass", STR_EMPTY, all_properties[4], 2 },
};

static const struct auth_property long_property[] = { { "smtp", "mailfrom", { .at = "0123456789012345678901234567890123456789012345678901234567890123456789@example.com", .len = 82 } } };
static const struct auth_result long_words[] = {
	{ "spf", "fail", { .at = "a sentence that is so long that it will not stand on one line of a header and is folded", .len = 87 },
	  long_property, 1 },
};

static const struct {
	const char			*name;
	const char			*id;
	const struct auth_result	*results;
	int				 n_results;
	const char			*want;
	const char			*judged;	/* what another reader finds in it; NULL: it cannot read such ids */
} written[] = {
	{ "no results are none", ID, NULL, 0, "Authentication-Results: mx.example.org; none\r\n", "" },
	{ "an id that is no token is quoted", "mx/example", NULL, 0, "Authentication-Results: \"mx/example\"; none\r\n", NULL },
	{ "an empty property is left out, a reason is one line without its quotes taken for the end", ID, no_properties, 2,
	  "Authentication-Results: mx.example.org; iprev=fail; spf=temperror\r\n"
	  "\treason=\"the \\\"server\\\" X-Evil: 1 does \\\\not answer\"\r\n",
	  "iprev=fail\nspf=temperror\nreason=the \"server\" X-Evil: 1 does \\not answer" },
	{ "all methods, folded between words", ID, all_methods, N_OF(all_methods),
	  "Authentication-Results: mx.example.org; iprev=pass policy.iprev=192.0.2.1;\r\n"
	  "\tspf=pass smtp.mailfrom=\"bounce+x=y@mail.example.com\"; spf=none\r\n"
	  "\tsmtp.helo=client.example.com; dkim=fail reason=\"signature did not\r\n"
	  " verify\" header.d=example.com header.s=sel-1 header.a=rsa-sha256\r\n"
	  "\theader.b=\"aB/+9x==\"; dmarc=pass header.from=example.com\r\n"
	  "\tpolrec.p=reject\r\n",
	  "iprev=pass\npolicy.iprev=192.0.2.1\nspf=pass\nsmtp.mailfrom=bounce+x=y@mail.example.com\nspf=none\n"
	  "smtp.helo=client.example.com\ndkim=fail\nreason=signature did not verify\nheader.d=example.com\n"
	  "header.s=sel-1\nheader.a=rsa-sha256\nheader.b=aB/+9x==\ndmarc=pass\nheader.from=example.com" },	/* it knows no polrec */
	{ "a long reason is folded inside, a long address is not", ID, long_words, 1,
	  "Authentication-Results: mx.example.org; spf=fail reason=\"a sentence that is\r\n"
	  " so long that it will not stand on one line of a header and is folded\"\r\n"
	  "\tsmtp.mailfrom=0123456789012345678901234567890123456789012345678901234567890123456789@example.com\r\n",
	  "spf=fail\nreason=a sentence that is so long that it will not stand on one line of a header and is folded\n"
	  "smtp.mailfrom=0123456789012345678901234567890123456789012345678901234567890123456789@example.com" },
};

/* A value by itself, as it is written behind "smtp.mailfrom=". */
static const struct {
	const char	*name, *value;
	size_t		 len;		/* 0: strlen */
	bool		 allow_utf8;
	const char	*want;
} values[] = {
	{ "an address is plain", "a.b@example.com", 0, false, "a.b@example.com" },
	{ "a domain behind @ is plain", "@example.com", 0, false, "@example.com" },
	{ "a quoted local part is plain with its domain", "\"a b\"@example.com", 0, false, "\"a b\"@example.com" },
	{ "an address of VERP is quoted, since some readers stop at =", "bounce+x=y@example.com", 0, false, "\"bounce+x=y@example.com\"" },
	{ "two at signs are quoted", "a@b@example.com", 0, false, "\"a@b@example.com\"" },
	{ "a semicolon is quoted", "a;dkim=pass@example.com", 0, false, "\"a;dkim=pass@example.com\"" },
	{ "a comment is quoted", "a(b", 0, false, "\"a(b\"" },
	{ "a quote and a backslash are escaped", "a\"b\\c", 0, false, "\"a\\\"b\\\\c\"" },
	{ "a line end is no line end", "a\r\nX: y", 0, false, "\"a??X: y\"" },
	{ "a NUL is none", "a\0b", 3, false, "\"a?b\"" },
	{ "an IPv6 address is quoted", "2001:db8::1", 0, false, "\"2001:db8::1\"" },
	{ "base64 with a slash is quoted", "aB/c", 0, false, "\"aB/c\"" },
	{ "UTF-8 where it is allowed", "\xc3\xb6@b\xc3\xbc.example", 0, true, "\xc3\xb6@b\xc3\xbc.example" },
	{ "UTF-8 where it is not", "\xc3\xb6@b.example", 0, false, "\"??@b.example\"" },
	{ "malformed UTF-8 never", "\xc3(", 0, true, "\"?(\"" },
	{ "a literal is quoted", "a@[192.0.2.1]", 0, false, "\"a@[192.0.2.1]\"" },
	{ "a quoted string alone is quoted once more", "\"x\"", 0, false, "\"\\\"x\\\"\"" },
};

static void
test_written(void)
{
	for (int i = 0; i < N_OF(written); i++) {
		struct buf out;

		test_case("%s", written[i].name);
		buf_init(&out, 64 * 1024);
		expect_int(auth_results_append(str_of(written[i].id), written[i].results, written[i].n_results, false, &out), 0);
		expect_str(buf_str(&out), str_of(written[i].want));
		for (size_t max = 0; max < out.len; max += 7) {
			struct buf small;

			buf_init(&small, max);
			expect_int(auth_results_append(str_of(written[i].id), written[i].results, written[i].n_results, false, &small), -1);
			expect_int((int64_t)small.len, 0);
			buf_fini(&small);
		}
		buf_fini(&out);
	}
}

static void
write_value(struct str value, bool allow_utf8, struct buf *out)
{
	struct auth_property property = { "smtp", "mailfrom", value };
	struct auth_result result = { "spf", "pass", STR_EMPTY, &property, 1 };

	expect_int(auth_results_append(STR(ID), &result, 1, allow_utf8, out), 0);
}

static void
test_values(void)
{
	for (int i = 0; i < N_OF(values); i++) {
		struct str value = str_n(values[i].value, values[i].len != 0 ? values[i].len : strlen(values[i].value));
		struct buf out, want;

		test_case("%s", values[i].name);
		buf_init(&out, 4096);
		buf_init(&want, 4096);
		write_value(value, values[i].allow_utf8, &out);
		buf_printf(&want, "smtp.mailfrom=%s\r\n", values[i].want);
		expect(str_ends_nocase(buf_str(&out), buf_str(&want)));
		if (!str_ends_nocase(buf_str(&out), buf_str(&want)))
			expect_str(buf_str(&out), buf_str(&want));
		buf_fini(&want);
		buf_fini(&out);
	}
}

static void
test_long_values(void)
{
	char value[5000];

	test_case("no line is longer than RFC 5322 allows, whatever the value");
	for (int i = 0; i < 3; i++) {
		struct buf out;
		struct str rest, line;

		memset(value, "x\"\x01"[i], sizeof(value));
		buf_init(&out, 64 * 1024);
		write_value(str_n(value, sizeof(value)), false, &out);
		rest = buf_str(&out);
		while (str_take_until(&rest, '\n', &line))
			expect(line.len <= 999);
		expect(str_ends_nocase(buf_str(&out), STR("\"\r\n")));
		buf_fini(&out);
	}
}

#define MALFORMED	"it is malformed and mentions our authserv-id"
#define OURS		"it bears our authserv-id"
#define DISGUISED	"it bears our authserv-id in another form"

static const struct {
	const char	*name, *field;
	const char	*why;			/* NULL: not ours */
} found[] = {
	{ "ours", "Authentication-Results: mx.example.org; none", OURS },
	{ "in any case", "AUTHENTICATION-results: MX.Example.ORG; none", OURS },
	{ "with a blank before the colon", "Authentication-Results : mx.example.org; none", OURS },
	{ "with its version", "Authentication-Results: mx.example.org 1; none", OURS },
	{ "with a version that is not ours", "Authentication-Results: mx.example.org 99; none", OURS },
	{ "folded", "Authentication-Results:\r\n\tmx.example.org\r\n\t; none", OURS },
	{ "folded by LF only", "Authentication-Results:\n mx.example.org; none", OURS },
	{ "behind comments", "Authentication-Results: (a (b) \\) c) mx.example.org (d) 1 (e); none", OURS },
	{ "in quotes", "Authentication-Results: \"mx.example.org\"; none", OURS },
	{ "in quoted pairs", "Authentication-Results: \"m\\x.ex\\ample.org\"; none", OURS },
	{ "folded in quotes", "Authentication-Results: \"mx.\r\n example.org\"; none", DISGUISED },
	{ "without results", "Authentication-Results: mx.example.org", OURS },
	{ "with a last dot", "Authentication-Results: mx.example.org.; none", DISGUISED },
	{ "in quotes with more", "Authentication-Results: \"mx.example.org; dkim=pass\"; none", DISGUISED },
	{ "as an encoded word", "Authentication-Results: =?us-ascii?Q?mx.example.org?=; none", MALFORMED },
	{ "as a Q encoded word", "Authentication-Results: =?us-ascii?q?mx=2Eexam=70le.org?=; none", MALFORMED },
	{ "as a B encoded word", "Authentication-Results: =?utf-8?B?bXguZXhhbXBsZS5vcmc=?=; none", MALFORMED },
	{ "as an encoded word in quotes", "Authentication-Results: \"=?utf-8?B?bXguZXhhbXBsZS5vcmc?=\"; none", DISGUISED },
	{ "as UTF-16", "Authentication-Results: =?utf-16le?B?bQB4AC4AZQB4AGEAbQBwAGwAZQAuAG8AcgBnAA==?=; none", MALFORMED },
	{ "in percent signs", "Authentication-Results: mx%2eexample.org; none", DISGUISED },
	{ "in full-width letters", "Authentication-Results: \xef\xbd\x8d\xef\xbd\x98.example.org; none", DISGUISED },
	{ "with a character that nobody sees", "Authentication-Results: mx.exam\xe2\x80\x8bple.org; none", DISGUISED },
	{ "with a comment inside", "Authentication-Results: mx.exa(x)mple.org; none", MALFORMED },
	{ "with a comment that does not end", "Authentication-Results: mx.example.org (x; none", MALFORMED },
	{ "behind a comment that does not end", "Authentication-Results: (x mx.example.org; none", MALFORMED },
	{ "behind a quote that does not end", "Authentication-Results: \"mx.example.org; none", MALFORMED },
	{ "with a blank inside", "Authentication-Results: mx.example .org; none", MALFORMED },
	{ "with another sign behind it", "Authentication-Results: mx.example.org: none", MALFORMED },
	{ "with a method's version in its place", "Authentication-Results: mx.example.org/1; none", MALFORMED },
	{ "with a stray semicolon before it", "Authentication-Results: ; mx.example.org; dkim=pass", MALFORMED },
	{ "as the second of two ids", "Authentication-Results: evil.example mx.example.org; none", MALFORMED },
	{ "in brackets", "Authentication-Results: <mx.example.org>; none", MALFORMED },
	{ "with a bare CR inside", "Authentication-Results: mx.exam\rple.org; none", MALFORMED },
	{ "with a control character", "Authentication-Results: mx.exam\001ple.org; none", MALFORMED },

	{ "another field", "X-Authentication-Results: mx.example.org; none", NULL },
	{ "of ARC, which has its own number", "ARC-Authentication-Results: i=1; mx.example.org; none", NULL },
	{ "someone else's", "Authentication-Results: mx.example.net; none", NULL },
	{ "a host below ours", "Authentication-Results: a.mx.example.org; none", NULL },
	{ "a longer name", "Authentication-Results: mx.example.org.evil.example; none", NULL },
	{ "a longer name at the front", "Authentication-Results: amx.example.org; none", NULL },
	{ "the parent", "Authentication-Results: example.org; none", NULL },
	{ "someone else's that speaks of us", "Authentication-Results: mx.example.net; spf=pass smtp.helo=mx.example.org", NULL },
	{ "someone else's with us in a comment", "Authentication-Results: mx.example.net (not mx.example.org); none", NULL },
	{ "malformed, and not of us", "Authentication-Results: mx example net; none", NULL },
	{ "nothing", "Authentication-Results:", NULL },
	{ "someone else's U-label", "Authentication-Results: b\xc3\xbc" "cher.example; none", NULL },
};

static void
test_found(void)
{
	for (int i = 0; i < N_OF(found); i++) {
		struct header_section section;
		struct arena arena;
		const char *why;

		test_case("%s", found[i].name);
		arena_init(&arena, 64 * 1024);
		expect_int(header_read(str_of(found[i].field), &arena, &section), 0);
		expect_int(section.n_fields, 1);
		expect_int(auth_results_is_ours(&section.fields[0], STR(ID), &arena, &why), found[i].why != NULL);
		expect_text(why != NULL ? why : "not ours", found[i].why != NULL ? found[i].why : "not ours");
		arena_fini(&arena);
	}
}

static void
test_found_idn(void)
{
	struct str bytes = STR("Authentication-Results: mx.B\xc3\xbc" "cher.example; none");
	struct header_section section;
	struct arena arena, small;
	const char *why;

	test_case("ours in U-labels");
	arena_init(&arena, 64 * 1024);
	expect_int(header_read(bytes, &arena, &section), 0);
	expect(auth_results_is_ours(&section.fields[0], STR("mx.xn--bcher-kva.example"), &arena, &why));

	test_case("a field that is too large to read is taken for ours");
	arena_init(&small, 8);
	expect(auth_results_is_ours(&section.fields[0], STR("mx.example.org"), &small, &why));
	arena_fini(&small);
	arena_fini(&arena);
}

static void
test_received_spf(void)
{
	struct received_spf spf = {
		.result = "pass", .comment = STR("mx.example.org: domain of (me)@example.com designates\r\n192.0.2.1"),
		.envelope_from = STR("myname@example.com"), .helo = STR("foo.example.com"), .identity = "mailfrom",
		.receiver = STR("mx.example.org"),
	};
	struct buf out;

	test_case("Received-SPF in the form of RFC 7208 9.1");
	buf_init(&out, 4096);
	expect(ip_parse(STR("192.0.2.1"), &spf.client));
	expect_int(received_spf_append(&spf, &out), 0);
	expect_str(buf_str(&out), STR("Received-SPF: pass (mx.example.org: domain of ?me?@example.com designates\r\n"
	    " 192.0.2.1) client-ip=192.0.2.1; envelope-from=\"myname@example.com\";\r\n"
	    "\thelo=foo.example.com; identity=mailfrom; receiver=mx.example.org\r\n"));

	test_case("an IPv6 address and whatever a stranger says are quoted");
	buf_clear(&out);
	spf = (struct received_spf){ .result = "none", .helo = STR("a\"b;\r\nX: y") };
	expect(ip_parse(STR("2001:db8::1"), &spf.client));
	expect_int(received_spf_append(&spf, &out), 0);
	expect_str(buf_str(&out), STR("Received-SPF: none client-ip=\"2001:db8::1\"; helo=\"a\\\"b;??X: y\"\r\n"));
	buf_fini(&out);
}

/* Tells the judge a value as it was given, but for bytes that no ASCII field can have. */
static void
tell_value(struct auth_judge *judge, struct str value)
{
	char want[200];
	size_t n = (size_t)snprintf(want, sizeof(want), "spf=pass\nsmtp.mailfrom=");
	struct buf out;

	for (size_t i = 0; i < value.len; i++)
		want[n++] = value.at[i] < ' ' || value.at[i] >= 0x7f ? '?' : value.at[i];
	buf_init(&out, 4096);
	write_value(value, false, &out);
	auth_judge_tell(judge, buf_str(&out), str_n(want, n));
	buf_fini(&out);
}

static void
test_judged(void)
{
	struct auth_judge judge;

	test_case("the authres package reads what we write");
	auth_judge_open(&judge);
	for (int i = 0; i < N_OF(written); i++) {
		struct buf out;

		if (written[i].judged == NULL)
			continue;
		buf_init(&out, 64 * 1024);
		expect_int(auth_results_append(str_of(written[i].id), written[i].results, written[i].n_results, false, &out), 0);
		auth_judge_tell(&judge, buf_str(&out), str_of(written[i].judged));
		buf_fini(&out);
	}
	for (int i = 0; i < N_OF(values); i++)
		tell_value(&judge, str_n(values[i].value, values[i].len != 0 ? values[i].len : strlen(values[i].value)));
	auth_judge_close(&judge);
}

int
main(void)
{
	test_written();
	test_values();
	test_long_values();
	test_judged();
	test_found();
	test_found_idn();
	test_received_spf();
	return test_end();
}
