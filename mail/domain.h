/*
 * domain.h - domain names as mail writes them, their one form for look-ups, and address literals
 */
#ifndef MAIL_DOMAIN_H
#define MAIL_DOMAIN_H

#include "base/arena.h"
#include "base/endpoint.h"

enum {
	DOMAIN_MAX_BYTES = 255,		/* RFC 5321 4.5.3.1.2; also in A-labels, RFC 1035 */
	DOMAIN_LABEL_MAX_BYTES = 63,
};

/*
 * The syntax of a Domain (RFC 5321 4.1.2), not a literal: labels of letters, digits,
 * hyphens and underscores (in use, though not by the letter), U-labels too where allow_utf8
 * (looked at for well-formed UTF-8 only; domain_canonical knows more).  No last dot.
 */
bool	domain_is_valid(struct str domain, bool allow_utf8);

/*
 * The form for look-ups and comparison: lower case, A-labels (IDNA2008, UTS 46), no last dot.
 * In the arena; the same bytes are not copied if they are in that form already.  False for
 * what is no domain (literals too) and at the arena's limit.
 */
bool	domain_canonical(struct str domain, struct arena *arena, struct str *canonical_out);

/* True for "[...]" of any kind. */
bool	domain_is_literal(struct str domain);

/* "[192.0.2.1]" and "[IPv6:2001:db8::1]" (RFC 5321 4.1.3); false for all else, general literals too. */
bool	domain_literal_ip(struct str domain, struct ip *ip_out);

/* name is a proper subdomain of parent: both in canonical form. */
bool	domain_is_below(struct str name, struct str parent);

/* name is the listed one, or, where that begins with a dot, below it: both in canonical form. */
bool	domain_is_listed(struct str name, struct str listed);
bool	domain_is_in_list(struct str name, const char *const *listed, int n_listed);	/* one of them; "" is in none */

#endif
