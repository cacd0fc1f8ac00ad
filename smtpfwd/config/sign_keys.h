/*
 * sign_keys.h - the private keys that the sign sections and arc name: read, tried, and made into signers and a sealer
 */
#ifndef CONFIG_SIGN_KEYS_H
#define CONFIG_SIGN_KEYS_H

#include "smtpfwd/config/config.h"

/*
 * A key of a file, the caller's.  NULL with a fault that begins with the path: not there, not ours to read, open to others
 * (auth/secret_file.h), or not fit to sign (policy/dkim/dkim_key.h).  Blocks, and takes a millisecond of CPU.
 */
struct dkim_key	*sign_key_read(const char *path, struct fault *fault_out);

/*
 * The keys, each file once however many sections name it, and a signer for each section, in their order, and a sealer, of a configuration
 * without errors.  The arrays live as long as the configuration; keys, signers and sealer are the caller's until a policy owns them.
 * 0, or -1 with an error of the configuration for each that is wrong, and nothing to free.  Blocks.
 */
int	sign_keys_read(struct config *config, struct policy_signing *signing_out);
void	sign_keys_free(struct policy_signing *signing);

#endif
