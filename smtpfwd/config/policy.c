/*
 * policy.c - the policy of a configuration, with all that judges and signs
 */
#include "smtpfwd/config/policy.h"
#include "smtpfwd/config/srs_file.h"
#include "smtpfwd/runtime/os.h"

struct policy *
config_policy(struct config *config, const struct policy_signing *signing)
{
	struct policy_settings settings = config->policy;
	struct fault fault;
	uint64_t seed[2];

	settings.signing = *signing;
	if (settings.verify.dkim) {
		settings.dkim_verifier = dkim_verifier_new();
		if (settings.dkim_verifier == NULL) {
			conf_error(config->conf, conf_section(config->conf, "verify"), "dkim",
			    "libopendkim is too old, or was built without SHA-256 or Ed25519");
			return NULL;
		}
	}
	if (config->srs.secret_file != NULL) {
		settings.srs.rules = srs_file_rules(&config->srs, &fault);
		if (settings.srs.rules == NULL) {
			conf_error(config->conf, config->srs.section, "secret-file", "%s", fault.text);
			dkim_verifier_free(settings.dkim_verifier);
			return NULL;
		}
	}
	os_random(seed, sizeof(seed));
	return policy_new(&settings, seed);
}
