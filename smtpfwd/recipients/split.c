/*
 * split.c - mailboxes of a domain whose next hops have each some of them: what is known at each, taken together
 */
#include "smtpfwd/recipients/split.h"

enum known
split_ask(const struct split *split, const struct address *mailbox, struct timestamp now)
{
	int n_bad = 0;

	for (int i = 0; i < split->n; i++) {
		switch (knowledge_ask(split->knowledge, split->names[i], mailbox, now)) {
		case KNOWN_GOOD:
			return KNOWN_GOOD;
		case KNOWN_BAD:
			n_bad++;
			break;
		case KNOWN_NOT:
			break;
		}
	}
	return n_bad == split->n ? KNOWN_BAD : KNOWN_NOT;
}

bool
split_is_fresh(const struct split *split, const struct address *mailbox, struct timestamp now)
{
	for (int i = 0; i < split->n; i++)
		if (knowledge_is_fresh(split->knowledge, split->names[i], mailbox, now))
			return true;
	return false;
}

bool
split_passes_by(const struct split *split, int i, const struct address *mailbox, struct timestamp now)
{
	const struct split behind = { split->knowledge, split->names + i + 1, split->n - i - 1 };

	switch (knowledge_ask(split->knowledge, split->names[i], mailbox, now)) {
	case KNOWN_GOOD:
		return false;
	case KNOWN_BAD:
		return true;
	case KNOWN_NOT:
		break;
	}
	return behind.n > 0 && split_ask(&behind, mailbox, now) == KNOWN_GOOD;
}
