/*
 * inspect.c - one mail through SPF, DKIM, ARC and DMARC
 *
 * Joins the checks; what each of them finds is its own.  In doubt a thing that was not found out is a temperror here, for
 * SPF and DKIM and for the DMARC that stands on them: a fail must never come from trouble of ours.
 */
#include "base/insist.h"
#include "policy/inspect.h"

#define NO_ROOM	STR("the check needs more memory than it may have")

struct inspection {
	struct inspect_inputs	 inputs;	/* without the header */
	const struct verify_rules *rules;
	struct resolver		 silent;	/* for who has none */
	struct resolver		*resolver;
	struct arena		*arena;
	struct dkim_verification *dkim;		/* NULL: nothing to be verified, or no room for it */
	struct dkim_result	 unverified;	/* stands for all signatures then */
	struct arena		 arc_arena;	/* a chain and its keys, of which only the result stays */
	struct arc_verification	*arc;		/* NULL: there is nothing to be verified, or no room for it */
	struct dmarc_identifier	 identifiers[DKIM_SIGNATURES_MAX + 1];
	struct findings		 findings;
};

static void
stay_silent(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	(void)resolver, (void)questions, (void)deadline, (void)arena;
	for (int i = 0; i < n_questions; i++)
		answers_out[i] = (struct dns_answer){ .result = DNS_UNSETTLED, .why = "there is no resolver" };
}

/* --- authors --- */

/* The header goes when inspect_begin returns, and domains may point into it. */
static bool
read_authors(struct inspection *c, const struct header_section *header)
{
	struct authors *authors = &c->findings.authors;

	if (author_read(header, c->arena, authors) != 0)
		return false;
	for (int i = 0; i < authors->n_domains; i++) {
		if (!arena_copy(c->arena, authors->domains[i], &authors->domains[i]))
			return false;
	}
	return true;
}

/* --- SPF --- */

static bool
keep_spf_texts(struct spf_result *result, struct arena *arena)
{
	return arena_copy(arena, result->sender, &result->sender) && arena_copy(arena, result->domain, &result->domain) &&
	    arena_copy(arena, result->mechanism, &result->mechanism) &&
	    arena_copy(arena, result->mechanism_domain, &result->mechanism_domain) &&
	    arena_copy(arena, result->explanation, &result->explanation) &&
	    arena_copy(arena, result->problem, &result->problem);
}

/*
 * What a check reads is many times what it finds, and a body may be long in coming: so each has an arena of its own,
 * which goes before the body comes.
 */
static void
check_spf(struct inspection *c, enum spf_identity identity, struct instant deadline, struct spf_result *result)
{
	const struct inspect_inputs *in = &c->inputs;
	struct arena arena;
	struct spf_inputs inputs = {
		.client = in->peer->client.ip, .helo = in->peer->helo, .receiver = str_of(policy_hostname(in->policy)),
		.now = in->now, .resolver = c->resolver, .deadline = deadline, .arena = &arena,
	};

	arena_init(&arena, SPF_ARENA_MAX_BYTES);
	switch (identity) {
	case SPF_HELO:
		spf_check_helo(&inputs, result);
		break;
	case SPF_MAIL_FROM:
		spf_check_mail_from(&inputs, &in->envelope->reverse_path, result);
		break;
	}
	if (!keep_spf_texts(result, c->arena)) {
		*result = (struct spf_result){
			.value = SPF_TEMPERROR, .identity = identity, .sender = STR_EMPTY, .domain = STR_EMPTY, .mechanism = STR_EMPTY,
			.mechanism_domain = STR_EMPTY, .explanation = STR_EMPTY, .problem = NO_ROOM,
		};
	}
	arena_fini(&arena);
}

static void
check_mail_from(struct inspection *c, struct instant deadline)
{
	c->findings.has_spf = true;
	check_spf(c, SPF_MAIL_FROM, deadline, &c->findings.spf_mail_from);
}

static void
check_helo(struct inspection *c, struct instant deadline)
{
	if (address_is_null(&c->inputs.envelope->reverse_path)) {
		c->findings.spf_helo = c->findings.spf_mail_from;	/* the same question (spf.h) */
		c->findings.spf_helo.identity = SPF_HELO;
		return;
	}
	check_spf(c, SPF_HELO, deadline, &c->findings.spf_helo);
}

/* --- DKIM --- */

static void
begin_dkim(struct inspection *c, const struct header_section *header, struct instant deadline)
{
	struct dkim_verifier *verifier = policy_dkim_verifier(c->inputs.policy);
	const struct dkim_verify_inputs inputs = {
		.settings = &c->rules->dkim_settings, .header = header, .authors = &c->findings.authors, .now = c->inputs.now,
		.resolver = c->resolver, .deadline = deadline, .elsewhere = c->inputs.elsewhere,
	};
	struct fault fault;

	insist(verifier != NULL);			/* policy.h: there is one where the rules want DKIM */
	c->findings.has_dkim = true;
	c->dkim = dkim_verify_begin(verifier, &inputs, c->arena, &fault);
	if (c->dkim != NULL)
		return;
	c->unverified = (struct dkim_result){ .verdict = DKIM_TEMPERROR, .reason = NO_ROOM, .signed_at_s = -1, .expires_at_s = -1,
	    .body_limit_bytes = -1, .is_rest = true };
	c->findings.dkim = &c->unverified;
	c->findings.n_dkim = 1;
}

/* --- ARC --- */

static bool
keep_arc_result(struct arc_result *result, const struct arc_result *found, struct arena *arena)
{
	struct arc_sealer_name *sealers = arena_array(arena, (size_t)found->n_sealers, sizeof(sealers[0]));
	bool has_room = sealers != NULL || found->n_sealers == 0;

	*result = *found;
	result->sealers = sealers;
	for (int i = 0; has_room && i < found->n_sealers; i++)
		has_room = arena_copy(arena, found->sealers[i].domain, &sealers[i].domain) &&
		    arena_copy(arena, found->sealers[i].selector, &sealers[i].selector);
	return has_room && arena_copy(arena, found->reason, &result->reason);
}

static void
end_arc(struct inspection *c)
{
	struct arc_result *result = &c->findings.arc;

	if (c->arc != NULL && !keep_arc_result(result, arc_verify_end(c->arc), c->arena))
		*result = (struct arc_result){ .status = ARC_FAIL, .reason = NO_ROOM, .is_temporary = true };
	c->arc = NULL;
	arena_fini(&c->arc_arena);
}

static void
begin_arc(struct inspection *c, const struct header_section *header, struct instant deadline)
{
	const struct arc_verify_inputs inputs = {
		.header = header, .now = c->inputs.now, .drift_s = c->rules->dkim_settings.drift_s, .resolver = c->resolver,
		.deadline = deadline, .rest = c->inputs.rest, .known = dkim_verifier_known(policy_dkim_verifier(c->inputs.policy)),
	};
	struct fault fault;

	c->findings.has_arc = true;
	c->findings.arc = (struct arc_result){ .status = ARC_FAIL, .reason = NO_ROOM, .is_temporary = true };
	c->arc = arc_verify_begin(&inputs, &c->arc_arena, &fault);
	if (c->arc == NULL || !arc_verify_wants_body(c->arc))
		end_arc(c);		/* its arena goes before the body comes */
}

/* --- DMARC --- */

static enum dmarc_evidence
spf_evidence(enum spf_value value)
{
	switch (value) {
	case SPF_PASS:
		return DMARC_EVIDENCE_PASS;
	case SPF_TEMPERROR:
		return DMARC_EVIDENCE_UNSETTLED;
	case SPF_NONE:
	case SPF_NEUTRAL:
	case SPF_FAIL:
	case SPF_SOFTFAIL:
	case SPF_PERMERROR:
		return DMARC_EVIDENCE_NONE;
	}
	return DMARC_EVIDENCE_UNSETTLED;
}

/*
 * A right signature by a key in testing mode (t=y) counts.  RFC 6376 3.6.1 wants such mail treated as if it were unsigned, lest
 * a mistake harm who tries signing out; a pass that counts harms nobody, and not to count it would have mail refused
 * that all others take.
 */
static enum dmarc_evidence
dkim_evidence(enum dkim_verdict verdict)
{
	switch (verdict) {
	case DKIM_PASS:
		return DMARC_EVIDENCE_PASS;
	case DKIM_TEMPERROR:
		return DMARC_EVIDENCE_UNSETTLED;
	case DKIM_FAIL:
	case DKIM_POLICY:			/* l= that leaves a part unsigned, too: anybody may have written that */
	case DKIM_NEUTRAL:
	case DKIM_PERMERROR:
		return DMARC_EVIDENCE_NONE;
	}
	return DMARC_EVIDENCE_UNSETTLED;
}

static int
identify_by_dkim(struct inspection *c)
{
	const struct findings *findings = &c->findings;
	int n_identifiers = 0;

	for (int i = 0; i < findings->n_dkim; i++) {
		const struct dkim_result *result = &findings->dkim[i];

		c->identifiers[n_identifiers++] = (struct dmarc_identifier){
			.evidence = dkim_evidence(result->verdict), .domain = result->domain,
		};
	}
	if (findings->dkim != &c->unverified)
		return n_identifiers;
	/* Nobody looked who signed: it may have been the authors. */
	_Static_assert((int)AUTHOR_DOMAINS_MAX <= (int)DKIM_SIGNATURES_MAX, "room for each author");
	for (n_identifiers = 0; n_identifiers < findings->authors.n_domains; n_identifiers++) {
		c->identifiers[n_identifiers] = (struct dmarc_identifier){
			.evidence = DMARC_EVIDENCE_UNSETTLED, .domain = findings->authors.domains[n_identifiers],
		};
	}
	return n_identifiers;
}

static void
check_dmarc(struct inspection *c, struct instant deadline)
{
	const struct address *reverse_path = &c->inputs.envelope->reverse_path;
	struct findings *findings = &c->findings;
	struct dmarc_input input = {
		.authors = &findings->authors, .dkim = c->identifiers, .n_dkim = identify_by_dkim(c),
		.spf = { .evidence = DMARC_EVIDENCE_NONE, .domain = STR_EMPTY },
	};

	/* The domain as it came: a result that found no room has none (RFC 9989: HELO's for a null reverse-path). */
	if (findings->has_spf) {
		input.spf.evidence = spf_evidence(findings->spf_mail_from.value);
		input.spf.domain = address_is_null(reverse_path) ? c->inputs.peer->helo : reverse_path->domain;
	}
	findings->has_dmarc = true;
	dmarc_check(&input, c->resolver, deadline, c->arena, &findings->dmarc);
}

/* --- a mail --- */

static const char *
why_unchecked(const struct inspect_inputs *inputs, const struct verify_rules *rules)
{
	if (!rules->spf && !rules->dkim && !rules->arc)
		return inputs->peer->is_trusted ? "trusted" : "off";
	return class_verify_why_not(inputs->verify, inputs->peer);
}

struct inspection *
inspect_begin(const struct inspect_inputs *inputs, struct instant deadline, struct arena *arena, struct fault *fault_out)
{
	struct inspection *c = arena_alloc(arena, sizeof(*c));

	if (c == NULL)
		goto full;
	c->inputs = *inputs;
	c->inputs.header = NULL;
	c->rules = policy_verify_rules(inputs->policy);
	c->silent.ask = stay_silent;
	c->resolver = inputs->resolver != NULL ? inputs->resolver : &c->silent;
	c->arena = arena;
	arena_init(&c->arc_arena, ARC_VERIFY_ARENA_BYTES);
	c->findings.why_unchecked = why_unchecked(inputs, c->rules);
	if (c->findings.why_unchecked != NULL)
		return c;
	if (!read_authors(c, inputs->header))
		goto full;
	/*
	 * In the order of what they are worth for DMARC, for whoever comes last waits for the dead servers of the others: a
	 * name said in HELO is often one of nobody's.
	 */
	if (c->rules->dkim)
		begin_dkim(c, inputs->header, deadline);
	if (c->rules->spf) {
		check_mail_from(c, deadline);
		check_helo(c, deadline);
	}
	if (c->rules->arc)
		begin_arc(c, inputs->header, deadline);
	return c;
full:
	fault_because(fault_out, FAULT_FULL, "no room for the checks of a mail");
	return NULL;
}

size_t
inspect_memory_bytes(const struct inspection *c)
{
	if (c == NULL)
		return 0;
	return (c->dkim != NULL ? dkim_verify_memory_bytes(c->dkim) : 0) + c->arc_arena.used_bytes;
}

bool
inspect_wants_body(const struct inspection *c)
{
	return (c->dkim != NULL && dkim_verify_wants_body(c->dkim)) || (c->arc != NULL && arc_verify_wants_body(c->arc));
}

void
inspect_body(struct inspection *c, struct str chunk)
{
	if (c->dkim != NULL)
		dkim_verify_body(c->dkim, chunk);
	if (c->arc != NULL)
		arc_verify_body(c->arc, chunk);
}

const struct findings *
inspect_end(struct inspection *c, struct instant deadline)
{
	if (c->dkim != NULL)
		c->findings.dkim = dkim_verify_end(c->dkim, &c->findings.n_dkim);
	c->dkim = NULL;
	end_arc(c);
	if (c->findings.why_unchecked == NULL && c->rules->dmarc != DMARC_OFF)
		check_dmarc(c, deadline);
	return &c->findings;
}

void
inspect_drop(struct inspection *c)
{
	if (c == NULL)
		return;
	if (c->dkim != NULL)
		dkim_verify_drop(c->dkim);
	arc_verify_drop(c->arc);
	arena_fini(&c->arc_arena);
	c->dkim = NULL;
	c->arc = NULL;
}
