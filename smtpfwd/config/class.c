/*
 * class.c - the class sections: what kinds of mail there are, and the field in which a mail's class is told
 */
#include "policy/class/pattern.h"
#include "smtpfwd/config/config.h"

/* --- peers --- */

/* With a milter, what is no listener of ours may be a service of Postfix's. */
static bool
may_be_listener(const struct config *config, const char *name)
{
	if (conf_section(config->conf, "milter")->is_given)
		return true;
	for (int i = 0; i < config->n_listeners; i++)
		if (strcmp(config->listeners[i].name, name) == 0)
			return true;
	return false;
}

static void
read_listeners(struct config *config, const struct conf_section *section, struct class_section *class)
{
	class->listeners = conf_list(section, "listeners", &class->n_listeners);
	for (int i = 0; i < class->n_listeners; i++)
		if (!may_be_listener(config, class->listeners[i]))
			conf_error(config->conf, section, "listeners", "there is no listen \"%s\"", class->listeners[i]);
}

static bool
has_client_ca(const struct config *config)
{
	for (int i = 0; i < config->n_listeners; i++)
		if (config->listeners[i].client_ca != NULL)
			return true;
	return false;
}

static void
read_client_names(struct config *config, const struct conf_section *section, struct class_section *class)
{
	class->client_names = config_client_names(config, section, &class->n_client_names);
	if (class->n_client_names > 0 && !has_client_ca(config) && !conf_section(config->conf, "milter")->is_given)
		conf_error(config->conf, section, "client-names", "need a listener with a client-ca that proves them");
}

/* --- mail --- */

typedef bool pattern_check(struct str text, struct arena *arena, const char **why_out);

static bool
check_address(struct str text, struct arena *arena, const char **why_out)
{
	struct address_pattern pattern;

	return address_pattern_read(text, arena, &pattern, why_out);
}

static bool
check_recipient(struct str text, struct arena *arena, const char **why_out)
{
	*why_out = "is for senders";
	return !str_eq(text, STR("<>")) && check_address(text, arena, why_out);
}

static bool
check_field(struct str text, struct arena *arena, const char **why_out)
{
	struct field_pattern pattern;

	return field_pattern_read(text, arena, &pattern, why_out);
}

static const char *const *
read_patterns(struct config *config, const struct conf_section *section, const char *setting, pattern_check *check, int *n_out)
{
	const char *const *texts = conf_list(section, setting, n_out);
	const char *why;

	for (int i = 0; i < *n_out; i++)
		if (!check(str_of(texts[i]), &config->arena, &why))
			conf_error(config->conf, section, setting, "\"%s\" %s", texts[i], why);
	return texts;
}

/* --- sections --- */

static void
check_class(struct config *config, const struct conf_section *section, const struct class_section *class)
{
	if (!class_name_is_valid(str_of(class->name)))
		conf_error(config->conf, section, NULL, "a title of at most %d letters, digits, - and _ is needed", (int)CLASS_NAME_MAX_BYTES);
	else if (strcmp(class->name, "report") == 0)
		conf_error(config->conf, section, NULL, "is the class of our own reports");
	if (!class_name_is_built_in(str_of(class->name)) && class->n_listeners + class->n_networks + class->n_logins + class->n_client_names +
	    class->n_senders + class->n_recipients + class->n_fields + class->recipients_least == 0)
		conf_error(config->conf, section, NULL, "says of no mail that it is of this class");
}

static void
read_class(struct config *config, const struct conf_section *section, struct class_section *class)
{
	class->name = section->title;
	read_listeners(config, section, class);
	class->networks = config_networks(config, section, "networks", &class->n_networks);
	class->logins = conf_list(section, "logins", &class->n_logins);
	read_client_names(config, section, class);
	class->senders = read_patterns(config, section, "senders", check_address, &class->n_senders);
	class->recipients = read_patterns(config, section, "recipients", check_recipient, &class->n_recipients);
	class->fields = read_patterns(config, section, "headers", check_field, &class->n_fields);
	class->recipients_least = (int)conf_integer(section, "min-recipients");
	config_read_class_actions(config, section, &class->actions);
	config_read_rates(config, section, class);
	check_class(config, section, class);
}

/* Read before (config.c): "Name: value". */
static bool
is_mark_field(const struct config *config, struct str name)
{
	struct str mark = str_of(config->policy.verify.mark_field);
	ptrdiff_t colon = str_find(mark, ':');

	return colon >= 0 && str_eq_nocase(str_sub(mark, 0, (size_t)colon), name);
}

static const char *
read_field_name(struct config *config)
{
	const struct conf_section *top = conf_section(config->conf, "");
	const char *name = conf_string(top, "class-header");

	if (strcmp(name, "none") == 0)
		return NULL;
	if (!header_is_field_name(str_of(name)))
		conf_error(config->conf, top, "class-header", "\"%s\" is no field's name", name);
	else if (is_mark_field(config, str_of(name)))
		conf_error(config->conf, top, "class-header", "%s is the mark-field of verify already", name);
	else if (config_field_has_meaning(str_of(name)))
		conf_error(config->conf, top, "class-header", "%s means something else already", name);
	return name;
}

void
config_read_classes(struct config *config)
{
	struct policy_classes *classes = &config->policy.classes;
	int n = conf_n_sections(config->conf, "class");
	struct class_section *sections = config_alloc(config, (size_t)n, sizeof(*sections));

	if (n > CLASS_SECTIONS_MAX)
		conf_error(config->conf, conf_section_at(config->conf, "class", CLASS_SECTIONS_MAX), NULL, "is one too many: %d are the most",
		    (int)CLASS_SECTIONS_MAX);
	classes->sections = sections;
	classes->field_name = read_field_name(config);
	for (int i = 0; i < n; i++)
		read_class(config, conf_section_at(config->conf, "class", i), &sections[i]);
	classes->n_sections = n;
}
