/*
 * dkim_sign.h - signs a mail by DKIM (RFC 6376, RFC 8463): its header section, its body in pieces, then the fields to put on top
 *
 * Which mail is signed by which signer is told by sign_rules.h.  A signer is immutable and serves any number of mails and
 * threads at a time; a signing is one mail's.  The private-key operation stands by itself (dkim_signing_sign), so that
 * a loop can have it done by a crew.  The order of calls:
 *
 *	dkim_signing_new	with the header section; dkim_signing_body with each piece of the body
 *	dkim_signing_ready	all hashes are made: cheap, on the loop
 *	dkim_signing_sign	0.05 to 3 ms of CPU; on any thread, as long as no other touches the signing
 *	dkim_signing_fields	what goes on top; dkim_signing_free
 */
#ifndef POLICY_DKIM_DKIM_SIGN_H
#define POLICY_DKIM_DKIM_SIGN_H

#include "base/instant.h"
#include "policy/dkim/dkim_canon.h"
#include "policy/dkim/dkim_key.h"

enum dkim_oversign {			/* a name once more in h= than there are fields: nobody can add one unseen (RFC 6376 8.15) */
	DKIM_SIGN_PRESENT,		/* never: each field there is */
	DKIM_OVERSIGN_PRESENT,		/* if there is one: who adds a missing Date on the way breaks nothing */
	DKIM_OVERSIGN_ALWAYS,
};

struct dkim_signed_field {
	const char		*name;
	enum dkim_oversign	 oversign;
};

enum {
	DKIM_SELECTORS_MAX = 2,		/* RSA, and Ed25519 beside it (RFC 8463 6) */
	DKIM_SIGNED_NAMES_MAX = 64,	/* in the settings */
	DKIM_SIGNED_FIELDS_MAX = 100,	/* in h= of one mail */
	DKIM_SIGNED_FIELDS_MAX_BYTES = 3500,	/* of h=: verifiers in use cut it at 4096, folding included */
	DKIM_IDENTITY_MAX_BYTES = 254,	/* of i=: an address (RFC 5321 4.5.3.1.3), and they cut it at 256 */
	DKIM_FIELD_LINE_MAX_BYTES = 76,	/* of a signature field's line, unless one word is longer */
	DKIM_NAME_MAX_BYTES = 70,	/* of a field's name to be signed; longer ones do not fit the line */
	DKIM_FIELD_MAX_BYTES = 6 * 1024,	/* of one signature field; 5 KB at most: h=, b= of 700 bytes, d=, s= and i= */
	DKIM_FIELDS_MAX_BYTES = DKIM_SELECTORS_MAX * DKIM_FIELD_MAX_BYTES,
};

struct dkim_selector {
	const char		*name;		/* s= */
	const struct dkim_key	*key;		/* outlives the signer */
};

struct dkim_signer_settings {		/* zero is a good choice, but for domain and selectors */
	const char		*domain;	/* d=, canonical */
	const char		*identity;	/* i=: "@d.example" or "local@d.example", at or below the domain; NULL: none */
	struct dkim_selector	 selectors[DKIM_SELECTORS_MAX];	/* a signature field each, in this order from the top */
	int			 n_selectors;
	bool			 is_simple_header, is_simple_body;	/* else relaxed */
	const struct dkim_signed_field *fields;	/* NULL: dkim_default_fields.  From is signed always, and oversigned */
	int			 n_fields;
	bool			 without_time;	/* no t= */
	struct span		 lifetime;	/* x= so much after now; 0: none */
};

/* What RFC 6376 5.4.1 recommends, what makes a body mean something else (Content-Type ...), and RFC 8058's two. */
extern const struct dkim_signed_field dkim_default_fields[];
extern const int dkim_n_default_fields;

struct dkim_signer;

/*
 * Copies what it keeps, but for the keys.  NULL with a permanent fault where settings are wrong: a domain, selector,
 * identity or name that cannot be, too many, a lifetime below 0, a field that must not be signed (RFC 6376 5.4: Return-Path, Received,
 * DKIM-Signature, which change on the way).
 */
struct dkim_signer	*dkim_signer_new(const struct dkim_signer_settings *settings, struct fault *fault_out);
/* What that says of settings whose keys are not read yet: 0, or -1 with its fault. */
int			 dkim_signer_check(const struct dkim_signer_settings *settings, struct fault *fault_out);
void			 dkim_signer_free(struct dkim_signer *signer);		/* NULL is nothing */

/* d= and the selectors, without blanks: "example.com:2026a,2026e".  The signer's. */
struct str		 dkim_signer_text(const struct dkim_signer *signer);
/* How many fields a mail gets. */
int			 dkim_signer_n_signatures(const struct dkim_signer *signer);

struct dkim_signing;

/*
 * Begins with a mail's header section, as it will leave: all edits but our own signature fields are made.  The section is
 * not needed afterwards.  now goes into t= and x=.  The signer outlives the signing.
 *
 * NULL with a permanent fault if this mail cannot be signed so that the signature says what a reader believes: it has no From or
 * several (RFC 5322 3.6), or more fields to be signed than the bounds above let.
 */
struct dkim_signing	*dkim_signing_new(const struct dkim_signer *signer, const struct header_section *header,
			    struct timestamp now, struct fault *fault_out);
void			 dkim_signing_free(struct dkim_signing *signing);	/* NULL is nothing */

/* What comes behind the empty line, in pieces of any lengths, lines ending in CRLF.  CPU: 1 to 4 ns a byte, so pieces bound how long it takes. */
void	dkim_signing_body(struct dkim_signing *signing, struct str piece);

void	dkim_signing_ready(struct dkim_signing *signing);

/* 0, or -1 with a temporary fault.  Reads signer, keys and its own only; no clock, no files. */
int	dkim_signing_sign(struct dkim_signing *signing, struct fault *fault_out);

/* Appends the fields, each with its CRLF; they go above all others of the mail.  0, or -1 when out is full. */
int	dkim_signing_fields(const struct dkim_signing *signing, struct buf *out);

#endif
