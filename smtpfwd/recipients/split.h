/*
 * split.h - mailboxes of a domain whose next hops have each some of them: what is known at each, taken together
 *
 * Names are of knowledge.h, one of each next hop, in the order in which they are asked.  Pure.
 */
#ifndef RECIPIENTS_SPLIT_H
#define RECIPIENTS_SPLIT_H

#include "smtpfwd/recipients/knowledge.h"

struct split {
	const struct knowledge	*knowledge;
	const struct str	*names;
	int			 n;
};

/* Good: one of them has it.  Bad: none has. */
enum known	split_ask(const struct split *split, const struct address *mailbox, struct timestamp now);

/* One of them accepted it of late (knowledge_is_fresh). */
bool		split_is_fresh(const struct split *split, const struct address *mailbox, struct timestamp now);

/*
 * The ith one cannot be asked now.  True if mail for the mailbox need not wait for it: it is known not to have it, or
 * nothing is known of it there while one behind it has it, who was asked because this one had not.
 */
bool		split_passes_by(const struct split *split, int i, const struct address *mailbox, struct timestamp now);

#endif
