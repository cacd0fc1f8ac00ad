/*
 * known_table.c - chains behind a table that doubles
 */
#include <stddef.h>

#include "base/insist.h"
#include "base/map.h"
#include "base/mem.h"
#include "smtpfwd/recipients/known_table.h"

enum { FIRST_SLOTS = 256 };

struct known_record
known_entry_record(const struct known_entry *entry)
{
	return (struct known_record){ .known = (enum known)entry->known, .told = entry->told,
	    .relay = known_relay_name(entry->relay), .address = str_n(entry->key, entry->key_len) };
}

static int64_t
record_bytes(const struct known_entry *entry)
{
	struct known_record record = known_entry_record(entry);

	return (int64_t)known_record_bytes(&record);
}

void
known_table_fini(struct known_table *table)
{
	insist(table->n == 0);
	mem_free(table->slots);
	table->slots = NULL;
	table->n_slots = 0;
}

static void
grow(struct known_table *table)
{
	size_t n_slots = table->n_slots != 0 ? table->n_slots * 2 : FIRST_SLOTS;
	struct known_entry **slots = mem_new_array(n_slots, sizeof(struct known_entry *));

	for (size_t i = 0; i < table->n_slots; i++) {
		struct known_entry *entry = table->slots[i];

		while (entry != NULL) {
			struct known_entry *next = entry->next;

			entry->next = slots[entry->hash & (n_slots - 1)];
			slots[entry->hash & (n_slots - 1)] = entry;
			entry = next;
		}
	}
	mem_free(table->slots);
	table->slots = slots;
	table->n_slots = n_slots;
}

static uint32_t
hash_of(const struct known_table *table, struct str key)
{
	return (uint32_t)siphash(table->seed, key);
}

struct known_entry *
known_table_find(const struct known_table *table, const struct known_relay *relay, struct str key)
{
	uint32_t hash = hash_of(table, key);
	struct known_entry *entry = table->n_slots != 0 ? table->slots[hash & (table->n_slots - 1)] : NULL;

	while (entry != NULL && (entry->hash != hash || entry->relay != relay || !str_eq(str_n(entry->key, entry->key_len), key)))
		entry = entry->next;
	return entry;
}

struct known_entry *
known_table_add(struct known_table *table, struct known_relay *relay, struct str key)
{
	struct known_entry *entry = mem_new(offsetof(struct known_entry, key) + key.len), **slot;

	insist(key.len <= ADDRESS_MAX_BYTES);
	if (table->n == table->n_slots)
		grow(table);
	*entry = (struct known_entry){ .relay = relay, .hash = hash_of(table, key), .key_len = (uint16_t)key.len };
	memcpy(entry->key, key.at, key.len);
	slot = &table->slots[entry->hash & (table->n_slots - 1)];
	entry->next = *slot;
	*slot = entry;
	table->n++;
	table->record_bytes += record_bytes(entry);
	return entry;
}

void
known_table_remove(struct known_table *table, struct known_entry *entry)
{
	struct known_entry **place = &table->slots[entry->hash & (table->n_slots - 1)];

	while (*place != entry)
		place = &(*place)->next;
	*place = entry->next;
	list_remove(&entry->relay->lists[entry->known - KNOWN_GOOD], &entry->link);
	table->n--;
	table->record_bytes -= record_bytes(entry);
	mem_free(entry);
}
