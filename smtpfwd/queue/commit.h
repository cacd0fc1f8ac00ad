/*
 * commit.h - group commit: one batch is written and synced by a thread while the next collects
 *
 * Nothing is durable before its done() is called.  A record that must be written comes again
 * after a failed batch, in a new segment; one that may fail is told so, and its bytes are passed
 * over by recovery, even if they reached the disk.
 */
#ifndef QUEUE_COMMIT_H
#define QUEUE_COMMIT_H

#include "smtpfwd/queue/pieces.h"
#include "smtpfwd/queue/segment.h"
#include "smtpfwd/runtime/sync.h"

struct queue;

enum {
	BATCH_MAX_BYTES = 4 * 1024 * 1024,	/* of records; one larger record goes alone */
	BATCH_MAX_RECORDS = 16000,		/* tombstones are small: a slow disk takes many at once */
	START_SHARE = 16,			/* START may take a 16th of its segment */
	/* More waits than this: new mail waits before it is encoded, and no delivery is given out. */
	COMMIT_BACKLOG_MAX_BYTES = 32 * 1024 * 1024,
	COMMIT_BACKLOG_MAX_RECORDS = 3 * BATCH_MAX_RECORDS,
};

struct item {				/* a record on its way; owned by its maker, lent until done() */
	struct list_link link;
	struct buf	 bytes;		/* one encoded record, or its start; freed by the maker, as is ... */
	struct pieces	 rest;		/* what stands behind it: long content need not be moved */
	bool		 must_be_written;
	bool		 is_new_mail;	/* may not take the reserve */
	bool		 is_copy;	/* of compaction: nor half of the last segment there is */
	bool		 is_refused;	/* did not read back: a bug of ours kept off the disk */
	int64_t		 offset;	/* where it was written */
	/* On the committer's fiber.  place NULL: failed, with why.  Must not suspend. */
	void	       (*done)(struct item *item, const struct place *place, const struct fault *why);
};

struct commit {
	struct queue	*queue;
	struct os_crew	*crew;		/* of one thread */
	struct list	 pending;	/* struct item */
	int64_t		 pending_bytes;
	bool		 is_writing;
	struct segment	*current;	/* NULL: the next batch starts a new one */
	uint64_t	 next_generation, next_batch;
	struct skip	*skips;		/* to be told by the next segment's START */
	uint32_t	 n_skips;
	int		 n_failures;	/* of batches in a row */
	struct instant	 retry_at;	/* nothing is written before, after a failure */
	struct signal_list work;	/* for the committer */
	struct signal_list room;	/* for those who wait for the backlog to shrink, or for all to be durable */
};

void	commit_init(struct commit *commit, struct queue *queue, struct os_crew *crew);
void	commit_fini(struct commit *commit);		/* nothing is pending */
void	commit_run(void *queue);			/* the committer's fiber */
void	commit_add(struct commit *commit, struct item *item);
int64_t	item_bytes(const struct item *item);		/* what it takes on the disk */
bool	commit_is_behind(const struct commit *commit);
bool	commit_must_write(const struct commit *commit);	/* the first that waits must be written */
void	commit_skip(struct commit *commit, uint64_t generation, int64_t from, int64_t to);

/* The longest record that surely fits a fresh segment. */
int64_t	commit_record_max_bytes(int64_t segment_bytes);

/* Blocks, with nothing pending: the END record, so that the next start knows that all is there. */
int	commit_end(struct commit *commit);

#endif
