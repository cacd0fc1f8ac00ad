/*
 * dkim_choose.h - which signatures of a mail are looked at, where there are more than may be
 */
#ifndef POLICY_DKIM_DKIM_CHOOSE_H
#define POLICY_DKIM_DKIM_CHOOSE_H

#include "mail/author.h"

/*
 * Marks at most n of the header's DKIM-Signature fields: first those whose d= is an author's domain, then those whose d= is
 * above or below one, both from the bottom up, because who writes a mail signs it first; then others, from the top down.  authors NULL: all
 * from the top down.  marks_out has one for each field, all false.  Returns how many signatures there are.
 */
int	dkim_choose(const struct header_section *header, const struct authors *authors, int n, bool *marks_out);

#endif
