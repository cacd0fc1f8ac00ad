/*
 * guesses.h - wrong passwords counted, and who must wait before the next try
 *
 * Four counts, each of which fades with time:
 *
 *	an address with a login		after 5 the pair waits: a minute, and twice as long after each further wrong
 *					one, up to 15 minutes
 *	an address (an IPv6 /64)	the same after 20 over all logins, up to an hour: who tries many logins.  Logins that
					came in from there with the right password lately are heard all the same: many
					people may be behind it.
 *	an IPv6 /48			the same after 80: everybody can have one, and it has 65,536 addresses.
 *	a login, over all addresses	after 50 it is tried but once in 10 s: guesses from a thousand addresses hold up
 *					each other.  An address that came in with the right password lately is not
 *					held up by them; so nobody can shut an owner out of the usual places, and
 *					elsewhere no longer than until a try of the owner's is the first after a pause.
 *
 * Who must wait is refused unheard, and what is refused is not counted: a forgotten device that goes on trying makes
 * nothing worse for its neighbours.  Memory is bounded: beyond GUESSES_MAX of a kind, who was not heard of for the
 * longest time is forgotten; right ones stand apart, so that no flood of wrong ones drives them out.
 *
 * Judges by the time it is given; knows no clock.
 */
#ifndef AUTH_GUESSES_H
#define AUTH_GUESSES_H

#include "base/endpoint.h"
#include "base/instant.h"

enum {
	GUESSES_PAIR_FREE = 5,
	GUESSES_ADDRESS_FREE = 20,
	GUESSES_SITE_FREE = 80,
	GUESSES_LOGIN_FREE = 50,
	GUESSES_MAX = 16384,		/* of each kind; 100 bytes each with their place in a map, 350 with the longest login */
};

struct guesses;
struct guesses	*guesses_new(const uint64_t seed[2]);
void		 guesses_free(struct guesses *guesses);

struct guesser {
	struct ip	 ip;
	bool		 is_inside;	/* an address of ours, maybe of many people: not counted by itself */
	struct str	 login;		/* prepared; "": none that can be */
};

enum guess {
	GUESS_MAY,
	GUESS_PAIR_WAITS,
	GUESS_LOGIN_WAITS,
	GUESS_ADDRESS_WAITS,
};

/* May it be tried now?  Changes nothing. */
enum guess	guesses_judge(const struct guesses *guesses, const struct guesser *guesser, struct instant now);

/* Came in from there lately, with the right password? */
bool		guesses_knows(const struct guesses *guesses, const struct guesser *guesser, struct instant now);

/* A try begins, after GUESS_MAY; and what came of it. */
void		guesses_begin(struct guesses *guesses, const struct guesser *guesser, struct instant now);
void		guesses_end(struct guesses *guesses, const struct guesser *guesser, bool was_right, struct instant now);

#endif
