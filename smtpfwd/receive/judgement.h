/*
 * judgement.h - one mail that comes in, judged and sealed by policy/ while it streams through: between its header section
 * and what goes on top of it
 *
 *	judgement_header	the header section is whole: loops, SPF, DKIM's keys; what of it goes on
 *	judgement_body		each piece behind it
 *	judgement_end		DKIM, DMARC, what is done; signs
 *	judgement_prefix	the fields on top
 *
 * A verdict other than ACTION_ACCEPT ends it: the mail is refused, and nothing but judgement_free follows.  Its reply's text
 * is constant or in the transaction's arena.  Where content goes is not known here.
 */
#ifndef RECEIVE_JUDGEMENT_H
#define RECEIVE_JUDGEMENT_H

#include "mail/header.h"
#include "policy/verdict.h"
#include "smtpfwd/receive/session.h"

struct judgement;

struct judgement *judgement_new(void);
void	judgement_free(struct judgement *judgement);		/* at any time; NULL is nothing */
size_t	judgement_memory_bytes(const struct judgement *judgement);	/* what strangers can make large of it; of NULL 0 */

/*
 * The bytes start the mail and hold its header section, and maybe some of the body; they stay until
 * judgement_forget_header.  Suspends for the checks.
 */
void	judgement_header(struct judgement *judgement, struct session *session, struct str bytes, struct verdict *verdict_out);
/* The section as it goes on: fields that stay, in order; body_at as it came. */
const struct header_section *judgement_edited(const struct judgement *judgement);
void	judgement_forget_header(struct judgement *judgement);
const char *judgement_class(const struct judgement *judgement);	/* its name; the policy's, or the listener's */
struct str judgement_message_id(const struct judgement *judgement);	/* the field's value, or ""; its own */

/* Of any length.  Lets other fibers run in between if there is work to do. */
void	judgement_body(struct judgement *judgement, struct str piece);

/* Suspends.  Says what was found, done and signed in the log. */
void	judgement_end(struct judgement *judgement, struct session *session, struct verdict *verdict_out);

/* Behind judgement_end: whether the sender was verified, so that it can be sent reports (policy/sender.h). */
bool	judgement_proves_sender(const struct judgement *judgement, const struct session *session);

/* Behind judgement_end: it is not to go on before an operator says so. */
bool	judgement_is_held(const struct judgement *judgement);
const char *judgement_held_reason(const struct judgement *judgement);	/* a constant word; NULL: it is not */

/*
 * Appends a set of ARC, DKIM-Signature, the mark, Authentication-Results, Received-SPF, the class and Received, in this order.  0, or -1 when out is
 * full: JUDGEMENT_PREFIX_MAX_BYTES are enough.  They are ASCII unless the mail is stored as one that needs SMTPUTF8.
 */
enum { JUDGEMENT_PREFIX_MAX_BYTES = 176 * 1024 };
int	judgement_prefix(const struct judgement *judgement, const struct session *session, const struct envelope *stored,
	    struct timestamp now, struct buf *out);

#endif
