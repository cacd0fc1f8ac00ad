/*
 * users.h - who may log in: the users file, read whole
 *
 *	# name:verifier
 *	printer@example.org:SCRAM-SHA-256$32768:c2FsdA==$...:...
 *	mailman:$y$j9T$...
 *
 * Immutable once read.  Counted: a password that is being checked on a crew's thread keeps the users that it began
 * with, while a reload may give all later ones others.  Counting is safe from all threads.
 */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include "base/fault.h"
#include "smtpfwd/auth/verifier.h"

struct users;

/*
 * With one reference, the caller's.  NULL and a fault with path, line and reason: a line that is malformed, a verifier
 * that verifier_parse refuses, a name twice, a file that secret_file_read refuses.  users_read blocks; users_parse is
 * the same for a text at hand.
 */
struct users	*users_read(const char *path, struct fault *fault_out);
struct users	*users_parse(struct str text, const char *path, struct fault *fault_out);

struct users	*users_ref(struct users *users);
void		 users_unref(struct users *users);	/* with the last one they are freed; NULL is nothing */

int		 users_n(const struct users *users);
int		 users_n_scram(const struct users *users);	/* of these with SCRAM verifiers */

/*
 * The verifier of a prepared name.  For a name that nobody has another's, always the same one, and *is_known_out
 * false: to be checked all the same, so that a stranger's guess takes as long as a user's.  NULL: there are no users.
 */
const struct verifier	*users_find(const struct users *users, struct str login, bool *is_known_out);

/*
 * The SCRAM keys of a prepared name.  Who has none gets a salt of its own that stays the same as long as the file's
 * first SCRAM line does, and keys that nobody can meet.  False where no user has SCRAM.
 */
bool	users_find_scram(const struct users *users, struct str login, struct scram_keys *keys_out);

#endif
