/*
 * dmarc.c - may this mail say that it is from its author's domain?  DMARC by RFC 9989
 */
#include "mail/domain.h"
#include "policy/dmarc/dmarc.h"
#include "policy/dmarc/dmarc_walk.h"

struct identifier {			/* a domain for which SPF or DKIM found something */
	struct str		 domain;	/* canonical */
	enum dmarc_evidence	 evidence;
	bool			 is_spf;	/* else DKIM */
	struct dmarc_walk	*walk;		/* NULL: not walked yet; for all authors it is one */
};

struct check {
	struct resolver		*resolver;
	struct instant		 deadline;
	struct arena		*arena;
	struct identifier	*identifiers;	/* each domain once for SPF, once for DKIM */
	int			 n_identifiers;
	struct dmarc_walk	*walk;		/* of the author at hand */
	int			 n_queries;
};

/* Of several signatures of a domain a pass is worth more than what may pass later. */
static void
add_identifier(struct check *c, const struct dmarc_identifier *given, bool is_spf)
{
	struct identifier new = { .evidence = given->evidence, .is_spf = is_spf };

	if (given->evidence == DMARC_EVIDENCE_NONE || !domain_canonical(given->domain, c->arena, &new.domain))
		return;
	for (int i = 0; i < c->n_identifiers; i++) {
		struct identifier *known = &c->identifiers[i];

		if (known->is_spf == is_spf && str_eq(known->domain, new.domain)) {
			if (new.evidence == DMARC_EVIDENCE_PASS)
				known->evidence = new.evidence;
			return;
		}
	}
	if (c->n_identifiers < DMARC_IDENTIFIERS_MAX)
		c->identifiers[c->n_identifiers++] = new;
}

/* Only a domain inside of the author's organization can be of it: no other is worth a walk. */
static enum dmarc_alignment
align(struct check *c, const struct dmarc_author *author, struct identifier *id)
{
	if (str_eq(id->domain, author->domain))
		return DMARC_ALIGNED;
	if (id->is_spf ? author->record.is_spf_strict : author->record.is_dkim_strict)
		return DMARC_NOT_ALIGNED;
	if (author->organization.len > 0 && !str_eq(id->domain, author->organization) &&
	    !domain_is_below(id->domain, author->organization))
		return DMARC_NOT_ALIGNED;
	if (id->walk == NULL) {
		id->walk = arena_alloc(c->arena, sizeof(*id->walk));
		if (id->walk == NULL)
			return DMARC_ALIGNMENT_UNSETTLED;
		dmarc_walk(id->domain, c->resolver, c->deadline, c->arena, id->walk);
		c->n_queries += id->walk->n_queries;
	}
	return dmarc_walks_align(c->walk, id->walk);
}

enum reach { REACH_ITSELF, REACH_OTHERS };	/* identifiers that are the author's domain cost nothing; others may cost a walk */

/* The first that is aligned and passed, or NULL; *is_unsettled_out is set if something might be. */
static const struct identifier *
find_aligned(struct check *c, const struct dmarc_author *author, bool is_spf, enum reach reach, bool *is_unsettled_out)
{
	for (int i = 0; i < c->n_identifiers; i++) {
		struct identifier *id = &c->identifiers[i];
		enum dmarc_alignment alignment;

		if (id->is_spf != is_spf || str_eq(id->domain, author->domain) != (reach == REACH_ITSELF))
			continue;
		alignment = align(c, author, id);
		if (alignment == DMARC_NOT_ALIGNED)
			continue;
		if (alignment == DMARC_ALIGNED && id->evidence == DMARC_EVIDENCE_PASS)
			return id;
		*is_unsettled_out = true;
	}
	return NULL;
}

/*
 * True if something is aligned and passed; *is_unsettled_out if something might be.  A signature goes before SPF, for it is
 * good at the next hop too; but what SPF needs of the DNS is asked for first, lest slow names in signatures leave it no time.
 */
static bool
find_pass(struct check *c, struct dmarc_author *author, bool *is_unsettled_out)
{
	bool is_dkim_unsettled = false, is_spf_unsettled = false;
	const struct identifier *dkim = find_aligned(c, author, false, REACH_ITSELF, &is_dkim_unsettled), *spf = NULL, *found;

	if (dkim == NULL) {
		spf = find_aligned(c, author, true, REACH_ITSELF, &is_spf_unsettled);
		if (spf == NULL)
			spf = find_aligned(c, author, true, REACH_OTHERS, &is_spf_unsettled);
		dkim = find_aligned(c, author, false, REACH_OTHERS, &is_dkim_unsettled);
	}
	*is_unsettled_out = is_dkim_unsettled || is_spf_unsettled;
	found = dkim != NULL ? dkim : spf;
	if (found == NULL)
		return false;
	author->aligned_domain = found->domain;
	author->is_aligned_by_spf = found->is_spf;
	author->is_dkim_unsettled = found->is_spf && is_dkim_unsettled;
	return true;
}

/*
 * Does the author's domain exist?  Only a query for that name itself tells (A.4), unless something
 * was found below it.  False when the DNS did not tell.
 */
static bool
find_existence(struct check *c, const struct dmarc_author *author, bool *exists_out)
{
	struct dns_question question = { .name = author->domain, .type = DNS_A, .is_strangers = true };
	struct dns_answer answer;

	*exists_out = true;
	if (c->walk->steps[0].name_exists)
		return true;
	if (author->domain.len > DMARC_NAME_MAX_BYTES) {
		*exists_out = false;
		return true;
	}
	c->n_queries++;
	dns_ask(c->resolver, &question, 1, c->deadline, c->arena, &answer);
	*exists_out = answer.result != DNS_NO_NAME;
	return answer.result != DNS_UNSETTLED;
}

/* Which policy of the record applies to the author (4.10.1).  False when the DNS did not tell. */
static bool
choose_policy(struct check *c, struct dmarc_author *author)
{
	const struct dmarc_record *record = &author->record;
	bool exists = true;

	if (str_eq(author->record_domain, author->domain)) {
		author->tag = DMARC_TAG_P;
		author->policy = record->p;
		return true;
	}
	if (record->has_np && record->np != record->sp && !find_existence(c, author, &exists))
		return false;
	author->tag = !exists ? DMARC_TAG_NP : record->has_sp ? DMARC_TAG_SP : DMARC_TAG_P;
	author->policy = exists ? record->sp : record->np;
	return true;
}

/* The record's policy, one less while the domain tests. */
static enum dmarc_policy
weakened(const struct dmarc_author *author, enum dmarc_policy policy)
{
	return author->record.is_testing ? dmarc_policy_below(policy) : policy;
}

/* A record that nobody has seen may say anything. */
static enum dmarc_policy
find_stake(const struct dmarc_author *author)
{
	const struct dmarc_record *record = &author->record;

	if (!author->has_record)
		return DMARC_POLICY_REJECT;
	if (str_eq(author->record_domain, author->domain))
		return weakened(author, record->p);
	return weakened(author, record->sp > record->np ? record->sp : record->np);
}

/*
 * What would at least be applied if nothing passed: nobody asks for that whether the domain exists (choose_policy).  pct= is
 * history (RFC 9989), but who knows no better goes by it, and does less to a part of the mail (RFC 7489 6.6.4).
 */
static enum dmarc_policy
find_least(const struct dmarc_author *author)
{
	const struct dmarc_record *record = &author->record;
	bool is_own = str_eq(author->record_domain, author->domain);
	enum dmarc_policy policy = is_own ? record->p : record->sp < record->np ? record->sp : record->np;

	return record->is_testing || record->is_sampled ? dmarc_policy_below(policy) : policy;
}

static void
conclude(struct dmarc_author *author, enum dmarc_verdict verdict, const char *reason)
{
	if (verdict == DMARC_TEMPERROR)
		author->at_stake = find_stake(author);
	author->verdict = verdict;
	author->reason = reason;
}

static void
check_author(struct check *c, struct dmarc_author *author)
{
	const struct dmarc_step *step;
	bool is_unsettled;

	dmarc_walk(author->domain, c->resolver, c->deadline, c->arena, c->walk);
	c->n_queries += c->walk->n_queries;
	step = dmarc_walk_policy(c->walk, &is_unsettled);
	if (!dmarc_walk_organization(c->walk, &author->organization))
		author->organization = STR_EMPTY;
	if (step == NULL) {
		conclude(author, is_unsettled ? DMARC_TEMPERROR : DMARC_NONE,
		    is_unsettled ? "the DNS did not tell the policy" : "no DMARC record");
		return;
	}
	author->has_record = true;
	author->record = step->record;
	author->record_domain = step->domain;
	if (!author->record.is_usable) {
		conclude(author, DMARC_PERMERROR, "the DMARC record has no valid policy");
		return;
	}
	if (find_pass(c, author, &is_unsettled)) {
		conclude(author, DMARC_PASS, NULL);
		author->otherwise = find_least(author);
	} else if (is_unsettled) {
		conclude(author, DMARC_TEMPERROR, "the DNS did not tell what may be aligned");
	} else if (!choose_policy(c, author)) {
		conclude(author, DMARC_TEMPERROR, "the DNS did not tell whether the domain exists");
	} else {
		conclude(author, DMARC_FAIL, "nothing that passed is aligned");
		author->applied = weakened(author, author->policy);
	}
}

/* What one author may be blamed for, the mail is. */
static void
combine(const struct authors *authors, struct dmarc_result *result)
{
	result->verdict = DMARC_PASS;
	result->reason = NULL;
	for (int i = 0; i < result->n_authors; i++) {
		const struct dmarc_author *author = &result->authors[i];

		if (result->deciding == NULL || author->verdict > result->verdict ||
		    (author->verdict == result->verdict && author->applied > result->applied)) {
			result->deciding = author;
			result->verdict = author->verdict;
			result->reason = author->reason;
		}
		if (author->applied > result->applied)
			result->applied = author->applied;
	}
	result->is_incomplete = authors->has_more;
	if (authors->n_domains == 0 && result->verdict < DMARC_NONE) {
		result->verdict = DMARC_NONE;
		result->reason = "no author has a domain";
	}
	if (result->verdict < DMARC_PERMERROR && (authors->why_malformed != NULL || authors->has_more)) {
		result->verdict = DMARC_PERMERROR;
		result->reason = authors->why_malformed != NULL ? authors->why_malformed : "more authors than are judged";
	}
}

void
dmarc_check(const struct dmarc_input *input, struct resolver *resolver, struct instant deadline,
    struct arena *arena, struct dmarc_result *result_out)
{
	struct check c = {
		.resolver = resolver, .deadline = deadline, .arena = arena,
		.identifiers = arena_array(arena, DMARC_IDENTIFIERS_MAX, sizeof(c.identifiers[0])),
		.walk = arena_alloc(arena, sizeof(*c.walk)),
	};
	bool has_room = c.identifiers != NULL && c.walk != NULL;

	*result_out = (struct dmarc_result){ .n_authors = input->authors->n_domains };
	if (has_room) {
		add_identifier(&c, &input->spf, true);
		for (int i = 0; i < input->n_dkim; i++)
			add_identifier(&c, &input->dkim[i], false);
	}
	for (int i = 0; i < result_out->n_authors; i++) {
		struct dmarc_author *author = &result_out->authors[i];

		author->domain = input->authors->domains[i];
		if (has_room)
			check_author(&c, author);
		else
			conclude(author, DMARC_TEMPERROR, "out of memory for this mail");
	}
	result_out->n_queries = c.n_queries;
	combine(input->authors, result_out);
}

enum dmarc_disposition
dmarc_disposition(const struct dmarc_result *result, enum dmarc_mode mode)
{
	if (mode != DMARC_ENFORCE)
		return DMARC_DELIVER;
	if (result->applied == DMARC_POLICY_REJECT)
		return DMARC_REJECT;
	for (int i = 0; i < result->n_authors; i++) {
		if (result->authors[i].at_stake != DMARC_POLICY_NONE)
			return DMARC_DEFER;
	}
	return result->applied == DMARC_POLICY_QUARANTINE || result->is_incomplete ? DMARC_MARK : DMARC_DELIVER;
}

bool
dmarc_auth_result(const struct dmarc_result *result, struct arena *arena, struct auth_result *auth_out)
{
	const struct dmarc_author *author = result->deciding;
	struct auth_property *properties = arena_array(arena, 4, sizeof(properties[0]));
	int n = 0;

	if (properties == NULL)
		return false;
	if (author != NULL)
		properties[n++] = (struct auth_property){ "header", "from", author->domain };
	if (result->verdict == DMARC_FAIL)
		properties[n++] = (struct auth_property){ "policy", "dmarc", str_of(dmarc_policy_text(result->applied)) };
	if (author != NULL && author->has_record) {
		properties[n++] = (struct auth_property){ "polrec", "p", str_of(dmarc_policy_text(author->record.p)) };
		if (!str_eq(author->record_domain, author->domain))
			properties[n++] = (struct auth_property){ "polrec", "domain", author->record_domain };
	}
	*auth_out = (struct auth_result){
		.method = "dmarc", .result = dmarc_verdict_text(result->verdict), .reason = str_of(result->reason),
		.properties = properties, .n_properties = n,
	};
	return true;
}

const char *
dmarc_verdict_text(enum dmarc_verdict verdict)
{
	switch (verdict) {
	case DMARC_PASS:
		return "pass";
	case DMARC_NONE:
		return "none";
	case DMARC_PERMERROR:
		return "permerror";
	case DMARC_TEMPERROR:
		return "temperror";
	case DMARC_FAIL:
		return "fail";
	}
	return "temperror";
}

const char *
dmarc_policy_tag_text(enum dmarc_policy_tag tag)
{
	switch (tag) {
	case DMARC_TAG_P:
		return "p";
	case DMARC_TAG_SP:
		return "sp";
	case DMARC_TAG_NP:
		return "np";
	}
	return "p";
}
