/*
 * spf_macro.h - macro strings of SPF (RFC 7208 7): their syntax, and what they expand to
 *
 * Pure: nothing is looked up here.  Who uses "p" asks the DNS before.
 */
#ifndef POLICY_SPF_SPF_MACRO_H
#define POLICY_SPF_SPF_MACRO_H

#include "base/buf.h"
#include "base/endpoint.h"
#include "base/instant.h"

enum {
	SPF_NAME_MAX_BYTES = 253,	/* of a name without its last dot, RFC 7208 7.3 */
	SPF_NAME_ROOM_BYTES = 2 * (SPF_NAME_MAX_BYTES + 2),	/* to expand one in */
	/* A sender is at most a local part of 255, "@" and a domain of 255; the rest is shorter. */
	SPF_VALUE_MAX_BYTES = 512,
	/* Of a domain-spec as written: each macro may grow a hundredfold, and a name is far shorter in the end. */
	SPF_SPEC_MAX_BYTES = 1024,
};

enum spf_macro_place {
	SPF_MACRO_IN_RECORD,		/* letters c, r, t may not be there (RFC 7208 7.2) */
	SPF_MACRO_IN_EXPLANATION,
};

struct spf_macro_values {		/* none longer than SPF_VALUE_MAX_BYTES; of strangers, not escaped */
	struct str		 sender;	/* s: with a local part always */
	struct str		 local_part;	/* l */
	struct str		 sender_domain;	/* o */
	struct str		 domain;	/* d: whose record is evaluated now */
	struct ip		 client;	/* i, c, v */
	struct str		 validated_name;/* p: "unknown" if there is none */
	struct str		 helo;		/* h */
	struct str		 receiver;	/* r: our own name */
	struct timestamp	 now;		/* t */
};

/* A macro-string: printable ASCII in which every "%" begins what 7.1 has. */
bool	spf_macro_is_valid(struct str text, enum spf_macro_place place);

/* A domain-spec: a macro-string that ends in a macro or in "." and a toplabel (7.1). */
bool	spf_domain_spec_is_valid(struct str text);

/* True if the valid text uses the letter (lower case; %{P} uses 'p'). */
bool	spf_macro_uses(struct str text, char letter);

/*
 * Expands a valid domain-spec to a name without its last dot, in the room; where longer than
 * SPF_NAME_MAX_BYTES, labels are taken off its left (7.3).  The name can have any printable byte
 * in it, labels of any length, and empty ones.
 *
 * False if it would have bytes that are not printable ASCII: a local part in UTF-8 has no form
 * in the DNS (RFC 8616 4).
 */
bool	spf_macro_expand_name(struct str spec, const struct spf_macro_values *values, char room[SPF_NAME_ROOM_BYTES],
	    struct str *name_out);

/* Expands the valid text of an explanation; ends, cut, where `out` is full. */
void	spf_macro_expand_text(struct str text, const struct spf_macro_values *values, struct buf *out);

#endif
