/*
 * verify.c - the verify section: how mail from others is checked
 */
#include "smtpfwd/config/config.h"

/* A token (RFC 2045 5.1): an authserv-id that needs no quotes.  Every domain in A-labels is one. */
static bool
is_token(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] <= ' ' || text.at[i] > '~' || strchr("()<>@,;:\\\"/[]?=", text.at[i]) != NULL)
			return false;
	return text.len > 0;
}

static const char *
read_authserv_id(struct config *config, const struct conf_section *section)
{
	const char *id = conf_string(section, "authserv-id");

	if (id == NULL)
		return config->hostname;
	if (!is_token(str_of(id)))
		conf_error(config->conf, section, "authserv-id", "\"%s\" is no name: a domain is usual, without blanks and brackets", id);
	return id;
}

bool
config_field_has_meaning(struct str name)
{
	static const char *const names[] = { "Return-Path", "Received", "Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc",
	    "Message-ID", "In-Reply-To", "References", "Subject", "MIME-Version", "Authentication-Results", "Received-SPF",
	    "DKIM-Signature", "Delivered-To", "Auto-Submitted", "Precedence" };
	static const char *const prefixes[] = { "Content-", "Resent-", "ARC-", "List-" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq_nocase(name, str_of(names[i])))
			return true;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (str_starts_nocase(name, str_of(prefixes[i])))
			return true;
	return false;
}

static const char *
read_mark_field(struct config *config, const struct conf_section *section)
{
	const char *written = conf_string(section, "mark-field");
	struct str text = str_of(written), name;
	ptrdiff_t colon = str_find(text, ':');

	name = str_sub(text, 0, colon < 0 ? 0 : (size_t)colon);
	if (colon < 0 || !header_is_field_name(name) || str_trim(str_from(text, (size_t)colon + 1)).len == 0)
		conf_error(config->conf, section, "mark-field", "\"%s\" is no \"Name: value\"", written);
	else if (!str_is_printable(text))
		conf_error(config->conf, section, "mark-field", "has bytes that are not printable ASCII");
	else if (config_field_has_meaning(name))
		conf_error(config->conf, section, "mark-field", "%.*s means something else already", STR_ARG(name));
	return written;
}

void
config_read_verify(struct config *config)
{
	static const enum dmarc_mode modes[] = { DMARC_OFF, DMARC_STAMP, DMARC_ENFORCE };
	static const enum doomed_mode doomed_modes[] = { DOOMED_REJECT, DOOMED_SEND, DOOMED_HOLD };
	const struct conf_section *section = conf_section(config->conf, "verify");
	struct verify_rules *rules = &config->policy.verify;

	rules->spf = conf_bool(section, "spf");
	rules->dkim = conf_bool(section, "dkim");
	rules->dmarc = modes[conf_choice(section, "dmarc")];
	rules->authserv_id = read_authserv_id(config, section);
	rules->arc = conf_bool(section, "arc");
	rules->dkim_settings.signatures_max = (int)conf_integer(section, "max-signatures");
	rules->dkim_settings.drift_s = (int)span_to_s(conf_span(section, "clock-drift"));
	rules->dkim_settings.accepts_partial_body = conf_bool(section, "partial-body");
	rules->with_received_spf = conf_bool(section, "received-spf");
	rules->timeout = conf_span(section, "timeout");
	rules->mark_field = read_mark_field(config, section);
	rules->doomed = doomed_modes[conf_choice(conf_section(config->conf, ""), "forward-doomed")];
	if (rules->dmarc != DMARC_OFF && !rules->spf && !rules->dkim)
		conf_error(config->conf, section, "dmarc", "needs spf or dkim: without both every mail would fail; off is for that");
	if (rules->with_received_spf && !rules->spf)
		conf_error(config->conf, section, "received-spf", "is of use with spf only");
	if (rules->dmarc == DMARC_OFF && rules->doomed != DOOMED_SEND)
		conf_error(config->conf, conf_section(config->conf, ""), "forward-doomed", "needs dmarc = stamp or enforce: it goes by the author's policy");
}
