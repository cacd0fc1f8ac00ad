/*
 * list.h - doubly linked list whose links stand inside the items
 *
 * An item's link is zeroed when it is in no list, so an item can be asked.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_link {
	struct list_link	*prev, *next;
};

struct list {
	struct list_link	 head;		/* of the ring; not an item */
	size_t			 n;
};

#define LIST_ITEM(link, type, member) \
	((type *)(void *)((char *)(link) - offsetof(type, member)))

/* Safe against removal of the item at hand. */
#define LIST_EACH(link, list) \
	for (struct list_link *link = (list)->head.next, *link##_next = link->next; \
	    link != &(list)->head; link = link##_next, link##_next = link->next)

static inline void
list_init(struct list *l)
{
	l->head.prev = l->head.next = &l->head;
	l->n = 0;
}

static inline bool
list_is_empty(const struct list *l)
{
	return l->n == 0;
}

static inline bool
list_has_link(const struct list_link *link)
{
	return link->next != NULL;
}

static inline void
list_insert_after(struct list *l, struct list_link *place, struct list_link *link)
{
	link->prev = place;
	link->next = place->next;
	place->next->prev = link;
	place->next = link;
	l->n++;
}

static inline void
list_append(struct list *l, struct list_link *link)
{
	list_insert_after(l, l->head.prev, link);
}

static inline void
list_prepend(struct list *l, struct list_link *link)
{
	list_insert_after(l, &l->head, link);
}

static inline void
list_remove(struct list *l, struct list_link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->prev = link->next = NULL;
	l->n--;
}

/* The first link, or NULL. */
static inline struct list_link *
list_first(const struct list *l)
{
	return l->n != 0 ? l->head.next : NULL;
}

/* Removes and returns the first link, or NULL. */
static inline struct list_link *
list_take_first(struct list *l)
{
	struct list_link *first = list_first(l);

	if (first != NULL)
		list_remove(l, first);
	return first;
}

#endif
