/*
 * resolver_sim.c - answers from a zone text
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/code.h"
#include "base/insist.h"
#include "smtpfwd/runtime/fiber.h"
#include "tests/sim/resolver_sim.h"
#include "tests/sim/talk_text.h"

enum { RECORDS_MAX = 64, CNAMES_MAX = 8, TTL_S = 300, USUAL_DELAY_MS = 2 };

struct finding {			/* all that the zone says of one question */
	struct dns_answer	 answer;
	struct span		 delay;
	bool			 is_lost;
};

static const struct { const char *word; enum dns_type type; } types[] = {
	{ "A", DNS_A }, { "AAAA", DNS_AAAA }, { "MX", DNS_MX }, { "TXT", DNS_TXT }, { "PTR", DNS_PTR },
	{ "CNAME", DNS_CNAME }, { "TLSA", DNS_TLSA },
};

/* The next line of the zone, in parts; false at the end. */
static bool
next_line(struct str *zone, struct str *name_out, struct str *word_out, struct str *value_out)
{
	struct str line;

	while (str_take_until(zone, '\n', &line)) {
		if (!str_take_word(&line, name_out) || name_out->at[0] == '#')
			continue;
		insist(str_take_word(&line, word_out));	/* the test's zone: NAME TYPE VALUE */
		*value_out = str_trim(line);
		return true;
	}
	return false;
}

static int
type_of(struct str word)		/* or -1 */
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_eq_nocase(word, str_of(types[i].word)))
			return (int)types[i].type;
	return -1;
}

static struct str
lower(struct arena *arena, struct str name)
{
	struct str copy;
	char *at;

	insist(arena_copy(arena, name, &copy));
	at = (char *)(uintptr_t)copy.at;
	for (size_t i = 0; i < copy.len; i++)
		if (at[i] >= 'A' && at[i] <= 'Z')
			at[i] = (char)(at[i] - 'A' + 'a');
	if (copy.len > 0 && at[copy.len - 1] == '.')
		copy.len--;
	return copy;
}

static struct str
raw_bytes(struct arena *arena, struct str hex)
{
	struct buf text, raw;
	struct str copy;

	buf_init(&text, 4096);
	buf_init(&raw, 4096);
	for (size_t i = 0; i < hex.len; i++)
		if (hex.at[i] != ' ')
			buf_append_char(&text, hex.at[i]);
	insist(hex_decode(buf_str(&text), &raw) == 0 && arena_copy(arena, buf_str(&raw), &copy));
	buf_fini(&text);
	buf_fini(&raw);
	return copy;
}

static struct dns_record
read_record(enum dns_type type, struct str value, struct arena *arena)
{
	struct dns_record record = { .preference = 0 };
	struct str word;
	uint64_t preference = 0;

	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		insist(ip_parse(value, &record.ip));
		break;
	case DNS_MX:
		insist(str_take_word(&value, &word) && str_to_u64(word, &preference) && preference < 65536);
		record.preference = (uint16_t)preference;
		record.name = lower(arena, str_trim(value));
		break;
	case DNS_PTR:
	case DNS_CNAME:
		record.name = lower(arena, value);
		break;
	case DNS_TXT:
		insist(arena_copy(arena, value, &record.text));
		break;
	case DNS_TLSA:
		record.text = raw_bytes(arena, value);
		break;
	}
	return record;
}

static void
unsettle(struct dns_answer *answer, const char *why)
{
	answer->result = DNS_UNSETTLED;
	answer->n_records = 0;
	snprintf(answer->why, sizeof(answer->why), "%s", why);
}

/* What a line says beside records. */
static void
heed_word(struct finding *f, struct str word, struct str value)
{
	if (str_eq(word, STR("delay")))
		insist(talk_span(value, &f->delay));
	else if (str_eq(word, STR("servfail")))
		unsettle(&f->answer, "SERVFAIL");
	else if (str_eq(word, STR("bogus"))) {
		unsettle(&f->answer, "bogus");
		f->answer.is_bogus = true;
	} else if (str_eq(word, STR("timeout")))
		f->is_lost = true;
	else {
		insist(str_eq(word, STR("secure")));	/* the zone has no other words */
		f->answer.is_secure = true;
	}
}

static void
find(const struct resolver_sim *r, const struct dns_question *question, struct arena *arena, struct finding *f)
{
	struct str wanted = question->name, zone, name, word, value, alias;
	struct dns_answer *a = &f->answer;

	*f = (struct finding){ .answer = { .result = DNS_NO_NAME, .ttl_s = TTL_S }, .delay = span_ms(USUAL_DELAY_MS) };
	a->records = arena_array(arena, RECORDS_MAX, sizeof(a->records[0]));
	insist(a->records != NULL);
	for (int n_aliases = 0; n_aliases <= CNAMES_MAX; n_aliases++) {
		alias = STR_EMPTY;
		zone = str_of(r->zone);
		while (next_line(&zone, &name, &word, &value)) {
			int type = type_of(word);

			if (str_starts(name, STR("*")) ? !str_ends_nocase(wanted, str_from(name, 1)) : !str_eq_nocase(name, wanted))
				continue;
			if (type < 0) {
				heed_word(f, word, value);
				continue;
			}
			if (a->result == DNS_NO_NAME)
				a->result = DNS_NO_DATA;
			if (type == DNS_CNAME && question->type != DNS_CNAME)
				alias = value;
			if (type != (int)question->type || a->result == DNS_UNSETTLED)
				continue;
			insist(a->n_records < RECORDS_MAX);
			a->records[a->n_records++] = read_record(question->type, value, arena);
			a->result = DNS_FOUND;
		}
		if (alias.len == 0 || a->result == DNS_FOUND || a->result == DNS_UNSETTLED)
			return;
		wanted = alias;
		a->result = DNS_NO_NAME;
	}
	unsettle(a, "too many aliases");
}

static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct resolver_sim *r = (struct resolver_sim *)(void *)resolver;	/* its first member */
	struct instant start = os_now(), done = start;
	struct finding f;

	for (int i = 0; i < n_questions; i++) {
		struct instant at;

		r->n_questions++;
		find(r, &questions[i], arena, &f);
		at = f.is_lost ? INSTANT_NEVER : instant_after(start, f.delay);
		answers_out[i] = f.answer;
		if (instant_is_before(deadline, at)) {
			at = deadline;
			unsettle(&answers_out[i], "timed out");
		}
		if (instant_is_before(done, at))
			done = at;
	}
	if (fiber_self() == NULL)
		return;			/* asked outside of fibers: at once */
	if (fiber_sleep(done) == WAKE_CANCELLED)
		for (int i = 0; i < n_questions; i++)
			unsettle(&answers_out[i], "cancelled");
}

void
resolver_sim_init(struct resolver_sim *r, const char *zone)
{
	struct str rest = str_of(zone), name, word, value;

	*r = (struct resolver_sim){ .resolver = { .ask = ask }, .zone = zone };
	while (next_line(&rest, &name, &word, &value))
		continue;
}
