/*
 * recover.h - what the two halves of recovery know of each other: the files, and what stands in them
 */
#ifndef QUEUE_RECOVER_H
#define QUEUE_RECOVER_H

#include "smtpfwd/queue/scan.h"
#include "smtpfwd/queue/store.h"

struct recovering_recipient {
	struct destination *destination;
	struct timestamp next_try;
	uint32_t	 n_tries;
	uint8_t		 step, owed, paid;
};

struct recovering {			/* of one mail; in the recovery's arena */
	uint32_t	 version;
	int		 n;
	bool		 is_held, is_warned, is_removed, is_bounced, has_file;
	struct timestamp arrived, lives_until;
	struct recovering_recipient recipients[];
};

struct recovered_payment {
	struct recovered_payment *next;
	struct payment	 pays;
};

struct recovery {
	struct queue	*queue;
	struct arena	 arena;
	struct skip	*skips;
	uint32_t	 n_skips;
	struct recovered_payment *payments;
	uint64_t	 batch_max;
	bool		 was_closed;		/* the newest segment ends with END */
	bool		 has_damage;		/* then nothing is removed only because nobody refers to it */
	struct instant	 now;
	struct timestamp wall_now;
};

/* recover_files.c: the segments that are there, into the log and the spares. 0, or -1 with a fault. */
int	recover_segments(struct recovery *r, struct fault *fault_out);
/* What later generations say of earlier ones: before those are read. */
void	recover_starts(struct recovery *r);
/* Large files without a mail go, mails without their file are set aside. */
int	recover_large(struct recovery *r, struct fault *fault_out);

/* recover.c */
void	recover_set_aside(struct recovery *r, struct segment *segment, int64_t from, int64_t to, const char *why);
void	recover_forget(struct queue *queue, struct entry *entry);

#endif
