/*
 * classify.h - what kind of mail it is, and which way it goes: decided once, told in the log and in a field
 *
 * A pure function, the same for relay and milter.  A class grants nothing by itself.
 */
#ifndef POLICY_CLASSIFY_H
#define POLICY_CLASSIFY_H

#include "policy/class/class_rules.h"
#include "policy/policy.h"
#include "policy/sign_rules.h"

struct listener_class {			/* as a listen section says */
	const char	*listener, *class_name;
};

/*
 * The class that mail of a service of Postfix's is of by default, by its {daemon_name}: a listen section's of that name, else one of
 * the four that is so called, else "local".
 */
const char	*classify_service(const struct listener_class *classes, int n_classes, struct str daemon_name);

enum mail_direction {
	DIRECTION_INBOUND,		/* of a peer that may not relay */
	DIRECTION_OUTBOUND,		/* of one that may, and for somebody outside of the relay domains (or as class_evidence.n_outside says) */
	DIRECTION_INTERNAL,		/* of one that may, and for nobody else */
};

struct mail_class {			/* lives as long as the policy and the evidence's peer */
	struct class_match	 match;
	const struct class_actions *actions;	/* of the class; never NULL */
	enum mail_direction	 direction;
	bool			 is_of_section;	/* false: of no class section */
};

/*
 * The class: that of the first section which is for the mail (class_rules.h); else, of a peer that may relay, its listener's,
 * by "listener"; else "incoming", by "outsider".
 *
 * As with class_rules_find, evidence that is still to come may change it, until the header is whole; the direction, as
 * long as recipients come.
 */
struct mail_class	classify(const struct policy *policy, const struct class_evidence *evidence);

/*
 * Whether its mail may be signed for.  Of a peer that may not relay only where a section with signing on names it by network, login or
 * certificate: a listener alone tells nothing of who came through it.
 */
enum sign_source	 classify_sign_source(const struct mail_class *class, const struct peer *peer);

/*
 * What mail may have at most, by all classes that it may still turn out to be of: so nothing is refused early that would be taken
 * when its class is known.  More evidence never makes it more.  Limits are 0 where there is none.
 */
struct class_outlook {
	int64_t	message_max_bytes;
	int	recipients_max;
	int	recipients_floor;	/* the least that one of the classes allows: up to there it needs not be asked anew */
	bool	has_route;		/* one of them has a route of its own */
};
struct class_outlook	 classify_outlook(const struct policy *policy, const struct class_evidence *evidence);

/* Whether the class that classify finds stays, whatever recipients and header are still to come: what depends on it may be said already. */
bool			 classify_is_settled(const struct policy *policy, const struct class_evidence *evidence);

/* Constant words: "inbound", "outbound", "internal". */
const char		*mail_direction_text(enum mail_direction direction);

/*
 * Appends what is told of it, as words for a log line: "class=list class-by=network,field direction=outbound" and, where the
 * class sets anything and there is room, " class-sets=route:bulk" (class_actions_words); and as a header field
 * with its line end: "X-Traffic-Class: list; direction=outbound; by=network,field".  0, or -1 and nothing appended when out is full.
 */
enum { CLASSIFY_FIELD_MAX_BYTES = 300 };	/* of a field whose name has 100 */
int	classify_words(const struct mail_class *class, struct buf *out);
int	classify_field(const struct mail_class *class, const char *field_name, struct buf *out);

#endif
