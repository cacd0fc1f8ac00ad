/*
 * arc_seal.h - adds a set to a mail's Authenticated Received Chain (RFC 8617 5.1)
 *
 * What we found out about a mail, and the mail as it leaves us, under our name.  A sealer is immutable and serves any number of
 * mails and threads at a time; a sealing is one mail's.  The order of calls:
 *
 *	arc_sealing_new		with the header section; arc_sealing_body with each piece of the body
 *	arc_sealing_ready	with the results; all hashes that need no signature are made: cheap, on the loop
 *	arc_sealing_sign	0.1 to 6 ms of CPU, two private-key operations; on any thread, as long as no other touches the sealing
 *	arc_sealing_fields	what goes on top; arc_sealing_free
 */
#ifndef POLICY_ARC_ARC_SEAL_H
#define POLICY_ARC_ARC_SEAL_H

#include "policy/arc/arc_set.h"
#include "policy/dkim/dkim_sign.h"

enum {
	ARC_RESULTS_MAX_BYTES = 64 * 1024,	/* of what was found: as of our Authentication-Results */
	ARC_FIELDS_MAX_BYTES = ARC_RESULTS_MAX_BYTES + 2 * DKIM_FIELD_MAX_BYTES + 256,	/* of a set */
	ARC_LINE_MAX_BYTES = 900,	/* of our lines: RFC 5322 2.1.1 has 998; a signature is not parted, nor is h= below that */
};

struct arc_sealer_settings {
	const char		*domain;	/* d=, canonical */
	struct dkim_selector	 selector;	/* with an RSA key: ARC has no other (RFC 8617 4.1, RFC 6376 3.3) */
	/*
	 * Names for h= as they shall stand there, a name twice for two fields; none is added.  NULL: dkim_default_fields and From, as often
	 * as a mail has them and their oversigning wants, and the DKIM-Signature fields there are (RFC 8617 4.1.2).
	 */
	const char *const	*names;
	int			 n_names;
};

struct arc_sealer;

/*
 * Copies what it keeps, but for the key.  NULL with a permanent fault where settings are wrong: a domain or selector that cannot
 * be, a key that is not RSA, too many names, names without From (RFC 6376 5.4), or one that must not be signed: Authentication-Results, ARC-Message-Signature and
 * ARC-Seal (4.1.2), Return-Path, Received.  ARC-Authentication-Results, which 4.1.2 forbids too, is taken if it is named: others
 * do it, and verifiers must live with that.
 */
struct arc_sealer	*arc_sealer_new(const struct arc_sealer_settings *settings, struct fault *fault_out);
void			 arc_sealer_free(struct arc_sealer *sealer);	/* NULL is nothing */

/* What it says of settings whose key is not read yet: 0, or -1 with its fault. */
int			 arc_sealer_check(const struct arc_sealer_settings *settings, struct fault *fault_out);

/* d= and s=, without blanks: "example.com:arc1".  The sealer's. */
struct str		 arc_sealer_text(const struct arc_sealer *sealer);

struct arc_sealing;

/*
 * Begins with a mail's header section, as it will leave: all edits are made, but our DKIM signatures, n_signatures of them, may come
 * with arc_sealing_ready.  The section is not needed afterwards.  now goes into t=.  The sealer outlives the sealing.
 *
 * NULL with a permanent fault if this mail gets no seal: its newest set says cv=fail, which is for good (5.1 step 2), it has 50
 * sets, its header is too large, it has no From or several, or, unless names were set, more fields to sign than the bounds
 * of dkim_sign.h let.
 */
struct arc_sealing	*arc_sealing_new(const struct arc_sealer *sealer, const struct header_section *header, int n_signatures,
			    struct timestamp now, struct fault *fault_out);
void			 arc_sealing_free(struct arc_sealing *sealing);	/* NULL is nothing */
size_t			 arc_sealing_memory_bytes(const struct arc_sealing *sealing);	/* what strangers can make large of it */

/* What comes behind the empty line, in pieces of any lengths, lines ending in CRLF.  1 to 4 ns of CPU a byte. */
void	arc_sealing_body(struct arc_sealing *sealing, struct str piece);

/*
 * cv is what arc_verify said of the mail as it came in; a chain that its own structure or a none contradicts is sealed as failed.
 * results: what goes into ARC-Authentication-Results behind "i=N;", the value of our own Authentication-Results, folded or not,
 * without its last line end; at most ARC_RESULTS_MAX_BYTES.  signatures: our DKIM-Signature fields, whole, as many as were announced, which
 * will stand below the set and are signed with it (4.1.2), where the sealer chooses its names itself or they say so.
 */
void	arc_sealing_ready(struct arc_sealing *sealing, enum arc_status cv, struct str results, struct str signatures);

/* 0, or -1 with a temporary fault.  Reads sealer, key and its own only; no clock, no files. */
int	arc_sealing_sign(struct arc_sealing *sealing, struct fault *fault_out);

/* i= of our set. */
int	arc_sealing_instance(const struct arc_sealing *sealing);

/* Appends ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results, each with its CRLF; they go above all others of the mail. */
int	arc_sealing_fields(const struct arc_sealing *sealing, struct buf *out);	/* 0, or -1 when out is full */

#endif
