/*
 * class_actions.h - what is done otherwise with mail of a class: the same for relay and milter
 *
 * Actions are of the class, by its name: however it was found out that a mail is of it, by a section or by its listener.
 * Nothing here decides which class that is (classify.h), and nothing of it lets a client send what it could not send without.
 */
#ifndef POLICY_CLASS_CLASS_ACTIONS_H
#define POLICY_CLASS_CLASS_ACTIONS_H

#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/peer.h"
#include "policy/class/class_rate.h"

enum {
	CLASS_FIELDS_MAX = 16,			/* names to add, and names to remove, of one class */
	CLASS_FIELD_MAX_BYTES = 900,		/* of a field that is added: a line has 998 (RFC 5322 2.1.1) */
};

enum class_signing {
	CLASS_SIGNING_AUTO,		/* as without a class: what trusted peers send */
	CLASS_SIGNING_ON,		/* what peers send too that may not relay, where the section names them */
	CLASS_SIGNING_OFF,
};

enum class_verify {
	CLASS_VERIFY_AUTO,		/* as without a class: what peers send that may not relay */
	CLASS_VERIFY_ON,		/* what trusted peers send too */
	CLASS_VERIFY_OFF,
};

struct class_actions {			/* zero: all is as without a class */
	enum class_signing	 signing;
	const char		*sign_as;	/* the title of the sign section that signs, whoever the author is; NULL: that of the author */
	enum class_verify	 verify;
	enum srs_wish		 srs;		/* without an srs section nothing is rewritten, whatever it says */

	/*
	 * Where mail goes that is for no relay domain, instead of `outbound`: "route:NAME".  NULL: outbound.  Relay domains have their own
	 * next hop, whatever the class.
	 */
	const char		*route;
	bool			 is_route_by_domain;	/* it goes by MX records: each domain is a destination of its own */

	/* Beside the listener's own limits, so the smaller counts.  0: none. */
	int64_t			 message_max_bytes;	/* as received; beyond: 552 5.3.4 */
	int			 recipients_max;	/* of one mail; beyond: 452 4.5.3 */

	const struct class_rate	*rates;
	int			 n_rates;

	/* Fields of these names go, all of them, but for what we write ourselves; then these come, on top of the section, and are signed. */
	const char *const	*removed;
	int			 n_removed;
	const struct header_field *added;	/* each of one line, with its CRLF; in the order in which they are to stand */
	int			 n_added;

	bool			 is_held;	/* queued, held until an operator releases it */
};

/* All that it points to lives in the arena then.  False at its limit. */
bool	class_actions_copy(const struct class_actions *from, struct arena *arena, struct class_actions *copy_out);

/* True if nothing is other than without a class. */
bool	class_actions_is_none(const struct class_actions *actions);

/* Why the checks of the verify section are not made of a peer's mail: "trusted", "class"; NULL: they are. */
const char *class_verify_why_not(enum class_verify verify, const struct peer *peer);

/*
 * Appends what is set, for a log line: "route:bulk,sign-as:lists,verify:no,srs:never,max-message:1048576,max-recipients:10,rates:2,removes:1,
 * adds:2,hold" without a blank; nothing if nothing is.  0, or -1 and nothing appended when out is full.
 */
int	class_actions_words(const struct class_actions *actions, struct buf *out);

/* Whether a name may be configured to be removed, or added: a clause that says why not, or NULL.  is_removed: the class removes it too. */
const char	*class_field_why_not_remove(struct str name);
const char	*class_field_why_not_add(struct str name, bool is_removed);

#endif
