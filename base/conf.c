/*
 * conf.c - a configuration file: has libConfuse read it, keeps its sections and errors
 *
 * The library gets a text in which its traps cannot be met (conf_text.c) and tables that
 * take every value as text; it holds the structure against the tables.
 */
#include <confuse.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/code.h"
#include "base/conf_parts.h"
#include "base/insist.h"
#include "base/mem.h"

enum {
	CONF_MAX_BYTES = 64 << 20,	/* of memory: many times what the largest files can need */
	TEXT_MAX_BYTES = 4 << 20,	/* of all files together, words quoted */
	MISTAKE_MAX_BYTES = 1000,	/* of one error's text */
	MISTAKES_MAX = 1000,		/* more are not told: this is no configuration file */
};

void *
conf_room(struct conf *conf, size_t n, size_t item_bytes)
{
	void *room = arena_array(&conf->arena, n, item_bytes);

	insist(room != NULL);
	return room;
}

const char *
conf_keep(struct conf *conf, struct str text)
{
	struct str copy;
	bool is_kept = arena_copy(&conf->arena, text, &copy);

	insist(is_kept);
	return copy.at;
}

struct conf_entry *
conf_add_entry(struct conf *conf, const struct section_kind *kind, int place)
{
	struct conf_entry *entry = conf_room(conf, 1, sizeof(*entry));

	entry->place = place;
	entry->section.kind = kind;
	entry->section.file = place != 0 ? conf->origins[place - 1].file : conf->path;
	entry->section.line = place != 0 ? conf->origins[place - 1].line : 0;
	entry->section.is_given = place != 0;
	entry->section.values = conf_room(conf, (size_t)kind->n_settings, sizeof(entry->section.values[0]));
	conf->entries = mem_resize_array(conf->entries, (size_t)conf->n_entries + 1, sizeof(conf->entries[0]));
	conf->entries[conf->n_entries++] = entry;
	return entry;
}

int
conf_find_setting(const struct section_kind *kind, struct str name)
{
	for (int i = 0; i < kind->n_settings; i++) {
		if (str_eq(str_of(kind->settings[i].name), name))
			return i;
	}
	return -1;
}

/* Behind all that have the same place or one before it. */
static void
insert_mistake(struct conf *conf, int place, const char *text)
{
	int i = conf->n_mistakes++;

	conf->mistakes = mem_resize_array(conf->mistakes, (size_t)i + 1, sizeof(conf->mistakes[0]));
	for (; i > 0 && conf->mistakes[i - 1].place > place; i--)
		conf->mistakes[i] = conf->mistakes[i - 1];
	conf->mistakes[i] = (struct conf_mistake){ .place = place, .text = text };
}

static void __attribute__((format(printf, 5, 0)))
add_mistake(struct conf *conf, int place, const struct conf_section *section, const char *setting,
    const char *format, va_list args)
{
	struct buf plain, shown;

	if (conf->n_mistakes == MISTAKES_MAX)
		return;
	buf_init(&plain, TEXT_MAX_BYTES);
	if (place != 0)
		buf_printf(&plain, "%s:%d: ", conf->origins[place - 1].file, conf->origins[place - 1].line);
	else
		buf_printf(&plain, "%s: ", conf->path);
	if (section != NULL && section->kind->name[0] != '\0') {
		buf_printf(&plain, "%s", section->kind->name);
		if (section->title != NULL)
			buf_printf(&plain, " \"%s\"", section->title);
		buf_append(&plain, STR(": "));
	}
	if (setting != NULL)
		buf_printf(&plain, "%s: ", setting);
	buf_vprintf(&plain, format, args);
	buf_init(&shown, MISTAKE_MAX_BYTES);
	escape_append(buf_str(&plain), true, MISTAKE_MAX_BYTES, &shown);
	insert_mistake(conf, place, conf_keep(conf, buf_str(&shown)));
	buf_fini(&plain);
	buf_fini(&shown);
}

void
conf_mistake(struct conf *conf, int place, const struct conf_section *section, const char *setting,
    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_mistake(conf, place, section, setting, format, args);
	va_end(args);
}

void
conf_error(struct conf *conf, const struct conf_section *section, const char *setting, const char *format, ...)
{
	const struct conf_entry *entry = (const struct conf_entry *)(const void *)section;
	int place = entry->place;
	va_list args;
	int i;

	if (setting != NULL) {
		i = conf_find_setting(section->kind, str_of(setting));
		insist(i >= 0);
		if (section->values[i].place != 0)
			place = section->values[i].place;
	}
	va_start(args, format);
	add_mistake(conf, place, section, setting, format, args);
	va_end(args);
}

/*
 * The library's error function is told the section only.  So each of its tables has an
 * option, of a name that no file can hold, which leads back here.
 */
struct way_back {
	long		 unused;	/* first: what the library takes for the option's value */
	struct conf	*conf;
};

#define WAY_BACK_NAME "\001"

/* The entry whose index is the section's title; what is outside of sections has none. */
static struct conf_entry *
entry_of(struct conf *conf, cfg_t *section)
{
	uint64_t i = 0;

	if (section->title != NULL && (!str_to_u64(str_of(section->title), &i) || i >= (uint64_t)conf->n_entries))
		i = 0;
	return conf->entries[i];
}

static void __attribute__((format(printf, 2, 0)))
hear_library(cfg_t *section, const char *format, va_list args)
{
	struct way_back *way = (void *)cfg_getopt(section, WAY_BACK_NAME)->simple_value.number;
	struct conf *conf = way->conf;
	int place = section->line;

	if (place < 1)
		place = 1;
	if (place > conf->n_origins)
		place = conf->n_origins;
	add_mistake(conf, place, &entry_of(conf, section)->section, NULL, format, args);
}

/* The library's table of a kind's settings, with room for n more options before its end. */
static cfg_opt_t *
options_of(struct conf *conf, const struct section_kind *kind, int n_more, struct way_back *way)
{
	cfg_opt_t *options = conf_room(conf, (size_t)(kind->n_settings + n_more + 2), sizeof(options[0]));
	int n = 0;

	options[n++] = (cfg_opt_t)CFG_SIMPLE_INT(WAY_BACK_NAME, &way->unused);
	for (int i = 0; i < kind->n_settings; i++)
		options[n++] = (cfg_opt_t)CFG_STR_LIST(kind->settings[i].name, NULL, CFGF_NODEFAULT);
	for (int i = 0; i < n_more + 1; i++)
		options[n + i] = (cfg_opt_t)CFG_END();
	return options;
}

static void
take_texts(struct conf *conf, struct conf_entry *entry, cfg_t *section)
{
	const struct section_kind *kind = entry->section.kind;

	for (int i = 0; i < kind->n_settings; i++) {
		struct conf_value *value = &entry->section.values[i];
		cfg_opt_t *option = cfg_getopt(section, kind->settings[i].name);

		value->n_texts = (int)cfg_opt_size(option);
		value->texts = conf_room(conf, (size_t)value->n_texts, sizeof(value->texts[0]));
		for (int k = 0; k < value->n_texts; k++)
			value->texts[k] = conf_keep(conf, str_of(cfg_opt_getnstr(option, (unsigned)k)));
	}
}

/* False when the library does not find the structure right; it has said so. */
static bool
read_by_library(struct conf *conf, const char *text)
{
	struct way_back way = { .conf = conf };
	cfg_opt_t *options = options_of(conf, &conf->kinds[0], conf->n_kinds - 1, &way);
	int n_first = conf->kinds[0].n_settings + 1;
	bool is_right;
	cfg_t *all;

	for (int i = 1; i < conf->n_kinds; i++) {
		options[n_first + i - 1] = (cfg_opt_t)CFG_SEC(conf->kinds[i].name,
		    options_of(conf, &conf->kinds[i], 0, &way), CFGF_MULTI | CFGF_TITLE);
	}
	all = cfg_init(options, CFGF_NONE);
	insist(all != NULL);
	cfg_set_error_function(all, hear_library);
	is_right = cfg_parse_buf(all, text) == CFG_SUCCESS;
	if (is_right) {
		take_texts(conf, conf->entries[0], all);
		for (int i = 1; i < conf->n_kinds; i++) {
			for (unsigned k = 0; k < cfg_size(all, conf->kinds[i].name); k++) {
				cfg_t *section = cfg_getnsec(all, conf->kinds[i].name, k);

				take_texts(conf, entry_of(conf, section), section);
			}
		}
	}
	cfg_free(all);
	return is_right;
}

static void
check_values_of(struct conf *conf, struct conf_entry *entry)
{
	const struct section_kind *kind = entry->section.kind;

	for (int i = 0; i < kind->n_settings; i++)
		conf_check_value(conf, entry, &kind->settings[i], &entry->section.values[i]);
}

static void
add_default_entry(struct conf *conf, const struct section_kind *kind)
{
	check_values_of(conf, conf_add_entry(conf, kind, 0));
}

/*
 * A kind with titles has a section of defaults beside those in the file, which only
 * conf_section_default shows; nothing is needed in it.
 */
static void
add_hidden_entry(struct conf *conf, const struct section_kind *kind)
{
	struct conf_entry *entry = conf_add_entry(conf, kind, 0);

	entry->is_hidden = true;
	check_values_of(conf, entry);
}

/* An untitled kind that is not in the file has one section of defaults. */
static void
add_missing_entries(struct conf *conf)
{
	int n_given = conf->n_entries;

	for (int i = 1; i < conf->n_kinds; i++) {
		bool is_given = false;

		if (conf->kinds[i].has_title) {
			add_hidden_entry(conf, &conf->kinds[i]);
			continue;
		}
		for (int k = 0; k < n_given; k++)
			is_given = is_given || conf->entries[k]->section.kind == &conf->kinds[i];
		if (!is_given)
			add_default_entry(conf, &conf->kinds[i]);
	}
}

struct conf *
conf_read(const char *path, const struct section_kind *kinds, int n_kinds)
{
	struct conf *conf = mem_new(sizeof(*conf));
	bool is_right;
	struct buf text;

	insist(n_kinds > 0);
	insist(kinds[0].name[0] == '\0');
	arena_init(&conf->arena, CONF_MAX_BYTES);
	conf->path = conf_keep(conf, str_of(path));
	conf->kinds = kinds;
	conf->n_kinds = n_kinds;
	conf_add_entry(conf, &kinds[0], 0);
	buf_init(&text, TEXT_MAX_BYTES);
	conf->is_whole = conf_read_text(conf, &text);
	is_right = read_by_library(conf, text.at);
	buf_fini(&text);
	conf->is_whole = conf->is_whole && is_right;
	for (int i = 0; i < conf->n_entries && is_right; i++)
		check_values_of(conf, conf->entries[i]);
	if (!conf->is_whole) {
		/* What was right is checked, and no more than that can be used. */
		conf->n_entries = 0;
		add_default_entry(conf, &kinds[0]);
	}
	add_missing_entries(conf);
	return conf;
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	mem_free(conf->entries);
	mem_free(conf->origins);
	mem_free(conf->mistakes);
	arena_fini(&conf->arena);
	mem_free(conf);
}

bool
conf_is_whole(const struct conf *conf)
{
	return conf->is_whole;
}

int
conf_n_errors(const struct conf *conf)
{
	return conf->n_mistakes;
}

const char *
conf_error_text(const struct conf *conf, int i)
{
	insist(i >= 0);
	insist(i < conf->n_mistakes);
	return conf->mistakes[i].text;
}

bool
conf_print_errors(const struct conf *conf, FILE *out)
{
	for (int i = 0; i < conf->n_mistakes; i++)
		fprintf(out, "%s\n", conf_error_text(conf, i));
	return conf->n_mistakes > 0;
}
