/*
 * test_stamp.c - findings as fields of the header and as words of the log
 */
#include "base/insist.h"
#include "mail/auth_results.h"
#include "policy/stamp.h"
#include "tests/expect.h"
#include "tests/mail/auth_judge.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define HOST		"mx.relay.example"
#define IPREV		"iprev=pass policy.iprev=192.0.2.1"

/* --- a mail that was checked: example.com's own; each row changes something --- */

static struct policy *with_received_spf, *without;

struct stamped {			/* the inputs, and what they stand on */
	struct peer		 peer;
	struct envelope		 envelope;
	struct findings		 findings;
	struct dkim_result	 dkim[DKIM_SIGNATURES_MAX + 1];
	struct verdict		 verdict;
};

static struct dkim_result
signature(const char *domain, const char *selector)
{
	static const struct dkim_result right = {
		.verdict = DKIM_PASS, .reason = STR(""), .identity = STR("@example.com"), .algorithm = STR("rsa-sha256"),
		.b_prefix = STR("dzdVyOfA"), .signed_at_s = -1, .expires_at_s = -1, .body_limit_bytes = -1,
	};
	struct dkim_result result = right;

	result.domain = str_of(domain);
	result.selector = str_of(selector);
	return result;
}

static void
begin(struct stamped *s)
{
	*s = (struct stamped){
		.peer = { .name_state = PEER_NAME_FOUND, .helo = STR("mail.example.com") },
		.envelope = { .reverse_path = { STR("alice"), STR("example.com") } },
		.findings = {
			.has_spf = true, .has_dkim = true, .has_dmarc = true, .dkim = s->dkim, .n_dkim = 1,
			.spf_helo = { .value = SPF_PASS, .identity = SPF_HELO, .mechanism = STR("a") },
			.spf_mail_from = { .value = SPF_PASS, .identity = SPF_MAIL_FROM, .mechanism = STR("ip4:192.0.2.0/24") },
			.dmarc = { .verdict = DMARC_PASS, .n_authors = 1, .deciding = &s->findings.dmarc.authors[0], .authors = { {
				.verdict = DMARC_PASS, .domain = STR("example.com"), .record_domain = STR("example.com"),
				.has_record = true, .record = { .p = DMARC_POLICY_REJECT },
			} } },
		},
		.dkim = { signature("example.com", "r") },
	};
	insist(ip_parse(STR("192.0.2.1"), &s->peer.client.ip));
}

static int
stamp(const struct stamped *s, const struct policy *policy, struct buf *out)
{
	struct stamp_inputs inputs = { .policy = policy, .peer = &s->peer, .envelope = &s->envelope, .findings = &s->findings };

	return stamp_fields(&inputs, out);
}

/* --- rows --- */

static void as_it_is(struct stamped *s) { (void)s; }
static void by_ipv6(struct stamped *s) { insist(ip_parse(STR("2001:db8::1"), &s->peer.client.ip)); }
static void named_by_none(struct stamped *s) { s->peer.name_state = PEER_NAME_NONE; }
static void named_otherwise(struct stamped *s) { s->peer.name_state = PEER_NAME_DIFFERS; }
static void named_later(struct stamped *s) { s->peer.name_state = PEER_NAME_UNSETTLED; }
static void not_named(struct stamped *s) { s->peer.name_state = PEER_NAME_UNASKED; }
static void without_address(struct stamped *s) { s->peer.client.ip.family = IP_NONE; }
static void a_report(struct stamped *s) { s->envelope.reverse_path = (struct address){ STR_EMPTY, STR_EMPTY }; }
static void without_helo(struct stamped *s) { s->peer.helo = STR_EMPTY; }

static void
with_spf_trouble(struct stamped *s)
{
	s->findings.spf_mail_from.value = SPF_TEMPERROR;
	s->findings.spf_mail_from.problem = STR("example.com: timed out");
	s->findings.spf_helo.value = SPF_PERMERROR;
	s->findings.spf_helo.problem = STR("mail.example.com has more than one record");
}

static void unsigned_(struct stamped *s) { s->findings.n_dkim = 0; }
static void dkim_only(struct stamped *s) { s->findings.has_spf = s->findings.has_dmarc = false; }
static void spf_only(struct stamped *s) { s->findings.has_dkim = s->findings.has_dmarc = false; }

static void
with_many(struct stamped *s)
{
	s->dkim[1] = signature("list.example", "k1");
	s->dkim[1].verdict = DKIM_FAIL;
	s->dkim[1].reason = STR("body hash did not verify");
	s->dkim[1].identity = STR("list+owner=x@list.example");
	s->dkim[1].algorithm = STR("ed25519-sha256");
	s->dkim[2] = (struct dkim_result){ .verdict = DKIM_POLICY, .reason = STR("7 more signatures were not looked at"), .is_rest = true };
	s->findings.n_dkim = 3;
}

static void
with_testing_key(struct stamped *s)
{
	s->dkim[0].is_testing = true;
}

static void
failing(struct stamped *s)
{
	struct dmarc_author *author = &s->findings.dmarc.authors[0];

	unsigned_(s);
	s->findings.spf_mail_from.value = SPF_SOFTFAIL;
	s->findings.dmarc.verdict = author->verdict = DMARC_FAIL;
	s->findings.dmarc.reason = author->reason = "nothing that passed is aligned";
	s->findings.dmarc.applied = author->applied = DMARC_POLICY_REJECT;
	author->domain = STR("www.example.com");
	s->verdict = (struct verdict){ .action = ACTION_REJECT, .reason = "dmarc" };
}

static void
without_authors(struct stamped *s)
{
	s->findings.dmarc = (struct dmarc_result){ .verdict = DMARC_PERMERROR, .reason = "no From field" };
	s->verdict = (struct verdict){ .is_marked = true, .reason = "dmarc" };
}

static void
beyond_ascii(struct stamped *s)
{
	s->envelope.reverse_path = (struct address){ STR("\303\244"), STR("b\303\274cher.example") };
}

static void
beyond_ascii_by_smtputf8(struct stamped *s)
{
	beyond_ascii(s);
	s->envelope.is_smtputf8 = true;
}

static void
greeted_beyond_ascii(struct stamped *s)
{
	s->peer.helo = STR("b\303\274cher.example");
	s->envelope.is_smtputf8 = true;
}

static void
with_hostile_texts(struct stamped *s)
{
	s->peer.helo = STR("x; dkim=pass header.d=bank.example\r\nX-Evil: (\"");
	s->envelope.reverse_path = (struct address){ STR("\"a; dmarc=pass (\\\"\""), STR("evil.example") };
	s->dkim[0].selector = STR("a\r\n\r\nb");
	s->dkim[0].domain = STR("evil.example;spf=pass");
	s->dkim[0].reason = STR("bad\"\r\n;\tdkim=pass");
}

#define MAILFROM	"; spf=pass smtp.mailfrom=alice@example.com"
#define HELO		"; spf=pass smtp.helo=mail.example.com"
#define DKIM		"; dkim=pass header.d=example.com header.i=@example.com header.s=r header.a=rsa-sha256 header.b=dzdVyOfA"
#define DMARC		"; dmarc=pass header.from=example.com polrec.p=reject"
#define J_IPREV		"iprev=pass\npolicy.iprev=192.0.2.1\n"
#define J_MAILFROM	"spf=pass\nsmtp.mailfrom=alice@example.com\n"
#define J_HELO		"spf=pass\nsmtp.helo=mail.example.com\n"
#define J_DKIM		"dkim=pass\nheader.d=example.com\nheader.i=@example.com\nheader.s=r\nheader.a=rsa-sha256\nheader.b=dzdVyOfA\n"
#define J_DMARC		"dmarc=pass\nheader.from=example.com"

static const struct row {
	const char *name;
	void (*change)(struct stamped *s);
	const char *want;		/* behind "Authentication-Results: ID; ", unfolded */
	const char *judged;		/* as authres is to read it, which passes over polrec and addresses in quotes; NULL: it is not asked */
	const char *words;
} rows[] = {
	{ "all that there is", as_it_is, IPREV MAILFROM HELO DKIM DMARC, J_IPREV J_MAILFROM J_HELO J_DKIM J_DMARC,
	  "iprev=pass spf-helo=pass spf=pass dkim=pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ "an IPv6 address is quoted", by_ipv6, "iprev=pass policy.iprev=\"2001:db8::1\"" MAILFROM HELO DKIM DMARC,
	  "iprev=pass\npolicy.iprev=2001:db8::1\n" J_MAILFROM J_HELO J_DKIM J_DMARC, NULL },
	{ "no name (RFC 8601 2.7.3)", named_by_none, "iprev=permerror policy.iprev=192.0.2.1" MAILFROM HELO DKIM DMARC, NULL,
	  "iprev=permerror spf-helo=pass spf=pass dkim=pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ "names of others", named_otherwise, "iprev=fail policy.iprev=192.0.2.1" MAILFROM HELO DKIM DMARC, NULL, NULL },
	{ "a name that the DNS does not tell", named_later, "iprev=temperror policy.iprev=192.0.2.1" MAILFROM HELO DKIM DMARC, NULL, NULL },
	{ "a name that was not asked for", not_named, "spf=pass smtp.mailfrom=alice@example.com" HELO DKIM DMARC, NULL,
	  "spf-helo=pass spf=pass dkim=pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ "a client without an address", without_address, "spf=pass smtp.mailfrom=alice@example.com" HELO DKIM DMARC, NULL, NULL },
	{ "the null reverse-path", a_report, IPREV HELO DKIM DMARC, J_IPREV J_HELO J_DKIM J_DMARC, NULL },
	{ "no HELO", without_helo, IPREV MAILFROM DKIM DMARC, J_IPREV J_MAILFROM J_DKIM J_DMARC, NULL },
	{ "why SPF could not say", with_spf_trouble, IPREV "; spf=temperror reason=\"example.com: timed out\" smtp.mailfrom=alice@example.com"
	  "; spf=permerror reason=\"mail.example.com has more than one record\" smtp.helo=mail.example.com" DKIM DMARC,
	  J_IPREV "spf=temperror\nreason=example.com: timed out\nsmtp.mailfrom=alice@example.com\n"
	  "spf=permerror\nreason=mail.example.com has more than one record\nsmtp.helo=mail.example.com\n" J_DKIM J_DMARC,
	  "iprev=pass spf-helo=permerror spf=temperror dkim=pass:example.com:r dmarc=pass:example.com verdict=accept" },
	{ "no signature", unsigned_, IPREV MAILFROM HELO "; dkim=none" DMARC, J_IPREV J_MAILFROM J_HELO "dkim=none\n" J_DMARC,
	  "iprev=pass spf-helo=pass spf=pass dkim=none dmarc=pass:example.com verdict=accept" },
	{ "DKIM alone", dkim_only, IPREV DKIM, NULL, "iprev=pass dkim=pass:example.com:r verdict=accept" },
	{ "SPF alone", spf_only, IPREV MAILFROM HELO, NULL, "iprev=pass spf-helo=pass spf=pass verdict=accept" },
	{ "several signatures, and more than were looked at", with_many, IPREV MAILFROM HELO DKIM
	  "; dkim=fail reason=\"body hash did not verify\" header.d=list.example header.i=\"list+owner=x@list.example\""
	  " header.s=k1 header.a=ed25519-sha256 header.b=dzdVyOfA; dkim=policy reason=\"7 more signatures were not looked at\"" DMARC,
	  J_IPREV J_MAILFROM J_HELO J_DKIM "dkim=fail\nreason=body hash did not verify\nheader.d=list.example\n"
	  "header.s=k1\nheader.a=ed25519-sha256\nheader.b=dzdVyOfA\n"
	  "dkim=policy\nreason=7 more signatures were not looked at\n" J_DMARC,
	  "iprev=pass spf-helo=pass spf=pass dkim=pass:example.com:r,fail:list.example:k1,policy dmarc=pass:example.com verdict=accept" },
	{ "a key in testing mode", with_testing_key, IPREV MAILFROM HELO "; dkim=pass reason=\"the key is in testing mode\""
	  " header.d=example.com header.i=@example.com header.s=r header.a=rsa-sha256 header.b=dzdVyOfA" DMARC, NULL, NULL },
	{ "a fail, by the record of a parent", failing, IPREV "; spf=softfail smtp.mailfrom=alice@example.com" HELO "; dkim=none"
	  "; dmarc=fail reason=\"nothing that passed is aligned\" header.from=www.example.com policy.dmarc=reject polrec.p=reject polrec.domain=example.com",
	  J_IPREV "spf=softfail\nsmtp.mailfrom=alice@example.com\n" J_HELO "dkim=none\ndmarc=fail\nreason=nothing that passed is aligned\n"
	  "header.from=www.example.com\npolicy.dmarc=reject",
	  "iprev=pass spf-helo=pass spf=softfail dkim=none dmarc=fail:www.example.com:reject verdict=reject:dmarc" },
	{ "no author", without_authors, IPREV MAILFROM HELO DKIM "; dmarc=permerror reason=\"no From field\"", NULL,
	  "iprev=pass spf-helo=pass spf=pass dkim=pass:example.com:r dmarc=permerror verdict=mark:dmarc" },
	{ "UTF-8 is kept for SMTPUTF8", beyond_ascii_by_smtputf8,
	  IPREV "; spf=pass smtp.mailfrom=\303\244@b\303\274cher.example" HELO DKIM DMARC, NULL, NULL },
	{ "without it, it is not", beyond_ascii, IPREV "; spf=pass smtp.mailfrom=\"??@b??cher.example\"" HELO DKIM DMARC, NULL, NULL },
	{ "HELO's does not make a mail an internationalised one", greeted_beyond_ascii,
	  IPREV MAILFROM "; spf=pass smtp.helo=\"b??cher.example\"" DKIM DMARC, NULL, NULL },
	{ "nothing of others ends what it stands in", with_hostile_texts,
	  IPREV "; spf=pass smtp.mailfrom=\"a; dmarc=pass (\\\"\"@evil.example"
	  "; spf=pass smtp.helo=\"x; dkim=pass header.d=bank.example??X-Evil: (\\\"\""
	  "; dkim=pass reason=\"bad\\\" ; dkim=pass\" header.d=\"evil.example;spf=pass\" header.i=@example.com"
	  " header.s=\"a????b\" header.a=rsa-sha256 header.b=dzdVyOfA" DMARC, NULL,
	  "iprev=pass spf-helo=pass spf=pass dkim=pass:evil.example?spf?pass:a????b dmarc=pass:example.com verdict=accept" },
};

/* What goes on top reads back as n fields, of lines that anybody takes, and what is ours is known as ours. */
static void
expect_fields(struct str text, int n_fields, struct header_section *section_out, struct arena *arena)
{
	struct str rest = text, line;
	const char *why;

	insist(header_read(text, arena, section_out) == 0);
	expect_int(section_out->n_fields, n_fields);
	expect_int((int64_t)section_out->header_bytes, (int64_t)text.len);
	expect(str_eq(section_out->fields[0].name, STR("Authentication-Results")));
	expect(auth_results_is_ours(&section_out->fields[0], STR(HOST), arena, &why));
	while (str_take_until(&rest, '\n', &line)) {
		expect(line.len <= 998 + 1);
		expect(line.len > 1 && line.at[line.len - 1] == '\r' && str_find(str_sub(line, 0, line.len - 1), '\r') < 0);
	}
}

static void
test_rows(void)
{
	struct auth_judge judge;
	struct stamped s;

	auth_judge_open(&judge);
	for (int i = 0; i < N_OF(rows); i++) {
		struct header_section section;
		struct buf out, plain;
		struct arena arena;

		test_case("%s", rows[i].name);
		begin(&s);
		rows[i].change(&s);
		buf_init(&out, STAMP_FIELDS_MAX_BYTES);
		buf_init(&plain, STAMP_FIELDS_MAX_BYTES);
		arena_init(&arena, 1024 * 1024);
		expect_int(stamp(&s, without, &out), 0);
		expect_fields(buf_str(&out), 1, &section, &arena);
		insist(header_unfold(section.fields[0].value, &plain) == 0);
		for (size_t k = 0; k < plain.len; k++)
			plain.at[k] = plain.at[k] == '\t' ? ' ' : plain.at[k];	/* of the folding; none is left in values */
		expect(str_starts(buf_str(&plain), STR(HOST "; ")));
		expect_str(str_from(buf_str(&plain), strlen(HOST "; ")), str_of(rows[i].want));
		if (rows[i].judged != NULL)
			auth_judge_tell(&judge, buf_str(&out), str_of(rows[i].judged));
		arena_fini(&arena);
		buf_fini(&plain);
		buf_fini(&out);
	}
	test_case("the authres package reads them so");
	auth_judge_close(&judge);
}

static void
words(const struct stamped *s, struct buf *out)
{
	struct stamp_inputs inputs = { .policy = without, .peer = &s->peer, .envelope = &s->envelope, .findings = &s->findings };

	stamp_words(&inputs, &s->verdict, out);
}

static void
test_words(void)
{
	for (int i = 0; i < N_OF(rows); i++) {
		struct stamped s;
		struct buf out;

		if (rows[i].words == NULL)
			continue;
		test_case("in words: %s", rows[i].name);
		begin(&s);
		rows[i].change(&s);
		buf_init(&out, STAMP_WORDS_MAX_BYTES);
		words(&s, &out);
		expect_str(buf_str(&out), str_of(rows[i].words));
		buf_fini(&out);
	}
}

/* --- more --- */

static void
test_folding(void)
{
	struct stamped s;
	struct buf out;

	test_case("a field on lines of 76 columns");
	begin(&s);
	buf_init(&out, STAMP_FIELDS_MAX_BYTES);
	expect_int(stamp(&s, without, &out), 0);
	expect_str(buf_str(&out), STR(
	    "Authentication-Results: mx.relay.example; iprev=pass policy.iprev=192.0.2.1;\r\n"
	    "\tspf=pass smtp.mailfrom=alice@example.com; spf=pass\r\n"
	    "\tsmtp.helo=mail.example.com; dkim=pass header.d=example.com\r\n"
	    "\theader.i=@example.com header.s=r header.a=rsa-sha256\r\n"
	    "\theader.b=dzdVyOfA; dmarc=pass header.from=example.com\r\n"
	    "\tpolrec.p=reject\r\n"));
	test_case("mail that was not checked gets no field");
	s.findings = (struct findings){ .why_unchecked = "trusted" };
	buf_clear(&out);
	expect_int(stamp(&s, with_received_spf, &out), 0);
	expect_int((int64_t)out.len, 0);
	words(&s, &out);
	expect_str(buf_str(&out), STR("unchecked=trusted verdict=accept"));
	buf_fini(&out);
}

static void
test_received_spf(void)
{
	struct header_section section;
	struct arena arena;
	struct stamped s;
	struct buf out;

	test_case("Received-SPF for both identities (RFC 7208 9.1)");
	begin(&s);
	s.findings.spf_helo = (struct spf_result){ .value = SPF_NONE, .identity = SPF_HELO, .mechanism = STR_EMPTY };
	buf_init(&out, STAMP_FIELDS_MAX_BYTES);
	arena_init(&arena, 1024 * 1024);
	expect_int(stamp(&s, with_received_spf, &out), 0);
	expect_fields(buf_str(&out), 3, &section, &arena);
	expect_str(section.fields[1].whole, STR(
	    "Received-SPF: pass (domain of alice@example.com designates 192.0.2.1 as\r\n"
	    " permitted sender) client-ip=192.0.2.1; envelope-from=\"alice@example.com\";\r\n"
	    "\thelo=mail.example.com; identity=mailfrom; receiver=mx.relay.example;\r\n"
	    "\tmechanism=\"ip4:192.0.2.0/24\"\r\n"));
	expect_str(section.fields[2].whole, STR(
	    "Received-SPF: none (domain of mail.example.com does not say who may send for\r\n"
	    " it) client-ip=192.0.2.1; envelope-from=\"alice@example.com\";\r\n"
	    "\thelo=mail.example.com; identity=helo; receiver=mx.relay.example\r\n"));
	test_case("for the null reverse-path there is one");
	buf_clear(&out);
	a_report(&s);
	expect_int(stamp(&s, with_received_spf, &out), 0);
	expect_fields(buf_str(&out), 2, &section, &arena);
	expect(str_find_str(section.fields[1].whole, STR("identity=helo")) > 0);
	expect(str_find_str(section.fields[1].whole, STR("envelope-from")) < 0);
	test_case("nor do hostile words end that");
	for (int value = SPF_NONE; value <= SPF_PERMERROR; value++) {
		buf_clear(&out);
		begin(&s);
		with_hostile_texts(&s);
		s.findings.spf_mail_from.value = s.findings.spf_helo.value = (enum spf_value)value;
		s.findings.spf_mail_from.problem = s.findings.spf_helo.problem = STR("a)\r\nX: y");
		expect_int(stamp(&s, with_received_spf, &out), 0);
		expect_fields(buf_str(&out), 3, &section, &arena);
	}
	arena_fini(&arena);
	buf_fini(&out);
}

/* Every text as long as it may be, and of bytes that take two when they are quoted. */
static void
test_largest(void)
{
	static char quotes[2000], names[2000];
	struct header_section section;
	struct arena arena;
	struct stamped s;
	struct buf out;

	test_case("as many signatures as there may be, with all that is long in them");
	memset(quotes, '"', sizeof(quotes));
	memset(names, 'n', sizeof(names));
	begin(&s);
	s.peer.helo = str_n(quotes, sizeof(quotes));
	s.envelope.reverse_path = (struct address){ str_n(quotes, ADDRESS_LOCAL_MAX_BYTES), str_n(names, 255) };
	s.findings.n_dkim = N_OF(s.dkim);
	for (int i = 0; i < N_OF(s.dkim); i++) {
		s.dkim[i] = signature("x", "y");
		s.dkim[i].domain = s.dkim[i].selector = str_n(names, 255);
		s.dkim[i].identity = str_n(quotes, 254);
		s.dkim[i].b_prefix = str_n(names, 1024);
		s.dkim[i].reason = str_n(quotes, 1000);
	}
	buf_init(&out, STAMP_FIELDS_MAX_BYTES);
	arena_init(&arena, 8 * 1024 * 1024);
	expect_int(stamp(&s, with_received_spf, &out), 0);
	expect_fields(buf_str(&out), 3, &section, &arena);
	buf_clear(&out);
	test_case("a log line of it is bounded, and counts what it does not tell");
	words(&s, &out);
	expect(out.len <= STAMP_WORDS_MAX_BYTES);
	expect(str_is_printable(buf_str(&out)));
	expect(str_find_str(buf_str(&out), STR("...+")) > 0 || str_find_str(buf_str(&out), STR("+2")) > 0);
	expect(str_find_str(buf_str(&out), STR(" dmarc=pass:example.com verdict=accept")) > 0);
	expect(str_find(buf_str(&out), '"') < 0);
	arena_fini(&arena);
	buf_fini(&out);
}

static void
test_full(void)
{
	struct stamped s;
	struct buf out;
	size_t whole;

	test_case("what does not fit is not begun");
	begin(&s);
	buf_init(&out, STAMP_FIELDS_MAX_BYTES);
	expect_int(stamp(&s, with_received_spf, &out), 0);
	whole = out.len;
	buf_fini(&out);
	for (size_t room = 0; room <= whole; room++) {
		buf_init(&out, 3 + room);
		insist(buf_append(&out, STR("top")) == 0);
		expect_int(stamp(&s, with_received_spf, &out), room == whole ? 0 : -1);
		expect_int((int64_t)out.len, (int64_t)(room == whole ? 3 + whole : 3));
		buf_clear(&out);
		words(&s, &out);		/* as much as fits */
		buf_fini(&out);
	}
}

int
main(void)
{
	struct policy_settings settings = { .hostname = HOST };

	without = policy_new(&settings, (uint64_t[]){ 1, 2 });
	settings.verify.with_received_spf = true;
	with_received_spf = policy_new(&settings, (uint64_t[]){ 1, 2 });
	test_rows();
	test_words();
	test_folding();
	test_received_spf();
	test_largest();
	test_full();
	policy_free(with_received_spf);
	policy_free(without);
	return test_end();
}
