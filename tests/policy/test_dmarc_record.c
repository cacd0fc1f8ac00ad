/*
 * test_dmarc_record.c - what is a DMARC record, and what it says
 */
#include <stdio.h>

#include "policy/dmarc/dmarc_record.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

/* As p/sp/np, then u, n or y of psd, and letters: D and S strict alignments, T testing, - not usable; and fo. */
static const struct {
	const char	*name, *text;
	const char	*want;			/* NULL: no record */
} cases[] = {
	{ "RFC 9989 B.2.1", "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com", "none/none/none u 1 rua=mailto:dmarc-feedback@example.com" },
	{ "RFC 9989 B.2.2", "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com; ruf=mailto:auth-reports@example.com",
	  "none/none/none u 1 rua=mailto:dmarc-feedback@example.com ruf=mailto:auth-reports@example.com" },
	{ "RFC 9989 B.2.3, of a receiver of reports", "v=DMARC1;", "none/none/none u - 1" },
	{ "sp is p and np is sp", "v=DMARC1; p=reject", "reject/reject/reject u 1" },
	{ "np is sp", "v=DMARC1; p=reject; sp=quarantine", "reject/quarantine/quarantine u 1" },
	{ "all three", "v=DMARC1; p=none; sp=quarantine; np=reject", "none/quarantine/reject u 1" },
	{ "np without sp", "v=DMARC1; p=none; np=reject", "none/none/reject u 1" },
	{ "in another order", "v=DMARC1; np=reject; rua=mailto:a@b; sp=quarantine; p=none", "none/quarantine/reject u 1 rua=mailto:a@b" },
	{ "strict alignment", "v=DMARC1; p=none; adkim=s; aspf=s", "none/none/none u D S 1" },
	{ "relaxed alignment", "v=DMARC1; p=none; adkim=r; aspf=R", "none/none/none u 1" },
	{ "alignment that is none is relaxed", "v=DMARC1; p=none; adkim=strict; aspf=x", "none/none/none u 1" },
	{ "testing", "v=DMARC1; p=reject; t=y", "reject/reject/reject u T 1" },
	{ "not testing", "v=DMARC1; p=reject; t=n", "reject/reject/reject u 1" },
	{ "testing that is none", "v=DMARC1; p=reject; t=yes", "reject/reject/reject u 1" },
	{ "a public suffix", "v=DMARC1; p=reject; psd=y", "reject/reject/reject y 1" },
	{ "an organization by its own word", "v=DMARC1; p=reject; psd=n", "reject/reject/reject n 1" },
	{ "by the default", "v=DMARC1; p=reject; psd=u", "reject/reject/reject u 1" },
	{ "psd that is none", "v=DMARC1; p=reject; psd=q", "reject/reject/reject u 1" },
	{ "psd holds without a policy", "v=DMARC1; psd=y", "none/none/none y - 1" },
	{ "names and values in any case", "V=DMARC1; P=REJECT; Sp=None; T=Y; PSD=Y; ADKIM=S", "reject/none/none y D T 1" },
	{ "blanks and tabs around everything", "v \t=\tDMARC1 ;\t p = reject ;sp= none ; ", "reject/none/none u 1" },
	{ "no blanks at all", "v=DMARC1;p=reject;sp=none;", "reject/none/none u 1" },
	{ "only the version", "v=DMARC1", "none/none/none u - 1" },
	{ "empty tags", "v=DMARC1;;; ;p=reject;;", "reject/reject/reject u 1" },
	{ "unknown tags", "v=DMARC1; xyz=1; p=reject; p2=none; x_y=z", "reject/reject/reject u 1" },
	{ "what RFC 7489 had and RFC 9989 has not", "v=DMARC1; p=reject; pct=0; rf=afrf; ri=86400", "reject/reject/reject u 1" },
	{ "the first of two", "v=DMARC1; p=reject; p=none", "reject/reject/reject u 1" },
	{ "a tag without =", "v=DMARC1; p; q; p=reject", "reject/reject/reject u 1" },
	{ "a tag that is not printable is passed over", "v=DMARC1; sp=\001; p=reject; x=\xc3\xa4", "reject/reject/reject u 1" },

	{ "no p, but somewhere to report", "v=DMARC1; rua=mailto:a@example.com", "none/none/none u 1 rua=mailto:a@example.com" },
	{ "a bad p, but somewhere to report", "v=DMARC1; p=bogus; sp=reject; rua=mailto:a@example.com", "none/none/none u 1 rua=mailto:a@example.com" },
	{ "a bad sp, but somewhere to report", "v=DMARC1; p=reject; sp=bogus; rua=mailto:a@example.com", "none/none/none u 1 rua=mailto:a@example.com" },
	{ "a bad np, but somewhere to report", "v=DMARC1; p=reject; np=r; rua=x, mailto:a@example.com!10m", "none/none/none u 1 rua=x, mailto:a@example.com!10m" },
	{ "a bad p and nowhere to report", "v=DMARC1; p=bogus", "none/none/none u - 1" },
	{ "a prefix of a policy is none", "v=DMARC1; p=r", "none/none/none u - 1" },
	{ "a bad sp and nowhere to report", "v=DMARC1; p=reject; sp=bogus", "none/none/none u - 1" },
	{ "a bad np and a report to nobody", "v=DMARC1; p=reject; np=bogus; rua=mailto:, @, x", "none/none/none u - 1 rua=mailto:, @, x" },
	{ "another scheme will do", "v=DMARC1; rua=https://example.com/r", "none/none/none u 1 rua=https://example.com/r" },

	{ "fo of all kinds", "v=DMARC1; p=none; fo=1:d:s", "none/none/none u 14" },
	{ "fo in another order", "v=DMARC1; p=none; fo=s:0", "none/none/none u 9" },
	{ "fo of reports by DKIM only", "v=DMARC1; p=none; fo=d", "none/none/none u 4" },
	{ "fo twice the same is the default", "v=DMARC1; p=none; fo=d:d", "none/none/none u 1" },
	{ "fo of 0 and 1 is the default", "v=DMARC1; p=none; fo=0:1", "none/none/none u 1" },
	{ "fo of something else is the default", "v=DMARC1; p=none; fo=0:x", "none/none/none u 1" },

	{ "nothing", "", NULL },
	{ "no version", "p=reject", NULL },
	{ "the version not first", "p=reject; v=DMARC1", NULL },
	{ "a blank in front", " v=DMARC1; p=reject", NULL },
	{ "a separator in front", ";v=DMARC1; p=reject", NULL },
	{ "the version in another case", "v=dmarc1; p=reject", NULL },
	{ "another version", "v=DMARC2; p=reject", NULL },
	{ "a longer version", "v=DMARC10; p=reject", NULL },
	{ "a version that does not end", "v=DMARC1 p=reject", NULL },
	{ "commas for semicolons", "v=DMARC1, p=reject", NULL },
	{ "a version with a quote", "\"v=DMARC1; p=reject\"", NULL },
	{ "a record of SPF", "v=spf1 -all", NULL },
	{ "a record of DKIM", "v=DKIM1; p=AAAA", NULL },
	{ "no value", "v=; p=reject", NULL },
	{ "no =", "v; p=reject", NULL },
	{ "a longer name", "vv=DMARC1; p=reject", NULL },
};

static void
show(const struct dmarc_record *r, char *room, size_t size)
{
	snprintf(room, size, "%s/%s/%s %c%s%s%s%s %u%s%.*s%s%.*s", dmarc_policy_text(r->p), dmarc_policy_text(r->sp),
	    dmarc_policy_text(r->np), "uny"[r->psd], r->is_dkim_strict ? " D" : "", r->is_spf_strict ? " S" : "",
	    r->is_testing ? " T" : "", r->is_usable ? "" : " -", r->fo, r->rua.len > 0 ? " rua=" : "", STR_ARG(r->rua),
	    r->ruf.len > 0 ? " ruf=" : "", STR_ARG(r->ruf));
}

int
main(void)
{
	for (int i = 0; i < N_OF(cases); i++) {
		struct dmarc_record record;
		char got[400] = "no record";

		test_case("%s", cases[i].name);
		if (dmarc_record_parse(str_of(cases[i].text), &record))
			show(&record, got, sizeof(got));
		expect_text(got, cases[i].want != NULL ? cases[i].want : "no record");
	}
	test_case("while a domain tests, one level less is done");
	expect_int(dmarc_policy_below(DMARC_POLICY_REJECT), DMARC_POLICY_QUARANTINE);
	expect_int(dmarc_policy_below(DMARC_POLICY_QUARANTINE), DMARC_POLICY_NONE);
	expect_int(dmarc_policy_below(DMARC_POLICY_NONE), DMARC_POLICY_NONE);
	return test_end();
}
