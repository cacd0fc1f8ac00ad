/*
 * class_rate.c - one limit of a class as a person writes it
 */
#include <stdio.h>

#include "base/quantity.h"
#include "policy/class/class_rate.h"

static const struct { const char *one, *many; } unit_words[] = {
	[RATE_OF_MESSAGES] = { "message", "messages" }, [RATE_OF_RECIPIENTS] = { "recipient", "recipients" },
	[RATE_OF_BYTES] = { "byte", "bytes" },
};
static const char *const key_words[] = { [RATE_PER_CLIENT] = "client", [RATE_PER_LOGIN] = "login", [RATE_PER_SENDER] = "sender" };

static bool
read_unit(struct str word, enum class_rate_unit *unit_out)
{
	for (int i = 0; i < CLASS_RATE_UNITS; i++) {
		*unit_out = (enum class_rate_unit)i;
		if (str_eq(word, str_of(unit_words[i].one)) || str_eq(word, str_of(unit_words[i].many)))
			return true;
	}
	return false;
}

static bool
read_key(struct str word, enum class_rate_key *key_out)
{
	for (size_t i = 0; i < sizeof(key_words) / sizeof(key_words[0]); i++) {
		*key_out = (enum class_rate_key)i;
		if (str_eq(word, str_of(key_words[i])))
			return true;
	}
	return false;
}

static bool
read_most(struct str word, enum class_rate_unit unit, int64_t *most_out)
{
	uint64_t count;

	if (unit == RATE_OF_BYTES)
		return quantity_read_size(word, most_out);
	if (!str_to_u64(word, &count) || count > INT64_MAX)
		return false;
	*most_out = (int64_t)count;
	return true;
}

/* The words of "A B", and of "A per B"; no more and no less. */
static bool
take_two(struct str text, const char *between, struct str *a_out, struct str *b_out)
{
	struct str word;

	return str_take_word(&text, a_out) && (between == NULL || (str_take_word(&text, &word) && str_eq(word, str_of(between)))) &&
	    str_take_word(&text, b_out) && !str_take_word(&text, &word);
}

bool
class_rate_read(struct str text, struct class_rate *rate_out, const char **why_out)
{
	struct str rest = text, amount = STR_EMPTY, most, unit, window, key;

	*rate_out = (struct class_rate){ .unit = RATE_OF_MESSAGES };
	(void)str_take_until(&rest, '/', &amount);
	if (!take_two(amount, NULL, &most, &unit) || !take_two(rest, "per", &window, &key))
		*why_out = "is no limit such as 100 messages/1h per login";
	else if (!read_unit(unit, &rate_out->unit))
		*why_out = "counts neither messages nor recipients nor bytes";
	else if (!read_key(key, &rate_out->key))
		*why_out = "is neither per client nor per login nor per sender";
	else if (!read_most(most, rate_out->unit, &rate_out->limit.most))
		*why_out = rate_out->unit == RATE_OF_BYTES ? "begins with no size such as 64K, 50M or 2G" : "begins with no whole number";
	else if (rate_out->limit.most < 1 || rate_out->limit.most > RATE_MOST_MAX)
		*why_out = "allows nothing, or more than can be counted";
	else if (!quantity_read_span(window, &rate_out->limit.window))
		*why_out = "has no window behind the / such as 30s, 5m, 2h or 7d";
	else if (rate_out->limit.window.ns < span_s(1).ns || rate_out->limit.window.ns > RATE_WINDOW_MAX.ns)
		*why_out = "has a window that is not 1s to 30d";
	else
		return true;
	return false;
}

struct str
class_rate_text(const struct class_rate *rate, char room[CLASS_RATE_TEXT_MAX])
{
	char window_room[QUANTITY_TEXT_MAX], size_room[QUANTITY_TEXT_MAX];
	struct str window = quantity_span_text(rate->limit.window, window_room);
	const char *unit = rate->limit.most == 1 ? unit_words[rate->unit].one : unit_words[rate->unit].many;
	int len;

	if (rate->unit == RATE_OF_BYTES)
		len = snprintf(room, CLASS_RATE_TEXT_MAX, "%.*s %s/%.*s per %s", STR_ARG(quantity_size_text(rate->limit.most, size_room)), unit,
		    STR_ARG(window), key_words[rate->key]);
	else
		len = snprintf(room, CLASS_RATE_TEXT_MAX, "%lld %s/%.*s per %s", (long long)rate->limit.most, unit, STR_ARG(window),
		    key_words[rate->key]);
	return str_n(room, (size_t)len);
}

bool
class_rate_eq(const struct class_rate *a, const struct class_rate *b)
{
	return a->unit == b->unit && a->key == b->key && a->limit.most == b->limit.most && a->limit.window.ns == b->limit.window.ns;
}
