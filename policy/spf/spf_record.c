/*
 * spf_record.c - terms, modifiers and lengths of prefixes, by the ABNF of RFC 7208 12
 */
#include "base/insist.h"
#include "policy/spf/spf_macro.h"
#include "policy/spf/spf_record.h"

enum {
	IP4_BITS = 32, IP6_BITS = 128,
	PREFIX_MAX_DIGITS = 3,
	TERM_SHOWN_BYTES = 60,		/* of a term, in a fault */
};

static const struct mechanism {
	struct str		 name;
	enum spf_mechanism	 mechanism;
	bool			 may_have_spec, must_have_spec, may_have_prefixes;
} mechanisms[] = {
	{ STR("all"), SPF_ALL, false, false, false },
	{ STR("include"), SPF_INCLUDE, true, true, false },
	{ STR("a"), SPF_A, true, false, true },
	{ STR("mx"), SPF_MX, true, false, true },
	{ STR("ptr"), SPF_PTR, true, false, false },
	{ STR("ip4"), SPF_IP4, false, false, false },
	{ STR("ip6"), SPF_IP6, false, false, false },
	{ STR("exists"), SPF_EXISTS, true, true, false },
};

bool
spf_record_is(struct str text)
{
	static const struct str version = STR("v=spf1");

	return str_starts_nocase(text, version) && (text.len == version.len || text.at[version.len] == ' ');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_name_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

/* Terms are parted by blanks only; other blank characters are in them, and wrong. */
static bool
take_term(struct str *terms, struct str *term_out)
{
	while (str_take_until(terms, ' ', term_out)) {
		if (term_out->len > 0)
			return true;
	}
	return false;
}

/* NAME=VALUE, no qualifier before it and no ":" or "/" before "=" (4.6.1). */
static bool
split_modifier(struct str term, struct str *name_out, struct str *value_out)
{
	size_t at = 0;

	while (at < term.len && is_name_char(term.at[at]))
		at++;
	if (at == 0 || at == term.len || term.at[at] != '=' || is_digit(term.at[0]) ||
	    term.at[0] == '-' || term.at[0] == '_' || term.at[0] == '.')
		return false;
	*name_out = str_sub(term, 0, at);
	*value_out = str_from(term, at + 1);
	return true;
}

static bool
read_prefix(struct str digits, int max_bits, int *bits_out)
{
	uint64_t bits;

	if (digits.len > PREFIX_MAX_DIGITS || !str_to_u64(digits, &bits) || bits > (uint64_t)max_bits ||
	    (digits.len > 1 && digits.at[0] == '0'))
		return false;
	*bits_out = (int)bits;
	return true;
}

/* Takes "MARK digits" off the end of *text, if it is there. */
static bool
cut_prefix(struct str *text, struct str mark, struct str *digits_out)
{
	size_t at = text->len;

	while (at > 0 && is_digit(text->at[at - 1]))
		at--;
	if (at == text->len || at < mark.len || !str_eq(str_sub(*text, at - mark.len, mark.len), mark))
		return false;
	*digits_out = str_from(*text, at);
	text->len = at - mark.len;
	return true;
}

/* [ ip4-cidr-length ] [ "/" ip6-cidr-length ] at the end of what stands behind "a" or "mx" (5.3, 5.4, 12). */
static bool
cut_prefixes(struct str *text, struct spf_term *term)
{
	struct str digits;

	if (cut_prefix(text, STR("//"), &digits) && !read_prefix(digits, IP6_BITS, &term->prefix6_bits))
		return false;
	return !cut_prefix(text, STR("/"), &digits) || read_prefix(digits, IP4_BITS, &term->prefix4_bits);
}

/* ":" address [ "/" bits ] */
static bool
read_network(struct str text, struct spf_term *term)
{
	bool is_ip4 = term->mechanism == SPF_IP4;
	struct str digits;
	struct network *network = &term->network;

	network->prefix_bits = is_ip4 ? IP4_BITS : IP6_BITS;
	if (cut_prefix(&text, STR("/"), &digits) &&
	    !read_prefix(digits, is_ip4 ? IP4_BITS : IP6_BITS, &network->prefix_bits))
		return false;
	if (text.len == 0 || text.at[0] != ':')
		return false;
	text = str_from(text, 1);
	if ((str_find(text, ':') < 0) != is_ip4 || !ip_parse(text, &network->ip))
		return false;
	/* A mapped IPv4 address is nobody's here: such a client is judged by IPv4 (RFC 7208 5). */
	if (!is_ip4 && network->ip.family == IP_V4)
		network->ip.family = IP_NONE;
	return true;
}

static const struct mechanism *
find_mechanism(struct str name)
{
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if (str_eq_nocase(name, mechanisms[i].name))
			return &mechanisms[i];
	}
	return NULL;
}

/* NULL, or what is wrong with it. */
static const char *
read_directive(struct str text, struct spf_term *term)
{
	const struct mechanism *mechanism;
	struct str rest = text;
	size_t at = 0;

	*term = (struct spf_term){
		.text = text, .qualifier = '+', .domain_spec = STR_EMPTY, .prefix4_bits = IP4_BITS, .prefix6_bits = IP6_BITS,
	};
	if (strchr("+-~?", rest.at[0]) != NULL && rest.at[0] != '\0') {
		term->qualifier = rest.at[0];
		rest = str_from(rest, 1);
	}
	while (at < rest.len && is_name_char(rest.at[at]))
		at++;
	mechanism = find_mechanism(str_sub(rest, 0, at));
	if (mechanism == NULL)
		return "is no mechanism";
	term->mechanism = mechanism->mechanism;
	rest = str_from(rest, at);
	if (mechanism->mechanism == SPF_IP4 || mechanism->mechanism == SPF_IP6)
		return read_network(rest, term) ? NULL : "has no valid network";
	if (mechanism->may_have_prefixes && !cut_prefixes(&rest, term))
		return "has a prefix length that cannot be";
	if (rest.len == 0)
		return mechanism->must_have_spec ? "has no domain" : NULL;
	if (!mechanism->may_have_spec || rest.at[0] != ':')
		return "has more than may be there";
	term->domain_spec = str_from(rest, 1);
	return spf_domain_spec_is_valid(term->domain_spec) ? NULL : "has no valid domain";
}

/* NULL, or what is wrong with it. */
static const char *
read_modifier(struct str name, struct str value, struct spf_record *record)
{
	struct str *place = str_eq_nocase(name, STR("redirect")) ? &record->redirect :
	    str_eq_nocase(name, STR("exp")) ? &record->exp : NULL;

	if (place == NULL)			/* "Unrecognized modifiers MUST be ignored" (6), but well-formed they are */
		return spf_macro_is_valid(value, SPF_MACRO_IN_RECORD) ? NULL : "is no valid macro string";
	if (place->len > 0)
		return "is there twice";
	if (!spf_domain_spec_is_valid(value))
		return "has no valid domain";
	*place = value;
	return NULL;
}

int
spf_record_parse(struct str text, struct spf_record *record_out, struct fault *fault_out)
{
	struct str rest, term, name, value;
	struct spf_term directive;
	const char *wrong;

	insist(spf_record_is(text));
	*record_out = (struct spf_record){ .terms = str_from(text, STR("v=spf1").len), .redirect = STR_EMPTY, .exp = STR_EMPTY };
	rest = record_out->terms;
	while (take_term(&rest, &term)) {
		if (split_modifier(term, &name, &value))
			wrong = read_modifier(name, value, record_out);
		else
			wrong = read_directive(term, &directive);
		if (wrong != NULL)
			return fault_permanent(fault_out, "term \"%.*s\" %s", STR_ARG(str_sub(term, 0, TERM_SHOWN_BYTES)), wrong);
	}
	return 0;
}

bool
spf_record_next(struct str *terms, struct spf_term *term_out)
{
	struct str term, name, value;

	while (take_term(terms, &term)) {
		if (!split_modifier(term, &name, &value)) {
			bool is_valid = read_directive(term, term_out) == NULL;

			insist(is_valid);
			return true;
		}
	}
	return false;
}
