/*
 * turnstile.h - passwords are tried here: some at a time, off the loop, and not by who guesses too much
 *
 * Hashing is made to be slow, so it is what a stranger can use to keep a server busy.  Of one address few
 * passwords are tried at once, and of all together not many more than there are threads; the others wait, in
 * bounded number and time.  Some places are kept for logins that came in from their address before: a flood from a
 * thousand addresses holds them up for a few hashes, and not for as many as wait.  One for each loop; its functions
 * are called on that loop.
 */
#ifndef AUTH_TURNSTILE_H
#define AUTH_TURNSTILE_H

#include "smtpfwd/auth/guesses.h"
#include "smtpfwd/auth/sasl.h"
#include "smtpfwd/runtime/fiber.h"

enum {
	TURNSTILE_INSIDE_MAX = 16,		/* passwords on the crew's threads or waiting for one */
	TURNSTILE_INSIDE_KEPT = 4,		/* of these, for who is known */
	TURNSTILE_INSIDE_OF_ADDRESS_MAX = 2,
	TURNSTILE_WAITING_MAX = 1000,		/* sessions; more are told to come later */
	TURNSTILE_WAIT_MAX_S = 30,		/* clients wait for minutes, people do not */
};

struct turnstile;

/* Threads are started with the first password.  NULL when there is no memory. */
struct turnstile	*turnstile_new(struct loop *loop);
void			 turnstile_free(struct turnstile *turnstile);	/* when nobody is inside or waits; NULL is nothing */

struct sasl		*turnstile_sasl(struct turnstile *turnstile);	/* for exchanges on this loop */

enum attempt {
	ATTEMPT_RIGHT,
	ATTEMPT_WRONG,
	ATTEMPT_PAIR_WAITS,		/* not tried: too many wrong ones before, see guesses.h */
	ATTEMPT_LOGIN_WAITS,
	ATTEMPT_ADDRESS_WAITS,
	ATTEMPT_BUSY,			/* not tried: too many at once, no thread, or the caller is cancelled */
};

/*
 * Tries a prepared password for guesser->login.  Unknown logins are tried too, against somebody else's verifier, and are
 * wrong.  Suspends, until the deadline at most before it is the password's turn; then for as long as hashing takes.
 */
enum attempt	turnstile_try(struct turnstile *turnstile, const struct guesser *guesser, const struct users *users,
		    struct str password, struct instant deadline);

/* The same for an exchange that proves itself (SCRAM): asked before its last step, told of the end. */
enum attempt	turnstile_judge(const struct turnstile *turnstile, const struct guesser *guesser);	/* RIGHT: may go on */
void		turnstile_note(struct turnstile *turnstile, const struct guesser *guesser, bool was_right);

#endif
