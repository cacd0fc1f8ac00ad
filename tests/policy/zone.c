/*
 * zone.c - answers from a text
 */
#include <stdio.h>

#include "base/code.h"
#include "base/dns_wire.h"
#include "base/insist.h"
#include "tests/policy/zone.h"

enum { RECORDS_MAX = 64, ALIASES_MAX = 8, TTL_S = 300 };

static const struct { struct str word; enum dns_type type; } types[] = {
	{ STR("A"), DNS_A }, { STR("AAAA"), DNS_AAAA }, { STR("MX"), DNS_MX }, { STR("TXT"), DNS_TXT },
	{ STR("PTR"), DNS_PTR }, { STR("CNAME"), DNS_CNAME },
};

static struct str
unescaped(struct arena *arena, struct str text)
{
	char *room = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	if (room == NULL)
		return (struct str){ .at = NULL };
	for (size_t i = 0; i < text.len; i++) {
		if (text.len - i >= 4 && text.at[i] == '\\' && text.at[i + 1] == 'x' && hex_value(text.at[i + 2]) >= 0 &&
		    hex_value(text.at[i + 3]) >= 0) {
			room[len++] = (char)(16 * hex_value(text.at[i + 2]) + hex_value(text.at[i + 3]));
			i += 3;
		} else {
			room[len++] = text.at[i];
		}
	}
	return str_n(room, len);
}

/* A question's name has \DDD for odd bytes. */
static bool
is_name(struct str asked, struct str raw)
{
	size_t at = 0;

	for (size_t i = 0; i < asked.len; i++, at++) {
		uint64_t byte = (unsigned char)asked.at[i];

		if (asked.at[i] == '\\') {
			insist(str_to_u64(str_sub(asked, i + 1, 3), &byte) && byte < 256);
			i += 3;
		}
		if (at == raw.len || !str_eq_nocase(str_n(&(char){ (char)byte }, 1), str_sub(raw, at, 1)))
			return false;
	}
	return at == raw.len;
}

/* What cannot be read is passed over: the fuzzer writes zones too. */
static void
add_record(struct arena *arena, enum dns_type type, struct str value, struct dns_answer *answer)
{
	struct dns_record *record = &answer->records[answer->n_records];
	struct dns_name wire;
	struct str word;
	uint64_t preference;

	if (answer->n_records == RECORDS_MAX)
		return;
	*record = (struct dns_record){ .name = STR_EMPTY };
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		if (!ip_parse(str_trim(value), &record->ip) || (record->ip.family == IP_V6) != (type == DNS_AAAA))
			return;
		break;
	case DNS_MX:
		if (!str_take_word(&value, &word) || !str_to_u64(word, &preference))
			return;
		record->preference = (uint16_t)preference;
		record->name = str_trim(value);
		break;
	case DNS_PTR:
	case DNS_CNAME:
		record->name = str_trim(value);
		break;
	case DNS_TXT:
		record->text = unescaped(arena, value);
		if (record->text.at == NULL)
			answer->result = DNS_UNSETTLED;
		break;
	case DNS_TLSA:
		break;
	}
	if (str_ends_nocase(record->name, STR(".")))
		record->name.len--;
	if (record->name.len > 0 && !dns_name_of_text(record->name, &wire))
		return;
	answer->n_records++;
}

/* All records of the type; *alias_out is a CNAME's, or "". */
static void
find(const struct zone *zone, struct str asked, enum dns_type type, struct arena *arena, struct dns_answer *answer,
    struct str *alias_out)
{
	struct str text = zone->text, line, name, word, raw;
	struct dns_name wire;
	bool is_slow = false;

	*alias_out = STR_EMPTY;
	while (str_take_until(&text, '\n', &line)) {
		if (!str_take_until(&line, ' ', &name) || !str_take_until(&line, ' ', &word))
			continue;
		raw = unescaped(arena, name);
		if (raw.at == NULL) {
			answer->result = DNS_UNSETTLED;	/* as a resolver has it whose arena is full */
			return;
		}
		if (!is_name(asked, raw))
			continue;
		if (answer->result == DNS_NO_NAME)
			answer->result = DNS_NO_DATA;
		is_slow = is_slow || str_eq(word, STR("timeout"));
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			if (!str_eq(word, types[i].word))
				continue;
			if (types[i].type == type)
				add_record(arena, type, line, answer);
			else if (types[i].type == DNS_CNAME)
				*alias_out = str_trim(line);
		}
	}
	if (str_ends_nocase(*alias_out, STR(".")))
		alias_out->len--;
	if (!dns_name_of_text(*alias_out, &wire))
		*alias_out = STR_EMPTY;
	if (answer->n_records > 0 && answer->result != DNS_UNSETTLED)
		answer->result = DNS_FOUND;
	else if (is_slow)
		answer->result = DNS_UNSETTLED;
}

static void
answer_one(const struct zone *zone, const struct dns_question *question, struct arena *arena, struct dns_answer *answer)
{
	struct str name = question->name, alias = STR_EMPTY;
	struct dns_name wire;

	insist(dns_name_of_text(name, &wire));	/* what is asked for could be sent */
	for (int i = 0; i < ALIASES_MAX; i++) {
		*answer = (struct dns_answer){ .result = DNS_NO_NAME, .ttl_s = TTL_S };
		answer->records = arena_array(arena, RECORDS_MAX, sizeof(answer->records[0]));
		if (answer->records == NULL)
			break;
		find(zone, name, question->type, arena, answer, &alias);
		if (answer->result == DNS_FOUND || alias.len == 0 || answer->result == DNS_UNSETTLED) {
			snprintf(answer->why, sizeof(answer->why), "%s", answer->result == DNS_UNSETTLED ? "timed out" : "");
			return;
		}
		name = alias;
	}
	*answer = (struct dns_answer){ .result = DNS_UNSETTLED, .why = "no end" };
}

static void
zone_ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct zone *zone = (struct zone *)resolver;

	zone->n_asks++;
	zone->n_questions += n_questions;
	for (int i = 0; i < n_questions; i++)
		answer_one(zone, &questions[i], arena, &answers_out[i]);
}

void
zone_init(struct zone *zone, struct str text)
{
	*zone = (struct zone){ .resolver = { .ask = zone_ask }, .text = text };
}
