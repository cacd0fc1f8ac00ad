/*
 * dmarc_walk.c - a walk up the DNS from a domain, for DMARC records on the way (RFC 9989 4.10)
 */
#include "mail/domain.h"
#include "policy/dmarc/dmarc_walk.h"

enum {
	LABELS_AFTER_FIRST_MAX = 7,	/* 4.10 step 4: from eight labels on the next name has seven */
};

static int
count_labels(struct str domain)
{
	int n = 1;

	for (size_t i = 0; i < domain.len; i++)
		n += domain.at[i] == '.';
	return n;
}

static struct str
without_first_label(struct str domain)
{
	ptrdiff_t dot = str_find(domain, '.');

	return dot < 0 ? STR_EMPTY : str_from(domain, (size_t)dot + 1);
}

/* The names to ask for, in order. */
static int
plan(struct str domain, struct dmarc_step steps[DMARC_WALK_MAX])
{
	int n = 0, n_labels = count_labels(domain);

	steps[n++] = (struct dmarc_step){ .domain = domain };
	do {
		domain = without_first_label(domain);
		n_labels--;
	} while (n_labels > LABELS_AFTER_FIRST_MAX);
	for (; domain.len > 0; domain = without_first_label(domain))
		steps[n++] = (struct dmarc_step){ .domain = domain };
	return n;
}

/* Several records are none (4.10 step 2). */
static void
read_answer(const struct dns_answer *answer, struct dmarc_step *step)
{
	struct dmarc_record record;
	int n_records = 0;

	switch (answer->result) {
	case DNS_UNSETTLED:
		step->state = DMARC_STEP_UNSETTLED;
		return;
	case DNS_NO_NAME:
		return;
	case DNS_NO_DATA:
		step->name_exists = true;	/* what is above a name that exists does, too (RFC 8020) */
		return;
	case DNS_FOUND:
		step->name_exists = true;
		break;
	}
	for (int i = 0; i < answer->n_records; i++) {
		if (dmarc_record_parse(answer->records[i].text, &record)) {
			step->record = record;
			n_records++;
		}
	}
	if (n_records == 1)
		step->state = DMARC_STEP_RECORD;
}

static bool
ask(struct dmarc_walk *walk, struct resolver *resolver, struct instant deadline, struct arena *arena)
{
	struct dns_question *questions = arena_array(arena, DMARC_WALK_MAX, sizeof(questions[0]));
	struct dns_answer *answers = arena_array(arena, DMARC_WALK_MAX, sizeof(answers[0]));
	int asked[DMARC_WALK_MAX];

	if (questions == NULL || answers == NULL)
		return false;
	for (int i = 0; i < walk->n_steps; i++) {
		struct dns_question *question = &questions[walk->n_queries];

		if (walk->steps[i].domain.len + sizeof("_dmarc.") - 1 > DMARC_NAME_MAX_BYTES)
			continue;		/* there can be no such name */
		if (!arena_printf(arena, &question->name, "_dmarc.%.*s", STR_ARG(walk->steps[i].domain)))
			return false;
		question->type = DNS_TXT;
		question->is_strangers = true;
		asked[walk->n_queries++] = i;
	}
	if (walk->n_queries > 0)
		dns_ask(resolver, questions, walk->n_queries, deadline, arena, answers);
	for (int i = 0; i < walk->n_queries; i++)
		read_answer(&answers[i], &walk->steps[asked[i]]);
	return true;
}

void
dmarc_walk(struct str domain, struct resolver *resolver, struct instant deadline, struct arena *arena,
    struct dmarc_walk *walk_out)
{
	*walk_out = (struct dmarc_walk){ .n_queries = 0 };
	walk_out->n_steps = plan(domain, walk_out->steps);
	if (!ask(walk_out, resolver, deadline, arena)) {
		for (int i = 0; i < walk_out->n_steps; i++)
			walk_out->steps[i].state = DMARC_STEP_UNSETTLED;
		return;
	}
	/* What a walk step by step would not have asked for does not count. */
	for (int i = 0; i < walk_out->n_steps; i++) {
		const struct dmarc_step *step = &walk_out->steps[i];

		if (step->state == DMARC_STEP_RECORD && step->record.psd != DMARC_PSD_UNKNOWN)
			walk_out->n_steps = i + 1;
	}
}

/* The end of domain that has one label more than its end `parent`. */
static struct str
one_label_below(struct str domain, struct str parent)
{
	struct str rest = domain, below = domain;

	while (rest.len > parent.len) {
		below = rest;
		rest = without_first_label(rest);
	}
	return below;
}

bool
dmarc_walk_organization(const struct dmarc_walk *walk, struct str *organization_out)
{
	*organization_out = walk->steps[0].domain;
	for (int i = 0; i < walk->n_steps; i++) {
		const struct dmarc_step *step = &walk->steps[i];

		if (step->state == DMARC_STEP_UNSETTLED)
			return false;
		if (step->state != DMARC_STEP_RECORD)
			continue;
		if (step->record.psd == DMARC_PSD_YES && i > 0)
			*organization_out = one_label_below(walk->steps[0].domain, step->domain);
		else
			*organization_out = step->domain;	/* psd=n, or the fewest labels until another comes */
	}
	return true;
}

/* The longest end of whole labels that two domains have in common; may be empty. */
static struct str
common_end(struct str a, struct str b)
{
	while (a.len > 0 && !str_eq(a, b) && !domain_is_below(b, a))
		a = without_first_label(a);
	return a;
}

/* Nothing that did not settle is below a name or at it, and no organization is known to begin below it. */
static bool
is_settled_up_to(const struct dmarc_walk *walk, struct str name)
{
	for (int i = 0; i < walk->n_steps && walk->steps[i].domain.len >= name.len; i++) {
		const struct dmarc_step *step = &walk->steps[i];

		if (step->state == DMARC_STEP_UNSETTLED)
			return false;
		if (step->state == DMARC_STEP_RECORD && step->record.psd != DMARC_PSD_UNKNOWN)
			return false;
	}
	return true;
}

static bool
has_record_from(const struct dmarc_walk *walk, struct str name)
{
	for (int i = 0; i < walk->n_steps; i++) {
		if (walk->steps[i].state == DMARC_STEP_RECORD && walk->steps[i].domain.len <= name.len)
			return true;
	}
	return false;
}

/*
 * With a step missing, say of a broken top-level domain: if it is above what the two have in
 * common, it moves the organization of both alike; and with a record in the common part each of
 * them has its organization there.
 */
enum dmarc_alignment
dmarc_walks_align(const struct dmarc_walk *a, const struct dmarc_walk *b)
{
	struct str organization_a, organization_b, common;
	bool is_a_known = dmarc_walk_organization(a, &organization_a);
	bool is_b_known = dmarc_walk_organization(b, &organization_b);

	if (is_a_known && is_b_known)
		return str_eq(organization_a, organization_b) ? DMARC_ALIGNED : DMARC_NOT_ALIGNED;
	common = common_end(a->steps[0].domain, b->steps[0].domain);
	if (common.len == 0 || (is_a_known && organization_a.len > common.len) ||
	    (is_b_known && organization_b.len > common.len))
		return DMARC_NOT_ALIGNED;
	if (is_settled_up_to(a, common) && is_settled_up_to(b, common) &&
	    (has_record_from(a, common) || has_record_from(b, common)))
		return DMARC_ALIGNED;
	return DMARC_ALIGNMENT_UNSETTLED;
}

const struct dmarc_step *
dmarc_walk_policy(const struct dmarc_walk *walk, bool *is_unsettled_out)
{
	const struct dmarc_step *last = &walk->steps[walk->n_steps - 1];
	struct str organization;

	*is_unsettled_out = false;
	if (walk->steps[0].state == DMARC_STEP_RECORD)
		return &walk->steps[0];
	if (!dmarc_walk_organization(walk, &organization)) {
		*is_unsettled_out = true;
		return NULL;
	}
	for (int i = 1; i < walk->n_steps; i++) {
		if (walk->steps[i].state == DMARC_STEP_RECORD && str_eq(walk->steps[i].domain, organization))
			return &walk->steps[i];
	}
	/* The walk ends at a public suffix, if there is one. */
	return last->state == DMARC_STEP_RECORD && last->record.psd == DMARC_PSD_YES ? last : NULL;
}
