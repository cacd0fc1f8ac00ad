/*
 * survive.c - which of a mail's proofs still hold at the next hop, and whether DMARC has it refused there
 */
#include "mail/domain.h"
#include "policy/survive.h"

enum {
	NAMES_ARENA_MAX_BYTES = 4 * DOMAIN_MAX_BYTES,	/* two names in A-labels, and what leads to one */
	SIGNATURE_SHOWN_MAX_BYTES = 80,
};

bool
survive_dkim(const struct dkim_result *result, const struct field_changes *changes)
{
	return result->verdict == DKIM_PASS && !field_changes_break(changes, result->signed_fields);
}

/* An address of ours passes where SPF of a domain of ours names it, which is not asked here. */
static enum spf_survival
spf_survival(const struct survival_inputs *in)
{
	const struct findings *findings = in->findings;

	if (!findings->has_spf || findings->spf_mail_from.value != SPF_PASS || in->is_rewritten)
		return SPF_IS_LOST;
	switch (in->view) {
	case VIEW_OF_CLIENT:
		return SPF_SURVIVES;
	case VIEW_UNKNOWN:
		return SPF_MAY_SURVIVE;
	case VIEW_OF_US:
		break;
	}
	return !address_is_null(&in->envelope->reverse_path) && policy_is_ours(in->policy, in->envelope->reverse_path.domain) ?
	    SPF_MAY_SURVIVE : SPF_IS_LOST;
}

/* --- one author --- */

enum relation {				/* of a signature to an author, in order */
	UNRELATED,
	PERHAPS_ALIGNED,		/* or perhaps right there; only the next hop could tell */
	ALIGNED,
};

static bool
is_at_or_below(struct str domain, struct str parent)
{
	return str_eq(domain, parent) || domain_is_below(domain, parent);
}

/* Without the DNS: of two domains one of which is below the other relaxed alignment is possible (RFC 9989 4.4). */
static enum relation
relation_of(struct str signer, const struct dmarc_author *author)
{
	struct str name, top = author->organization.len > 0 ? author->organization : author->domain;
	enum relation relation = UNRELATED;
	struct arena arena;

	arena_init(&arena, NAMES_ARENA_MAX_BYTES);
	if (signer.len > 0 && !domain_canonical(signer, &arena, &name))
		relation = PERHAPS_ALIGNED;
	else if (signer.len > 0 && (str_eq(name, author->domain) ||
	    (!author->is_aligned_by_spf && str_eq(name, author->aligned_domain))))
		relation = ALIGNED;
	else if (signer.len > 0 && !author->record.is_dkim_strict &&
	    (is_at_or_below(author->domain, name) || is_at_or_below(name, top)))
		relation = PERHAPS_ALIGNED;
	arena_fini(&arena);
	return relation;
}

/*
 * What is not accepted or not looked at here others may find right.  Of a key that the DNS did not tell dmarc.h knows whether it
 * matters, but for one beside a signature that passes, which settled it there.
 */
static enum relation
relation_of_result(const struct survival_inputs *in, const struct dkim_result *result, const struct dmarc_author *author)
{
	bool may_pass = result->verdict == DKIM_POLICY || result->verdict == DKIM_NEUTRAL ||
	    (result->verdict == DKIM_TEMPERROR && !author->is_aligned_by_spf);

	if (result->is_rest)
		return PERHAPS_ALIGNED;
	if (survive_dkim(result, in->changes))
		return relation_of(result->domain, author);
	return may_pass && relation_of(result->domain, author) != UNRELATED ? PERHAPS_ALIGNED : UNRELATED;
}

/* The best relation that a signature has which may be right there; of one that is, the domain. */
static enum relation
find_signature(const struct survival_inputs *in, const struct dmarc_author *author, struct survival *survival)
{
	const struct findings *findings = in->findings;
	enum relation best = UNRELATED;

	for (int i = 0; i < findings->n_dkim; i++) {
		enum relation relation = relation_of_result(in, &findings->dkim[i], author);

		if (relation <= best)
			continue;
		best = relation;
		if (survive_dkim(&findings->dkim[i], in->changes))
			survival->signature = findings->dkim[i].domain;
	}
	return best;
}

/* SPF of the SRS address names us.  Nobody asks the DNS whether its domain is aligned: so it may be. */
static bool
may_align_by_srs(const struct survival_inputs *in, const struct dmarc_author *author)
{
	struct str top = author->organization.len > 0 ? author->organization : author->domain;
	struct str domain = in->envelope->srs_path.domain;

	if (!in->is_rewritten || domain.len == 0)
		return false;
	return str_eq(domain, author->domain) ||
	    (!author->record.is_spf_strict && (is_at_or_below(author->domain, domain) || is_at_or_below(domain, top)));
}

/* What keeps an author's mail from being refused, or NULL: then *doom_out says why it is. */
static const char *
find_rescue(const struct survival_inputs *in, const struct dmarc_author *author, struct survival *survival,
    const char **doom_out)
{
	enum relation signature = find_signature(in, author, survival);

	if (signature == ALIGNED)
		return "dkim";
	if (relation_of(in->signer, author) != UNRELATED)
		return "signed";
	if (author->otherwise != DMARC_POLICY_REJECT)
		return "policy";
	if (in->is_sealed)
		return "arc";
	if (signature == PERHAPS_ALIGNED)
		return "unclear";
	if (author->is_dkim_unsettled)
		return "unsettled";
	if (may_align_by_srs(in, author))
		return "ours";
	switch (survival->spf) {
	case SPF_SURVIVES:
		return "seen";
	case SPF_MAY_SURVIVE:
		return in->view == VIEW_OF_US ? "ours" : "seen";
	case SPF_IS_LOST:
		break;
	}
	*doom_out = !author->is_aligned_by_spf ? "signature-broken" : in->is_rewritten && in->view == VIEW_OF_CLIENT ? "spf-rewritten" :
	    "spf-only";
	return NULL;
}

/* --- the mail --- */

/* Why nothing of it hangs on what becomes of its proofs; NULL: it passes DMARC here. */
static const char *
find_exemption(const struct survival_inputs *in)
{
	const struct findings *findings = in->findings;

	if (findings->why_unchecked != NULL)
		return "unchecked";
	if (!findings->has_dmarc)
		return "no-dmarc";
	switch (findings->dmarc.verdict) {
	case DMARC_NONE:
		return "no-dmarc";
	case DMARC_PERMERROR:
		return "unclear";
	case DMARC_TEMPERROR:
		return "unsettled";
	case DMARC_FAIL:
		return "no-pass";
	case DMARC_PASS:
		break;
	}
	return address_is_null(&in->envelope->reverse_path) ? "null" : NULL;
}

/* All authors must pass (RFC 9989 11.5): one is enough to doom it. */
static void
judge_authors(const struct survival_inputs *in, struct survival *survival)
{
	const struct dmarc_result *dmarc = &in->findings->dmarc;

	for (int i = 0; i < dmarc->n_authors && !survival->is_doomed; i++) {
		const char *doom = NULL, *rescue = find_rescue(in, &dmarc->authors[i], survival, &doom);

		survival->is_doomed = rescue == NULL;
		if (survival->is_doomed || i == 0)
			survival->reason = survival->is_doomed ? doom : rescue;
	}
}

void
survive(const struct survival_inputs *inputs, struct survival *survival_out)
{
	const struct findings *findings = inputs->findings;
	const char *exemption = find_exemption(inputs);

	*survival_out = (struct survival){ .spf = spf_survival(inputs), .signature = inputs->signer,
	    .reason = exemption != NULL ? exemption : "no-dmarc" };
	for (int i = 0; i < findings->n_dkim && survival_out->signature.len == 0; i++)
		if (survive_dkim(&findings->dkim[i], inputs->changes))
			survival_out->signature = findings->dkim[i].domain;
	if (exemption == NULL)
		judge_authors(inputs, survival_out);
}

int
survive_hope(enum client_view view, bool is_rewritten)
{
	switch (view) {
	case VIEW_OF_US:
		return is_rewritten ? 0 : 1;	/* of a domain of ours it may be something */
	case VIEW_UNKNOWN:
		return is_rewritten ? 0 : 2;
	case VIEW_OF_CLIENT:
		return is_rewritten ? 0 : 3;
	}
	return 0;
}

void
survive_words(const struct survival *survival, struct buf *out)
{
	size_t n = survival->signature.len < SIGNATURE_SHOWN_MAX_BYTES ? survival->signature.len : SIGNATURE_SHOWN_MAX_BYTES;

	if (n > 0)
		(void)buf_append(out, STR("dkim:"));
	for (size_t i = 0; i < n; i++) {
		char c = survival->signature.at[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';

		(void)buf_printf(out, "%c", is_plain ? c : '?');
	}
	switch (survival->spf) {
	case SPF_IS_LOST:
		if (n == 0)
			(void)buf_append(out, STR("none"));
		return;
	case SPF_MAY_SURVIVE:
		(void)buf_append(out, n > 0 ? STR(",spf?") : STR("spf?"));
		return;
	case SPF_SURVIVES:
		(void)buf_append(out, n > 0 ? STR(",spf") : STR("spf"));
		return;
	}
}
