/*
 * conf_value.c - texts as the types of settings, within their bounds
 */
#include <stdio.h>

#include "base/conf_parts.h"
#include "base/insist.h"
#include "base/quantity.h"

enum {
	STRING_MAX_BYTES = 1000,	/* a path, a name, an address: more is a mistake */
	LIST_MAX_ITEMS = 1000,		/* each is looked at in turn somewhere */
	DECIMAL_MAX_DIGITS = 9,		/* before and behind the point; exact in a double */
};

static bool
parse_integer(struct str text, int64_t *number_out)
{
	bool is_negative = text.len != 0 && text.at[0] == '-';
	uint64_t count;

	if (!str_to_u64(is_negative ? str_from(text, 1) : text, &count) || count > INT64_MAX)
		return false;
	*number_out = is_negative ? -(int64_t)count : (int64_t)count;
	return true;
}

/* Not by strtod, whose point depends on the locale. */
static bool
parse_decimal(struct str text, double *decimal_out)
{
	ptrdiff_t point = str_find(text, '.');
	struct str whole = point < 0 ? text : str_sub(text, 0, (size_t)point);
	struct str part = point < 0 ? STR("0") : str_from(text, (size_t)point + 1);
	uint64_t whole_number, part_number;
	double scale = 1;

	if (whole.len > DECIMAL_MAX_DIGITS || part.len > DECIMAL_MAX_DIGITS ||
	    !str_to_u64(whole, &whole_number) || !str_to_u64(part, &part_number))
		return false;
	for (size_t i = 0; i < part.len; i++)
		scale *= 10;
	*decimal_out = (double)whole_number + (double)part_number / scale;
	return true;
}

static bool
parse_choice(struct str text, const char *choices, int64_t *number_out)
{
	struct str rest = str_of(choices), word;
	int64_t i = 0;

	while (str_take_word(&rest, &word)) {
		if (str_eq(word, text)) {
			*number_out = i;
			return true;
		}
		i++;
	}
	return false;
}

/* One text as a number or decimal; strings and lists always are what they are. */
static bool
parse(const struct setting *setting, struct str text, struct conf_value *out)
{
	struct span span;

	switch (setting->type) {
	case SETTING_BOOL:
		return parse_choice(text, "no yes", &out->number);
	case SETTING_INTEGER:
		return parse_integer(text, &out->number);
	case SETTING_DECIMAL:
		return parse_decimal(text, &out->decimal);
	case SETTING_SPAN:
		if (!quantity_read_span(text, &span))
			return false;
		out->number = span.ns;
		return true;
	case SETTING_SIZE:
		return quantity_read_size(text, &out->number);
	case SETTING_CHOICE:
		return parse_choice(text, setting->choices, &out->number);
	case SETTING_STRING:
	case SETTING_LIST:
		return true;
	}
	return false;
}

static void
say_what_is_wanted(const struct setting *setting, const char *text, char *room, size_t n_room)
{
	switch (setting->type) {
	case SETTING_BOOL:
		snprintf(room, n_room, "\"%s\" is neither yes nor no", text);
		return;
	case SETTING_INTEGER:
		snprintf(room, n_room, "\"%s\" is not a whole number", text);
		return;
	case SETTING_DECIMAL:
		snprintf(room, n_room, "\"%s\" is not a number such as 2 or 1.5", text);
		return;
	case SETTING_SPAN:
		snprintf(room, n_room, "\"%s\" is not a span of time such as 200ms, 30s, 5m, 2h or 7d", text);
		return;
	case SETTING_SIZE:
		snprintf(room, n_room, "\"%s\" is not a size such as 4096, 64K, 50M or 2G", text);
		return;
	case SETTING_CHOICE:
		snprintf(room, n_room, "\"%s\" is not one of: %s", text, setting->choices);
		return;
	case SETTING_STRING:
	case SETTING_LIST:
		return;
	}
}

/* A bound of a table, which is text of the setting's own type; a count for strings and lists. */
static void
parse_bound(const struct setting *setting, const char *text, struct conf_value *bound)
{
	bool is_count = setting->type == SETTING_STRING || setting->type == SETTING_LIST;
	bool is_right = is_count ? parse_integer(str_of(text), &bound->number) : parse(setting, str_of(text), bound);

	insist(is_right);
}

/* Writes into room what bound is passed; false if none is. */
static bool
passes_bound(const struct setting *setting, const struct conf_value *value, char *room, size_t n_room)
{
	struct conf_value bound;
	bool is_decimal = setting->type == SETTING_DECIMAL;

	if (setting->least != NULL) {
		parse_bound(setting, setting->least, &bound);
		if (is_decimal ? value->decimal < bound.decimal : value->number < bound.number) {
			snprintf(room, n_room, "%s is the least", setting->least);
			return true;
		}
	}
	if (setting->most != NULL) {
		parse_bound(setting, setting->most, &bound);
		if (is_decimal ? value->decimal > bound.decimal : value->number > bound.number) {
			snprintf(room, n_room, "%s is the most", setting->most);
			return true;
		}
	}
	return false;
}

/* Writes into room what is wrong with a list; false if nothing is. */
static bool
is_wrong_list(const struct setting *setting, const struct conf_value *value, char *room, size_t n_room)
{
	struct conf_value count = { .number = value->n_texts };

	if (passes_bound(setting, &count, room, n_room)) {
		size_t n = strlen(room);

		snprintf(room + n, n_room - n, ", but it has %d items", value->n_texts);
		return true;
	}
	if (value->n_texts > LIST_MAX_ITEMS) {
		snprintf(room, n_room, "%d items are the most", LIST_MAX_ITEMS);
		return true;
	}
	for (int i = 0; i < value->n_texts; i++) {
		size_t n = strlen(value->texts[i]);

		if (n == 0 || n > STRING_MAX_BYTES) {
			snprintf(room, n_room, n == 0 ? "item %d is empty" : "item %d is too long", i + 1);
			return true;
		}
	}
	return false;
}

/* The same for a string. */
static bool
is_wrong_string(const struct setting *setting, const struct conf_value *value, char *room, size_t n_room)
{
	struct conf_value length = { .number = (int64_t)strlen(value->texts[0]) };

	if (setting->least == NULL && length.number == 0)
		snprintf(room, n_room, "is empty");
	else if (setting->most == NULL && length.number > STRING_MAX_BYTES)
		snprintf(room, n_room, "is longer than %d bytes", STRING_MAX_BYTES);
	else if (passes_bound(setting, &length, room, n_room)) {
		size_t n = strlen(room);

		snprintf(room + n, n_room - n, ", but it has %d bytes", (int)length.number);
	} else
		return false;
	return true;
}

/* And for all types. */
static bool
is_wrong(const struct setting *setting, struct conf_value *value, char *room, size_t n_room)
{
	char why[100];

	if (setting->type == SETTING_LIST)
		return is_wrong_list(setting, value, room, n_room);
	if (value->n_texts != 1) {
		snprintf(room, n_room, "takes one value, not %d", value->n_texts);
		return true;
	}
	if (setting->type == SETTING_STRING)
		return is_wrong_string(setting, value, room, n_room);
	if (!parse(setting, str_of(value->texts[0]), value)) {
		say_what_is_wanted(setting, value->texts[0], room, n_room);
		return true;
	}
	if (passes_bound(setting, value, why, sizeof(why))) {
		snprintf(room, n_room, "%s is out of bounds: %s", value->texts[0], why);
		return true;
	}
	return false;
}

static void
set_default(struct conf *conf, const struct setting *setting, struct conf_value *value)
{
	struct str rest = str_of(setting->otherwise), word;
	char why[100];
	bool is_bad;

	value->n_texts = 0;
	value->texts = NULL;
	value->decimal = 0;
	value->number = setting->type == SETTING_CHOICE ? -1 : 0;
	if (setting->otherwise == NULL)
		return;
	/* A blank parts two items, so there are no more items than bytes. */
	value->texts = conf_room(conf, rest.len + 1, sizeof(value->texts[0]));
	if (setting->type == SETTING_LIST) {
		while (str_take_word(&rest, &word))
			value->texts[value->n_texts++] = conf_keep(conf, word);
	} else
		value->texts[value->n_texts++] = setting->otherwise;
	is_bad = is_wrong(setting, value, why, sizeof(why));
	insist(!is_bad);				/* the table's own mistake */
}

void
conf_check_value(struct conf *conf, struct conf_entry *entry, const struct setting *setting,
    struct conf_value *value)
{
	char why[500];

	value->is_set = value->place != 0 && !value->is_damaged;
	if (value->is_set && is_wrong(setting, value, why, sizeof(why))) {
		conf_mistake(conf, value->place, &entry->section, setting->name, "%s", why);
		value->is_set = false;
	}
	if (value->place == 0 && setting->is_needed && conf->is_whole && !entry->is_hidden)
		conf_mistake(conf, entry->place, &entry->section, setting->name, "is needed and not set");
	if (!value->is_set)
		set_default(conf, setting, value);
}
