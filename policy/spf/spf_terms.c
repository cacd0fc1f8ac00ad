/*
 * spf_terms.c - gathers the terms that need the DNS, and answers the fence about them
 */
#include "base/insist.h"
#include "policy/spf/spf_fence.h"
#include "policy/spf/spf_terms.h"

struct reading {			/* one record, while the fence asks about its terms */
	struct spf_fence	 fence;		/* first: the fence hands it back */
	struct spf_inquiry	*inquiry;
	struct str		 domain;	/* whose record it is */
	struct spf_term		 terms[SPF_FENCE_TERMS_MAX];	/* those that need the DNS */
	struct spf_fence_term	 fence_terms[SPF_FENCE_TERMS_MAX];
	int			 n_terms;
	struct spf_term		 end;		/* the first that matches without the DNS, behind them */
	bool			 has_end;
	enum spf_value		 stopped;	/* SPF_TEMPERROR or SPF_PERMERROR, where an answer was false */
	struct dns_answer	 hosts[SPF_FENCE_HOSTS_MAX];	/* of the latest mx: the addresses of each */
};

static enum spf_value
value_of_qualifier(char qualifier)
{
	return qualifier == '-' ? SPF_FAIL : qualifier == '~' ? SPF_SOFTFAIL : qualifier == '?' ? SPF_NEUTRAL : SPF_PASS;
}

static bool
is_void(enum dns_result result)
{
	return result == DNS_NO_NAME || result == DNS_NO_DATA;
}

/* Ends the evaluation of a record; false, for the fence. */
static bool
stop(struct reading *r, enum spf_value value)
{
	r->stopped = value;
	return false;
}

/* Counts a void lookup and stops where the DNS could not say. */
static bool
heed_answer(struct reading *r, struct str name, enum dns_result result, const char *why)
{
	struct spf_inquiry *c = r->inquiry;

	if (result == DNS_UNSETTLED) {
		fault_temporary(&c->fault, "%.*s: %s", STR_ARG(spf_name_shown(name)), why);
		return stop(r, SPF_TEMPERROR);
	}
	if (is_void(result) && ++c->n_void_lookups > SPF_VOID_LOOKUPS_MAX) {
		fault_permanent(&c->fault, "more than %d lookups found nothing, the last of %.*s", SPF_VOID_LOOKUPS_MAX,
		    STR_ARG(spf_name_shown(name)));
		return stop(r, SPF_PERMERROR);
	}
	return true;
}

/* The target of a term: its domain-spec expanded, or the domain (4.8). */
static bool
target_of(struct reading *r, struct str spec, struct str *target_out)
{
	enum spf_value value = SPF_PASS;

	*target_out = r->domain;
	if (spec.len > 0)
		value = inquiry_expand(r->inquiry, spec, r->domain, true, target_out);
	return value == SPF_PASS || stop(r, value);
}

static enum dns_type
address_type(const struct spf_inquiry *c)
{
	return c->in->client.family == IP_V6 ? DNS_AAAA : DNS_A;
}

static int
prefix_of(const struct spf_inquiry *c, const struct spf_term *term)
{
	return c->in->client.family == IP_V6 ? term->prefix6_bits : term->prefix4_bits;
}

/* Asks for the hosts of an mx, and for the addresses of all of them at once. */
static bool
find_hosts(struct reading *r, struct str target, int *n_hosts_out)
{
	struct spf_inquiry *c = r->inquiry;
	struct dns_question *questions = arena_array(c->in->arena, SPF_FENCE_HOSTS_MAX, sizeof(questions[0]));
	struct dns_answer mx;
	int n = 0;

	*n_hosts_out = 0;
	if (questions == NULL)
		return stop(r, inquiry_no_room(c));
	inquiry_ask(c, target, DNS_MX, &mx);
	if (!heed_answer(r, target, mx.result, mx.why))
		return false;
	if (mx.n_records > SPF_FENCE_HOSTS_MAX) {
		fault_permanent(&c->fault, "%.*s has more than %d mail exchangers", STR_ARG(spf_name_shown(target)), SPF_FENCE_HOSTS_MAX);
		return stop(r, SPF_PERMERROR);
	}
	for (int i = 0; i < mx.n_records; i++) {
		if (mx.records[i].name.len > 0)		/* a null MX has no host (RFC 7505) */
			questions[n++] = (struct dns_question){
				.name = mx.records[i].name, .type = address_type(c), .is_strangers = true,
			};
	}
	if (n > 0)
		dns_ask(c->in->resolver, questions, n, c->in->deadline, c->in->arena, r->hosts);
	*n_hosts_out = n;
	return true;
}

static bool
heed_host(struct reading *r, int host)
{
	if (r->hosts[host].result != DNS_UNSETTLED)
		return true;
	fault_temporary(&r->inquiry->fault, "a mail exchanger: %s", r->hosts[host].why);
	return stop(r, SPF_TEMPERROR);
}

static bool
begin_term(struct reading *r, int term, struct str *target_out)
{
	if (!inquiry_count_term(r->inquiry))
		return stop(r, SPF_PERMERROR);
	return target_of(r, r->terms[term].domain_spec, target_out);
}

static bool
fence_hosts(struct spf_fence *fence, int term, int *n_hosts_out)
{
	struct reading *r = (struct reading *)fence;
	struct str target;

	*n_hosts_out = 0;
	return begin_term(r, term, &target) && find_hosts(r, target, n_hosts_out);
}

static bool
fence_addresses(struct spf_fence *fence, int term, int host, const struct dns_record **records_out, int *n_records_out)
{
	struct reading *r = (struct reading *)fence;
	struct str target;

	if (r->terms[term].mechanism == SPF_MX) {
		if (!heed_host(r, host))
			return false;
	} else {
		if (!begin_term(r, term, &target))
			return false;
		inquiry_ask(r->inquiry, target, address_type(r->inquiry), &r->hosts[0]);
		if (!heed_answer(r, target, r->hosts[0].result, r->hosts[0].why))
			return false;
	}
	*records_out = r->hosts[host].records;
	*n_records_out = r->hosts[host].n_records;
	return true;
}

/* The table of 5.2. */
static bool
include_matches(struct reading *r, struct str target, bool *matches_out)
{
	struct spf_inquiry *c = r->inquiry;
	struct spf_ruling inner;

	switch (spf_check_host(c, target, &inner)) {
	case SPF_PASS:
		*matches_out = true;
		return true;
	case SPF_FAIL:
	case SPF_SOFTFAIL:
	case SPF_NEUTRAL:
		*matches_out = false;
		return true;
	case SPF_TEMPERROR:
		return stop(r, SPF_TEMPERROR);
	case SPF_PERMERROR:
		return stop(r, SPF_PERMERROR);
	case SPF_NONE:
		fault_permanent(&c->fault, "%.*s is included and has no record", STR_ARG(spf_name_shown(target)));
		return stop(r, SPF_PERMERROR);
	}
	return stop(r, SPF_TEMPERROR);
}

/* 5.5: an error of the DNS is no match here. */
static bool
ptr_matches(struct reading *r, struct str target, bool *matches_out)
{
	char room[IPREV_QUESTION_MAX_BYTES];
	struct iprev_result *names = inquiry_names(r->inquiry);

	*matches_out = false;
	if (names == NULL)
		return stop(r, inquiry_no_room(r->inquiry));
	if (is_void(names->reverse) && !heed_answer(r, iprev_question(&r->inquiry->in->client, room), names->reverse, ""))
		return false;
	for (int i = 0; i < names->n_names && target.len > 0; i++)
		*matches_out = *matches_out || spf_name_is_within(names->names[i], target);
	return true;
}

static bool
fence_exists(struct spf_fence *fence, int index, bool *exists_out)
{
	struct reading *r = (struct reading *)fence;
	const struct spf_term *term = &r->terms[index];
	struct dns_answer answer;
	struct str target;
	int n_hosts;

	*exists_out = false;
	if (!begin_term(r, index, &target))
		return false;
	switch (term->mechanism) {
	case SPF_INCLUDE:
		return include_matches(r, target, exists_out);
	case SPF_PTR:
		return ptr_matches(r, target, exists_out);
	case SPF_MX:				/* with a prefix of 0: any address will do */
		if (!find_hosts(r, target, &n_hosts))
			return false;
		for (int i = 0; i < n_hosts && !*exists_out; i++) {
			if (!heed_host(r, i))
				return false;
			*exists_out = r->hosts[i].result == DNS_FOUND;
		}
		return true;
	case SPF_A:				/* so too */
	case SPF_EXISTS:			/* asks for A "even when the connection type is IPv6" (5.7) */
		inquiry_ask(r->inquiry, target, term->mechanism == SPF_EXISTS ? DNS_A : address_type(r->inquiry), &answer);
		*exists_out = answer.result == DNS_FOUND;
		return heed_answer(r, target, answer.result, answer.why);
	case SPF_ALL:
	case SPF_IP4:
	case SPF_IP6:
		break;
	}
	insist(!"a term that needs no DNS went to the fence");
	return false;
}

/* For the fence: terms up to the first that matches without the DNS, or to more than may be evaluated. */
static void
gather_terms(struct reading *r, const struct spf_record *record)
{
	struct str rest = record->terms;
	struct spf_term term;
	int prefix_bits;

	while (r->n_terms < SPF_FENCE_TERMS_MAX && spf_record_next(&rest, &term)) {
		prefix_bits = prefix_of(r->inquiry, &term);
		switch (term.mechanism) {
		case SPF_IP4:
		case SPF_IP6:
			if (!network_has(&term.network, &r->inquiry->in->client))
				continue;
			r->end = term;
			r->has_end = true;
			return;
		case SPF_ALL:
			r->end = term;
			r->has_end = true;
			return;
		case SPF_A:
		case SPF_MX:
			r->fence_terms[r->n_terms].kind = prefix_bits == 0 ? FENCE_EXISTS : term.mechanism == SPF_A ? FENCE_A : FENCE_MX;
			break;
		case SPF_INCLUDE:
		case SPF_PTR:
		case SPF_EXISTS:
			r->fence_terms[r->n_terms].kind = FENCE_EXISTS;
			break;
		}
		r->fence_terms[r->n_terms].prefix_bits = prefix_bits;
		r->terms[r->n_terms++] = term;
	}
}

bool
spf_evaluate(struct spf_inquiry *c, struct str domain, const struct spf_record *record, enum spf_value *value_out,
    struct str *mechanism_out)
{
	struct reading *r = arena_alloc(c->in->arena, sizeof(*r));
	const struct spf_term *match;
	int index;

	if (r == NULL) {
		*value_out = inquiry_no_room(c);
		return false;
	}
	r->fence = (struct spf_fence){ .exists = fence_exists, .hosts = fence_hosts, .addresses = fence_addresses };
	r->inquiry = c;
	r->domain = domain;
	gather_terms(r, record);
	index = spf_fence_match(&r->fence, &c->in->client, r->fence_terms, r->n_terms);
	if (index == SPF_FENCE_STOPPED) {
		*value_out = r->stopped;
		return false;
	}
	if (index == SPF_FENCE_BROKEN) {
		fault_temporary(&c->fault, "libspf2 failed");
		*value_out = SPF_TEMPERROR;
		return false;
	}
	match = index >= 0 ? &r->terms[index] : r->has_end ? &r->end : NULL;
	if (match != NULL) {
		*value_out = value_of_qualifier(match->qualifier);
		*mechanism_out = match->text;
	}
	return true;
}
