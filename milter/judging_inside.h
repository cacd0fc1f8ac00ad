/*
 * judging_inside.h - a mail that is judged, for the files of judging only
 */
#ifndef MILTER_JUDGING_INSIDE_H
#define MILTER_JUDGING_INSIDE_H

#include "milter/judging.h"
#include "policy/classify.h"
#include "policy/inspect.h"
#include "policy/seal.h"
#include "policy/stamp.h"
#include "policy/survive.h"

enum {
	JUDGING_ERRANDS = 3,		/* the checks, and what is asked ahead of them */
	JUDGING_CHECKS_BYTES = 64 * 1024,	/* what checks that run are taken for: stacks, answers, keys */
};

struct judging_errand {
	struct errand	 errand;
	struct judging	*judging;
};

struct judging {
	struct judging_world	*world;
	struct rules		*rules;		/* held */
	atomic_int		 n_holders;	/* errands that run are some */
	size_t			 weighed_bytes;	/* in the world's sum */

	struct arena		 arena;
	struct peer		 peer;
	struct envelope		 envelope;
	int			 n_outside;	/* recipients that are not ours */
	struct buf		 header;	/* what section points into */
	int			 n_fields;	/* in it */
	struct header_section	 section, edited;
	struct edits		 edits;
	bool			 has_header;
	size_t			 forged_bytes;	/* kept of it behind a failure */
	struct mail_class	 class;		/* as far as it is known, where limits ask for it; else behind the header */
	struct limits		 limits;
	int64_t			 n_body_bytes;
	struct seal		*seal;
	struct survival		 survival;	/* where Postfix sends it is not known here: none */

	struct judging_errand	 errands[JUDGING_ERRANDS];
	bool			 is_checking;	/* they were started */
	struct inspect_inputs	 inputs;
	struct instant		 deadline;	/* of the checks, but for the last part */
	struct arena		 findings_arena;	/* checking's while it runs */
	struct inspection	*inspection;	/* NULL: not begun, no room, or ended */
	bool			 is_dmarc_in_vain;	/* asked ahead it was not settled */
	const struct findings	*findings;	/* NULL before the end */

	struct verdict		 verdict;	/* other than ACTION_ACCEPT: nothing more is looked at */
	bool			 has_failed;
	bool			 is_forgery_unknown;	/* with that: there was no room even for the fields that must go */
};

static inline bool
judging_goes_on(const struct judging *judging)
{
	return judging->verdict.action == ACTION_ACCEPT;
}

/* --- judging.c --- */

void	judging_weigh(struct judging *judging, size_t n_bytes_more);	/* what strangers can make large; not while the checks run */
void	judging_let_go(struct judging *judging);			/* by one of the holders; the last one's frees it */

/* --- judging_checks.c --- */

void	judging_begin_checks(struct judging *judging);		/* does not block, but where nothing is to be asked */
bool	judging_await_checks(struct judging *judging);		/* blocks; false: the mail does not go on */
void	judging_end_checks(struct judging *judging);		/* behind that, once: the findings, and what follows from them */

/* --- judging_outcome.c --- */

struct stamp_inputs	judging_stamp_inputs(const struct judging *judging);

#endif
