/*
 * scan.h - reads a segment from front to end: records, and holes between them
 *
 * What a hole means is for recover.c to say.  Blocks.
 */
#ifndef QUEUE_SCAN_H
#define QUEUE_SCAN_H

#include "smtpfwd/queue/segment.h"

struct scan {
	struct segment	*segment;
	struct skip	*skips;		/* owned: those of this generation that have an end */
	uint32_t	 n_skips;
	int64_t		 end;		/* of what is to be read: the generation's end if it is known */
	bool		 is_end_known;
	int64_t		 offset;	/* where the next record is looked for */
	char		*room;
	size_t		 room_bytes;
	int64_t		 room_from;
	size_t		 n_room;
	int		 error;		/* -errno of a read that failed */
};

enum scan_found {
	SCAN_RECORD,			/* header and meta are whole; content is not looked at */
	SCAN_HOLE,			/* bytes that are no record, with one behind them or at the known end */
	SCAN_TAIL,			/* the rest, to an end that nobody told */
	SCAN_END,
};

struct scan_piece {
	int64_t		 from, to;
	const char	*record;	/* valid until the next call */
	struct record_header header;
};

/* skips are of any generation. */
void		scan_init(struct scan *scan, struct segment *segment, const struct skip *skips, uint32_t n_skips);
void		scan_fini(struct scan *scan);
enum scan_found	scan_next(struct scan *scan, struct scan_piece *piece_out);

#endif
