/*
 * queue.h - the front door of the queue: mail put in, taken out, settled; nothing lost
 *
 * A mail is an envelope and content (header section and body, CRLF line ends, not
 * dot-stuffed), already sealed: what is stored is never edited.  One record makes it
 * exist, and queue_put returns 0 only when that record is durable.  A destination is an
 * opaque name to the queue: a delivery is the recipients of one mail that are due for one
 * destination.  The bytes on disk are in queue/README.
 *
 * One queue belongs to one loop; its committing thread is a crew behind os.h.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include <limits.h>

#include "base/log.h"
#include "mail/envelope.h"
#include "mail/identity.h"
#include "mail/mail_id.h"
#include "mail/reply.h"
#include "smtpfwd/runtime/fiber.h"

struct queue;
struct draft;

struct retry_settings {
	struct span	 first;		/* delay before the second try */
	double		 factor;
	struct span	 max;
	struct span	 expire;	/* a mail older than this fails */
	struct span	 warn;		/* a delay report is owed after this; 0: never */
	bool		 holds_unverified;	/* facts.is_unverified: what fails is held and not reported, nor is a delay or success */
	struct span	 hold_expire;	/* so long beyond expire; then it is removed */
	int64_t		 hold_max_bytes;	/* of content; and ... */
	int64_t		 hold_max_mails;	/* ... held so at most: beyond, the oldest go until a tenth is free.  0: no bound */
	/* As much again may be held of what came in held (facts.comes_held): beyond, queue_put says FAULT_FULL to more of it. */
};

struct queue_settings {
	const char		*directory;	/* the spool; made if missing, 0700 */
	int64_t			 segment_bytes;	/* 0: the default, 64 MB */
	int64_t			 content_in_memory_max_bytes;	/* larger content is streamed to disk */
	int64_t			 min_free_bytes;	/* below this the disk counts as full for new mail */
	struct retry_settings	 retry;
};

enum mail_hold {			/* why a mail is held from the start, until an operator releases it; see hold_max_... */
	HOLD_NOT,
	HOLD_DOOMED,			/* it would be refused behind us */
	HOLD_BY_CLASS,
};

/* What is known of a mail beside its envelope, kept with it. */
struct mail_facts {
	struct timestamp	 arrived;
	struct str		 class_name;	/* "incoming" */
	struct str		 client;	/* IP text of who brought it, for people */
	struct str		 listener;
	const struct identity	*identity;	/* of the client, for the next hop; NULL: not known, or of nobody (a report) */
	bool			 is_from_trusted;	/* the client may relay */
	bool			 is_report;	/* a DSN of ours */
	enum mail_hold		 comes_held;
	bool			 is_unverified;	/* nothing proves that it is from its reverse-path; of older records: false */
};

/* What the queue must ask others; called on the loop, must not suspend. */
struct queue_world {
	void	*context;
	/*
	 * Names the destination of a recipient of a mail (by today's configuration: asked when
	 * a mail comes in and again at recovery and reload).  The name is copied.  Never fails:
	 * what nobody takes has a destination too, whose deliveries fail or wait.
	 */
	struct str	(*destination_of)(void *context, const struct envelope *envelope,
			    const struct recipient *recipient, const struct mail_facts *facts);
	/* Recovery has read so many segments; NULL: nobody waits for it. */
	void		(*progress)(void *context, int n_read, int n_segments);
};

/* Opens or makes the spool, locks it, recovers.  Blocks: before the loop serves. */
struct queue	*queue_open(struct loop *loop, const struct queue_settings *settings,
		    const struct queue_world *world, struct log *log, struct fault *fault_out);
/*
 * Takes no more new mail, and waits until all that was settled is durable and the queue's own fibers have ended; no
 * delivery, owed or draft may be out.  To be called on a fiber, before queue_close.  Suspends.  0 or -1.
 */
int		 queue_stop(struct queue *queue, struct instant deadline, struct fault *fault_out);
/* After queue_stop (on a fiber it calls it itself, with a deadline of 30 s).  Blocks for one small
 * write.  Where queue_stop failed the process is to end: nothing is freed then. */
void		 queue_close(struct queue *queue);

/* New retry settings and routes: due times and destinations are worked out anew. */
void		 queue_reconfigure(struct queue *queue, const struct retry_settings *retry, const struct queue_world *world);

/* From now on the disk counts as full for new mail below so many free bytes; 0: the default. */
void		 queue_reserve(struct queue *queue, int64_t min_free_bytes);

/* --- putting a mail in --- */

/* An empty draft with a fresh id. Never fails; trouble is said by draft_append or queue_put. */
struct draft	*draft_new(struct queue *queue);
struct mail_id	 draft_id(const struct draft *draft);

/* Adds content.  Large content goes to disk in the background: may suspend.  -1: FAULT_FULL (disk) or temporary. */
int		 draft_append(struct draft *draft, struct str content, struct instant deadline, struct fault *fault_out);
int64_t		 draft_content_bytes(const struct draft *draft);
size_t		 draft_memory_bytes(const struct draft *draft);	/* what of it is held in memory now */
/*
 * Reads what was appended, at an offset into room: bytes read, 0 at the end, -1 with a fault.  Not beside a draft_append.
 * Suspends; a read of the disk is waited for also beyond the deadline and a cancel.
 */
ssize_t		 draft_read(struct draft *draft, int64_t offset, void *room, size_t n_bytes, struct instant deadline,
		    struct fault *fault_out);
void		 draft_discard(struct draft *draft);		/* also after a failed put */

/*
 * Stores the mail: prefix (fields added on top: Received, ...), then the content.  0: durable, and
 * the draft is gone (freed); -1: not stored, to be discarded by the caller; FAULT_FULL: no room
 * (452), otherwise 451.  After a timeout or cancel the mail may still be stored or not: the put goes on in the
 * background and is undone if it can be (the client was not told 250).  Suspends.
 */
int		 queue_put(struct queue *queue, struct draft *draft, const struct envelope *envelope,
		    const struct mail_facts *facts, struct str prefix, struct instant deadline, struct fault *fault_out);

/* True when new mail would be refused for lack of room: MAIL can be answered 452 early. */
bool		 queue_is_full(const struct queue *queue);

/* --- taking deliveries out --- */

struct delivery_recipient {
	struct recipient	 recipient;	/* in the delivery's arena */
	int			 index;		/* in the mail's envelope */
	struct status		last;		/* of the try before, if no reply said it; else, and at the first, STATUS_NONE */
};

struct delivery {			/* owned by the taker until queue_settle or queue_give_back */
	struct mail_id			 mail;
	struct str			 destination;
	const struct envelope		*envelope;	/* whole, as stored */
	const struct mail_facts		*facts;
	struct delivery_recipient	*recipients;
	int				 n_recipients;
	int				 n_tries;	/* made before this one */
	struct timestamp		 expires;
	int64_t				 content_bytes;	/* prefix and content */
	struct arena			*arena;		/* dies with the delivery; the taker may use it */
};

/*
 * The next delivery that is due, of any destination that is not held back, in turn over destinations and oldest
 * first within one.  NULL on timeout or cancel, or when its record cannot be read (logged; set aside).  Suspends.
 */
struct delivery	*queue_take(struct queue *queue, struct instant deadline);

/* Another due delivery for this destination now, or NULL: to go on with an open connection.  Suspends only to read. */
struct delivery	*queue_take_same(struct queue *queue, struct str destination, struct instant deadline);

/*
 * The same in the place of a delivery that is out and about to end: the destination's limits count the one instead of the other from
 * here on.  With only_if_full NULL too where they leave room for both: then others may have it.  Suspends only to read.
 */
struct delivery	*queue_take_next(struct queue *queue, struct delivery *before, bool only_if_full, struct instant deadline);

enum {
	QUEUE_NO_LIMIT = INT_MAX,
	/* A mail of this size or more is large: it occupies its connection so long that it may be limited apart. */
	QUEUE_LARGE_BYTES = 1024 * 1024,
};

/*
 * At most so many deliveries of the destination are out at once, and so many of large mails among them; the two kinds
 * take turns.  0: none is given out now.  (Default: no limit.)  True if there is one to be given out now.
 */
bool		 queue_limit(struct queue *queue, struct str destination, int n_at_once, int n_large_at_once);

/*
 * Its deliveries are given out before those of others, as long as the destination has a limit: that is what leaves room
 * for the others.
 */
void		 queue_prefer(struct queue *queue, struct str destination);

/* True if the queue has mail for the destination, due or not. */
bool		 queue_has_mail(const struct queue *queue, struct str destination);

/*
 * A destination that fails is probed, not hammered: nothing of it is given out before `until`, then one delivery.
 * why (a printable line) is told of mail that was never tried itself.
 * queue_release_destination ends that, and its waiting mail (whatever its own retry time) is due at once.
 */
void		 queue_hold_back(struct queue *queue, struct str destination, struct instant until, const char *why);
void		 queue_release_destination(struct queue *queue, struct str destination);
bool		 queue_is_held_back(const struct queue *queue, struct str destination);

/* Reads content (prefix first) at an offset into room: bytes read, 0 at the end, -1 with a fault.  Suspends. */
ssize_t		 queue_read(struct queue *queue, const struct delivery *delivery, int64_t offset, void *room,
		    size_t n_bytes, struct instant deadline, struct fault *fault_out);

enum outcome_kind {
	OUTCOME_DELIVERED,		/* the next hop took it */
	OUTCOME_RELAYED,		/* the same, and the next hop does not do DSN (RFC 3461 5.2.2) */
	OUTCOME_DEFERRED,		/* try again */
	OUTCOME_FAILED,			/* for good: a report is owed if the sender wants one */
};

struct outcome {			/* what happened to one recipient; texts are copied by queue_settle */
	enum outcome_kind	 kind;
	struct reply		 reply;		/* the remote MTA's answer, or code 0 */
	struct status		 status;	/* RFC 3463, ours if the peer gave none */
	struct str		 remote_mta;	/* host name or address asked, "" if none was reached */
	struct str		 text;		/* for people, when there is no reply: why */
};

/*
 * Ends a delivery: outcomes[i] is of recipients[i].  One record; returns at once (it is written behind), and the
 * delivery is freed.  Deferred recipients get their next try by the retry settings (or fail by expiry); with
 * is_destination_down their wait does not count as a try of theirs.
 */
void		 queue_settle(struct queue *queue, struct delivery *delivery, const struct outcome *outcomes,
		    bool is_destination_down);

/*
 * Ends a part of a delivery before the taker goes on with the rest, so that a crash then repeats nothing of what is done:
 * outcomes[i], delivered or failed, is of recipients[i] where is_over[i].  The delivery's recipients are the others then, in
 * their order; there is one at least.  One record, as by queue_settle.
 */
void		 queue_settle_part(struct queue *queue, struct delivery *delivery, const struct outcome *outcomes,
		    const bool *is_over);

/* Undoes a take: due again at `at`. */
void		 queue_give_back(struct queue *queue, struct delivery *delivery, struct instant at);

/* The same; due now, and the first one of its destination: nothing was done for it. */
void		 queue_give_back_first(struct queue *queue, struct delivery *delivery);

/* The same of one that has the place of another (queue_take_next), which is not about to end after all, and counts again. */
void		 queue_give_back_next(struct queue *queue, struct delivery *next, struct delivery *before);

/* --- reports --- */

enum report_kind { REPORT_FAILED, REPORT_DELAYED, REPORT_RELAYED };

struct owed_recipient {
	struct recipient	 recipient;
	int			 index;
	struct outcome		 outcome;	/* the last */
	struct timestamp	 last_try;	/* 0: it was never tried itself */
};

struct owed {				/* a report that we owe the sender of a mail */
	struct mail_id			 mail;
	enum report_kind		 kind;
	const struct envelope		*envelope;
	const struct mail_facts		*facts;
	struct owed_recipient		*recipients;
	int				 n_recipients;
	struct timestamp		 expires;	/* of the mail: when we give up */
	int64_t				 content_bytes;
	struct arena			*arena;
};

/* The next report owed, of a mail none of whose reports is out, or NULL on timeout or cancel.  Suspends. */
struct owed	*queue_take_owed(struct queue *queue, struct instant deadline);
ssize_t		 queue_read_owed(struct queue *queue, const struct owed *owed, int64_t offset, void *room,
		    size_t n_bytes, struct instant deadline, struct fault *fault_out);

/*
 * Pays: the report (its draft and envelope, as queue_put) and the debt's end are one record.  draft NULL: no
 * report is to be sent (null reverse-path, NOTIFY), only the debt ends.  Frees owed.  0, or -1: nothing happened,
 * the debt stays and comes again later; the draft is to be discarded.  Who lowered owed->n_recipients pays for the
 * first ones only, and the others come as a debt of their own.  Suspends.
 */
int		 queue_pay(struct queue *queue, struct owed *owed, struct draft *draft, const struct envelope *envelope,
		    const struct mail_facts *facts, struct str prefix, struct instant deadline, struct fault *fault_out);

/* Undoes a take of a report that could not be made: the debt stays and comes again later.  Frees owed. */
void		 queue_give_back_owed(struct queue *queue, struct owed *owed);

/* --- for the operator --- */

struct queue_filter {			/* empty fields match everything */
	struct mail_id	 id;		/* zero: any */
	struct str	 recipient_domain;	/* canonical (mail/domain) if it can be; compared with that form */
	struct str	 destination;	/* and those below it: "X" is "X/Y" too */
	bool		 is_held_only;		/* by the operator, or withheld */
};

struct queue_recipient_view {
	struct str	 address, destination, last_text;	/* last outcome in words, "" if none */
	enum { QUEUE_WAITING, QUEUE_IN_DELIVERY, QUEUE_DONE, QUEUE_FAILED, QUEUE_HELD,
		QUEUE_WITHHELD /* failed, and its report is withheld */ } state;
	int		 n_tries;
	struct timestamp next_try;
};

struct queue_mail_view {
	struct mail_id			 id;
	const struct envelope		*envelope;
	const struct mail_facts		*facts;
	int64_t				 content_bytes;
	bool				 is_held;	/* by the operator */
	bool				 is_withheld;	/* something failed, and the unverified sender is not told */
	struct timestamp		 expires;
	const struct queue_recipient_view *recipients;
	int				 n_recipients;
	struct listed			*listed;	/* the queue's, for queue_read_listed */
};

/*
 * Visits mails, oldest first, until visit returns false.  visit may suspend; the queue may
 * change meanwhile.  Suspends (reads records).  Returns how many mails could not be read, and were passed over; -1 at the
 * deadline or a cancel: there are more. */
int64_t	 queue_list(struct queue *queue, const struct queue_filter *filter,
	    bool (*visit)(void *context, const struct queue_mail_view *mail), void *context, struct instant deadline);

/*
 * Reads content as queue_read does, of the mail that a visit is given, while it runs: it stays readable, also when it is
 * settled meanwhile (but for large content that was not read from before; that is a fault).  Suspends.
 */
ssize_t	 queue_read_listed(struct queue *queue, const struct queue_mail_view *mail, int64_t offset, void *room,
	    size_t n_bytes, struct instant deadline, struct fault *fault_out);

/*
 * A release ends a hold, and what failed and is withheld is tried again.
 * Each returns how many mails it touched; durable when it returns.  Suspends.  -1: fault; those that could be read in time
 * are touched all the same.
 */
int64_t	 queue_hold(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out);
int64_t	 queue_release(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out);
/* What is withheld goes to its sender after all, as a report that is owed. */
int64_t	 queue_bounce(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out);
int64_t	 queue_retry_now(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out);
int64_t	 queue_remove(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out);	/* no report */

struct queue_counts {
	int64_t	 n_mails, n_held, n_in_delivery, n_owed;
	int64_t	 n_withheld, withheld_bytes;	/* of the held: because an unverified sender is not told, and not by the operator */
	int64_t	 n_came_held, came_held_bytes;	/* of the held: as they came in */
	int64_t	 content_bytes;
	int64_t	 n_segments, disk_bytes;
	int64_t	 free_bytes;		/* of the disk, as looked at lately */
	int64_t	 n_put, n_delivered, n_deferred, n_failed, n_commits;	/* since start */
	int64_t	 n_let_go;		/* since start: withheld, and removed by hold_max_... */
	struct timestamp oldest;	/* 0: none */
	bool	 is_full;
	int64_t	 n_set_aside;		/* damaged records found */
	int64_t	 damaged_bytes;		/* kept for people in spool/damaged: nobody else removes them */
};
void	 queue_count(const struct queue *queue, struct queue_counts *counts_out);

struct destination_counts { struct str name; int64_t n_waiting, n_out; bool is_held_back; };
void	 queue_each_destination(const struct queue *queue, void (*visit)(void *context, const struct destination_counts *d), void *context);

#endif
