/*
 * heap.h - the least of many: a binary heap of items that know their place
 *
 * The key is a 64-bit number (an instant, say).  Equal keys come in any order.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_item {
	int64_t	 key;
	size_t	 place;			/* 1 + index in the heap; 0: in none */
};

struct heap {
	struct heap_item	**items;	/* owned array, items are not */
	size_t			  n, cap;
};

#define HEAP_ITEM(item, type, member) \
	((type *)(void *)((char *)(item) - offsetof(type, member)))

void			 heap_init(struct heap *h);
void			 heap_fini(struct heap *h);
void			 heap_add(struct heap *h, struct heap_item *item, int64_t key);
void			 heap_remove(struct heap *h, struct heap_item *item);
void			 heap_move(struct heap *h, struct heap_item *item, int64_t key);
struct heap_item	*heap_least(const struct heap *h);	/* NULL when empty */

static inline bool
heap_has(const struct heap_item *item)
{
	return item->place != 0;
}

#endif
