/*
 * check_files.h - the files of a configuration, tried: may we read them, and are they what they should be?
 *
 * Behind the drop the daemon's user reads what the configuration names, at a start and at each reload; the
 * configuration itself root may read at the start, but at a reload only that user.
 */
#ifndef CONFIG_CHECK_FILES_H
#define CONFIG_CHECK_FILES_H

#include "smtpfwd/config/config.h"
#include "smtpfwd/runtime/privileges.h"

/*
 * Tries each file as who we are now; what cannot be read, or is no certificate, key, list of authorities ..., becomes an
 * error of the configuration that says what helps.  Blocks.
 *
 * The keys that sign, of which there may be many, are read for good: they are the caller's to free (sign_keys.h), none where one
 * of them was wrong.
 */
void	check_files(struct config *config, struct policy_signing *signing_out);

/* The first file of the configuration itself that this user may not read, as a sentence in a fault; 0: none.  Blocks. */
int	check_own_files(const struct config *config, struct fault *fault_out);

/*
 * Both as the user, and `also` before them: in a child, as there is no way back to root, which prints the errors that there are then.  True if all was
 * well; a check that did not come to its end is told in the program's name.
 */
bool	check_as_user(struct config *config, const struct user *user, const char *program, void (*also)(void *context), void *context);

#endif
