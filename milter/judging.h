/*
 * judging.h - one of Postfix's mails, judged and sealed by policy/ as the relay does it, between its envelope and what is changed of it
 *
 *	judging_new		MAIL: who sends it; a limit may put it off at once
 *	judging_recipient	each RCPT that was accepted
 *	judging_field		each field of the header
 *	judging_header		the header is whole: class, loops; SPF and DKIM's keys are asked for, and nobody waits
 *	judging_body		each piece behind it
 *	judging_end		the checks' end, what is done; signs
 *	judging_removals, judging_insertions	what is changed
 *
 * For one thread at a time.  judging_body and judging_end block for the DNS, as long as verify's timeout and no longer.  Knows the
 * milter protocol's data, and not its library.  What did not fit is remembered: the verdict is ACTION_DEFER then, and judging_has_failed.
 */
#ifndef MILTER_JUDGING_H
#define MILTER_JUDGING_H

#include "milter/client.h"
#include "milter/errand.h"
#include "milter/fields.h"
#include "milter/limits.h"
#include "milter/rules.h"
#include "policy/verdict.h"

struct judging_world {			/* for all mails; outlives them */
	struct rules_place	*rules;
	struct errands		*errands;
	struct resolver		*resolver;	/* of the errands */
	struct elsewhere	*elsewhere;	/* where they do what takes long; NULL: the loop's thread does it */
	struct locked_rates	*rates;		/* NULL: limits of rate are not kept here */
	atomic_size_t		 memory_bytes;	/* of all mails now */
};

struct judging;

struct judging_start {
	struct macros	 macros;
	struct str	 helo;
	struct str	 path;			/* as in MAIL, with its brackets */
	bool		 is_smtputf8;		/* MAIL said so */
	uint64_t	 size_bytes;		/* MAIL said so; 0: it did not */
};

/* By today's rules, which it keeps.  Never NULL. */
struct judging	*judging_new(struct judging_world *world, const struct judging_start *start);
void		 judging_free(struct judging *judging);		/* at any time, does not block; NULL is nothing */

/* Behind judging_new: a limit of rate of its class is in the way already, whatever it turns out to be.  The verdict's texts are the judging's. */
bool		 judging_is_put_off(const struct judging *judging, struct verdict *verdict_out);

void		 judging_recipient(struct judging *judging, struct str path, struct str transport);	/* transport: {rcpt_mailer}, or "" */
void		 judging_field(struct judging *judging, struct str name, struct str value);
void		 judging_header(struct judging *judging);
bool		 judging_wants_body(struct judging *judging);	/* blocks as judging_body */
void		 judging_body(struct judging *judging, struct str piece);

/* From outside of it: the mail cannot be judged, for this reason, a constant word.  Before judging_end. */
void		 judging_fail(struct judging *judging, const char *reason);

/* The verdict's text is constant or the judging's. */
void		 judging_end(struct judging *judging, struct verdict *verdict_out);

/* Behind judging_end: the verdict is no judgement of the mail but trouble of ours. */
bool		 judging_has_failed(const struct judging *judging);
bool		 judging_is_accepted_on_failure(const struct judging *judging);	/* on-failure, where it is known what of it is forged */

/*
 * Behind judging_end, for a mail that goes on; NULL: there is no room.  Of a mail that could not be judged what is known to be forged still goes,
 * and nothing comes.
 */
const struct field_removal	*judging_removals(struct judging *judging, int *n_out);
const struct field_insertion	*judging_insertions(struct judging *judging, int *n_out);

/* The reverse-path that it is to have from now on, in brackets, the judging's; "": as it is.  False: there is no room. */
bool		 judging_reverse_path(struct judging *judging, struct str *path_out);

/* Appends words for a log line: what was found, done and signed, and the class; less of a mail that did not come so far. */
void		 judging_words(const struct judging *judging, struct buf *out);
const struct peer	*judging_peer(const struct judging *judging);
const struct envelope	*judging_envelope(const struct judging *judging);

#endif
