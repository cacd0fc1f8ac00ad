/*
 * dkim_tags.h - a tag-list, as signatures and key records are written (RFC 6376 3.2), read strictly
 *
 * Only the syntax: which tags there must be is for who reads them.
 */
#ifndef POLICY_DKIM_DKIM_TAGS_H
#define POLICY_DKIM_DKIM_TAGS_H

#include "base/arena.h"

enum { DKIM_TAGS_MAX = 32 };		/* in one list; 15 are defined */

struct dkim_tag {
	struct str	 name;
	struct str	 value;		/* trimmed; blanks and folding inside are left */
	bool		 has_blank;	/* between name and "=" */
};

struct dkim_tags {
	struct dkim_tag	 tags[DKIM_TAGS_MAX];
	int		 n_tags;
	bool		 has_empty_end;	/* an empty one stands behind the last: a ";" too many, taken for all that */
};

/*
 * False with *why_out, a constant: for what is no tag-list, for a tag that stands twice and for
 * too many.  What was read until then is in tags_out.  All points into the text.
 */
bool	dkim_tags_read(struct str text, struct dkim_tags *tags_out, const char **why_out);

/* False if there is none of that name. */
bool	dkim_tags_find(const struct dkim_tags *tags, struct str name, struct str *value_out);

/* The next item of a value of items parted by colons, trimmed; false at the end. */
bool	dkim_tags_take_item(struct str *rest, struct str *item_out);

/* Whether one of the query methods of q= is the DNS (RFC 6376 3.5), as it is without q=. */
bool	dkim_tags_has_dns_query(const struct dkim_tags *tags);

/* A copy without blanks and folding, in the arena; false at its limit. */
bool	dkim_tags_squeeze(struct str value, struct arena *arena, struct str *squeezed_out);

#endif
