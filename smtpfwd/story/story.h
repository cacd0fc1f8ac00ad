/*
 * story.h - the history lines of mails, kept for a time, so that the story of one can be told
 *
 * A struct log stands before the daemon's own one.  It hands every line on, and copies those of a mail (their first
 * key is id) to a thread that appends them, with the time, to files in spool/trace: text, a line each, so that grep
 * works too.  Lines up to LOG_LEVEL_INFO are kept whatever the level of the log behind.
 *
 * Mail comes first: who logs never waits, memory is bounded, and what cannot be written, or comes faster than it can
 * be, is dropped and counted; a line "gap lines=17" tells of it.  The files are not synced: a power cut may take the
 * last seconds, a kill of the process takes those FLUSH_WITHIN_MS at most.
 */
#ifndef STORY_STORY_H
#define STORY_STORY_H

#include "base/buf.h"
#include "base/fault.h"
#include "base/log.h"
#include "mail/mail_id.h"
#include "smtpfwd/runtime/fiber.h"

struct story;

struct story_settings {
	const char	*directory;	/* made if missing, when its parent is there; copied */
	struct span	 keep;		/* lines are kept at least so long, and an eighth longer at most; > 0 */
	int64_t		 max_bytes;	/* of all files; then the oldest go before their time */
	int64_t		 reserve_bytes;	/* of the disk, not ours to take; with less than twice as much free stories do not grow */
};

/*
 * Lines wait in memory until story_start.  The log behind (next) outlives it.  A thread is started, so not before a
 * fork.  NULL and a fault when there is none to be had.
 */
struct story	*story_new(const struct story_settings *settings, struct log *next, struct fault *fault_out);
struct log	*story_log(struct story *story);	/* to hand around; any thread may write */

/* From now on lines are written, and can be looked up.  Called on the loop's thread.  0 or -1. */
int		 story_start(struct story *story, struct loop *loop, struct fault *fault_out);
/* Before the loop is freed: it is not used any more. */
void		 story_stop(struct story *story);
/* Writes what waits.  Blocks.  NULL is nothing. */
void		 story_free(struct story *story);

/* After the level of the log behind was changed, and for other bounds at reload. */
void		 story_follow_level(struct story *story);
void		 story_set_bounds(struct story *story, struct span keep, int64_t max_bytes, int64_t reserve_bytes);

struct story_counts {
	int64_t		 bytes;		/* of all files */
	int64_t		 n_lines, n_dropped;	/* since start */
	struct timestamp oldest;	/* where the oldest file begins; 0: none */
};
void		 story_count(struct story *story, struct story_counts *counts_out);

/* --- looking up --- */

enum {
	/* Of one story.  A mail to the most recipients with a few tries each is cut. */
	STORY_FOUND_MAX_BYTES = 16 * 1024 * 1024,
	STORY_IDS_MAX = 16,		/* a mail, its reports, what they are reports of */
};

struct story_told {
	struct buf	 lines;		/* "TIME EVENT KEY=VALUE ...\n" each, in the order of time; the caller's to free */
	int64_t		 n_lines;
	bool		 is_cut;	/* there are more lines */
	struct timestamp kept_since;	/* 0: there are no files */
	struct mail_id	 ids[STORY_IDS_MAX];	/* whose lines they are; the first is the one asked for */
	int		 n_ids;
};

/*
 * Every line of a mail, and of the mails that a "reported" line joins it with; gaps too, which may have taken some.
 * Reads in slices on a thread of its own.  -1 and a fault at the deadline, a cancel, or when a file cannot be read.
 * Suspends.
 */
int		 story_look_up(struct story *story, const struct mail_id *id, struct instant deadline,
		    struct story_told *told_out, struct fault *fault_out);

#endif
