/*
 * pattern.h - patterns of addresses and of header fields, as a person writes them in the configuration
 *
 * Addresses: "local@domain", each half a glob (glob.h); "@domain", any mailbox of it; a domain with a leading dot, those below
 * it; "<>", the null reverse-path.  Domains are compared in their canonical form, so A-labels, U-labels and case are one.
 * RFC 5321 2.4 has local parts differ by case and calls it unwise to make use of that: a pattern knows no case of ASCII
 * letters in them, and no needless quotes (4.1.2).
 *
 * Fields: "List-Id", that there is such a field; "Precedence: bulk", that one has a value that the glob matches, in any case.
 */
#ifndef POLICY_CLASS_PATTERN_H
#define POLICY_CLASS_PATTERN_H

#include "mail/address.h"
#include "mail/header.h"

enum { PATTERN_MAX_BYTES = 1000 };	/* a setting's; longer ones are none */

struct address_pattern {
	struct str	 text;		/* as written */
	struct str	 local, domain;	/* globs; the domain's is canonical.  Both empty: the null reverse-path */
};

/* The pattern is in the arena.  False: it is none, *why_out is a constant. */
bool	address_pattern_read(struct str text, struct arena *arena, struct address_pattern *pattern_out, const char **why_out);

/* An address made ready to be compared with many patterns; it may point to the address.  False at the arena's limit. */
struct plain_address {
	struct str	 local, domain;	/* without quotes; canonical, or in lower case where that is no domain's name */
};
bool	address_plain(const struct address *address, struct arena *arena, struct plain_address *plain_out);
bool	address_pattern_matches(const struct address_pattern *pattern, const struct plain_address *address);

struct field_pattern {
	struct str	 text;		/* as written */
	struct str	 name;
	struct str	 value;		/* a glob; "": any */
};

bool	field_pattern_read(struct str text, struct arena *arena, struct field_pattern *pattern_out, const char **why_out);

/*
 * Of each field of that name the value is compared as one line with a blank between words, and only its first FIELD_PATTERN_VALUE_MAX_BYTES;
 * of more than FIELD_PATTERN_VALUES_MAX fields only the first.
 */
enum {
	FIELD_PATTERN_VALUE_MAX_BYTES = 4096,
	FIELD_PATTERN_VALUES_MAX = 100,		/* honest mail has some; with HEADER_FIELDS_MAX of them a mail's many patterns took seconds */
};
bool	field_pattern_matches(const struct field_pattern *pattern, const struct header_section *header);

#endif
