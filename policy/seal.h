/*
 * seal.h - a mail made ready to be stored or handed on: what of its header goes, and the signatures that come on top
 *
 * Done once; what is stored is sealed, and no retry signs again.  The relay and our own reports seal with it; changes are data
 * (mail/edits.h), so that a milter can tell them to its server.
 *
 *	seal_edits	which fields of others go
 *	seal_new	with the header section as it will leave (edits made), but for what goes on top
 *	seal_body	each piece of the body
 *	seal_sign	the private-key operations, on any thread
 *	seal_fields	DKIM-Signature fields, to stand on top of all; seal_free
 */
#ifndef POLICY_SEAL_H
#define POLICY_SEAL_H

#include "mail/edits.h"
#include "policy/policy.h"

/*
 * Fields Authentication-Results in our name go, whoever brought them (RFC 8601 5): a login may be stolen, and a mail that
 * comes back to us is judged anew.  So do those that tell a mail's class: a reader of several would have to know which is
 * ours.  False at the arena's limit.
 */
bool	seal_edits(const struct policy *policy, const struct header_section *header, struct arena *arena,
	    struct edits *edits_out);

struct seal;

struct seal_inputs {
	const struct policy		*policy;	/* outlives the seal */
	enum sign_source		 source;
	const struct header_section	*header;
	struct timestamp		 now;
};

/*
 * Chooses the signer by the authors (sign_rules.h) and begins.  Never NULL: a mail that is not to be signed, or cannot be so
 * that the signature says what a reader believes, has a seal that does nothing, with the reason.
 */
struct seal	*seal_new(const struct seal_inputs *inputs);
void		 seal_free(struct seal *seal);		/* NULL is nothing */

/* Whether there is anything to do for it: body, ready, sign and fields do nothing otherwise. */
bool		 seal_is_signing(const struct seal *seal);
/*
 * A constant word for the log: a choice's reason (sign_rules.h), or "many-authors" (more than AUTHOR_DOMAINS_MAX), "several-from",
 * "many-fields" (more than can be signed).
 */
const char	*seal_reason(const struct seal *seal);
/* d= and the selectors, for the log: "example.com:2026a,2026e"; "" without a signature.  The policy's. */
struct str	 seal_signer(const struct seal *seal);

/* What comes behind the empty line, in pieces of any lengths: 1 to 4 ns of CPU a byte. */
void		 seal_body(struct seal *seal, struct str piece);

/* All of the body was given.  Cheap, on the loop; then seal_sign, 0.05 to 3 ms of CPU, on any thread.  0, or -1 with a temporary fault. */
void		 seal_ready(struct seal *seal);
int		 seal_sign(struct seal *seal, struct fault *fault_out);

/* Appends the fields, each with its CRLF (DKIM_FIELDS_MAX_BYTES at most).  0, or -1 when out is full. */
int		 seal_fields(const struct seal *seal, struct buf *out);

#endif
