/*
 * mem.h - memory, or the end: what is asked for here is bounded by the caller
 *
 * A process that cannot get a few bounded kilobytes aborts; the queue is built
 * to survive that at any line.  Whatever a stranger can make large goes through
 * buf.h or arena.h, which have limits and say no.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Zeroed memory; never NULL. */
void	*mem_new(size_t n_bytes) __attribute__((malloc, returns_nonnull));
void	*mem_new_array(size_t n, size_t item_bytes) __attribute__((malloc, returns_nonnull));

/* As realloc, for n items; the new part is not zeroed; never NULL for n > 0. */
void	*mem_resize_array(void *old, size_t n, size_t item_bytes);

void	 mem_free(void *memory);

#endif
