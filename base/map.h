/*
 * map.h - from a key of bytes to a pointer; hashed with SipHash and a random seed
 *
 * Keys are copied.  The order of map_each is that of no one's choosing.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_entry;

struct map {
	struct map_entry	**slots;	/* owned */
	size_t			  n_slots;	/* a power of two, or 0 */
	size_t			  n;
	uint64_t		  seed[2];
};

/* The seed keeps strangers from choosing colliding keys; random, 16 bytes. */
void	 map_init(struct map *m, const uint64_t seed[2]);
void	 map_fini(struct map *m);		/* does not free what values point to */

void	*map_get(const struct map *m, struct str key);			/* NULL: not there */
void	 map_set(struct map *m, struct str key, void *value);		/* value not NULL */
void	*map_remove(struct map *m, struct str key);			/* what was there, or NULL */

/* Calls visit for each entry until it returns false.  visit must not change the map. */
void	 map_each(const struct map *m, bool (*visit)(void *context, struct str key, void *value),
	    void *context);

uint64_t	siphash(const uint64_t seed[2], struct str bytes);

#endif
