/*
 * dmarc_record.c - a DMARC policy record as a domain publishes it (RFC 9989 4.7, 4.8)
 */
#include "policy/dmarc/dmarc_record.h"

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct str
trim_blanks(struct str s)
{
	while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t'))
		s = str_from(s, 1);
	while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

struct tag {
	struct str	 name;
	struct str	 value;
};

/* dmarc-tag: 1*ALPHA equals 1*dmarc-value; blanks before and behind belong to separators. */
static bool
read_tag(struct str part, struct tag *tag_out)
{
	struct str rest = trim_blanks(part), name;
	bool has_value = str_find(rest, '=') > 0 && str_take_until(&rest, '=', &name);

	if (!has_value)
		return false;
	tag_out->name = trim_blanks(name);
	tag_out->value = trim_blanks(rest);
	for (size_t i = 0; i < tag_out->name.len; i++) {
		if (!is_alpha(tag_out->name.at[i]))
			return false;
	}
	return tag_out->name.len > 0 && tag_out->value.len > 0 && str_is_printable(tag_out->value);
}

static bool
read_policy(struct str value, enum dmarc_policy *policy_out)
{
	if (str_eq_nocase(value, STR("none")))
		*policy_out = DMARC_POLICY_NONE;
	else if (str_eq_nocase(value, STR("quarantine")))
		*policy_out = DMARC_POLICY_QUARANTINE;
	else if (str_eq_nocase(value, STR("reject")))
		*policy_out = DMARC_POLICY_REJECT;
	else
		return false;
	return true;
}

/* One of two letters; whether it is the second.  Anything else is as if the tag were not there. */
static bool
is_letter(struct str value, char yes)
{
	return value.len == 1 && (value.at[0] | 0x20) == yes;
}

/* dmarc-fo; each of the four at most once, 0 and 1 not together.  0 for what is malformed. */
static unsigned
read_fo(struct str value)
{
	unsigned fo = 0;
	struct str rest = value, option;

	while (str_take_until(&rest, ':', &option)) {
		unsigned bit = 0;

		option = trim_blanks(option);
		if (is_letter(option, 'd'))
			bit = DMARC_REPORT_DKIM;
		else if (is_letter(option, 's'))
			bit = DMARC_REPORT_SPF;
		else if (str_eq(option, STR("0")))
			bit = DMARC_REPORT_IF_ALL_FAIL;
		else if (str_eq(option, STR("1")))
			bit = DMARC_REPORT_IF_ANY_FAILS;
		if (bit == 0 || (fo & bit) != 0)
			return 0;
		fo |= bit;
	}
	return (fo & 3) == 3 ? 0 : fo;
}

/* "scheme:something", in the characters of RFC 3986 (a size behind "!" is obsolete and allowed). */
static bool
is_uri(struct str uri)
{
	ptrdiff_t colon = str_find(uri, ':');

	if (colon <= 0 || (size_t)colon + 1 >= uri.len || !is_alpha(uri.at[0]))
		return false;
	for (size_t i = 0; i < uri.len; i++) {
		char c = uri.at[i];

		if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL)
			return false;
		if (i < (size_t)colon && !is_alpha(c) && !(c >= '0' && c <= '9') && strchr("+-.", c) == NULL)
			return false;
	}
	return !str_starts_nocase(uri, STR("mailto:")) || str_find(uri, '@') > (ptrdiff_t)sizeof("mailto:") - 1;
}

static bool
has_uri(struct str list)
{
	struct str uri;

	while (str_take_until(&list, ',', &uri)) {
		if (is_uri(trim_blanks(uri)))
			return true;
	}
	return false;
}

enum known {				/* tags, as bits of those that were seen */
	TAG_P, TAG_SP, TAG_NP, TAG_ADKIM, TAG_ASPF, TAG_PSD, TAG_T, TAG_PCT, TAG_FO, TAG_RUA, TAG_RUF, N_TAGS
};

static enum known
tag_of(struct str name)
{
	static const char *const names[N_TAGS] = { "p", "sp", "np", "adkim", "aspf", "psd", "t", "pct", "fo", "rua", "ruf" };
	enum known tag = 0;

	while (tag < N_TAGS && !str_eq_nocase(name, str_of(names[tag])))
		tag++;
	return tag;
}

/* Returns false for a policy that is none, which counts; all else that is malformed is as if it were not there. */
static bool
take_tag(struct dmarc_record *record, enum known tag, struct str value)
{
	uint64_t percent;

	switch (tag) {
	case TAG_P:
		return read_policy(value, &record->p);
	case TAG_SP:
		return record->has_sp = read_policy(value, &record->sp);
	case TAG_NP:
		return record->has_np = read_policy(value, &record->np);
	case TAG_ADKIM:
		record->is_dkim_strict = is_letter(value, 's');
		break;
	case TAG_ASPF:
		record->is_spf_strict = is_letter(value, 's');
		break;
	case TAG_PSD:
		record->psd = is_letter(value, 'y') ? DMARC_PSD_YES : is_letter(value, 'n') ? DMARC_PSD_NO : DMARC_PSD_UNKNOWN;
		break;
	case TAG_T:
		record->is_testing = is_letter(value, 'y');
		break;
	case TAG_PCT:
		record->is_sampled = str_to_u64(value, &percent) && percent < 100;
		break;
	case TAG_FO:
		record->fo = read_fo(value);
		break;
	case TAG_RUA:
		record->rua = value;
		break;
	case TAG_RUF:
		record->ruf = value;
		break;
	case N_TAGS:
		break;
	}
	return true;
}

/* "v" equals %s"DMARC1" and then a separator or the end; not even a blank in front. */
static bool
take_version(struct str *rest)
{
	struct str part;
	struct tag tag;

	if (rest->len == 0 || (rest->at[0] | 0x20) != 'v' || !str_take_until(rest, ';', &part))
		return false;
	return read_tag(part, &tag) && tag.name.len == 1 && str_eq(tag.value, STR("DMARC1"));
}

bool
dmarc_record_parse(struct str text, struct dmarc_record *record_out)
{
	struct dmarc_record record = { .rua = STR_EMPTY, .ruf = STR_EMPTY };
	struct str rest = text, part;
	unsigned seen = 0;
	bool has_bad_policy = false;
	struct tag tag;

	if (!take_version(&rest))
		return false;
	while (str_take_until(&rest, ';', &part)) {
		enum known known;

		if (!read_tag(part, &tag))
			continue;
		known = tag_of(tag.name);
		if (known == N_TAGS || (seen & 1u << known) != 0)
			continue;
		seen |= 1u << known;
		has_bad_policy = !take_tag(&record, known, tag.value) || has_bad_policy;
	}
	if (record.fo == 0)
		record.fo = DMARC_REPORT_IF_ALL_FAIL;
	if (has_bad_policy || (seen & 1u << TAG_P) == 0) {
		record.p = record.sp = record.np = DMARC_POLICY_NONE;
		record.has_sp = record.has_np = false;
		record.is_usable = has_uri(record.rua);
	} else {
		record.is_usable = true;
	}
	if (!record.has_sp)
		record.sp = record.p;
	if (!record.has_np)
		record.np = record.sp;
	*record_out = record;
	return true;
}

const char *
dmarc_policy_text(enum dmarc_policy policy)
{
	switch (policy) {
	case DMARC_POLICY_NONE:
		return "none";
	case DMARC_POLICY_QUARANTINE:
		return "quarantine";
	case DMARC_POLICY_REJECT:
		return "reject";
	}
	return "none";
}

enum dmarc_policy
dmarc_policy_below(enum dmarc_policy policy)
{
	return policy == DMARC_POLICY_REJECT ? DMARC_POLICY_QUARANTINE : DMARC_POLICY_NONE;
}
