/*
 * class_rules.h - the class sections: which mail each is for; a pure function of what is known of peer and mail
 *
 * What a section is compared with is of two kinds.  Peer: its listener, its address, its login, its certificate; all of it proven.
 * Mail: its reverse-path and its header, which are claims, and its recipients, which are not: to them it goes.  What
 * follows for mail that no section is for, and what is told of it, is classify.h's.
 */
#ifndef POLICY_CLASS_CLASS_RULES_H
#define POLICY_CLASS_CLASS_RULES_H

#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/peer.h"
#include "policy/class/class_actions.h"

enum {
	CLASS_SECTIONS_MAX = 64,	/* in one configuration: each mail is compared with all */
	CLASS_ITEMS_MAX = 100,		/* in one list of a section, for the same reason */
	CLASS_NAME_MAX_BYTES = 63,
};

struct class_section {			/* as configured; lists of criteria, of which one is enough */
	const char		*name;		/* class_name_is_valid */

	const char *const	*listeners;	/* names */
	const struct network	*networks;	/* of the client */
	const char *const	*logins;	/* globs, in the very case */
	const char *const	*client_names;	/* of a proven certificate; canonical, ".x" for those below x */

	const char *const	*senders;	/* patterns of the reverse-path (pattern.h) */
	const char *const	*recipients;	/* patterns; one recipient is enough */
	const char *const	*fields;	/* patterns of header fields */
	int			 n_listeners, n_networks, n_logins, n_client_names, n_senders, n_recipients, n_fields;
	int			 recipients_least;	/* so many recipients or more; 0: not asked for */

	struct class_actions	 actions;	/* of all mail of the class, also of that which no criterion here brought into it */
};

/* Letters, digits, - and _: a class is a word in logs and in a field of the header. */
bool	class_name_is_valid(struct str name);

/* One of the four that mail has without a section: by its listener, or from outsiders. */
bool	class_name_is_built_in(struct str name);

struct class_rules;

/* Copies what it keeps.  Patterns are right and items no more than CLASS_ITEMS_MAX, or it is an insist (the configuration refuses it). */
struct class_rules	*class_rules_new(const struct class_section *sections, int n_sections);
void			 class_rules_free(struct class_rules *rules);		/* NULL is nothing */

struct class_evidence {			/* what is known so far */
	const struct peer	*peer;
	const char		*listener_class;	/* what its listener's mail is, by the listen section */
	struct str		 certificate_name;	/* proven by the peer itself, canonical; "" for none, and for whom XCLIENT speaks for */
	const struct envelope	*envelope;	/* NULL before MAIL; its recipients are those accepted so far */
	const struct header_section *header;	/* NULL until it is whole */
	const int		*n_outside;	/* recipients that are not ours, as who routes them says; NULL: those outside of the relay domains */
};

/* What decided, as a constant word and as it was configured; word NULL: nothing of the kind was asked for. */
struct class_reason {
	const char	*word;		/* "listener", "network", "login", "certificate", "trusted"; "sender", "recipient", "field", "recipients" */
	struct str	 criterion;	/* "10.0.0.0/8", "Precedence: bulk"; "" of "trusted" */
};

struct class_match {			/* all of it is the rules' */
	const char		*name;
	struct class_reason	 peer, mail;
};

/*
 * The first section, in the order of the file, that one of its peer criteria and, where it has any, one of its mail criteria
 * is for.  Claims count from trusted peers only.  A section with mail criteria alone is for trusted peers only ("trusted"); one without
 * any criterion is for none.  False: none is for this mail.
 *
 * Evidence comes in stages, and what is not yet known is not there: a later stage may find an earlier section, or one where
 * there was none.  The answer is final when the header is whole.
 *
 * The time is bounded by recipients times patterns, and by fields of the header times patterns.
 */
bool	class_rules_find(const struct class_rules *rules, const struct class_evidence *evidence, struct class_match *match_out);

/* What is done with mail of a class, by its name; never NULL: zero where no section has the name. */
const struct class_actions *class_rules_actions(const struct class_rules *rules, struct str name);
bool	class_rules_know(const struct class_rules *rules, struct str name);	/* it has a section, or is built in */

/*
 * The actions of each section that may still turn out to be the mail's, by evidence that is to come; is_settled_out: one of them is
 * it, and not none.  With the whole header there is one or none.  Returns how many.
 */
int	class_rules_find_possible(const struct class_rules *rules, const struct class_evidence *evidence,
	    const struct class_actions *possible_out[CLASS_SECTIONS_MAX], bool *is_settled_out);

#endif
