/*
 * class_actions.c - what the class sections set (policy/class/class_actions.h)
 */
#include "smtpfwd/config/config.h"

/* --- ways --- */

static void
read_route(struct config *config, const struct conf_section *section, struct class_actions *actions)
{
	const char *name = conf_string(section, "route");
	const struct route_settings *route = name != NULL ? config_find_route(config, name) : NULL;

	if (name != NULL && route == NULL)
		conf_error(config->conf, section, "route", "there is no route \"%s\"", name);
	if (route == NULL)
		return;
	actions->route = route->destination;
	actions->is_route_by_domain = config_route_is_by_domain(route);
}

/* Without an srs section nobody would undo what is rewritten. */
static void
read_srs(struct config *config, const struct conf_section *section, struct class_actions *actions)
{
	static const enum srs_wish wishes[] = { SRS_WISH_NONE, SRS_WISH_AUTO, SRS_WISH_ALWAYS, SRS_WISH_NEVER };

	actions->srs = wishes[conf_choice(section, "srs")];
	if (actions->srs == SRS_WISH_ALWAYS && !conf_section(config->conf, "srs")->is_given)
		conf_error(config->conf, section, "srs", "needs a section srs");
}

/* --- signatures --- */

static bool
has_sign_section(const struct config *config, const char *title)
{
	for (int i = 0; i < config->n_signs; i++)
		if (strcmp(config->signs[i].section->title, title) == 0)
			return true;
	return false;
}

static void
read_signing(struct config *config, const struct conf_section *section, struct class_actions *actions)
{
	static const enum class_signing signings[] = { CLASS_SIGNING_AUTO, CLASS_SIGNING_ON, CLASS_SIGNING_OFF };

	actions->signing = signings[conf_choice(section, "sign")];
	actions->sign_as = conf_string(section, "sign-as");
	if (actions->sign_as != NULL && !has_sign_section(config, actions->sign_as))
		conf_error(config->conf, section, "sign-as", "there is no sign \"%s\"", actions->sign_as);
	if (actions->sign_as != NULL && actions->signing == CLASS_SIGNING_OFF)
		conf_error(config->conf, section, "sign-as", "is of no use with sign = no");
}

/* --- fields --- */

/* Those that we write: the class's and the mark come and go by themselves. */
static const char *
why_not_ours(const struct config *config, struct str name)
{
	const char *class_field = config->policy.classes.field_name;
	struct str mark = str_of(config->policy.verify.mark_field);
	ptrdiff_t colon = str_find(mark, ':');

	if (class_field != NULL && str_eq_nocase(name, str_of(class_field)))
		return "is the class-header, which is written anew by itself";
	if (colon >= 0 && str_eq_nocase(name, str_sub(mark, 0, (size_t)colon)))
		return "is the mark-field of verify";
	return NULL;
}

static void
read_removed(struct config *config, const struct conf_section *section, struct class_actions *actions)
{
	actions->removed = conf_list(section, "remove-fields", &actions->n_removed);
	for (int i = 0; i < actions->n_removed; i++) {
		struct str name = str_of(actions->removed[i]);
		const char *why = why_not_ours(config, name);

		if (!header_is_field_name(name))
			conf_error(config->conf, section, "remove-fields", "\"%s\" is no field's name", actions->removed[i]);
		else if (why != NULL || (why = class_field_why_not_remove(name)) != NULL)
			conf_error(config->conf, section, "remove-fields", "%s %s", actions->removed[i], why);
	}
}

static bool
is_removed(const struct class_actions *actions, struct str name)
{
	for (int i = 0; i < actions->n_removed; i++)
		if (str_eq_nocase(name, str_of(actions->removed[i])))
			return true;
	return false;
}

/* "Name: value" with something behind the colon, on one line: what it would do on several is nothing that anybody meant. */
static bool
read_field(struct config *config, const char *written, struct header_field *field)
{
	struct str text = str_of(written);
	ptrdiff_t colon = str_find(text, ':');

	if (colon < 0 || text.len > CLASS_FIELD_MAX_BYTES || !header_is_field_name(str_sub(text, 0, (size_t)colon)))
		return false;
	field->name = str_sub(text, 0, (size_t)colon);
	field->value = str_from(text, (size_t)colon + 1);
	return str_is_printable(field->value) && str_trim(field->value).len > 0 &&
	    arena_printf(&config->arena, &field->whole, "%.*s: %.*s\r\n", STR_ARG(field->name), STR_ARG(str_trim(field->value)));
}

static void
read_added(struct config *config, const struct conf_section *section, struct class_actions *actions)
{
	int n;
	const char *const *texts = conf_list(section, "add-fields", &n);
	struct header_field *fields = config_alloc(config, (size_t)n, sizeof(*fields));

	for (int i = 0; i < n; i++) {
		struct header_field *field = &fields[actions->n_added];
		const char *why;

		if (!read_field(config, texts[i], field)) {
			conf_error(config->conf, section, "add-fields", "item %d is no \"Name: value\" of printable ASCII and at most %d bytes", i + 1,
			    (int)CLASS_FIELD_MAX_BYTES);
			continue;
		}
		why = why_not_ours(config, field->name);
		if (why == NULL)
			why = class_field_why_not_add(field->name, is_removed(actions, field->name));
		if (why != NULL)
			conf_error(config->conf, section, "add-fields", "%.*s %s", STR_ARG(field->name), why);
		/* The value as it reads in the field. */
		field->value = str_sub(field->whole, field->name.len + 1, field->whole.len - field->name.len - 1 - strlen("\r\n"));
		actions->n_added++;
	}
	actions->added = fields;
}

void
config_read_class_actions(struct config *config, const struct conf_section *section, struct class_actions *actions)
{
	static const enum class_verify verifies[] = { CLASS_VERIFY_AUTO, CLASS_VERIFY_ON, CLASS_VERIFY_OFF };

	read_route(config, section, actions);
	read_srs(config, section, actions);
	read_signing(config, section, actions);
	actions->verify = verifies[conf_choice(section, "verify")];
	actions->message_max_bytes = conf_size(section, "max-message");
	actions->recipients_max = (int)conf_integer(section, "max-recipients");
	read_removed(config, section, actions);
	read_added(config, section, actions);
	actions->is_held = conf_bool(section, "hold");
}
