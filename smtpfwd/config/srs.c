/*
 * srs.c - the srs section: the addresses that lead reports back; its secrets are not read here
 */
#include "smtpfwd/config/config.h"

enum { S_OF_DAY = 24 * 60 * 60 };

void
config_read_srs(struct config *config)
{
	const struct conf_section *section = conf_section(config->conf, "srs");
	const char *written = conf_string(section, "domain");
	struct srs_section *srs = &config->srs;
	int64_t max_age_s = span_to_s(conf_span(section, "max-age"));

	srs->section = section;
	config->policy.srs.takes_reports_only = conf_bool(section, "reports-only");
	if (!section->is_given)
		return;
	if (written == NULL || !conf_is_set(section, "secret-file")) {
		conf_error(config->conf, section, NULL, "needs %s", written == NULL ? "domain" : "secret-file");
		return;
	}
	srs->secret_file = config_path(config, section, "secret-file");
	srs->settings.max_age_days = (int)(max_age_s / S_OF_DAY);
	srs->settings.separator = "=+-"[conf_choice(section, "separator")];
	srs->settings.local_max_bytes = (int)conf_integer(section, "max-local");
	srs->settings.domain = written[0] != '.' ? config_domain(config, written) : NULL;
	if (srs->settings.domain == NULL)
		conf_error(config->conf, section, "domain", "\"%s\" is no domain", written);
	if (max_age_s % S_OF_DAY != 0)
		conf_error(config->conf, section, "max-age", "is not of whole days, and the addresses know no more");
}
