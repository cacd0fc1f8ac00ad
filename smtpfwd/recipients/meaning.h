/*
 * meaning.h - what a next hop's reply tells about a mailbox: mostly nothing
 *
 * Who is refused for what he is (a client on a blocklist, our own address, a reverse-path) is refused with a 5xx too, and
 * that must never be remembered against the mailbox: while the next hop is down, mail to it would be refused for good.
 */
#ifndef RECIPIENTS_MEANING_H
#define RECIPIENTS_MEANING_H

#include "mail/reply.h"

enum known {				/* of a mailbox, for now */
	KNOWN_NOT,
	KNOWN_GOOD,
	KNOWN_BAD,
};

enum recipient_question {		/* which command the reply is to */
	QUESTION_RCPT,			/* RCPT, in a transaction whose MAIL was accepted */
	QUESTION_CONTENT,		/* the end of a mail that has this one recipient: some servers look at it only then */
	QUESTION_OTHER,			/* all else */
};

enum recipient_asker {			/* whom the next hop believes to answer */
	ASKER_OURSELVES,		/* our address and name, the null reverse-path or one of our own */
	ASKER_CLIENT,			/* the client's address, name or reverse-path is in it */
};

struct recipient_answer {
	const struct reply	*reply;
	enum recipient_question	 question;
	enum recipient_asker	 asker;
};

enum meaning {
	MEANS_NOTHING,
	MEANS_GOOD,			/* there is such a mailbox; also of a next hop that takes any */
	MEANS_BAD,			/* there is none: 5.1.1, 5.1.6 (RFC 3463 3.2), 5.1.10 (RFC 7505 4.2; Exchange says it for any) */
	MEANS_BAD_PERHAPS,		/* a bare 550 to our own question: none, unless it was meant for our address */
};

/* A mailbox that there is, and that takes nothing: disabled (5.2.1) or full (5.2.2).  For now: nothing to be remembered. */
bool		meaning_is_closed(const struct reply *reply);

enum meaning	meaning_of(const struct recipient_answer *answer);

#endif
