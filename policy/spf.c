/*
 * spf.c - check_host(): finds records, counts what they cost, and asks the fence which term matches
 */
#include <stdio.h>

#include "base/insist.h"
#include "mail/domain.h"
#include "policy/iprev.h"
#include "policy/spf.h"
#include "policy/spf_fence.h"
#include "policy/spf_macro.h"
#include "policy/spf_record.h"

enum {
	LABEL_MAX_BYTES = 63,		/* RFC 1035 2.3.4 */
	NAME_SHOWN_BYTES = 80,		/* of a name, in a problem */
	ESCAPED_BYTES = sizeof("\\046") - 1,
	ASKED_ROOM_BYTES = ESCAPED_BYTES * SPF_NAME_MAX_BYTES + 1,
};

struct check {				/* one identity's; counts are over all records that it leads to (4.6.4) */
	const struct spf_inputs	*in;
	struct spf_macro_values	 values;
	int			 n_dns_terms;
	int			 n_void_lookups;
	struct iprev_result	*names;		/* of the client, once they were asked for */
	struct fault		 fault;		/* of temperror, permerror and none */
};

struct ruling {				/* what check_host() found */
	enum spf_value	 value;
	struct str	 domain;		/* behind redirects */
	struct str	 mechanism;		/* in its record; "" if none matched */
	struct str	 exp;			/* of its record; "" for none */
};

struct reading {			/* one record, while the fence asks about its terms */
	struct spf_fence	 fence;		/* first: the fence hands it back */
	struct check		*check;
	struct str		 domain;	/* whose record it is */
	struct spf_term		 terms[SPF_FENCE_TERMS_MAX];	/* those that need the DNS */
	struct spf_fence_term	 fence_terms[SPF_FENCE_TERMS_MAX];
	int			 n_terms;
	struct spf_term		 end;		/* the first that matches without the DNS, behind them */
	bool			 has_end;
	enum spf_value		 stopped;	/* SPF_TEMPERROR or SPF_PERMERROR, where an answer was false */
	struct dns_answer	 hosts[SPF_FENCE_HOSTS_MAX];	/* of the latest mx: the addresses of each */
};

static enum spf_value	check_host(struct check *c, struct str domain, struct ruling *ruling);

const char *
spf_value_word(enum spf_value value)
{
	switch (value) {
	case SPF_NONE:
		return "none";
	case SPF_NEUTRAL:
		return "neutral";
	case SPF_PASS:
		return "pass";
	case SPF_FAIL:
		return "fail";
	case SPF_SOFTFAIL:
		return "softfail";
	case SPF_TEMPERROR:
		return "temperror";
	case SPF_PERMERROR:
		return "permerror";
	}
	return "temperror";
}

static enum spf_value
value_of_qualifier(char qualifier)
{
	return qualifier == '-' ? SPF_FAIL : qualifier == '~' ? SPF_SOFTFAIL : qualifier == '?' ? SPF_NEUTRAL : SPF_PASS;
}

static struct str
shown(struct str name)
{
	return str_sub(name, 0, NAME_SHOWN_BYTES);
}

static enum spf_value
out_of_room(struct check *c)
{
	fault_temporary(&c->fault, "the check needs more memory than it may have");
	return SPF_TEMPERROR;
}

/*
 * The name as dns_question wants it: bytes that are not of host names are \DDD.  False for what
 * cannot be a name in the DNS: such a name does not exist (4.3, 4.8).
 */
static bool
name_to_ask(struct str name, char room[ASKED_ROOM_BYTES], struct str *asked_out)
{
	size_t len = 0, label = 0;

	if (name.len == 0 || name.len > SPF_NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';

		if (c == '.' ? label == 0 : ++label > LABEL_MAX_BYTES)
			return false;
		if (c == '.')
			label = 0;
		if (c == '.' || is_plain)
			room[len++] = c;
		else
			len += (size_t)snprintf(room + len, ESCAPED_BYTES + 1, "\\%03u", (unsigned)(unsigned char)c);
	}
	*asked_out = str_n(room, len);
	return label > 0;
}

/* One question.  A name that cannot be asked for does not exist. */
static void
ask(struct check *c, struct str name, enum dns_type type, struct dns_answer *answer)
{
	struct dns_question question = { .type = type, .is_strangers = true };
	char room[ASKED_ROOM_BYTES];

	*answer = (struct dns_answer){ .result = DNS_NO_NAME };
	if (name_to_ask(name, room, &question.name))
		dns_ask(c->in->resolver, &question, 1, c->in->deadline, c->in->arena, answer);
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

static bool
count_dns_term(struct check *c)
{
	if (++c->n_dns_terms <= SPF_DNS_TERMS_MAX)
		return true;
	fault_permanent(&c->fault, "more than %d terms need the DNS", SPF_DNS_TERMS_MAX);
	return false;
}

/* Counts a void lookup and stops where the DNS could not say. */
static bool
heed_answer(struct reading *r, struct str name, enum dns_result result, const char *why)
{
	struct check *c = r->check;

	if (result == DNS_UNSETTLED) {
		fault_temporary(&c->fault, "%.*s: %s", STR_ARG(shown(name)), why);
		return stop(r, SPF_TEMPERROR);
	}
	if (is_void(result) && ++c->n_void_lookups > SPF_VOID_LOOKUPS_MAX) {
		fault_permanent(&c->fault, "more than %d lookups found nothing, the last of %.*s", SPF_VOID_LOOKUPS_MAX,
		    STR_ARG(shown(name)));
		return stop(r, SPF_PERMERROR);
	}
	return true;
}

/* The client's names, asked for once; a question for "p" by a macro counts as a term (4.6.4). */
static struct iprev_result *
client_names(struct check *c)
{
	if (c->names == NULL) {
		c->names = arena_alloc(c->in->arena, sizeof(*c->names));
		if (c->names != NULL)
			iprev_check(&c->in->client, c->in->resolver, c->in->deadline, c->in->arena, c->names);
	}
	return c->names;
}

static bool
is_at_or_below(struct str name, struct str parent)
{
	if (!str_ends_nocase(name, parent))
		return false;
	return name.len == parent.len || name.at[name.len - parent.len - 1] == '.';
}

/* The client's name for %{p}: the domain itself, else one below it, else any (7.3). */
static struct str
best_name(const struct iprev_result *names, struct str domain)
{
	struct str below = STR_EMPTY;

	for (int i = 0; names != NULL && i < names->n_names; i++) {
		if (str_eq_nocase(names->names[i], domain))
			return names->names[i];
		if (below.len == 0 && is_at_or_below(names->names[i], domain))
			below = names->names[i];
	}
	if (below.len > 0)
		return below;
	return names != NULL && names->n_names > 0 ? names->names[0] : STR("unknown");
}

static bool
is_ready_to_expand(struct check *c, struct str text, struct str domain, bool is_counted)
{
	c->values.domain = domain;
	c->values.validated_name = STR("unknown");
	if (!spf_macro_uses(text, 'p'))
		return true;
	if (is_counted && c->names == NULL && !count_dns_term(c))
		return false;
	c->values.validated_name = best_name(client_names(c), domain);
	return true;
}

/* A domain-spec's name, in the arena; what has no form in the DNS is "", which does not exist.  SPF_PASS, or an error. */
static enum spf_value
expand_name(struct check *c, struct str spec, struct str domain, bool is_counted, struct str *name_out)
{
	char room[SPF_NAME_ROOM_BYTES];
	struct str name;

	if (!is_ready_to_expand(c, spec, domain, is_counted))
		return SPF_PERMERROR;
	if (!spf_macro_expand_name(spec, &c->values, room, &name))
		name = STR_EMPTY;
	return arena_copy(c->in->arena, name, name_out) ? SPF_PASS : out_of_room(c);
}

/* The target of a term: its domain-spec expanded, or the domain (4.8). */
static bool
target_of(struct reading *r, struct str spec, struct str *target_out)
{
	enum spf_value value = SPF_PASS;

	*target_out = r->domain;
	if (spec.len > 0)
		value = expand_name(r->check, spec, r->domain, true, target_out);
	return value == SPF_PASS || stop(r, value);
}

static enum dns_type
address_type(const struct check *c)
{
	return c->in->client.family == IP_V6 ? DNS_AAAA : DNS_A;
}

static int
prefix_of(const struct check *c, const struct spf_term *term)
{
	return c->in->client.family == IP_V6 ? term->prefix6_bits : term->prefix4_bits;
}

/* Asks for the hosts of an mx, and for the addresses of all of them at once. */
static bool
find_hosts(struct reading *r, struct str target, int *n_hosts_out)
{
	struct check *c = r->check;
	struct dns_question *questions = arena_array(c->in->arena, SPF_FENCE_HOSTS_MAX, sizeof(questions[0]));
	struct dns_answer mx;
	int n = 0;

	*n_hosts_out = 0;
	if (questions == NULL)
		return stop(r, out_of_room(c));
	ask(c, target, DNS_MX, &mx);
	if (!heed_answer(r, target, mx.result, mx.why))
		return false;
	if (mx.n_records > SPF_FENCE_HOSTS_MAX) {
		fault_permanent(&c->fault, "%.*s has more than %d mail exchangers", STR_ARG(shown(target)), SPF_FENCE_HOSTS_MAX);
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
	fault_temporary(&r->check->fault, "a mail exchanger: %s", r->hosts[host].why);
	return stop(r, SPF_TEMPERROR);
}

static bool
begin_term(struct reading *r, int term, struct str *target_out)
{
	if (!count_dns_term(r->check))
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
		ask(r->check, target, address_type(r->check), &r->hosts[0]);
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
	struct check *c = r->check;
	struct ruling inner;

	switch (check_host(c, target, &inner)) {
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
		fault_permanent(&c->fault, "%.*s is included and has no record", STR_ARG(shown(target)));
		return stop(r, SPF_PERMERROR);
	}
	return stop(r, SPF_TEMPERROR);
}

/* 5.5: an error of the DNS is no match here. */
static bool
ptr_matches(struct reading *r, struct str target, bool *matches_out)
{
	char room[IPREV_QUESTION_MAX_BYTES];
	struct iprev_result *names = client_names(r->check);

	*matches_out = false;
	if (names == NULL)
		return stop(r, out_of_room(r->check));
	if (is_void(names->reverse) && !heed_answer(r, iprev_question(&r->check->in->client, room), names->reverse, ""))
		return false;
	for (int i = 0; i < names->n_names && target.len > 0; i++)
		*matches_out = *matches_out || is_at_or_below(names->names[i], target);
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
		ask(r->check, target, term->mechanism == SPF_EXISTS ? DNS_A : address_type(r->check), &answer);
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
		prefix_bits = prefix_of(r->check, &term);
		switch (term.mechanism) {
		case SPF_IP4:
		case SPF_IP6:
			if (!network_has(&term.network, &r->check->in->client))
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

/* Which term matches: *value_out and *mechanism_out, left alone if none does.  False if it stopped. */
static bool
evaluate(struct check *c, struct str domain, const struct spf_record *record, enum spf_value *value_out,
    struct str *mechanism_out)
{
	struct reading *r = arena_alloc(c->in->arena, sizeof(*r));
	const struct spf_term *match;
	int index;

	if (r == NULL) {
		*value_out = out_of_room(c);
		return false;
	}
	r->fence = (struct spf_fence){ .exists = fence_exists, .hosts = fence_hosts, .addresses = fence_addresses };
	r->check = c;
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

/* 4.4, 4.5: SPF_PASS with the one record of the domain; SPF_NONE, SPF_TEMPERROR or SPF_PERMERROR otherwise. */
static enum spf_value
find_record(struct check *c, struct str domain, struct spf_record *record_out)
{
	struct dns_answer answer;
	const struct str *found = NULL;

	ask(c, domain, DNS_TXT, &answer);
	if (answer.result == DNS_UNSETTLED) {
		fault_temporary(&c->fault, "%.*s: %s", STR_ARG(shown(domain)), answer.why);
		return SPF_TEMPERROR;
	}
	for (int i = 0; i < answer.n_records; i++) {
		if (!spf_record_is(answer.records[i].text))
			continue;
		if (found != NULL) {
			fault_permanent(&c->fault, "%.*s has more than one record", STR_ARG(shown(domain)));
			return SPF_PERMERROR;
		}
		found = &answer.records[i].text;
	}
	if (found == NULL) {
		fault_permanent(&c->fault, "%.*s has no record", STR_ARG(shown(domain)));
		return SPF_NONE;
	}
	if (spf_record_parse(*found, record_out, &c->fault) != 0) {
		fault_prefix(&c->fault, "%.*s", STR_ARG(shown(domain)));
		return SPF_PERMERROR;
	}
	return SPF_PASS;
}

/* 4: once for the domain, and again for each redirect (6.1); ten at most, by the count of terms. */
static enum spf_value
check_host(struct check *c, struct str domain, struct ruling *ruling)
{
	struct spf_record record;
	enum spf_value value;
	bool is_redirected = false;

	for (;;) {
		*ruling = (struct ruling){ .domain = domain, .mechanism = STR_EMPTY, .exp = STR_EMPTY };
		value = find_record(c, domain, &record);
		if (value == SPF_NONE && is_redirected)
			return SPF_PERMERROR;
		if (value != SPF_PASS)
			return value;
		ruling->exp = record.exp;
		value = SPF_NEUTRAL;
		if (!evaluate(c, domain, &record, &value, &ruling->mechanism) || ruling->mechanism.len > 0)
			return value;
		if (record.redirect.len == 0) {
			ruling->mechanism = STR("default");
			return SPF_NEUTRAL;		/* 4.7 */
		}
		if (!count_dns_term(c))
			return SPF_PERMERROR;
		value = expand_name(c, record.redirect, domain, true, &domain);
		if (value != SPF_PASS)
			return value;
		is_redirected = true;
	}
}

/* 6.2: whatever is wrong with it, there is no explanation then. */
static struct str
explain(struct check *c, const struct ruling *ruling)
{
	struct dns_answer answer;
	struct str name, explanation = STR_EMPTY;
	struct buf text;

	if (ruling->exp.len == 0 || expand_name(c, ruling->exp, ruling->domain, false, &name) != SPF_PASS)
		return STR_EMPTY;
	ask(c, name, DNS_TXT, &answer);
	if (answer.result != DNS_FOUND || answer.n_records != 1 ||
	    !spf_macro_is_valid(answer.records[0].text, SPF_MACRO_IN_EXPLANATION) ||
	    !is_ready_to_expand(c, answer.records[0].text, ruling->domain, false))
		return STR_EMPTY;
	buf_init(&text, SPF_EXPLANATION_MAX_BYTES);
	spf_macro_expand_text(answer.records[0].text, &c->values, &text);
	if (!str_is_printable(buf_str(&text)) || !arena_copy(c->in->arena, buf_str(&text), &explanation))
		explanation = STR_EMPTY;
	buf_fini(&text);
	return explanation;
}

static struct str
printable_name(struct arena *arena, struct str name)
{
	char room[ASKED_ROOM_BYTES];
	struct str asked, printable;

	return name_to_ask(name, room, &asked) && arena_copy(arena, asked, &printable) ? printable : STR_EMPTY;
}

/* 4.3: a name of more than one label, and the form of it that the DNS knows. */
static bool
is_checkable(struct str domain, struct arena *arena, struct str *name_out)
{
	if (domain.len > 0 && domain.at[domain.len - 1] == '.')
		domain.len--;
	if (str_find(domain, '.') < 0 || !domain_is_valid(domain, true))
		return false;
	*name_out = domain;
	return str_is_ascii(domain) ? domain.len <= SPF_NAME_MAX_BYTES : domain_canonical(domain, arena, name_out);
}

static void
check_sender(const struct spf_inputs *in, struct str local, struct str domain, struct spf_result *result)
{
	struct check *c = arena_alloc(in->arena, sizeof(*c));
	struct ruling ruling = { .mechanism = STR_EMPTY };
	struct str helo = in->helo.len > SPF_NAME_MAX_BYTES ? STR("unknown") : in->helo, sender;

	if (local.len == 0)
		local = STR("postmaster");		/* 4.3 */
	result->value = SPF_TEMPERROR;
	result->problem = STR("the check needs more memory than it may have");
	if (c == NULL || !arena_printf(in->arena, &result->sender, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain)))
		return;
	if (in->client.family == IP_NONE || !is_checkable(domain, in->arena, &result->domain) || local.len > ADDRESS_LOCAL_MAX_BYTES) {
		result->value = SPF_NONE;
		result->problem = in->client.family == IP_NONE ? STR("the client has no address") : STR("no domain name");
		return;
	}
	if (!arena_printf(in->arena, &sender, "%.*s@%.*s", STR_ARG(local), STR_ARG(result->domain)))
		return;
	*c = (struct check){ .in = in, .values = {
		.sender = sender, .local_part = local, .sender_domain = result->domain, .client = in->client,
		.helo = helo, .receiver = str_sub(in->receiver, 0, SPF_NAME_MAX_BYTES), .now = in->now,
	} };
	result->problem = STR_EMPTY;
	result->value = check_host(c, result->domain, &ruling);
	result->n_dns_terms = c->n_dns_terms;
	result->n_void_lookups = c->n_void_lookups;
	result->mechanism = ruling.mechanism;
	result->mechanism_domain = printable_name(in->arena, ruling.domain);
	if (result->value == SPF_FAIL)
		result->explanation = explain(c, &ruling);
	if (result->value == SPF_TEMPERROR || result->value == SPF_PERMERROR || result->value == SPF_NONE) {
		if (!arena_copy(in->arena, str_of(c->fault.text), &result->problem))
			result->problem = STR_EMPTY;
	}
}

static void
begin_result(enum spf_identity identity, struct spf_result *result)
{
	*result = (struct spf_result){
		.identity = identity, .sender = STR_EMPTY, .domain = STR_EMPTY, .mechanism = STR_EMPTY,
		.mechanism_domain = STR_EMPTY, .explanation = STR_EMPTY, .problem = STR_EMPTY,
	};
}

void
spf_check_helo(const struct spf_inputs *inputs, struct spf_result *result_out)
{
	begin_result(SPF_HELO, result_out);
	check_sender(inputs, STR("postmaster"), inputs->helo, result_out);
}

void
spf_check_mail_from(const struct spf_inputs *inputs, const struct address *reverse_path, struct spf_result *result_out)
{
	begin_result(SPF_MAIL_FROM, result_out);
	if (address_is_null(reverse_path))
		check_sender(inputs, STR("postmaster"), inputs->helo, result_out);
	else
		check_sender(inputs, reverse_path->local, reverse_path->domain, result_out);
}
