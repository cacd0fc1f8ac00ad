/*
 * spf.c - spf_check_host(): finds records, follows redirects, explains
 */
#include "mail/domain.h"
#include "policy/spf/spf.h"
#include "policy/spf/spf_terms.h"

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

/* 4.4, 4.5: SPF_PASS with the one record of the domain; SPF_NONE, SPF_TEMPERROR or SPF_PERMERROR otherwise. */
static enum spf_value
find_record(struct spf_inquiry *c, struct str domain, struct spf_record *record_out)
{
	struct dns_answer answer;
	const struct str *found = NULL;

	inquiry_ask(c, domain, DNS_TXT, &answer);
	if (answer.result == DNS_UNSETTLED) {
		fault_temporary(&c->fault, "%.*s: %s", STR_ARG(spf_name_shown(domain)), answer.why);
		return SPF_TEMPERROR;
	}
	for (int i = 0; i < answer.n_records; i++) {
		if (!spf_record_is(answer.records[i].text))
			continue;
		if (found != NULL) {
			fault_permanent(&c->fault, "%.*s has more than one record", STR_ARG(spf_name_shown(domain)));
			return SPF_PERMERROR;
		}
		found = &answer.records[i].text;
	}
	if (found == NULL) {
		fault_permanent(&c->fault, "%.*s has no record", STR_ARG(spf_name_shown(domain)));
		return SPF_NONE;
	}
	if (spf_record_parse(*found, record_out, &c->fault) != 0) {
		fault_prefix(&c->fault, "%.*s", STR_ARG(spf_name_shown(domain)));
		return SPF_PERMERROR;
	}
	return SPF_PASS;
}

enum spf_value
spf_check_host(struct spf_inquiry *c, struct str domain, struct spf_ruling *ruling)
{
	struct spf_record record;
	enum spf_value value;
	bool is_redirected = false;

	for (;;) {
		*ruling = (struct spf_ruling){ .domain = domain, .mechanism = STR_EMPTY, .exp = STR_EMPTY };
		value = find_record(c, domain, &record);
		if (value == SPF_NONE && is_redirected)
			return SPF_PERMERROR;
		if (value != SPF_PASS)
			return value;
		ruling->exp = record.exp;
		value = SPF_NEUTRAL;
		if (!spf_evaluate(c, domain, &record, &value, &ruling->mechanism) || ruling->mechanism.len > 0)
			return value;
		if (record.redirect.len == 0) {
			ruling->mechanism = STR("default");
			return SPF_NEUTRAL;		/* 4.7 */
		}
		if (!inquiry_count_term(c))
			return SPF_PERMERROR;
		value = inquiry_expand(c, record.redirect, domain, true, &domain);
		if (value != SPF_PASS)
			return value;
		is_redirected = true;
	}
}

/* 6.2: whatever is wrong with it, there is no explanation then. */
static struct str
explain(struct spf_inquiry *c, const struct spf_ruling *ruling)
{
	struct dns_answer answer;
	struct str name, explanation = STR_EMPTY;
	struct buf text;

	if (ruling->exp.len == 0 || inquiry_expand(c, ruling->exp, ruling->domain, false, &name) != SPF_PASS)
		return STR_EMPTY;
	inquiry_ask(c, name, DNS_TXT, &answer);
	if (answer.result != DNS_FOUND || answer.n_records != 1 ||
	    !spf_macro_is_valid(answer.records[0].text, SPF_MACRO_IN_EXPLANATION) ||
	    inquiry_prepare(c, answer.records[0].text, ruling->domain, false) != SPF_PASS)
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
	char room[SPF_ASKED_ROOM_BYTES];
	struct str asked, printable;

	return spf_name_to_ask(name, room, &asked) && arena_copy(arena, asked, &printable) ? printable : STR_EMPTY;
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
	struct spf_inquiry *c = arena_alloc(in->arena, sizeof(*c));
	struct spf_ruling ruling = { .mechanism = STR_EMPTY };
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
	*c = (struct spf_inquiry){ .in = in, .values = {
		.sender = sender, .local_part = local, .sender_domain = result->domain, .client = in->client,
		.helo = helo, .receiver = str_sub(in->receiver, 0, SPF_NAME_MAX_BYTES), .now = in->now,
	} };
	result->problem = STR_EMPTY;
	result->value = spf_check_host(c, result->domain, &ruling);
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
