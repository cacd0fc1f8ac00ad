/*
 * arena.h - memory that dies together, with a limit
 *
 * What describes a mail is in the mail's arena; what describes a session, in the
 * session's.  A request beyond the limit gives NULL: strangers choose sizes.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
	struct arena_block	*blocks;	/* newest first */
	size_t			 used_bytes;	/* all blocks, for the limit */
	size_t			 max_bytes;
};

void	 arena_init(struct arena *a, size_t max_bytes);
void	 arena_fini(struct arena *a);		/* frees all; a is as after arena_init */

/* Zeroed, aligned for any type.  NULL when the limit would be passed. */
void	*arena_alloc(struct arena *a, size_t n_bytes);
void	*arena_array(struct arena *a, size_t n, size_t item_bytes);

/* A copy with a NUL behind its end, which the length does not count.  False at the limit. */
bool	 arena_copy(struct arena *a, struct str s, struct str *copy_out);
bool	 arena_printf(struct arena *a, struct str *text_out, const char *format, ...)
	    __attribute__((format(printf, 3, 4)));

#endif
