/*
 * own_fields.c - fields that we put on top of mail: none that our own signature says is not there
 */
#include "smtpfwd/config/config.h"

static bool
is_mark(const struct config *config, struct str name)
{
	struct str mark = str_of(config->policy.verify.mark_field);
	ptrdiff_t colon = str_find(mark, ':');

	return colon > 0 && str_eq_nocase(str_sub(mark, 0, (size_t)colon), name);
}

static bool
is_ours(const struct config *config, struct str name)
{
	const char *class_field = config->policy.classes.field_name;

	return (class_field != NULL && str_eq_nocase(name, str_of(class_field))) || is_mark(config, name) ||
	    str_eq_nocase(name, STR("Authentication-Results")) || str_eq_nocase(name, STR("Received-SPF"));
}

/* A set of ARC stands above a DKIM signature, and its own parts are for the sealer to name (arc_seal.h). */
static bool
is_of_arc(struct str name)
{
	return str_starts_nocase(name, STR("ARC-"));
}

static void
check_list(struct config *config, const struct conf_section *section, const char *setting, bool has_arc)
{
	int n;
	const char *const *names = conf_list(section, setting, &n);

	for (int i = 0; i < n; i++)
		if (is_of_arc(str_of(names[i])) ? has_arc : is_ours(config, str_of(names[i])))
			conf_error(config->conf, section, setting, "%s comes on top of mail here, and would break the signature", names[i]);
}

/* What oversign names is signed as once more than there is, and so is what the list of arc names and a mail has not. */
void
config_check_own_fields(struct config *config)
{
	for (int i = 0; i < config->n_signs; i++)
		check_list(config, config->signs[i].section, "oversign", config->arc.key_path != NULL);
	if (config->arc.section->is_given)
		check_list(config, config->arc.section, "fields", false);
}
