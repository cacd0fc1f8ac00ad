/*
 * author.h - the domains that a mail says it is from: what DMARC judges (RFC 9989 5.3.1)
 *
 * Reads the From fields of a header section as mail readers do, obsolete syntax (RFC 5322 4.4)
 * included.  Where a field cannot be read, whatever in it looks like an address counts: a reader
 * may show it to people.
 */
#ifndef MAIL_AUTHOR_H
#define MAIL_AUTHOR_H

#include "mail/header.h"

enum {
	AUTHOR_DOMAINS_MAX = 4,		/* different ones; each costs a walk in the DNS, and honest mail has one */
	AUTHOR_FIELD_MAX_BYTES = 16384,	/* all From fields together; one that passes it is not read */
};

struct authors {
	struct str	 domains[AUTHOR_DOMAINS_MAX];	/* canonical (domain.h), each once, in the arena or the fields */
	int		 n_domains;
	bool		 has_more;	/* than fit, or than were read: there may be authors that nobody judges */
	int		 n_fields;	/* From fields: RFC 5322 3.6 wants one */
	int		 n_mailboxes;	/* read in them; with a domain, a literal or none */
	const char	*why_malformed;	/* a constant; NULL for From by the letter of RFC 5322, or one with which readers agree */
};

/* 0, or -1 at the arena's limit; it takes some multiple of the fields' bytes. */
int	author_read(const struct header_section *section, struct arena *arena, struct authors *authors_out);

#endif
