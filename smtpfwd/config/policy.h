/*
 * policy.h - the policy of a configuration, with all that judges and signs
 */
#ifndef CONFIG_POLICY_H
#define CONFIG_POLICY_H

#include "smtpfwd/config/config.h"

/*
 * Of a configuration without errors, with its keys (sign_keys.h), which the policy owns then.  NULL, and an error of the configuration: the
 * keys are the caller's as before.  Blocks.
 */
struct policy	*config_policy(struct config *config, const struct policy_signing *signing);

#endif
