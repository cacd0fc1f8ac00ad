/*
 * fuzz_conf.c - configuration files, by the daemon's own tables: each is whole or has errors, errors are lines to show
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "policy/settings.h"
#include "tests/fuzz/fuzz.h"

/* Bounds that no table widens: base/conf.h. */
static void
check_value(const struct conf_section *section, const struct setting *setting)
{
	const char *text;
	int n;

	switch (setting->type) {
	case SETTING_STRING:
		text = conf_string(section, setting->name);
		insist(text == NULL || setting->most != NULL || strlen(text) <= 1000);
		break;
	case SETTING_LIST:
		(void)conf_list(section, setting->name, &n);
		insist(n >= 0 && (setting->most != NULL || n <= 1000));
		break;
	case SETTING_CHOICE:
		insist(conf_choice(section, setting->name) >= -1);
		break;
	case SETTING_SPAN:
		insist(setting->least != NULL || conf_span(section, setting->name).ns >= 0);
		break;
	case SETTING_SIZE:
		insist(setting->least != NULL || conf_size(section, setting->name) >= 0);
		break;
	case SETTING_BOOL:
	case SETTING_INTEGER:
	case SETTING_DECIMAL:
		break;
	}
}

static void
check_section(const struct conf_section *section)
{
	for (int i = 0; i < section->kind->n_settings; i++)
		check_value(section, &section->kind->settings[i]);
}

static void
check(const struct conf *conf, const struct section_kind *kinds, int n_kinds)
{
	insist(conf_is_whole(conf) || conf_n_errors(conf) > 0);
	for (int i = 0; i < conf_n_errors(conf); i++)
		insist(str_is_utf8(str_of(conf_error_text(conf, i))) && strchr(conf_error_text(conf, i), '\n') == NULL);
	for (int i = 0; i < n_kinds; i++) {
		if (!kinds[i].has_title)
			check_section(conf_section(conf, kinds[i].name));
		for (int j = 0; kinds[i].has_title && j < conf_n_sections(conf, kinds[i].name); j++) {
			insist(conf_section_at(conf, kinds[i].name, j)->title != NULL);
			check_section(conf_section_at(conf, kinds[i].name, j));
		}
	}
}

/* In a folder of its own, so that include() finds this file at most; no other path can be named. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct str text = str_n(bytes, n_bytes);
	char folder[64], path[80];
	struct conf *conf;
	FILE *file;

	if (str_find(text, '(') >= 0 && str_find(text, '/') >= 0)
		return 0;
	snprintf(folder, sizeof(folder), "/tmp/smtpfwd-fuzz-conf.%d", (int)getpid());
	snprintf(path, sizeof(path), "%s/conf", folder);
	insist(mkdir(folder, 0700) == 0 && (file = fopen(path, "w")) != NULL);
	insist(fwrite(bytes, 1, n_bytes, file) == n_bytes && fclose(file) == 0);
	conf = conf_read(path, settings_kinds, settings_n_kinds);
	check(conf, settings_kinds, settings_n_kinds);
	conf_free(conf);
	insist(unlink(path) == 0 && rmdir(folder) == 0);
	return 0;
}
