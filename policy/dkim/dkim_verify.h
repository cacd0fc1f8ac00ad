/*
 * dkim_verify.h - are a mail's DKIM signatures right? (RFC 6376 6.1, 8301, 8463; results as RFC 8601 has them)
 *
 * libopendkim canonicalizes and hashes the header; what it reads badly is read by dkim_field first, and only what that found in
 * order reaches it.  The body is dkim_body's; keys are read by dkim_public and kept by dkim_known.  What a result is worth is for
 * dmarc and decide.
 *
 * A mail goes through in three steps, all in one fiber:
 *
 *	dkim_verify_begin	reads the header, gets the keys, and checks what is signed of it
 *	dkim_verify_body	any number of times; the caller may suspend in between
 *	dkim_verify_end		gives the results
 */
#ifndef POLICY_DKIM_DKIM_VERIFY_H
#define POLICY_DKIM_DKIM_VERIFY_H

#include "base/dns.h"
#include "base/elsewhere.h"
#include "base/fault.h"
#include "mail/author.h"
#include "policy/dkim/dkim_result.h"

enum {
	DKIM_SIGNATURES_MAX = 32,		/* the most that can be configured: each costs a look-up, 0.05 ms and a walk over the header */
	DKIM_BODY_LIMITS_MAX = 2,		/* different l= that are looked at */
	DKIM_CHUNK_MAX_BYTES = 64 * 1024,	/* 0.1 ms of work as a rule; of odd bodies, in two canonicalizations, with each l= and without: 0.8 ms */
	DKIM_HEADER_MAX_BYTES = 256 * 1024,	/* a header section that is checked; it is gone through per signature */
	DKIM_HEADER_FIELDS_MAX = 1000,
	DKIM_VERIFY_ARENA_BYTES = 2 * 1024 * 1024,	/* enough for any mail, its key records apart */
	DKIM_WORK_HERE_MAX_US = 250,		/* longer ones are done elsewhere; to hand work to a thread and back takes some 20 */
};

struct dkim_settings {
	int	 signatures_max;		/* looked at; 1 to DKIM_SIGNATURES_MAX */
	int	 drift_s;			/* by how many seconds a signer's clock may be wrong; 300 is usual */
	bool	 accepts_partial_body;		/* pass although l= leaves a part of the body unsigned; else DKIM_POLICY */
};

struct dkim_verify_inputs {
	const struct dkim_settings	*settings;
	const struct header_section	*header;	/* as received; it may go when dkim_verify_begin returns */
	const struct authors		*authors;	/* whose signatures go first where there are too many; NULL: the first from the top do */
	struct timestamp		 now;
	struct resolver			*resolver;
	struct instant			 deadline;	/* of the keys */
	struct elsewhere		*elsewhere;	/* where many signatures of a large header are checked: 50 ms at most; NULL: here */
};

struct dkim_known;
struct dkim_verifier;
struct dkim_verification;

/*
 * Made once: reads resolv.conf for the library's own sake, so it blocks and belongs to the start.
 * Serves any number of mails at once, in all threads.  NULL if the library is not the one that we
 * know (too old, or built without SHA-256 or Ed25519).
 */
struct dkim_verifier	*dkim_verifier_new(void);
void			 dkim_verifier_free(struct dkim_verifier *verifier);

struct dkim_known	*dkim_verifier_known(struct dkim_verifier *verifier);	/* the keys that it keeps; of NULL NULL */

/*
 * Reads the signatures of a header section, asks for all their keys at once, waits for them and checks the header by them.
 * Suspends until the deadline at most, and for what is done elsewhere; a key that is not there at the deadline is a temperror.
 * What it returns is the caller's to end, and is NULL with a temporary fault when the arena or the library has no room.
 */
struct dkim_verification *dkim_verify_begin(struct dkim_verifier *verifier, const struct dkim_verify_inputs *inputs,
			    struct arena *arena, struct fault *fault_out);

/* What it holds beside the arena. */
size_t	dkim_verify_memory_bytes(const struct dkim_verification *verification);

/* Whether there is a signature that the body decides; without one it need not be given. */
bool	dkim_verify_wants_body(const struct dkim_verification *verification);

/* The next bytes of the body, at most DKIM_CHUNK_MAX_BYTES, cut anywhere. */
void	dkim_verify_body(struct dkim_verification *verification, struct str chunk);

/*
 * Frees the verification.  The results, in the order of the fields, one for each signature and
 * perhaps one for the rest, live in the arena given to begin; *n_out is 0 for a mail without any.
 */
struct dkim_result *dkim_verify_end(struct dkim_verification *verification, int *n_out);

/* Frees it without a result: the mail did not come to its end. */
void	dkim_verify_drop(struct dkim_verification *verification);

#endif
