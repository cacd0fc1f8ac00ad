/*
 * login.h - AUTH on a session with a smart host (RFC 4954)
 */
#ifndef DELIVER_LOGIN_H
#define DELIVER_LOGIN_H

#include "smtpfwd/deliver/client.h"
#include "smtpfwd/deliver/outcome.h"
#include "smtpfwd/deliver/route.h"

struct login {				/* a route's; name "": it has none */
	struct str	 name;
	struct str	 password;	/* as in its file */
};

/*
 * Reads a route's login from its settings.  The strings are in the arena; login_forget overwrites the password.  0, or
 * -1 and a fault that names the file.  Blocks.
 */
int	login_read(const struct route_settings *settings, struct arena *arena, struct login *login_out, struct fault *fault_out);
void	login_forget(struct login *login);

/* What logging in takes on a loop: the SASL library, and a thread that hashes.  NULL when they cannot be had. */
struct logins;
struct logins	*logins_new(struct loop *loop);
void		 logins_free(struct logins *logins);	/* when no login is under way; NULL is nothing */

enum login_result {
	LOGIN_DONE,
	LOGIN_REFUSED,			/* the server said no, or cannot be trusted: a person must mend it; trouble is set */
	LOGIN_LOST,			/* the connection; trouble is set */
};

/*
 * Logs in by the best mechanism the server announced (SCRAM-SHA-256; PLAIN or LOGIN), on a session that TLS
 * protects; without TLS it refuses to.  SCRAM is followed by PLAIN where the server refuses it: it may keep another kind of
 * hash of our password.  The trouble is never a mail's.  Suspends.
 */
enum login_result	login_say(struct logins *logins, struct client *client, const struct login *login,
			    struct instant deadline, struct trouble *trouble_out);

#endif
