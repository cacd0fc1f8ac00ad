/*
 * outcome.h - what replies and troubles mean for a recipient
 *
 * Judges, does nothing.  The rule above all: what may be our trouble, or the next hop's own, is
 * temporary; only an answer about the mail or the recipient fails it.
 */
#ifndef DELIVER_OUTCOME_H
#define DELIVER_OUTCOME_H

#include "base/fault.h"
#include "smtpfwd/queue/queue.h"
#include "smtpfwd/smtp/ehlo.h"

enum {
	/* of a reply's text, kept with each recipient: the longest in use (Gmail's, with links) have some 500 */
	OUTCOME_REPLY_MAX_BYTES = 1000,
};

/* Why a next hop could not take mail now.  Stands alone: it outlives the session. */
struct trouble {
	struct status	 status;		/* 4.x.x */
	int		 reply_code;		/* 0: it said nothing */
	struct status	 reply_status;
	size_t		 reply_bytes;
	char		 reply_text[OUTCOME_REPLY_MAX_BYTES];
	char		 text[400];		/* one printable line, the reply in it */
	bool		 is_cancelled;		/* our own fiber is to end */
	bool		 is_full;		/* it serves other connections of ours meanwhile */
	bool		 is_ours;		/* no connection could be made for want of something of our own */
	bool		 is_lack;		/* it does not offer what the mail needs */
	bool		 is_to_client;		/* it is the client's that we stood for: turned away at the door, maybe without a word */
};

/* context: "greeting 192.0.2.1:25" ...; NULL: the fault says it all */
void	trouble_of_fault(const struct fault *fault, struct status status, const char *context, struct trouble *trouble_out);
void	trouble_of_reply(const struct reply *reply, const char *context, struct trouble *trouble_out);
void	trouble_of_text(struct status status, const char *text, struct trouble *trouble_out);
struct reply trouble_reply(const struct trouble *trouble);	/* its text is the trouble's; code 0: none */

enum outcome_stage { OUTCOME_OF_MAIL, OUTCOME_OF_RCPT, OUTCOME_OF_DATA, OUTCOME_OF_FINAL };

/*
 * A 5xx that is about how we talk and not about the mail: a wrong order of commands, or TLS or a login wanted first
 * (RFC 4954 6, RFC 3207 4).  Somebody's configuration is to be mended, and the mail can wait for it.
 */
bool		outcome_is_about_the_session(const struct reply *reply);

/*
 * The server does not have the mailbox, so another one that the domain's mail is split with may have it.  At RCPT a 551, or a
 * 550 that gives no other reason; at the end of a mail for this recipient alone only one that says so by its status.
 */
static inline bool
outcome_is_elsewhere(const struct reply *reply, enum outcome_stage stage)
{
	if (!reply_is_permanent(reply) || stage == OUTCOME_OF_MAIL || stage == OUTCOME_OF_DATA)
		return false;
	if (reply->status.class != 0)
		return status_is_no_mailbox(reply->status);
	return stage == OUTCOME_OF_RCPT && (reply->code == 550 || reply->code == 551);
}

/*
 * From a reply that is not 421 (that is trouble of the next hop, not an answer).  Positive ones only at
 * OUTCOME_OF_FINAL.  has_dsn: the next hop does DSN and takes over what was asked of it.  The text is copied into
 * the arena, or left out at its limit.
 */
struct outcome	outcome_of_reply(const struct reply *reply, enum outcome_stage stage, bool has_dsn,
		    struct str remote_mta, struct arena *arena);
struct outcome	outcome_of_trouble(const struct trouble *trouble, struct str remote_mta, struct arena *arena);

/* Ours, without a reply; text is constant. */
struct outcome	outcome_of_text(enum outcome_kind kind, struct status status, struct str text, struct str remote_mta);

/*
 * True if the server does not offer what this mail needs (8BITMIME, SMTPUTF8): it is not sent, rather than damaged.  One
 * answer to EHLO may be of another machine behind the name, or of a firewall that masks it; see outcome_of_lack.
 */
bool		trouble_of_lack(const struct ehlo *ehlo, const struct envelope *envelope, struct trouble *trouble_out);

/* last: status of the try before, if it was ours.  What was lacking then too fails the mail, clearly; else it is deferred. */
struct outcome	outcome_of_lack(const struct trouble *trouble, struct status last, struct str remote_mta, struct arena *arena);

/* True if it says by its SIZE that it cannot take so large a mail: *outcome_out fails it. */
bool		outcome_of_size(const struct ehlo *ehlo, int64_t content_bytes, struct str remote_mta, struct outcome *outcome_out);

/*
 * A reply to MAIL that is about how much we send and not about this mail: policy of the server (4.7.x), its load (4.3.2,
 * 4.3.1, 4.4.5), or too many (4.5.3); or words that say so, without a status.
 */
bool		outcome_is_slow_down(const struct reply *reply);

/* A reply to RCPT that means "too many in one transaction" and not something about this recipient (RFC 5321 4.5.3.1.10). */
bool		outcome_is_too_many(const struct reply *reply, int n_accepted);

#endif
