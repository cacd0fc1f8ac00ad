/*
 * verdict.h - front door of judgement: what is to be done, with its reason
 */
#ifndef POLICY_VERDICT_H
#define POLICY_VERDICT_H

#include "mail/reply.h"

enum action {
	ACTION_ACCEPT,
	ACTION_REJECT,			/* for good: 5xx */
	ACTION_DEFER,			/* 4xx */
};

/* Constant: "accept", "reject", "defer". */
static inline const char *
action_word(enum action action)
{
	switch (action) {
	case ACTION_ACCEPT:
		return "accept";
	case ACTION_REJECT:
		return "reject";
	case ACTION_DEFER:
		return "defer";
	}
	return NULL;
}

struct verdict {
	enum action	 action;
	bool		 is_marked;	/* goes on, with a field that says it is suspicious */
	bool		 is_held;	/* accepted, but held in the queue for an operator */
	bool		 is_blameless;	/* rejected for what comes behind us: no error of the client's */
	bool		 is_quiet;	/* said in the log a moment ago of the same: it needs no line */
	struct reply	 reply;		/* for REJECT and DEFER; the text is constant or in the arena given */
	const char	*reason;	/* for the log, constant or in that arena too: "relay-denied", "loop", ... */
};

#endif
