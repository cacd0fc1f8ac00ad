/*
 * test_dmarc.c - whom DMARC lets through, by records in a small DNS
 *
 * A case tells its own world: the RFC's examples and attacks on what others got wrong.
 */
#include <stdio.h>

#include "policy/dmarc/dmarc.h"
#include "policy/dmarc/dmarc_walk.h"
#include "tests/expect.h"
#include "tests/policy/zone.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define DEEP_8		"a.b.c.d.e.f.example.com"
#define DEEP_14		"a.b.c.d.e.f.g.h.i.j.mail.example.com"

struct world {
	const char	*name, *zone;
	const char	*from;			/* the value of From, or whole fields */
	const char	*spf;			/* a domain; "?" in front: temperror, "-": fail */
	const char	*dkim;			/* domains, with blanks between them, in the same way */
	const char	*want;			/* verdict [domain of the record, tag, published, applied] -> disposition */
};

static const struct world worlds[] = {
	/* RFC 9989 B.1 */
	{ "B.1.1 SPF in strict alignment", "_dmarc.example.com TXT v=DMARC1; p=reject; aspf=s", "sender@example.com", "example.com", "", "pass -> deliver" },
	{ "B.1.1 SPF in relaxed alignment", "_dmarc.example.com TXT v=DMARC1; p=reject", "sender@example.com", "child.example.com", "", "pass -> deliver" },
	{ "B.1.1 no alignment of SPF", "_dmarc.example.com TXT v=DMARC1; p=reject", "sender@child.example.com", "example.net", "", "fail example.com p reject reject -> reject" },
	{ "B.1.2 DKIM in strict alignment", "_dmarc.example.com TXT v=DMARC1; p=reject; adkim=s", "sender@example.com", "", "example.com", "pass -> deliver" },
	{ "B.1.2 DKIM in relaxed alignment", "_dmarc.example.com TXT v=DMARC1; p=reject", "sender@child.example.com", "", "example.com", "pass -> deliver" },
	{ "B.1.2 no alignment of DKIM", "_dmarc.example.com TXT v=DMARC1; p=reject", "sender@child.example.com", "", "example.net", "fail example.com p reject reject -> reject" },

	{ "nothing passed", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "", "", "fail example.com p reject reject -> reject" },
	{ "what failed is no evidence", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "-example.com", "-example.com", "fail example.com p reject reject -> reject" },
	{ "one of many signatures will do", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "list.example", "-example.com x.example ?y.example EXAMPLE.com", "pass -> deliver" },
	{ "SPF strict, DKIM relaxed", "_dmarc.example.com TXT v=DMARC1; p=reject; aspf=s", "a@example.com", "m.example.com", "", "fail example.com p reject reject -> reject" },
	{ "the same evidence by DKIM", "_dmarc.example.com TXT v=DMARC1; p=reject; aspf=s", "a@example.com", "m.example.com", "m.example.com", "pass -> deliver" },
	{ "strict alignment of a sibling", "_dmarc.example.com TXT v=DMARC1; p=reject; adkim=s", "a@example.com", "", "m.example.com", "fail example.com p reject reject -> reject" },
	{ "siblings are aligned", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@x.example.com", "", "y.example.com", "pass -> deliver" },
	{ "quarantine marks", "_dmarc.example.com TXT v=DMARC1; p=quarantine", "a@example.com", "", "", "fail example.com p quarantine quarantine -> mark" },
	{ "none does nothing", "_dmarc.example.com TXT v=DMARC1; p=none", "a@example.com", "", "", "fail example.com p none none -> deliver" },
	{ "no record", "example.com A 192.0.2.1", "a@example.com", "example.com", "example.com", "none -> deliver" },
	{ "case does not matter", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@EXAMPLE.com", "Example.COM.", "", "pass -> deliver" },
	{ "a U-label is its A-label", "_dmarc.xn--bcher-kva.example TXT v=DMARC1; p=reject", "a@b\xc3\xbc" "cher.example", "", "xn--bcher-kva.example", "pass -> deliver" },
	{ "and in the signature", "_dmarc.xn--bcher-kva.example TXT v=DMARC1; p=reject", "a@xn--bcher-kva.example", "", "B\xc3\xbc" "cher.example", "pass -> deliver" },
	{ "a CNAME leads to a record", "_dmarc.example.com CNAME r.provider.example\nr.provider.example TXT v=DMARC1; p=reject", "a@example.com", "", "", "fail example.com p reject reject -> reject" },

	/* what libopendmarc let through */
	{ "one letter against another domain", "_dmarc.x.com TXT v=DMARC1; p=reject", "a@x.com", "", "attacker.com", "fail x.com p reject reject -> reject" },
	{ "one letter against one letter", "_dmarc.t.co TXT v=DMARC1; p=reject", "a@t.co", "e.co", "evil.co", "fail t.co p reject reject -> reject" },
	{ "one letter is aligned with itself", "_dmarc.x.com TXT v=DMARC1; p=reject", "a@x.com", "", "m.x.com", "pass -> deliver" },
	{ "a signature of a public suffix", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "com", "com", "fail example.com p reject reject -> reject" },
	{ "of one with two labels", "_dmarc.bank.co.uk TXT v=DMARC1; p=reject", "a@bank.co.uk", "co.uk", "co.uk", "fail bank.co.uk p reject reject -> reject" },
	{ "victim.github.io and evil.github.io", "_dmarc.victim.github.io TXT v=DMARC1; p=reject", "a@victim.github.io", "github.io", "evil.github.io", "fail victim.github.io p reject reject -> reject" },
	{ "a name that ends in the same letters", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "evilexample.com", "notexample.com", "fail example.com p reject reject -> reject" },
	{ "a domain with the other in front", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "", "example.com.evil.example", "fail example.com p reject reject -> reject" },
	{ "no v=, prefixes", "_dmarc.example.com TXT p=reject", "a@example.com", "", "", "none -> deliver" },

	/* 4.10.1: the record of the author, the organization, the public suffix */
	{ "sp is for subdomains", "_dmarc.example.com TXT v=DMARC1; p=none; sp=reject", "a@x.example.com", "", "", "fail example.com sp reject reject -> reject" },
	{ "and not for the domain", "_dmarc.example.com TXT v=DMARC1; p=none; sp=reject", "a@example.com", "", "", "fail example.com p none none -> deliver" },
	{ "a subdomain's own record goes first", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.x.example.com TXT v=DMARC1; p=none; sp=reject", "a@x.example.com", "", "", "fail x.example.com p none none -> deliver" },
	{ "one between has no say (4.10.2 rule 3)", "_dmarc.example.com TXT v=DMARC1; p=none; sp=quarantine\n_dmarc.mail.example.com TXT v=DMARC1; p=reject", "a@a.mail.example.com", "", "", "fail example.com sp quarantine quarantine -> mark" },
	{ "unless it says psd=n", "_dmarc.example.com TXT v=DMARC1; p=none\n_dmarc.mail.example.com TXT v=DMARC1; p=reject; psd=n", "a@a.mail.example.com", "", "example.com", "fail mail.example.com p reject reject -> reject" },
	{ "np for what does not exist", "_dmarc.example.com TXT v=DMARC1; p=none; np=reject", "a@x.example.com", "", "", "fail example.com np reject reject -> reject" },
	{ "and not for what does", "_dmarc.example.com TXT v=DMARC1; p=none; np=reject\nx.example.com MX 0 .", "a@x.example.com", "", "", "fail example.com p none none -> deliver" },
	{ "what has names below it does", "_dmarc.example.com TXT v=DMARC1; p=none; sp=quarantine; np=reject\n_dmarc.x.example.com TXT hello", "a@x.example.com", "", "", "fail example.com sp quarantine quarantine -> mark" },
	{ "nobody knows if it does", "_dmarc.example.com TXT v=DMARC1; p=none; np=reject\nx.example.com timeout", "a@x.example.com", "", "", "temperror -> defer" },
	{ "nobody asks if np is sp", "_dmarc.example.com TXT v=DMARC1; p=reject; sp=quarantine; np=quarantine\nx.example.com timeout", "a@x.example.com", "", "", "fail example.com sp quarantine quarantine -> mark" },
	{ "np is not for the domain itself", "_dmarc.example.com TXT v=DMARC1; p=none; np=reject", "a@example.com", "", "", "fail example.com p none none -> deliver" },
	{ "t=y makes reject quarantine", "_dmarc.example.com TXT v=DMARC1; p=reject; t=y", "a@example.com", "", "", "fail example.com p reject quarantine -> mark" },
	{ "t=y makes quarantine none", "_dmarc.example.com TXT v=DMARC1; p=quarantine; t=y", "a@example.com", "", "", "fail example.com p quarantine none -> deliver" },
	{ "t=y for a subdomain", "_dmarc.example.com TXT v=DMARC1; p=none; sp=reject; t=y", "a@x.example.com", "", "", "fail example.com sp reject quarantine -> mark" },

	/* public suffixes */
	{ "a public suffix's policy for who has none", "_dmarc.gov.example TXT v=DMARC1; p=reject; sp=quarantine; psd=y\nagency.gov.example A 192.0.2.1", "a@agency.gov.example", "", "", "fail gov.example sp quarantine quarantine -> mark" },
	{ "np of a public suffix", "_dmarc.gov.example TXT v=DMARC1; p=none; np=reject; psd=y", "a@nosuch.gov.example", "", "", "fail gov.example np reject reject -> reject" },
	{ "an organization's own record goes before the suffix's", "_dmarc.gov.example TXT v=DMARC1; p=reject; psd=y\n_dmarc.agency.gov.example TXT v=DMARC1; p=none", "a@mail.agency.gov.example", "", "", "fail agency.gov.example p none none -> deliver" },
	{ "two organizations below a suffix are not one", "_dmarc.bank TXT v=DMARC1; p=reject; psd=y", "a@good.bank", "evil.bank", "evil.bank bank", "fail bank p reject reject -> reject" },
	{ "names below one are", "_dmarc.bank TXT v=DMARC1; p=reject; psd=y", "a@mail.good.bank", "", "other.good.bank", "pass -> deliver" },
	{ "and the organization itself", "_dmarc.bank TXT v=DMARC1; p=reject; psd=y", "a@mail.good.bank", "", "good.bank", "pass -> deliver" },
	{ "a suffix may send mail itself", "_dmarc.bank TXT v=DMARC1; p=reject; psd=y", "a@bank", "bank", "", "pass -> deliver" },
	{ "but not for those below it", "_dmarc.bank TXT v=DMARC1; p=reject; psd=y", "a@bank", "", "evil.bank", "fail bank p reject reject -> reject" },
	{ "a record between organization and suffix", "_dmarc.example.com TXT v=DMARC1; p=none\n_dmarc.com TXT v=DMARC1; p=none; psd=y", "a@mail.example.com", "", "x.example.com", "pass -> deliver" },
	{ "a suffix that forgot psd=y is an organization (11.8)", "_dmarc.tld TXT v=DMARC1; p=reject", "a@good.tld", "", "evil.tld", "pass -> deliver" },
	{ "against which psd=n helps", "_dmarc.tld TXT v=DMARC1; p=reject\n_dmarc.good.tld TXT v=DMARC1; p=reject; psd=n", "a@good.tld", "", "evil.tld", "fail good.tld p reject reject -> reject" },
	{ "an organization of its own inside of another", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.lab.example.com TXT v=DMARC1; p=reject; psd=n", "a@example.com", "", "x.lab.example.com", "fail example.com p reject reject -> reject" },
	{ "and the other way", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.lab.example.com TXT v=DMARC1; p=reject; psd=n", "a@lab.example.com", "example.com", "www.example.com", "fail lab.example.com p reject reject -> reject" },

	/* records that are none */
	{ "two records are none", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.example.com TXT v=DMARC1; p=none", "a@example.com", "", "", "none -> deliver" },
	{ "and the walk goes on", "_dmarc.x.example.com TXT v=DMARC1; p=none\n_dmarc.x.example.com TXT v=DMARC1; p=none\n_dmarc.example.com TXT v=DMARC1; p=reject", "a@x.example.com", "", "", "fail example.com p reject reject -> reject" },
	{ "other texts beside one do not count", "_dmarc.example.com TXT v=spf1 -all\n_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.example.com TXT google-site-verification=1", "a@example.com", "", "", "fail example.com p reject reject -> reject" },
	{ "a policy that is none, and no reports", "_dmarc.example.com TXT v=DMARC1; p=bogus", "a@example.com", "example.com", "", "permerror -> deliver" },
	{ "a policy that is none, with reports", "_dmarc.example.com TXT v=DMARC1; p=bogus; rua=mailto:a@example.com", "a@example.com", "", "", "fail example.com p none none -> deliver" },
	{ "a wildcard's text that is no record", "_dmarc.example.com TXT v=spf1 -all", "a@example.com", "", "", "none -> deliver" },

	/* DNS that does not answer */
	{ "the author's record did not come", "_dmarc.example.com timeout", "a@example.com", "example.com", "", "temperror -> defer" },
	{ "it did, and is enough without the rest", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.com timeout", "a@example.com", "example.com", "", "pass -> deliver" },
	{ "a broken top does not part relatives", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.com timeout", "a@example.com", "m.example.com", "", "pass -> deliver" },
	{ "nor join strangers", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.com timeout", "a@example.com", "", "evil.example", "fail example.com p reject reject -> reject" },
	{ "without a record of their own it may join them or not", "_dmarc.x.example.com TXT v=DMARC1; p=reject\n_dmarc.com timeout", "a@x.example.com", "", "y.example.com", "temperror -> defer" },
	{ "who is an organization by its own word is no relative", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.lab.example.com TXT v=DMARC1; psd=n\n_dmarc.com timeout", "a@example.com", "", "lab.example.com", "fail example.com p reject reject -> reject" },
	{ "but may join neighbours", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.com timeout", "a@example.com", "", "evil.com", "temperror -> defer" },
	{ "one between did not come", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.x.example.com timeout", "a@y.x.example.com", "", "", "temperror -> defer" },
	{ "a signature's domain did not tell", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.m.example.com timeout", "a@example.com", "", "m.example.com", "temperror -> defer" },
	{ "SPF may pass later", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "?example.com", "", "temperror -> defer" },
	{ "where nothing would be done about a fail, there is nothing to wait for", "_dmarc.example.com TXT v=DMARC1; p=none", "a@example.com", "?example.com", "", "temperror -> deliver" },
	{ "nor while the domain tests quarantine", "_dmarc.example.com TXT v=DMARC1; p=quarantine; t=y", "a@example.com", "?example.com", "", "temperror -> deliver" },
	{ "what is tested of reject is a mark", "_dmarc.example.com TXT v=DMARC1; p=reject; t=y", "a@example.com", "?example.com", "", "temperror -> defer" },
	{ "of a subdomain sp says what would be done", "_dmarc.example.com TXT v=DMARC1; p=reject; sp=none", "a@x.example.com", "?x.example.com", "", "temperror -> deliver" },
	{ "or np, if it does not exist", "_dmarc.example.com TXT v=DMARC1; p=none; np=reject", "a@x.example.com", "?x.example.com", "", "temperror -> defer" },
	{ "another author may have something at stake", "_dmarc.example.com TXT v=DMARC1; p=none\n_dmarc.b.example TXT v=DMARC1; p=reject", "a@example.com, b@b.example", "?example.com", "?b.example", "temperror -> defer" },
	{ "a signature may pass later", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "", "?m.example.com", "temperror -> defer" },
	{ "which does not matter if it is another's", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "?evil.example", "?evil.com", "fail example.com p reject reject -> reject" },
	{ "nor beside another of the same domain", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "", "?example.com example.com", "pass -> deliver" },
	{ "nor beside one that passes", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "?example.com", "m.example.com", "pass -> deliver" },
	{ "nothing came at all", "_dmarc.example.com timeout\n_dmarc.com timeout\n_dmarc.x.example.com timeout", "a@x.example.com", "", "", "temperror -> defer" },

	/* several authors */
	{ "two authors of one domain are one", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com, b@example.com", "example.com", "", "pass -> deliver" },
	{ "two authors who pass", "_dmarc.a.example TXT v=DMARC1; p=reject\n_dmarc.b.example TXT v=DMARC1; p=reject", "a@a.example, b@b.example", "a.example", "b.example", "pass -> deliver" },
	{ "one of two fails", "_dmarc.a.example TXT v=DMARC1; p=none\n_dmarc.b.example TXT v=DMARC1; p=reject", "a@a.example, b@b.example", "a.example", "", "fail b.example p reject reject -> reject" },
	{ "both fail: the stricter policy", "_dmarc.a.example TXT v=DMARC1; p=reject\n_dmarc.b.example TXT v=DMARC1; p=none", "b@b.example, a@a.example", "", "", "fail a.example p reject reject -> reject" },
	{ "one has no policy, so it is no pass", "_dmarc.a.example TXT v=DMARC1; p=reject", "a@a.example, b@b.example", "a.example", "", "none -> deliver" },
	{ "one fails mildly, one is not known", "_dmarc.a.example TXT v=DMARC1; p=none\n_dmarc.b.example timeout", "a@a.example, b@b.example", "", "", "fail a.example p none none -> defer" },
	{ "one fails for good, one is not known", "_dmarc.a.example TXT v=DMARC1; p=reject\n_dmarc.b.example timeout", "a@a.example, b@b.example", "", "", "fail a.example p reject reject -> reject" },
	{ "two From fields never pass", "_dmarc.a.example TXT v=DMARC1; p=reject", "From: a@a.example\nFrom: b@a.example", "a.example", "", "permerror -> deliver" },
	{ "two From fields, one forged", "_dmarc.bank.example TXT v=DMARC1; p=reject", "From: a@a.example\nFrom: b@bank.example", "a.example", "", "fail bank.example p reject reject -> reject" },
	{ "more authors than are judged", "_dmarc.a.example TXT v=DMARC1; p=none", "a@a.example, b@b.example, c@c.example, d@d.example, e@bank.example", "a.example", "", "permerror -> mark" },
	{ "a malformed From with a forged domain in it", "_dmarc.bank.example TXT v=DMARC1; p=reject", "<a@a.example> <b@bank.example>", "a.example", "", "fail bank.example p reject reject -> reject" },
	{ "a malformed From that would pass", "_dmarc.example.com TXT v=DMARC1; p=reject", "<a@example.com", "example.com", "", "permerror -> deliver" },
	{ "no From", "_dmarc.example.com TXT v=DMARC1; p=reject", "Sender: a@example.com", "example.com", "", "permerror -> deliver" },
	{ "a literal", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@[192.0.2.1]", "example.com", "", "none -> deliver" },

	/* deep names */
	{ "eight labels: the record of the organization", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@" DEEP_8, "", "", "fail example.com p reject reject -> reject" },
	{ "fourteen labels: the same", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@" DEEP_14, "", "", "fail example.com p reject reject -> reject" },
	{ "a record that the shortcut passes by (5.1.8)", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.b.c.d.e.f.g.example.com TXT v=DMARC1; p=none; psd=n", "a@mail.a.b.c.d.e.f.g.example.com", "", "", "fail example.com p reject reject -> reject" },
	{ "its own record is found", "_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc." DEEP_14 " TXT v=DMARC1; p=none", "a@" DEEP_14, "", "", "fail " DEEP_14 " p none none -> deliver" },
	{ "a deep signature is aligned", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "", DEEP_14, "pass -> deliver" },
};

struct stage {
	struct arena		 arena;
	struct zone		 zone;
	struct authors		 authors;
	struct dmarc_result	 result;
};

static void
read_identifier(struct str text, struct dmarc_identifier *id_out)
{
	id_out->evidence = text.len == 0 || text.at[0] == '-' ? DMARC_EVIDENCE_NONE
	    : text.at[0] == '?' ? DMARC_EVIDENCE_UNSETTLED : DMARC_EVIDENCE_PASS;
	id_out->domain = text.len > 0 && strchr("-?", text.at[0]) != NULL ? str_from(text, 1) : text;
}

static void
play(struct stage *stage, const struct world *world)
{
	struct dmarc_identifier dkim[8];
	struct dmarc_input input = { .authors = &stage->authors, .dkim = dkim };
	struct header_section section;
	struct str fields = str_of(world->from), rest = str_of(world->dkim), word;

	arena_init(&stage->arena, 4 * 1024 * 1024);
	zone_init(&stage->zone, str_of(world->zone));
	if (str_find_str(fields, STR(": ")) < 0)
		expect(arena_printf(&stage->arena, &fields, "From: %s", world->from));
	expect_int(header_read(fields, &stage->arena, &section), 0);
	expect_int(author_read(&section, &stage->arena, &stage->authors), 0);
	read_identifier(str_of(world->spf), &input.spf);
	while (input.n_dkim < N_OF(dkim) && str_take_word(&rest, &word))
		read_identifier(word, &dkim[input.n_dkim++]);
	dmarc_check(&input, &stage->zone.resolver, INSTANT_NEVER, &stage->arena, &stage->result);
}

static const char *
disposition_text(enum dmarc_disposition disposition)
{
	switch (disposition) {
	case DMARC_DELIVER:
		return "deliver";
	case DMARC_MARK:
		return "mark";
	case DMARC_DEFER:
		return "defer";
	case DMARC_REJECT:
		return "reject";
	}
	return "?";
}

static void
show(const struct dmarc_result *result, char *room, size_t size)
{
	const struct dmarc_author *author = result->deciding;
	int n = snprintf(room, size, "%s", dmarc_verdict_text(result->verdict));

	if (result->verdict == DMARC_FAIL)
		n += snprintf(room + n, size - (size_t)n, " %.*s %s %s %s", STR_ARG(author->record_domain),
		    dmarc_policy_tag_text(author->tag), dmarc_policy_text(author->policy), dmarc_policy_text(author->applied));
	snprintf(room + n, size - (size_t)n, " -> %s", disposition_text(dmarc_disposition(result, DMARC_ENFORCE)));
}

static void
test_worlds(void)
{
	for (int i = 0; i < N_OF(worlds); i++) {
		struct stage stage;
		char got[400];

		test_case("%s", worlds[i].name);
		play(&stage, &worlds[i]);
		show(&stage.result, got, sizeof(got));
		expect_text(got, worlds[i].want);
		expect_int(dmarc_disposition(&stage.result, DMARC_STAMP), DMARC_DELIVER);
		expect((stage.result.reason == NULL) == (stage.result.verdict == DMARC_PASS));
		expect_int(stage.result.n_queries, stage.zone.n_questions);
		arena_fini(&stage.arena);
	}
}

/* By which evidence a mail passes, and what it would come to without: what of it holds behind a forwarder hangs on that. */
static void
test_passes(void)
{
	static const struct { struct world world; bool is_by_spf, is_dkim_unsettled; const char *aligned; enum dmarc_policy otherwise; } cases[] = {
		{ { "by SPF alone", "_dmarc.a.example TXT v=DMARC1; p=reject", "u@a.example", "a.example", "", NULL }, true, false, "a.example", DMARC_POLICY_REJECT },
		{ { "a signature goes before SPF", "_dmarc.a.example TXT v=DMARC1; p=reject", "u@a.example", "a.example", "a.example", NULL }, false, false, "a.example", DMARC_POLICY_REJECT },
		{ { "also one of the organization before SPF of the very domain", "_dmarc.a.example TXT v=DMARC1; p=quarantine", "u@m.a.example", "m.a.example", "a.example", NULL },
		  false, false, "a.example", DMARC_POLICY_QUARANTINE },
		{ { "one whose key the DNS did not tell", "_dmarc.a.example TXT v=DMARC1; p=reject", "u@a.example", "a.example", "?a.example", NULL }, true, true, "a.example", DMARC_POLICY_REJECT },
		{ { "another's, whose key the DNS did not tell", "_dmarc.a.example TXT v=DMARC1; p=reject", "u@a.example", "a.example", "?list.example", NULL },
		  true, false, "a.example", DMARC_POLICY_REJECT },
		{ { "a signature that is wrong", "_dmarc.a.example TXT v=DMARC1; p=none", "u@a.example", "m.a.example", "-a.example", NULL }, true, false, "m.a.example", DMARC_POLICY_NONE },
		{ { "a domain that tests", "_dmarc.a.example TXT v=DMARC1; p=reject; t=y", "u@a.example", "a.example", "", NULL }, true, false, "a.example", DMARC_POLICY_QUARANTINE },
		{ { "a policy for a part of the mail, by the old rules", "_dmarc.a.example TXT v=DMARC1; p=reject; pct=20", "u@a.example", "a.example", "", NULL },
		  true, false, "a.example", DMARC_POLICY_QUARANTINE },
		{ { "for all of it", "_dmarc.a.example TXT v=DMARC1; p=reject; pct=100", "u@a.example", "a.example", "", NULL }, true, false, "a.example", DMARC_POLICY_REJECT },
		{ { "a subdomain's policy", "_dmarc.a.example TXT v=DMARC1; p=none; sp=reject", "u@m.a.example", "m.a.example", "", NULL }, true, false, "m.a.example", DMARC_POLICY_REJECT },
		{ { "np might be what applies: the least of both", "_dmarc.a.example TXT v=DMARC1; p=reject; np=none", "u@m.a.example", "m.a.example", "", NULL },
		  true, false, "m.a.example", DMARC_POLICY_NONE },
	};

	for (int i = 0; i < N_OF(cases); i++) {
		const struct dmarc_author *author;
		struct stage stage;

		test_case("passes: %s", cases[i].world.name);
		play(&stage, &cases[i].world);
		author = stage.result.deciding;
		expect_text(dmarc_verdict_text(stage.result.verdict), "pass");
		expect_int(author->is_aligned_by_spf, cases[i].is_by_spf);
		expect_int(author->is_dkim_unsettled, cases[i].is_dkim_unsettled);
		expect_str(author->aligned_domain, str_of(cases[i].aligned));
		expect_int(author->otherwise, cases[i].otherwise);
		expect_int(stage.result.n_queries, stage.zone.n_questions);
		arena_fini(&stage.arena);
	}
}

/* The eight queries of 4.10, of 5.1.8, and no more for 130 labels. */
static void
test_walks(void)
{
	static const struct {
		const char	*name, *domain, *zone;
		int		 n_queries, n_steps;
		const char	*second, *organization;
	} walks[] = {
		{ "the example of 4.10 takes eight queries", DEEP_14, "", 8, 8, "g.h.i.j.mail.example.com", DEEP_14 },
		{ "the example of 5.1.8", "mail.a.b.c.d.e.f.g.example.com", "", 8, 8, "c.d.e.f.g.example.com", "mail.a.b.c.d.e.f.g.example.com" },
		{ "eight labels", DEEP_8, "", 8, 8, "b.c.d.e.f.example.com", DEEP_8 },
		{ "nine labels", "z." DEEP_8, "", 8, 8, "b.c.d.e.f.example.com", "z." DEEP_8 },
		{ "two labels", "example.com", "", 2, 2, "com", "example.com" },
		{ "one label", "com", "", 1, 1, "", "com" },
		{ "the first example of 4.10.2", "a.mail.example.com", "_dmarc.mail.example.com TXT v=DMARC1; p=none\n_dmarc.example.com TXT v=DMARC1; p=none", 4, 4, "mail.example.com", "example.com" },
		{ "the second: psd=n", "a.mail.example.com", "_dmarc.mail.example.com TXT v=DMARC1; p=none; psd=n\n_dmarc.example.com TXT v=DMARC1; p=none", 4, 2, "mail.example.com", "mail.example.com" },
		{ "the last: psd=y", "a.mail.example.com", "_dmarc.com TXT v=DMARC1; p=none; psd=y", 4, 4, "mail.example.com", "example.com" },
		{ "psd=y of the name itself", "example.com", "_dmarc.example.com TXT v=DMARC1; psd=y\n_dmarc.com TXT v=DMARC1", 2, 1, "", "example.com" },
		{ "psd=y behind the shortcut", DEEP_14, "_dmarc.g.h.i.j.mail.example.com TXT v=DMARC1; psd=y", 8, 2, "g.h.i.j.mail.example.com", "f.g.h.i.j.mail.example.com" },
		{ "of several records none counts", "mail.example.com", "_dmarc.example.com TXT v=DMARC1; psd=n\n_dmarc.example.com TXT v=DMARC1; psd=n\n_dmarc.com TXT v=DMARC1", 3, 3, "example.com", "com" },
	};

	for (int i = 0; i < N_OF(walks); i++) {
		struct dmarc_walk walk;
		struct str organization;
		struct arena arena;
		struct zone zone;

		test_case("%s", walks[i].name);
		arena_init(&arena, 1024 * 1024);
		zone_init(&zone, str_of(walks[i].zone));
		dmarc_walk(str_of(walks[i].domain), &zone.resolver, INSTANT_NEVER, &arena, &walk);
		expect_int(walk.n_queries, walks[i].n_queries);
		expect_int(zone.n_questions, walks[i].n_queries);
		expect_int(zone.n_asks, 1);
		expect_int(walk.n_steps, walks[i].n_steps);
		expect_str(walk.n_steps > 1 ? walk.steps[1].domain : STR_EMPTY, str_of(walks[i].second));
		expect(dmarc_walk_organization(&walk, &organization));
		expect_str(organization, str_of(walks[i].organization));
		arena_fini(&arena);
	}
}

static void
test_bounds(void)
{
	struct dmarc_identifier dkim[100];
	struct authors authors = { .domains = { STR("example.com") }, .n_domains = 1, .n_fields = 1, .n_mailboxes = 1 };
	struct dmarc_input input = { .authors = &authors, .dkim = dkim, .n_dkim = N_OF(dkim) };
	struct dmarc_result result;
	struct arena arena;
	struct zone zone;
	char names[N_OF(dkim)][60], longest[300] = "";

	test_case("many signatures of strangers cost nothing");
	arena_init(&arena, 4 * 1024 * 1024);
	zone_init(&zone, STR("_dmarc.example.com TXT v=DMARC1; p=reject"));
	for (int i = 0; i < N_OF(dkim); i++) {
		snprintf(names[i], sizeof(names[i]), "a.b.c.d.e.f.g.h.x%d.com", i);
		dkim[i] = (struct dmarc_identifier){ DMARC_EVIDENCE_PASS, str_of(names[i]) };
	}
	dmarc_check(&input, &zone.resolver, INSTANT_NEVER, &arena, &result);
	expect_int(result.verdict, DMARC_FAIL);
	expect_int(zone.n_questions, 2);

	test_case("many names inside of the organization cost so much and no more");
	zone_init(&zone, STR("_dmarc.example.com TXT v=DMARC1; p=reject\n_dmarc.lab.example.com TXT v=DMARC1; p=none; psd=n"));
	for (int i = 0; i < N_OF(dkim); i++)
		snprintf(names[i], sizeof(names[i]), "a.b.c.d.e.f.g.h.x%d.lab.example.com", i);
	for (int i = 0; i < N_OF(dkim); i++)
		dkim[i].domain = str_of(names[i]);
	dmarc_check(&input, &zone.resolver, INSTANT_NEVER, &arena, &result);
	expect_int(result.verdict, DMARC_FAIL);
	expect_int(zone.n_questions, 2 + DMARC_IDENTIFIERS_MAX * DMARC_WALK_MAX);
	expect_int(zone.n_asks, 1 + DMARC_IDENTIFIERS_MAX);

	test_case("several authors of the organization do not cost each name once more");
	zone_init(&zone, zone.text);
	authors = (struct authors){ .domains = { STR("example.com"), STR("b.example.com"), STR("c.example.com"), STR("d.example.com") },
	    .n_domains = 4, .n_fields = 1, .n_mailboxes = 4 };
	dmarc_check(&input, &zone.resolver, INSTANT_NEVER, &arena, &result);
	expect_int(result.verdict, DMARC_FAIL);
	expect_int(zone.n_questions, 2 + 3 + 3 + 3 + DMARC_IDENTIFIERS_MAX * DMARC_WALK_MAX);
	expect_int(result.n_queries, zone.n_questions);
	authors.n_domains = 1;

	test_case("a name that is as long as a domain may be has no record, its ends have");
	zone_init(&zone, STR("_dmarc.example.com TXT v=DMARC1; p=none; np=reject"));
	for (int i = 0; i < 121; i++)
		strcat(longest, "a.");
	strcat(longest, "example.com");
	authors.domains[0] = str_of(longest);
	input.n_dkim = 0;
	dmarc_check(&input, &zone.resolver, INSTANT_NEVER, &arena, &result);
	expect_int(result.verdict, DMARC_FAIL);
	expect_int(result.applied, DMARC_POLICY_REJECT);
	expect_int(zone.n_questions, 8);	/* seven ends, and whether it exists */

	test_case("without memory it is temporary");
	for (size_t max = 0; max < 8000; max += 500) {
		struct arena small;

		arena_init(&small, max);
		dmarc_check(&input, &zone.resolver, INSTANT_NEVER, &small, &result);
		expect_int(result.verdict, DMARC_TEMPERROR);
		expect_int(dmarc_disposition(&result, DMARC_ENFORCE), DMARC_DEFER);
		arena_fini(&small);
	}
	arena_fini(&arena);
}

static void
test_auth_result(void)
{
	static const struct {
		struct world	 world;
		const char	*want;
	} cases[] = {
		{ { "a pass", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@example.com", "example.com", "", NULL },
		  "mx; dmarc=pass header.from=example.com\r\n\tpolrec.p=reject\r\n" },
		{ { "a fail by the organization's record", "_dmarc.example.com TXT v=DMARC1; p=reject", "a@m.example.com", "", "", NULL },
		  "mx; dmarc=fail reason=\"nothing that passed is\r\n"
		  " aligned\" header.from=m.example.com policy.dmarc=reject polrec.p=reject\r\n\tpolrec.domain=example.com\r\n" },
		{ { "what a subdomain's fail comes to is not the record's p", "_dmarc.example.com TXT v=DMARC1; p=reject; sp=quarantine; t=y", "a@m.example.com", "", "", NULL },
		  "mx; dmarc=fail reason=\"nothing that passed is\r\n"
		  " aligned\" header.from=m.example.com policy.dmarc=none polrec.p=reject\r\n\tpolrec.domain=example.com\r\n" },
		{ { "none", "", "a@example.com", "", "", NULL }, "mx; dmarc=none reason=\"no DMARC record\"\r\n\theader.from=example.com\r\n" },
		{ { "no From", "", "To: a@example.com", "", "", NULL }, "mx; dmarc=permerror reason=\"no From field\"\r\n" },
		{ { "the one who failed of two", "_dmarc.a.example TXT v=DMARC1; p=none\n_dmarc.b.example TXT v=DMARC1; p=reject", "a@a.example, b@b.example", "a.example", "", NULL },
		  "mx; dmarc=fail reason=\"nothing that passed is\r\n aligned\" header.from=b.example policy.dmarc=reject polrec.p=reject\r\n" },
	};

	for (int i = 0; i < N_OF(cases); i++) {
		struct auth_result auth;
		struct stage stage;
		struct buf out;

		test_case("written: %s", cases[i].world.name);
		play(&stage, &cases[i].world);
		buf_init(&out, 4096);
		expect(dmarc_auth_result(&stage.result, &stage.arena, &auth));
		expect_int(auth_results_append(STR("mx"), &auth, 1, false, &out), 0);
		expect_str(str_from(buf_str(&out), sizeof("Authentication-Results: ") - 1), str_of(cases[i].want));
		buf_fini(&out);
		arena_fini(&stage.arena);
	}
}

int
main(void)
{
	test_worlds();
	test_passes();
	test_walks();
	test_bounds();
	test_auth_result();
	return test_end();
}
