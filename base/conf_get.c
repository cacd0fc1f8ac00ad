/*
 * conf_get.c - finds sections and gives the values of their settings
 */
#include "base/conf_parts.h"
#include "base/insist.h"

int
conf_n_files(const struct conf *conf)
{
	return conf->n_files;
}

const char *
conf_file_at(const struct conf *conf, int i)
{
	insist(i >= 0 && i < conf->n_files);
	return conf->files[i];
}

static bool
is_of_kind(const struct conf_entry *entry, const char *kind)
{
	return !entry->is_repeat && !entry->is_hidden && strcmp(entry->section.kind->name, kind) == 0;
}

const struct conf_section *
conf_section(const struct conf *conf, const char *kind)
{
	int i = 0;

	while (i < conf->n_entries && !is_of_kind(conf->entries[i], kind))
		i++;
	insist(i < conf->n_entries);
	insist(!conf->entries[i]->section.kind->has_title);
	return &conf->entries[i]->section;
}

int
conf_n_sections(const struct conf *conf, const char *kind)
{
	int n = 0;

	for (int i = 0; i < conf->n_entries; i++)
		n += is_of_kind(conf->entries[i], kind);
	return n;
}

const struct conf_section *
conf_section_at(const struct conf *conf, const char *kind, int i)
{
	int k = 0;

	insist(i >= 0);
	for (; k < conf->n_entries; k++) {
		if (is_of_kind(conf->entries[k], kind) && i-- == 0)
			break;
	}
	insist(k < conf->n_entries);
	return &conf->entries[k]->section;
}

const struct conf_section *
conf_section_titled(const struct conf *conf, const char *kind, const char *title)
{
	for (int i = 0; i < conf->n_entries; i++) {
		const struct conf_section *section = &conf->entries[i]->section;

		if (is_of_kind(conf->entries[i], kind) && section->title != NULL && strcmp(section->title, title) == 0)
			return section;
	}
	return NULL;
}

const struct conf_section *
conf_section_default(const struct conf *conf, const char *kind)
{
	int i = 0;

	while (i < conf->n_entries && !(conf->entries[i]->is_hidden && strcmp(conf->entries[i]->section.kind->name, kind) == 0))
		i++;
	insist(i < conf->n_entries);
	return &conf->entries[i]->section;
}

/* The setting must be in the table, with this type. */
static const struct conf_value *
value_of(const struct conf_section *section, const char *setting, enum setting_type type)
{
	int i = conf_find_setting(section->kind, str_of(setting));

	insist(i >= 0);
	insist(section->kind->settings[i].type == type);
	return &section->values[i];
}

const char *
conf_string(const struct conf_section *section, const char *setting)
{
	const struct conf_value *value = value_of(section, setting, SETTING_STRING);

	return value->n_texts != 0 ? value->texts[0] : NULL;
}

bool
conf_bool(const struct conf_section *section, const char *setting)
{
	return value_of(section, setting, SETTING_BOOL)->number != 0;
}

int64_t
conf_integer(const struct conf_section *section, const char *setting)
{
	return value_of(section, setting, SETTING_INTEGER)->number;
}

double
conf_decimal(const struct conf_section *section, const char *setting)
{
	return value_of(section, setting, SETTING_DECIMAL)->decimal;
}

struct span
conf_span(const struct conf_section *section, const char *setting)
{
	return (struct span){ .ns = value_of(section, setting, SETTING_SPAN)->number };
}

int64_t
conf_size(const struct conf_section *section, const char *setting)
{
	return value_of(section, setting, SETTING_SIZE)->number;
}

int
conf_choice(const struct conf_section *section, const char *setting)
{
	return (int)value_of(section, setting, SETTING_CHOICE)->number;
}

const char *const *
conf_list(const struct conf_section *section, const char *setting, int *n_out)
{
	const struct conf_value *value = value_of(section, setting, SETTING_LIST);

	*n_out = value->n_texts;
	return value->texts;
}

bool
conf_is_set(const struct conf_section *section, const char *setting)
{
	int i = conf_find_setting(section->kind, str_of(setting));

	insist(i >= 0);
	return section->values[i].is_set;
}
