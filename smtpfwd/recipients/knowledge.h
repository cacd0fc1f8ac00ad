/*
 * knowledge.h - which mailboxes next hops are known to have, and not to have: a bounded table, relay by relay
 *
 * For an outage: then nobody can be asked.  Pure: no file, no clock.  A key is the relay, the local part exactly as it
 * came, and the domain in its canonical form.  The case of a local part is the next hop's affair (RFC 5321 2.4): one that
 * tells "Bob" from "bob" must not be guessed at, and where both are one mailbox the worst is that nothing is known of one
 * spelling.  Bare <Postmaster> and address literals are never known.
 *
 * Good and bad entries of a relay have bounds of their own, and in each the one that was told longest ago goes first:
 * whoever tries out a million names fills the bad ones, and no good one goes for it.  A next hop that takes every name
 * has only good ones; made-up names then push out each other and mailboxes that got no mail for long.  It shows in the
 * counts: no bad ones, and good ones that had to go.
 *
 * Clocks: what was told by a clock that was ahead counts as told now, once a step back of more than a minute is seen.
 */
#ifndef RECIPIENTS_KNOWLEDGE_H
#define RECIPIENTS_KNOWLEDGE_H

#include "smtpfwd/recipients/known_record.h"

struct knowledge;

struct knowledge_bounds {
	int64_t		 good_max, bad_max;	/* entries of one relay; > 0 */
	struct span	 good_keep, bad_keep;	/* since it was told last, give or take a sixteenth; > 0 */
};

enum {
	KNOWLEDGE_GOOD_MAX = 200000,	/* defaults: a large site's mailboxes, in some 20 MB */
	KNOWLEDGE_BAD_MAX = 50000,
	KNOWLEDGE_GOOD_KEEP_S = 7 * 86400,
	KNOWLEDGE_BAD_KEEP_S = 2 * 3600,
};

/* The seed is random, 16 bytes. */
struct knowledge *knowledge_new(const struct knowledge_bounds *bounds, const uint64_t seed[2]);
void		 knowledge_free(struct knowledge *knowledge);	/* NULL is nothing */

/* At the start and at reload.  What is too much by new bounds goes; of other relays nothing is known, and is forgotten. */
void		 knowledge_set_bounds(struct knowledge *knowledge, const struct knowledge_bounds *bounds);
void		 knowledge_set_relays(struct knowledge *knowledge, const char *const *names, int n_names);

/* Of a relay that there is not: KNOWN_NOT.  Pure. */
enum known	 knowledge_ask(const struct knowledge *knowledge, struct str relay, const struct address *address,
		    struct timestamp now);

/* The same with when it was told.  False: it is not known.  The strs are the table's, until it changes. */
bool		 knowledge_look_up(const struct knowledge *knowledge, struct str relay, const struct address *address,
		    struct timestamp now, struct known_record *record_out);

/*
 * It is good, and told so lately that nobody need be asked: an eighth of the time that it is kept, so that a mailbox which
 * gets mail now and then costs no question.
 */
bool		 knowledge_is_fresh(const struct knowledge *knowledge, struct str relay, const struct address *address,
		    struct timestamp now);

/*
 * A next hop has answered.  2xx makes good, what says that there is no such mailbox makes bad, whichever it was before
 * (meaning.h).  A bare 550 to our own question only makes bad what is not known good, and only if the relay has
 * accepted a question of our own within the last minute: else it may well be our address that it does not like
 * (to be found out by the one of knowledge_own_accepted).
 * What the answer is believed to say; KNOWN_NOT: nothing.
 */
enum known	 knowledge_tell(struct knowledge *knowledge, struct str relay, const struct address *address,
		    const struct recipient_answer *answer, struct timestamp now);

/*
 * Whom the last question of our own was accepted for, if it is known good: asked again, it shows whether it is us that the next
 * hop refuses.  False: there is none.  The strs are the table's, until it changes.
 */
bool		 knowledge_own_accepted(const struct knowledge *knowledge, struct str relay, struct timestamp now,
		    struct address *address_out);

/* By an operator or from a file.  KNOWN_NOT forgets.  False: no such relay, an address that is never known, or one too old. */
bool		 knowledge_set(struct knowledge *knowledge, struct str relay, const struct address *address, enum known known,
		    struct timestamp told, struct timestamp now);
/* All of a relay (an empty name: of all relays); how many there were. */
int64_t		 knowledge_forget_all(struct knowledge *knowledge, struct str relay);

/* Drops some of what is too old; to be called every few seconds. */
void		 knowledge_expire(struct knowledge *knowledge, struct timestamp now);

struct knowledge_counts {
	int64_t	 n_good, n_bad;
	int64_t	 n_good_gone, n_bad_gone;	/* before their time, for want of room, since the start */
};
bool		 knowledge_count(const struct knowledge *knowledge, struct str relay, struct knowledge_counts *counts_out);
void		 knowledge_each_relay(const struct knowledge *knowledge,
		    void (*visit)(void *context, struct str relay, const struct knowledge_counts *counts), void *context);
struct timestamp knowledge_until(const struct knowledge *knowledge, enum known known, struct timestamp told);

/*
 * Visits entries in no order; *place begins at 0.  Some at a time, so that others can run in between: false when all were
 * visited.  What stays meanwhile is visited at least once.  visit must change nothing; the strs are the table's.
 */
bool		 knowledge_each(const struct knowledge *knowledge, size_t *place,
		    void (*visit)(void *context, const struct known_record *entry), void *context);

/* --- for the file --- */

enum { KNOWLEDGE_CHANGES_MAX_BYTES = 4 * 1024 * 1024 };	/* some 60,000: more in a few seconds and the file is written anew */

int64_t		 knowledge_live_bytes(const struct knowledge *knowledge);	/* of all entries, as records */
/*
 * Gives the records of what changed since the last time, into an empty buffer.  False: they were too many, or all of a
 * relay was forgotten, so that only a file written anew can tell.
 */
bool		 knowledge_take_changes(struct knowledge *knowledge, struct buf *records);

/* While a file is read: as knowledge_set, and not a change.  At the end knowledge_loaded puts entries in the order of time. */
void		 knowledge_load(struct knowledge *knowledge, const struct known_record *record, struct timestamp now);
void		 knowledge_loaded(struct knowledge *knowledge);

#endif
