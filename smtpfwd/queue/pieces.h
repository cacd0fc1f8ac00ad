/*
 * pieces.h - bytes that grow without being moved: content on its way to the disk
 */
#ifndef QUEUE_PIECES_H
#define QUEUE_PIECES_H

#include <sys/uio.h>

#include "base/str.h"

struct pieces {				/* zero is empty */
	struct iovec	*at;		/* what is in each; all but the last that is used are full */
	size_t		*caps;
	int		 n, n_room;	/* pieces; room for so many in the arrays */
	int		 n_used;
	size_t		 len;		/* bytes, in all */
	size_t		 cap;		/* of memory: never more than twice len and a piece */
};

void		 pieces_fini(struct pieces *p);
void		 pieces_append(struct pieces *p, struct str bytes);
/* What there is, from an offset on, up to the end of a piece; "" at the end. */
struct str	 pieces_from(const struct pieces *p, size_t offset);
/* Empty; the memory is kept. */
void		 pieces_clear(struct pieces *p);

#endif
