/*
 * seal.h - a mail made ready to be stored or handed on: what of its header goes, and the signatures that come on top
 *
 * Done once; what is stored is sealed, and no retry signs again.  The relay and our own reports seal with it; changes are data
 * (mail/edits.h), so that a milter can tell them to its server.
 *
 *	seal_edits	which fields of others go
 *	seal_new	with the header section as it will leave (edits made), but for what goes on top
 *	seal_body	each piece of the body
 *	seal_found	what the checks found, for a set of ARC
 *	seal_sign	the private-key operations, on any thread
 *	seal_fields	a set of ARC and DKIM-Signature fields, to stand on top of all; seal_free
 */
#ifndef POLICY_SEAL_H
#define POLICY_SEAL_H

#include "policy/arc/arc_verify.h"
#include "policy/field_changes.h"
#include "policy/policy.h"

/*
 * Fields Authentication-Results in our name go, whoever brought them (RFC 8601 5): a login may be stolen, and a mail that
 * comes back to us is judged anew.  So do those that tell a mail's class: a reader of several would have to know which is
 * ours.  False at the arena's limit.
 */
bool	seal_edits(const struct policy *policy, const struct header_section *header, struct arena *arena,
	    struct edits *edits_out);

/* What those edits and all that comes on top of a mail that was checked change of the section, as far as signatures can tell. */
void	seal_changes(const struct policy *policy, const struct header_section *header, const struct edits *edits,
	    bool is_signed, struct field_changes *changes_out);

struct seal;

enum { SEAL_FIELDS_MAX_BYTES = DKIM_FIELDS_MAX_BYTES + ARC_FIELDS_MAX_BYTES };

struct seal_inputs {
	const struct policy		*policy;	/* outlives the seal */
	enum sign_source		 source;
	const struct header_section	*header;
	struct timestamp		 now;
	const char			*sign_as;	/* of the mail's class: by which rule, whoever the author is (sign_rules.h); NULL: by the author's */
	bool				 is_checked;	/* by the verify section, ARC too where it seals: it gets a set of ARC */
};

/*
 * Chooses the signer by the authors (sign_rules.h) and begins.  Never NULL: a mail that is not to be signed, or cannot be so
 * that the signature says what a reader believes, has a seal that does nothing, with the reason.
 */
struct seal	*seal_new(const struct seal_inputs *inputs);
void		 seal_free(struct seal *seal);		/* NULL is nothing */

/* Whether a signature or a set of ARC comes on top: body, ready, sign and fields do nothing for a mail that gets neither. */
bool		 seal_is_signing(const struct seal *seal);
bool		 seal_is_sealing(const struct seal *seal);

/*
 * A constant word for the log: a choice's reason (sign_rules.h), or "many-authors" (more than AUTHOR_DOMAINS_MAX), "several-from",
 * "many-fields" (more than can be signed).
 */
const char	*seal_reason(const struct seal *seal);
/* d= and the selectors, for the log: "example.com:2026a,2026e"; "" without a signature.  The policy's. */
struct str	 seal_signer(const struct seal *seal);

/* Why a checked mail gets no set of ARC: a clause; "" if it gets one, or none is configured.  The seal's. */
const char	*seal_unsealed_reason(const struct seal *seal);
/* d= and s= of the set, for the log, and its i=: "example.com:arc1"; "" and 0 without a set.  The policy's. */
struct str	 seal_sealer(const struct seal *seal);
int		 seal_instance(const struct seal *seal);

/* What strangers can make large of it. */
size_t		 seal_memory_bytes(const struct seal *seal);

/* What comes behind the empty line, in pieces of any lengths: 1 to 4 ns of CPU a byte for a signature, the same for a set of ARC. */
void		 seal_body(struct seal *seal, struct str piece);

/*
 * For a mail that gets a set of ARC, before seal_ready: what was found of its chain, and all results (stamp_results).  A chain that
 * could not be checked for now is not sealed: cv=fail would be for good (RFC 8617 5.1 step 2).
 */
void		 seal_found(struct seal *seal, const struct arc_result *arc, struct str results);

/* All of the body was given.  Cheap, on the loop; then seal_sign, 0.05 to 6 ms of CPU, on any thread.  0, or -1 with a temporary fault. */
void		 seal_ready(struct seal *seal);
int		 seal_sign(struct seal *seal, struct fault *fault_out);

/* Appends the fields, each with its CRLF (SEAL_FIELDS_MAX_BYTES at most).  0, or -1 when out is full. */
int		 seal_fields(const struct seal *seal, struct buf *out);

#endif
