/*
 * files.c - the files that a configuration names and that are read whenever it is: which, and as before?
 */
#include <sys/stat.h>

#include "policy/settings.h"
#include "smtpfwd/config/files.h"

/* --- which --- */

static int
count_files_of(const struct conf_section *section)
{
	int n = 0;

	for (int i = 0; i < section->kind->n_settings; i++) {
		const struct setting *setting = &section->kind->settings[i];
		int n_items = 1;

		if (!setting->is_file)
			continue;
		if (setting->type == SETTING_LIST)
			conf_list(section, setting->name, &n_items);
		n += n_items;
	}
	return n;
}

static void
add_file(struct config *config, const struct conf_section *section, const struct setting *setting, const char *path)
{
	config->files[config->n_files++] = (struct config_file){ .section = section, .setting = setting->name, .path = path };
}

static void
add_files_of(struct config *config, const struct conf_section *section)
{
	for (int i = 0; i < section->kind->n_settings; i++) {
		const struct setting *setting = &section->kind->settings[i];
		const char *const *paths;
		int n_paths;

		if (!setting->is_file)
			continue;
		if (setting->type != SETTING_LIST) {
			const char *path = conf_string(section, setting->name);

			if (path != NULL)
				add_file(config, section, setting, path);
			continue;
		}
		paths = conf_list(section, setting->name, &n_paths);
		for (int k = 0; k < n_paths; k++)
			add_file(config, section, setting, paths[k]);
	}
}

/* Calls visit with each section that counts: those of a titled kind that are there, the one of another. */
static void
each_section(struct config *config, void (*visit)(void *context, const struct conf_section *section), void *context)
{
	for (int k = 0; k < settings_n_kinds; k++) {
		const struct section_kind *kind = &settings_kinds[k];
		int n = kind->has_title ? conf_n_sections(config->conf, kind->name) : 1;

		for (int i = 0; i < n; i++)
			visit(context, kind->has_title ? conf_section_at(config->conf, kind->name, i) :
			    conf_section(config->conf, kind->name));
	}
}

static void
count_visited(void *context, const struct conf_section *section)
{
	*(int *)context += count_files_of(section);
}

static void
add_visited(void *context, const struct conf_section *section)
{
	add_files_of(context, section);
}

void
config_list_files(struct config *config)
{
	int n_most = 0;

	each_section(config, count_visited, &n_most);
	config->files = config_alloc(config, (size_t)n_most, sizeof(*config->files));
	config->n_files = 0;
	each_section(config, add_visited, config);
}

/* --- as before? --- */

static void
stamp(const char *path, struct file_stamp *stamp_out)
{
	struct stat found;

	*stamp_out = (struct file_stamp){ .is_there = stat(path, &found) == 0 };
	if (!stamp_out->is_there)
		return;
	stamp_out->device = (uint64_t)found.st_dev;
	stamp_out->inode = (uint64_t)found.st_ino;
	stamp_out->n_bytes = (int64_t)found.st_size;
	stamp_out->changed = found.st_mtim;
}

bool
file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->is_there == b->is_there && a->device == b->device && a->inode == b->inode && a->n_bytes == b->n_bytes &&
	    a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

void
config_stamp_files(struct config *config)
{
	for (int i = 0; i < config->n_files; i++)
		stamp(config->files[i].path, &config->files[i].stamp);
	stamp(CONFIG_RESOLV_CONF, &config->resolv_conf);
	stamp(CONFIG_HOSTS, &config->hosts);
}
