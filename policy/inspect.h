/*
 * inspect.h - front door of the checks: one mail through SPF, DKIM, ARC and DMARC, in the order SMTP brings its parts
 *
 *	inspect_begin	the envelope and the header section are there: SPF, DKIM's keys, ARC's seals
 *	inspect_body	any number of times; the caller may suspend in between
 *	inspect_end	the results of DKIM and ARC, then DMARC
 *
 * Sequential code without fibers, sockets or a clock; what it needs comes as arguments.  Who the client is by
 * its name (iprev) is looked up once a session, by the caller, and stands in the peer.
 */
#ifndef POLICY_INSPECT_H
#define POLICY_INSPECT_H

#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/peer.h"
#include "policy/findings.h"
#include "policy/policy.h"

enum {
	/* The most that the findings of a mail, and what leads to them, take in memory; a few KB as a rule. */
	INSPECT_ARENA_MAX_BYTES = 4 * 1024 * 1024,
	INSPECT_CHUNK_MAX_BYTES = DKIM_CHUNK_MAX_BYTES,
};

struct inspection;

struct inspect_inputs {			/* all of it is there until the end; header until inspect_begin returns */
	const struct policy		*policy;	/* its struct verify_rules say what is checked */
	const struct peer		*peer;		/* a trusted one's mail is not checked ... */
	enum class_verify		 verify;	/* ... unless its class says otherwise (class_verify_why_not) */
	const struct envelope		*envelope;
	const struct header_section	*header;	/* as received */
	struct timestamp		 now;
	struct resolver			*resolver;	/* NULL: as if no server answered */
	struct elsewhere		*elsewhere;	/* for work that takes long at a stretch; NULL: here */
	void				(*rest)(void);	/* called where work is long, for others to run; NULL: nobody waits */
};

/*
 * Whatever the DNS could not say in time, or did not fit the arena, is a temperror in the findings.  Each of the two
 * deadlines bounds its own function; verify_rules.timeout is meant for the sum.  Suspends.
 *
 * What it returns lives in the arena and is the caller's to end or drop; NULL, with a temporary fault, where the arena has
 * no room even for that.
 */
struct inspection	*inspect_begin(const struct inspect_inputs *inputs, struct instant deadline, struct arena *arena,
			    struct fault *fault_out);

/* What it holds beside the arena: hashes of the body; the chain of ARC and its keys.  NULL is nothing. */
size_t			 inspect_memory_bytes(const struct inspection *inspection);

/* Whether the body decides anything; without that it need not be given. */
bool			 inspect_wants_body(const struct inspection *inspection);

/* The next bytes behind the empty line, at most INSPECT_CHUNK_MAX_BYTES, cut anywhere.  0.1 ms of CPU for 64 KB as a rule, 0.8 ms at most (dkim_verify.h). */
void			 inspect_body(struct inspection *inspection, struct str chunk);

/* The findings live in the arena.  Suspends. */
const struct findings	*inspect_end(struct inspection *inspection, struct instant deadline);

/* The mail did not come to its end.  NULL is nothing. */
void			 inspect_drop(struct inspection *inspection);

#endif
