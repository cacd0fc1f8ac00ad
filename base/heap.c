/*
 * heap.c - the least of many: a binary heap of items that know their place
 */
#include "base/heap.h"
#include "base/insist.h"
#include "base/mem.h"

enum { HEAP_FIRST_ITEMS = 16 };

void
heap_init(struct heap *h)
{
	*h = (struct heap){ .items = NULL };
}

void
heap_fini(struct heap *h)
{
	for (size_t i = 0; i < h->n; i++)
		h->items[i]->place = 0;
	mem_free(h->items);
	heap_init(h);
}

static void
put(struct heap *h, size_t i, struct heap_item *item)
{
	h->items[i] = item;
	item->place = i + 1;
}

/* Moves the item at i to where its key belongs; the others are in order. */
static void
settle(struct heap *h, size_t i)
{
	struct heap_item *item = h->items[i];
	size_t parent, child;

	while (i != 0) {
		parent = (i - 1) / 2;
		if (h->items[parent]->key <= item->key)
			break;
		put(h, i, h->items[parent]);
		i = parent;
	}
	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && h->items[child + 1]->key < h->items[child]->key)
			child++;
		if (item->key <= h->items[child]->key)
			break;
		put(h, i, h->items[child]);
		i = child;
	}
	put(h, i, item);
}

void
heap_add(struct heap *h, struct heap_item *item, int64_t key)
{
	insist(!heap_has(item));
	if (h->n == h->cap) {
		h->cap = h->cap != 0 ? h->cap * 2 : HEAP_FIRST_ITEMS;
		h->items = mem_resize_array(h->items, h->cap, sizeof(h->items[0]));
	}
	item->key = key;
	put(h, h->n++, item);
	settle(h, h->n - 1);
}

/* The index of an item, which must be in this heap and not in another. */
static size_t
index_of(const struct heap *h, const struct heap_item *item)
{
	insist(heap_has(item));
	insist(item->place <= h->n);
	insist(h->items[item->place - 1] == item);
	return item->place - 1;
}

void
heap_remove(struct heap *h, struct heap_item *item)
{
	size_t i = index_of(h, item);

	item->place = 0;
	h->n--;
	if (i == h->n)
		return;
	put(h, i, h->items[h->n]);
	settle(h, i);
}

void
heap_move(struct heap *h, struct heap_item *item, int64_t key)
{
	size_t i = index_of(h, item);

	item->key = key;
	settle(h, i);
}

struct heap_item *
heap_least(const struct heap *h)
{
	return h->n != 0 ? h->items[0] : NULL;
}
