/*
 * forward_inside.h - what the files of forward.h ask of each other; not for others
 *
 *	forward.c	what the next hop's answers mean for the client, and what falls back to the queue
 *	forward_seek.c	which next hop that is, where the relay goes by the recipient
 */
#ifndef RECEIVE_FORWARD_INSIDE_H
#define RECEIVE_FORWARD_INSIDE_H

#include "smtpfwd/receive/forward.h"

/* --- forward.c --- */

/* The first reason stays. */
void		 forward_fall_back(struct forward *forward, const char *why);

/*
 * What the next hop said, in its words, for the client: to RCPT, or as the final answer to the mail.  Of codes that are no
 * answer to that (RFC 5321 4.3.2) the class is left; each goes with a status of its class (RFC 2034 4), X.0.0 where it gave none.
 */
struct reply	forward_told(const struct online *online, bool is_final);

/*
 * What comes before a question's time begins: replies go out that are late, and the client's name is found, which the next hop may want to know.
 * False: the session is to end.  Suspends.
 */
bool		 forward_prepare_question(struct session *session);

/* RCPT to the next hop at hand.  False: the session is to end.  Suspends. */
bool		 forward_put_question(struct session *session, const struct recipient *rcpt, struct instant deadline,
		    enum online_end *end_out);

/* It was answered: what the client hears of that. */
enum forward_end forward_answered(struct session *session, const struct recipient *rcpt, const struct forwarding *forwarding,
		    struct reply *reply_out);
/* The same for who keeps what is known of mailboxes. */
void		 forward_tell_mailboxes(struct session *session, const struct address *mailbox, enum recipient_question question);
void		 forward_note_refusal(struct forward *forward);	/* it said so, for the log */

/* A recipient that does not go the way of those before. */
enum forward_end forward_mix(struct session *session, const struct recipient *rcpt, const struct forwarding *forwarding,
		    struct reply *reply_out);

/* --- forward_seek.c --- */

/* forward_rcpt where the relay goes by the recipient. */
enum forward_end forward_seek(struct session *session, const struct recipient *rcpt, const struct forwarding *forwarding,
		    struct reply *reply_out);

/*
 * After a mail was refused.  True: the next hop said that it does not have the mailbox only then, and *end_out is what the
 * next hops behind it came to: FORWARD_TAKEN, one has it, and is to be given the mail; or the end.  Suspends.
 */
bool		 forward_seek_on(struct session *session, const struct forward_mail *mail, struct reply *reply_out,
		    enum forward_end *end_out);

/* Whom the mail does not go to is not asked any more. */
void		 forward_drop_others(struct forward *forward);

#endif
