/*
 * arc_verify.h - is a mail's Authenticated Received Chain right? (RFC 8617 5.2)
 *
 * A pass says that the sets were made by who sealed them, and the mail is as the last one left it; what a sealer's word is worth
 * is for others.  A mail goes through in three steps, all in one fiber:
 *
 *	arc_verify_begin	reads the header and gets the keys
 *	arc_verify_body		any number of times; the caller may suspend in between
 *	arc_verify_end		gives the result
 */
#ifndef POLICY_ARC_ARC_VERIFY_H
#define POLICY_ARC_ARC_VERIFY_H

#include "base/dns.h"
#include "base/fault.h"
#include "policy/arc/arc_set.h"
#include "policy/dkim/dkim_known.h"

enum {
	ARC_OLDER_NAMES_MAX = 1024,	/* in h= of the older signatures together, of which each costs a walk over the header */
	ARC_VERIFY_ARENA_BYTES = 4 * 1024 * 1024,	/* enough for any mail, its key records apart */
};

struct arc_sealer_name {
	struct str	 domain, selector;	/* d= and s= of a seal */
};

struct arc_result {
	enum arc_status	 status;	/* all failures are for good, those of the DNS too (5.2.1) */
	struct str	 reason;	/* printable, a few words; empty for a plain none or pass */
	bool		 is_temporary;	/* it failed for want of an answer of the DNS, or of memory */
	/* Of a chain that passes: */
	const struct arc_sealer_name *sealers;	/* that of instance i is sealers[i - 1] */
	int		 n_sealers;
	int		 oldest_pass;	/* the oldest instance whose signature is still right; 0: all are (5.2 step 5) */
};

struct arc_verification;

struct arc_verify_inputs {
	const struct header_section	*header;	/* as received; it may go when arc_verify_begin returns */
	struct timestamp		 now;
	int				 drift_s;	/* by how many seconds clocks may differ */
	struct resolver			*resolver;
	struct instant			 deadline;
	struct dkim_known		*known;		/* NULL: keys are not kept */
	void				(*rest)(void);	/* called between signatures, for others to run; NULL: nobody waits */
};

/*
 * Reads the sets of a header section, asks for all their keys at once and waits for them.  Suspends until the deadline at
 * most.  CPU: 0.02 to 0.1 ms for each signature, of which a long chain has 100, and 2 ms at most for a large one's header.
 *
 * What it returns is the caller's to end or drop, and NULL with a temporary fault when the arena has no room.
 */
struct arc_verification	*arc_verify_begin(const struct arc_verify_inputs *inputs, struct arena *arena, struct fault *fault_out);

/* Whether the body decides anything; without that it need not be given. */
bool			 arc_verify_wants_body(const struct arc_verification *verification);

/* The next bytes behind the empty line, cut anywhere; 2 to 6 ns of CPU a byte. */
void			 arc_verify_body(struct arc_verification *verification, struct str piece);

/* Ends the verification.  The result lives in the arena given to begin. */
const struct arc_result	*arc_verify_end(struct arc_verification *verification);

/* The mail did not come to its end.  NULL is nothing. */
void			 arc_verify_drop(struct arc_verification *verification);

#endif
