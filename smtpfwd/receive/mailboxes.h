/*
 * mailboxes.h - does the next hop have a mailbox?  What its answers tell is kept, for when it cannot be asked
 *
 * Joins a session to recipients/, which knows what an answer means and what is to be said in an outage.
 */
#ifndef RECEIVE_MAILBOXES_H
#define RECEIVE_MAILBOXES_H

#include "smtpfwd/receive/session.h"

/*
 * The next hop of a relay's destination, or way, has answered the question (recipients/meaning.h).  Of others nothing is kept.
 * What is believed of it; KNOWN_NOT: the answer tells nothing.
 */
enum known	mailboxes_tell(struct session *session, struct str destination, const struct address *mailbox,
		    const struct recipient_answer *answer);

/* Its next hop need not be asked (knowledge_is_fresh). */
bool		mailboxes_is_fresh(const struct session *session, const struct address *mailbox);

/* It is known that there is one. */
bool		mailboxes_is_known(const struct session *session, const struct address *mailbox);

/* Where the relay goes by the recipient: it is known well enough that this way's next hop, which cannot be asked, has it not. */
bool		mailboxes_passes_by(const struct session *session, int way, const struct address *mailbox);

/* One that the next hop there is sure to accept, if it does not refuse us (knowledge_own_accepted); copied into the arena. */
bool		mailboxes_own_accepted(const struct session *session, struct str destination, struct arena *arena,
		    struct address *accepted_out);

/*
 * What the client hears while the next hop cannot be asked: 250, the mail is to be queued; 550 5.1.1, it is known that there is
 * none; else as the relay's setting has it.  The text is constant.  Of the policy of the open transaction.
 */
struct reply	mailboxes_outage_reply(const struct session *session, const struct address *mailbox);

#endif
