/*
 * arc.c - the arc section: as whom forwarded mail is sealed; its key is not read here
 */
#include "smtpfwd/config/config.h"

/* A seal says what the chain was when the mail came, so it has to be looked at. */
static void
check_verify(struct config *config)
{
	const struct conf_section *verify = conf_section(config->conf, "verify");

	if (conf_is_set(verify, "arc") && !config->policy.verify.arc)
		conf_error(config->conf, verify, "arc", "is needed: there is a section arc, and who seals says what he found");
	config->policy.verify.arc = true;
}

/* What the sealer itself would refuse, at its line. */
static void
check_settings(struct config *config, const struct conf_section *section, const struct arc_sealer_settings *settings)
{
	struct arc_sealer_settings without_fields = *settings;
	struct fault fault;

	without_fields.names = NULL;
	without_fields.n_names = 0;
	if (arc_sealer_check(&without_fields, &fault) != 0)
		conf_error(config->conf, section, "selector", "%s", fault.text);
	else if (arc_sealer_check(settings, &fault) != 0)
		conf_error(config->conf, section, "fields", "%s", fault.text);
}

void
config_read_arc(struct config *config)
{
	static const char *const needed[] = { "domain", "selector", "key" };
	const struct conf_section *section = conf_section(config->conf, "arc");
	struct arc_sealer_settings *settings = &config->arc.settings;
	const char *const *names;
	bool is_whole = true;
	int n_names;

	config->arc.section = section;
	if (!section->is_given)
		return;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (conf_is_set(section, needed[i]))
			continue;
		conf_error(config->conf, section, NULL, "needs %s", needed[i]);
		is_whole = false;
	}
	check_verify(config);
	if (!is_whole)
		return;
	names = conf_list(section, "fields", &n_names);
	config->arc.key_path = config_path(config, section, "key");
	settings->domain = config_domain(config, conf_string(section, "domain"));
	settings->selector.name = conf_string(section, "selector");
	settings->names = n_names > 0 ? names : NULL;
	settings->n_names = n_names;
	if (settings->domain == NULL || settings->domain[0] == '.')
		conf_error(config->conf, section, "domain", "\"%s\" is no domain", conf_string(section, "domain"));
	else
		check_settings(config, section, settings);
}
