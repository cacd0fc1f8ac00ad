/*
 * segment.h - the files of the log: fixed size, written once from front to end, then reused
 *
 * A file's number is its name; its generation is new each time it is used, and orders the log.
 * The stamp is the generation's secret: a mail's content cannot know it, so no content can be
 * taken for a record in a search behind damage.  Reading and writing here blocks.
 */
#ifndef QUEUE_SEGMENT_H
#define QUEUE_SEGMENT_H

#include "base/list.h"
#include "smtpfwd/queue/spool.h"
#include "smtpfwd/queue/record.h"

enum {
	SEGMENT_HEADER_BYTES = 4096,	/* a page of its own: no batch rewrites it */
	SEGMENT_DEFAULT_BYTES = 64 * 1024 * 1024,
	SEGMENT_MIN_BYTES = 32 * 1024,	/* for tests; a mail must fit */
};

struct segment {
	struct list_link link;		/* in the log by generation, or among the spares */
	uint32_t	 number;
	int		 fd;
	uint64_t	 generation, stamp;
	int64_t		 bytes;		/* of the file */
	int64_t		 end;		/* what stands before it is durable */
	int64_t		 live_bytes;	/* of records that are still needed */
	int		 n_pins;	/* readers, and records whose next form is not durable yet */
	bool		 is_failed;	/* a write or sync went wrong: never written again, never reused */
};

struct place {				/* of a record; segment NULL: nowhere */
	struct segment	*segment;
	uint32_t	 at;		/* offset in units of RECORD_ALIGN_BYTES */
	uint32_t	 bytes;		/* header and padding too */
};

static inline int64_t
place_offset(const struct place *place)
{
	return (int64_t)place->at * RECORD_ALIGN_BYTES;
}

/* A new file, allocated and durable, marked free.  NULL with a fault: FAULT_FULL for a full disk. */
struct segment	*segment_create(const char *directory, uint32_t number, int64_t bytes, struct fault *fault_out);

/* What is there.  NULL with a fault if it cannot be opened. */
struct segment	*segment_open(const char *directory, uint32_t number, struct fault *fault_out);

enum segment_use { SEGMENT_FREE, SEGMENT_USED, SEGMENT_UNREADABLE };

/* Fills generation and stamp if used.  *error_out: 0, or -errno of a failed read, which says nothing of the header. */
enum segment_use	 segment_read_header(struct segment *segment, int *error_out);

/* Writes the header of a generation, or the mark that it is free (generation 0).  Not synced.  0 or -errno. */
int	segment_write_header(struct segment *segment, uint64_t generation, uint64_t stamp);

void	segment_free(struct segment *segment);		/* closes; the file stays */

#endif
