/*
 * map.c - from a key of bytes to a pointer: chains behind a table that doubles
 */
#include "base/insist.h"
#include "base/map.h"
#include "base/mem.h"

enum { MAP_FIRST_SLOTS = 16 };		/* a power of two */

struct map_entry {
	struct map_entry	*next;		/* of the same slot */
	uint64_t		 hash;
	void			*value;
	size_t			 key_len;
	char			 key[];
};

void
map_init(struct map *m, const uint64_t seed[2])
{
	*m = (struct map){ .seed = { seed[0], seed[1] } };
}

void
map_fini(struct map *m)
{
	for (size_t i = 0; i < m->n_slots; i++) {
		struct map_entry *entry = m->slots[i];

		while (entry != NULL) {
			struct map_entry *next = entry->next;

			mem_free(entry);
			entry = next;
		}
	}
	mem_free(m->slots);
	*m = (struct map){ .seed = { m->seed[0], m->seed[1] } };
}

/* The place of the pointer to the key's entry, or where it would be; needs slots. */
static struct map_entry **
place_of(const struct map *m, struct str key, uint64_t hash)
{
	struct map_entry **place = &m->slots[hash & (m->n_slots - 1)];

	while (*place != NULL) {
		if ((*place)->hash == hash && str_eq(str_n((*place)->key, (*place)->key_len), key))
			break;
		place = &(*place)->next;
	}
	return place;
}

static void
grow(struct map *m)
{
	size_t n_slots = m->n_slots != 0 ? m->n_slots * 2 : MAP_FIRST_SLOTS;
	struct map_entry **slots = mem_new_array(n_slots, sizeof(slots[0]));

	for (size_t i = 0; i < m->n_slots; i++) {
		struct map_entry *entry = m->slots[i];

		while (entry != NULL) {
			struct map_entry *next = entry->next;

			entry->next = slots[entry->hash & (n_slots - 1)];
			slots[entry->hash & (n_slots - 1)] = entry;
			entry = next;
		}
	}
	mem_free(m->slots);
	m->slots = slots;
	m->n_slots = n_slots;
}

void *
map_get(const struct map *m, struct str key)
{
	struct map_entry *entry;

	if (m->n == 0)
		return NULL;
	entry = *place_of(m, key, siphash(m->seed, key));
	return entry != NULL ? entry->value : NULL;
}

void
map_set(struct map *m, struct str key, void *value)
{
	uint64_t hash = siphash(m->seed, key);
	struct map_entry **place, *entry;

	insist(value != NULL);
	if (m->n == m->n_slots)
		grow(m);
	place = place_of(m, key, hash);
	if (*place != NULL) {
		(*place)->value = value;
		return;
	}
	entry = mem_new(sizeof(*entry) + key.len);
	entry->hash = hash;
	entry->value = value;
	entry->key_len = key.len;
	if (key.len != 0)
		memcpy(entry->key, key.at, key.len);
	*place = entry;
	m->n++;
}

void *
map_remove(struct map *m, struct str key)
{
	struct map_entry **place, *entry;
	void *value;

	if (m->n == 0)
		return NULL;
	place = place_of(m, key, siphash(m->seed, key));
	entry = *place;
	if (entry == NULL)
		return NULL;
	value = entry->value;
	*place = entry->next;
	mem_free(entry);
	m->n--;
	return value;
}

void
map_each(const struct map *m, bool (*visit)(void *context, struct str key, void *value), void *context)
{
	for (size_t i = 0; i < m->n_slots; i++) {
		for (const struct map_entry *entry = m->slots[i]; entry != NULL; entry = entry->next) {
			if (!visit(context, str_n(entry->key, entry->key_len), entry->value))
				return;
		}
	}
}
