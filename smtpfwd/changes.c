/*
 * changes.c - what differs between two configurations, in words for people
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/code.h"
#include "base/mem.h"
#include "policy/settings.h"
#include "smtpfwd/changes.h"
#include "smtpfwd/config/files.h"

enum {
	LINE_MAX_BYTES = 400,
	LINES_MAX_BYTES = 2 * LINES_MAX * (LINE_MAX_BYTES + 16),	/* alignment and an arena's blocks */
	VALUE_MAX_BYTES = 120,		/* of a text; a name or a path is shorter */
};

/* --- lines --- */

void
lines_init(struct lines *lines)
{
	*lines = (struct lines){ .n = 0 };
	arena_init(&lines->arena, LINES_MAX_BYTES);
}

void
lines_fini(struct lines *lines)
{
	arena_fini(&lines->arena);
	lines->n = 0;
}

void
lines_clear(struct lines *lines)
{
	lines_fini(lines);
	lines_init(lines);
}

/* Texts of others are escaped, not to steer who reads them; also what would make a line too long. */
void
lines_add(struct lines *lines, const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	struct buf shown;
	struct str copy;
	va_list args;

	if (lines->n >= LINES_MAX) {
		lines->n_left_out++;
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_init(&shown, LINE_MAX_BYTES * ESCAPED_MAX_BYTES);
	if (escape_append(str_of(text), true, LINE_MAX_BYTES, &shown) == 0 && arena_copy(&lines->arena, buf_str(&shown), &copy))
		lines->at[lines->n++] = copy.at;
	buf_fini(&shown);
}

/* --- values --- */

static void
write_span(struct span span, char room[VALUE_MAX_BYTES])
{
	static const struct { int64_t ms; const char *unit; } units[] =
	    { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };
	int64_t ms = span_to_ms(span);
	size_t i = 0;

	while (ms == 0 ? i < 3 : ms % units[i].ms != 0)
		i++;
	snprintf(room, VALUE_MAX_BYTES, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
}

static void
write_size(int64_t n_bytes, char room[VALUE_MAX_BYTES])
{
	static const char *const units[] = { "", "K", "M", "G" };
	int i = 0;

	while (i < 3 && n_bytes != 0 && n_bytes % 1024 == 0) {
		n_bytes /= 1024;
		i++;
	}
	snprintf(room, VALUE_MAX_BYTES, "%" PRId64 "%s", n_bytes, units[i]);
}

/* The word of a choice by its index. */
static void
write_choice(const struct setting *setting, int i, char room[VALUE_MAX_BYTES])
{
	struct str rest = str_of(setting->choices), word = STR("none");

	while (i-- >= 0 && str_take_word(&rest, &word))
		;
	snprintf(room, VALUE_MAX_BYTES, "%.*s", STR_ARG(word));
}

static void
write_value(const struct conf_section *section, const struct setting *setting, char room[VALUE_MAX_BYTES])
{
	const char *text;

	switch (setting->type) {
	case SETTING_STRING:
		text = conf_string(section, setting->name);
		snprintf(room, VALUE_MAX_BYTES, text != NULL ? "\"%s\"" : "none", text);
		return;
	case SETTING_BOOL:
		snprintf(room, VALUE_MAX_BYTES, "%s", conf_bool(section, setting->name) ? "yes" : "no");
		return;
	case SETTING_INTEGER:
		snprintf(room, VALUE_MAX_BYTES, "%" PRId64, conf_integer(section, setting->name));
		return;
	case SETTING_DECIMAL:
		snprintf(room, VALUE_MAX_BYTES, "%.10g", conf_decimal(section, setting->name));
		return;
	case SETTING_SPAN:
		write_span(conf_span(section, setting->name), room);
		return;
	case SETTING_SIZE:
		write_size(conf_size(section, setting->name), room);
		return;
	case SETTING_CHOICE:
		write_choice(setting, conf_choice(section, setting->name), room);
		return;
	case SETTING_LIST:
		room[0] = '\0';
		return;
	}
}

static bool
text_eq(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
list_eq(const char *const *a, int n_a, const char *const *b, int n_b)
{
	if (n_a != n_b)
		return false;
	for (int i = 0; i < n_a; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool
value_eq(const struct conf_section *before, const struct conf_section *after, const struct setting *setting)
{
	const char *const *a, *const *b;
	int n_a, n_b;

	switch (setting->type) {
	case SETTING_STRING:
		return text_eq(conf_string(before, setting->name), conf_string(after, setting->name));
	case SETTING_BOOL:
		return conf_bool(before, setting->name) == conf_bool(after, setting->name);
	case SETTING_INTEGER:
		return conf_integer(before, setting->name) == conf_integer(after, setting->name);
	case SETTING_DECIMAL:
		return conf_decimal(before, setting->name) == conf_decimal(after, setting->name);
	case SETTING_SPAN:
		return conf_span(before, setting->name).ns == conf_span(after, setting->name).ns;
	case SETTING_SIZE:
		return conf_size(before, setting->name) == conf_size(after, setting->name);
	case SETTING_CHOICE:
		return conf_choice(before, setting->name) == conf_choice(after, setting->name);
	case SETTING_LIST:
		a = conf_list(before, setting->name, &n_a);
		b = conf_list(after, setting->name, &n_b);
		return list_eq(a, n_a, b, n_b);
	}
	return true;
}

/* --- sections --- */

/* 'listen "mx": ', 'retry: ', '' */
struct where {
	char	 text[200];
};

static struct where
where_of(const struct conf_section *section)
{
	struct where where;

	if (section->title != NULL)
		snprintf(where.text, sizeof(where.text), "%s \"%s\": ", section->kind->name, section->title);
	else
		snprintf(where.text, sizeof(where.text), "%s%s", section->kind->name, section->kind->name[0] != '\0' ? ": " : "");
	return where;
}

static bool
has_item(const char *const *items, int n, const char *item)
{
	for (int i = 0; i < n; i++)
		if (strcmp(items[i], item) == 0)
			return true;
	return false;
}

static void
say_list(struct changes *changes, const char *where, const struct conf_section *before, const struct conf_section *after,
    const struct setting *setting)
{
	int n_before, n_after, n_said = 0;
	const char *const *old = conf_list(before, setting->name, &n_before);
	const char *const *new = conf_list(after, setting->name, &n_after);

	for (int i = 0; i < n_after; i++) {
		if (has_item(old, n_before, new[i]))
			continue;
		lines_add(&changes->lines, "%s%s: added %s", where, setting->name, new[i]);
		n_said++;
	}
	for (int i = 0; i < n_before; i++) {
		if (has_item(new, n_after, old[i]))
			continue;
		lines_add(&changes->lines, "%s%s: removed %s", where, setting->name, old[i]);
		n_said++;
	}
	if (n_said == 0)
		lines_add(&changes->lines, "%s%s: in another order, %s is the first", where, setting->name, n_after > 0 ? new[0] : "none");
}

/* The address list of a listener is told of by what becomes of its sockets. */
static bool
is_addresses(const struct section_kind *kind, const struct setting *setting)
{
	return strcmp(kind->name, "listen") == 0 && strcmp(setting->name, "address") == 0;
}

/* Where the queue works out a mail's destination and its next try from; rather too often than with a setting forgotten. */
static bool
is_for_routing(const struct section_kind *kind, const struct setting *setting)
{
	return strcmp(kind->name, "retry") == 0 || strcmp(kind->name, "relay") == 0 || strcmp(kind->name, "route") == 0 ||
	    (strcmp(kind->name, "class") == 0 && strcmp(setting->name, "route") == 0) || strcmp(setting->name, "outbound") == 0 || strcmp(setting->name, "bounce-unverified") == 0;
}

static void
compare_sections(struct changes *changes, const struct conf_section *before, const struct conf_section *after)
{
	const struct section_kind *kind = after->kind;
	struct where where = where_of(after);
	char old[VALUE_MAX_BYTES], new[VALUE_MAX_BYTES];

	for (int i = 0; i < kind->n_settings; i++) {
		const struct setting *setting = &kind->settings[i];

		if (value_eq(before, after, setting))
			continue;
		changes->is_any = true;
		changes->is_routing |= is_for_routing(kind, setting);
		changes->is_resolver |= strcmp(kind->name, "resolver") == 0;
		if (is_addresses(kind, setting))
			continue;
		if (setting->type == SETTING_LIST) {
			say_list(changes, where.text, before, after, setting);
			continue;
		}
		write_value(before, setting, old);
		write_value(after, setting, new);
		lines_add(&changes->lines, "%s%s is %s, was %s", where.text, setting->name, new, old);
	}
}

/* A whole section came or went. */
static void
note_section(struct changes *changes, const struct conf_section *section, const char *what)
{
	const char *kind = section->kind->name;

	changes->is_any = true;
	changes->is_routing |= strcmp(kind, "relay") == 0 || strcmp(kind, "route") == 0 || strcmp(kind, "class") == 0;
	if (strcmp(kind, "listen") != 0)
		lines_add(&changes->lines, "%s \"%s\": %s", kind, section->title, what);
}

/* Whether those sections that were there before stand as they stood to each other. */
static bool
is_in_order(const struct conf *before, const struct conf *after, const struct section_kind *kind)
{
	int n_before = conf_n_sections(before, kind->name), n_after = conf_n_sections(after, kind->name), at = 0;

	for (int i = 0; i < n_after; i++) {
		const char *title = conf_section_at(after, kind->name, i)->title;

		if (conf_section_titled(before, kind->name, title) == NULL)
			continue;
		while (at < n_before && strcmp(conf_section_at(before, kind->name, at)->title, title) != 0)
			at++;
		if (at == n_before)
			return false;
	}
	return true;
}

/* Sections of one kind that have titles.  The first one counts: a relay has <Postmaster>, a certificate unknown names; not so of sign. */
static void
compare_titled(struct changes *changes, const struct conf *before, const struct conf *after, const struct section_kind *kind)
{
	int n_before = conf_n_sections(before, kind->name), n_after = conf_n_sections(after, kind->name);

	for (int i = 0; i < n_after; i++) {
		const struct conf_section *new = conf_section_at(after, kind->name, i);
		const struct conf_section *old = conf_section_titled(before, kind->name, new->title);

		if (old != NULL)
			compare_sections(changes, old, new);
		else
			note_section(changes, new, "added");
	}
	for (int i = 0; i < n_before; i++) {
		const struct conf_section *old = conf_section_at(before, kind->name, i);

		if (conf_section_titled(after, kind->name, old->title) == NULL)
			note_section(changes, old, "removed");
	}
	if (strcmp(kind->name, "class") == 0) {
		if (!is_in_order(before, after, kind)) {
			changes->is_any = true;
			lines_add(&changes->lines, "class: the sections are in another order");
		}
	} else if (n_before > 0 && n_after > 0 && strcmp(kind->name, "sign") != 0) {
		const char *old = conf_section_at(before, kind->name, 0)->title, *new = conf_section_at(after, kind->name, 0)->title;

		if (strcmp(old, new) != 0 && conf_section_titled(before, kind->name, new) != NULL) {
			changes->is_any = changes->is_routing = true;
			lines_add(&changes->lines, "%s \"%s\": is the first now", kind->name, new);
		}
	}
}

/* --- addresses --- */

/* The listener that has the address, or NULL. */
static const struct listener_settings *
listener_with(const struct config *config, const struct endpoint *address)
{
	for (int i = 0; i < config->n_listeners; i++)
		for (int k = 0; k < config->listeners[i].n_addresses; k++)
			if (endpoint_eq(&config->listeners[i].addresses[k], address))
				return &config->listeners[i];
	return NULL;
}

static void
compare_addresses(struct changes *changes, const struct config *before, const struct config *after)
{
	char room[ENDPOINT_TEXT_MAX];

	for (int i = 0; i < after->n_listeners; i++) {
		const struct listener_settings *new = &after->listeners[i];

		for (int k = 0; k < new->n_addresses; k++) {
			const struct listener_settings *old = listener_with(before, &new->addresses[k]);
			struct str address = endpoint_text(&new->addresses[k], room);

			if (old == NULL)
				lines_add(&changes->lines, "listen \"%s\": opened %.*s", new->name, STR_ARG(address));
			else if (strcmp(old->name, new->name) != 0)
				lines_add(&changes->lines, "listen \"%s\": has %.*s now, from listen \"%s\"", new->name,
				    STR_ARG(address), old->name);
		}
	}
	for (int i = 0; i < before->n_listeners; i++) {
		const struct listener_settings *old = &before->listeners[i];

		for (int k = 0; k < old->n_addresses; k++)
			if (listener_with(after, &old->addresses[k]) == NULL)
				lines_add(&changes->lines, "listen \"%s\": closed %.*s", old->name,
				    STR_ARG(endpoint_text(&old->addresses[k], room)));
	}
	changes->is_any |= before->is_listener_default != after->is_listener_default;
}

/* --- files --- */

static const struct config_file *
find_file(const struct config *config, const struct config_file *like)
{
	for (int i = 0; i < config->n_files; i++) {
		const struct config_file *file = &config->files[i];

		if (file->section->kind == like->section->kind && text_eq(file->section->title, like->section->title) &&
		    strcmp(file->setting, like->setting) == 0 && strcmp(file->path, like->path) == 0)
			return file;
	}
	return NULL;
}

/* A path that changed is told of as a setting. */
static void
compare_files(struct changes *changes, const struct config *before, const struct config *after)
{
	for (int i = 0; i < after->n_files; i++) {
		const struct config_file *new = &after->files[i], *old = find_file(before, new);

		if (old == NULL || file_stamp_eq(&old->stamp, &new->stamp))
			continue;
		changes->is_any = true;
		changes->is_resolver |= strcmp(new->section->kind->name, "resolver") == 0;
		lines_add(&changes->lines, "%s%s %s is another one now", where_of(new->section).text, new->setting, new->path);
	}
	if (!file_stamp_eq(&before->resolv_conf, &after->resolv_conf) && after->resolver.n_servers == 0) {
		changes->is_any = changes->is_resolver = true;
		lines_add(&changes->lines, "resolver: %s is another one now", CONFIG_RESOLV_CONF);
	}
	if (!file_stamp_eq(&before->hosts, &after->hosts)) {
		changes->is_any = changes->is_resolver = true;
		lines_add(&changes->lines, "resolver: %s is another one now", CONFIG_HOSTS);
	}
}

/* --- all --- */

void
changes_find(const struct config *before, const struct config *after, struct changes *changes_out)
{
	*changes_out = (struct changes){ .is_any = false };
	lines_init(&changes_out->lines);
	for (int k = 0; k < settings_n_kinds; k++) {
		const struct section_kind *kind = &settings_kinds[k];

		if (kind->has_title)
			compare_titled(changes_out, before->conf, after->conf, kind);
		else
			compare_sections(changes_out, conf_section(before->conf, kind->name), conf_section(after->conf, kind->name));
	}
	compare_addresses(changes_out, before, after);
	compare_files(changes_out, before, after);
}

void
changes_fini(struct changes *changes)
{
	lines_fini(&changes->lines);
}

/* --- what only a start can change --- */

static char *
copy_of(const char *text)
{
	size_t n_bytes = strlen(text) + 1;
	char *copy = mem_new(n_bytes);

	memcpy(copy, text, n_bytes);
	return copy;
}

void
start_settings_init(struct start_settings *started, const struct config *config)
{
	*started = (struct start_settings){ .spool = copy_of(config->spool), .control = copy_of(config->control),
	    .user = copy_of(config->user), .log_to = copy_of(config->log_to),
	    .keeps_traces = config->trace_keep.ns > 0 };
}

void
start_settings_fini(struct start_settings *started)
{
	mem_free(started->spool);
	mem_free(started->control);
	mem_free(started->user);
	mem_free(started->log_to);
}

static void
need_restart(const char *setting, const char *started, const char *wanted, struct lines *lines)
{
	if (strcmp(started, wanted) != 0)
		lines_add(lines, "%s: \"%s\" needs a restart; until then it is \"%s\"", setting, wanted, started);
}

void
changes_need_restart(const struct start_settings *started, const struct config *config, struct lines *lines)
{
	need_restart("spool", started->spool, config->spool, lines);
	need_restart("control", started->control, config->control, lines);
	need_restart("user", started->user, config->user, lines);
	if (started->keeps_traces != (config->trace_keep.ns > 0))
		lines_add(lines, "trace-keep: to %s keeping traces needs a restart", started->keeps_traces ? "end" : "begin");
	/* The stderr of a daemon that logged elsewhere was given away at its start. */
	if (strcmp(started->log_to, "stderr") != 0 && strcmp(config->log_to, "stderr") == 0)
		lines_add(lines, "log: to: \"stderr\" needs a restart; until then it stays where it is");
}
