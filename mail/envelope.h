/*
 * envelope.h - whom a mail is from and for, and what was asked about reports
 *
 * As received, by the sender's words; what became of a recipient is the queue's.
 */
#ifndef MAIL_ENVELOPE_H
#define MAIL_ENVELOPE_H

#include "base/fault.h"
#include "mail/address.h"

enum notify {				/* bits, RFC 3461 4.1 */
	NOTIFY_UNSET	= 0,		/* no NOTIFY was given */
	NOTIFY_NEVER	= 1,		/* stands alone */
	NOTIFY_SUCCESS	= 2,
	NOTIFY_FAILURE	= 4,
	NOTIFY_DELAY	= 8,
};

enum ret { RET_UNSET, RET_FULL, RET_HDRS };	/* RFC 3461 4.3 */

struct recipient {
	struct address	 address;
	struct str	 orcpt;		/* wire form "rfc822;xtext"; "" if none was given */
	unsigned	 notify;	/* bits of enum notify */
};

enum srs_wish {				/* what of the mail itself, and not of the way it goes, decides on its reverse-path */
	SRS_WISH_NONE,			/* the way decides */
	SRS_WISH_AUTO,			/* its SRS form where the next hop sees our address and the sender is not ours */
	SRS_WISH_ALWAYS,
	SRS_WISH_NEVER,
};

struct envelope {
	struct address	 reverse_path;
	struct address	 srs_path;	/* its SRS form, for next hops that see our address; null: none was made */
	enum srs_wish	 srs_wish;
	bool		 is_sender_ours;	/* with that: the domain of reverse_path is one of ours, and its SPF names us */
	struct str	 envid;		/* wire form, xtext; "" if none was given */
	enum ret	 ret;
	bool		 is_8bit;	/* to be sent with BODY=8BITMIME: there are such bytes */
	bool		 is_smtputf8;	/* the SMTPUTF8 parameter was given */
	struct recipient *recipients;	/* in the arena, as all strings */
	int		 n_recipients;
	int		 cap_recipients;
};

enum {
	ENVELOPE_RECIPIENTS_MAX = 50000,	/* what one record of the queue may hold; sessions have lower limits */
	ENVELOPE_ORCPT_MAX_BYTES = 500,		/* RFC 3461 5.  */
	ENVELOPE_ENVID_MAX_BYTES = 100,		/* RFC 3461 4.4 */
	/* The longest encoding; most are a few hundred bytes. */
	ENVELOPE_MAX_BYTES = 64 * 1024 * 1024,
};

/* Copies all of the recipient into the arena.  False at the arena's limit or at ENVELOPE_RECIPIENTS_MAX. */
bool	envelope_add_recipient(struct envelope *envelope, const struct recipient *recipient,
	    struct arena *arena);

/* The same for one recipient only; points to what both point to, and to the recipient. */
struct envelope	envelope_alone(const struct envelope *envelope, struct recipient *recipient);

/* Copies all but the recipients; with is_whole the recipients too.  False at the arena's limit. */
bool	envelope_copy(const struct envelope *envelope, bool is_whole, struct arena *arena,
	    struct envelope *copy_out);

/* As bytes to be stored: a version, then tagged fields.  Appends to out; 0, or -1 when out is full. */
int	envelope_encode(const struct envelope *envelope, struct buf *out);

/*
 * Back from bytes that may be damaged or hostile; all of it is checked, and what it holds can be
 * sent in a command.  Fields of unknown tags are skipped, so a later version may add some.
 * The strings are copied into the arena.  0, or -1 with a permanent fault (temporary at the
 * arena's limit).
 */
int	envelope_decode(struct str bytes, struct arena *arena, struct envelope *envelope_out,
	    struct fault *fault_out);

#endif
