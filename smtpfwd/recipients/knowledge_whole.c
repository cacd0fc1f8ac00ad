/*
 * knowledge_whole.c - all that is known: forgotten, gone with time, counted, visited, loaded
 */
#include <stdlib.h>

#include "base/mem.h"
#include "smtpfwd/recipients/knowledge_inside.h"

enum {
	EXPIRE_AT_ONCE = 500,		/* of one list; asking looks at the time itself, so there is no hurry */
	SLOTS_AT_ONCE = 2000,		/* visited; some 0.1 ms */
};

/* --- forgotten --- */

struct forgetting {
	struct knowledge	*knowledge;
	int64_t			 n;
};

static bool
forget_relay(void *context, struct str name, void *value)
{
	struct forgetting *forgetting = context;

	(void)name;
	forgetting->n += knowledge_empty_relay(forgetting->knowledge, value);
	return true;
}

int64_t
knowledge_forget_all(struct knowledge *knowledge, struct str relay)
{
	struct forgetting forgetting = { .knowledge = knowledge };
	struct known_relay *of = knowledge_relay(knowledge, relay);

	if (relay.len == 0)
		map_each(&knowledge->relays, forget_relay, &forgetting);
	else if (of != NULL)
		forgetting.n = knowledge_empty_relay(knowledge, of);
	if (forgetting.n > 0) {
		knowledge->is_overrun = true;
		buf_clear(&knowledge->changes);
	}
	return forgetting.n;
}

struct expiry {
	struct knowledge	*knowledge;
	struct timestamp	 now;
};

static bool
expire_relay(void *context, struct str name, void *value)
{
	const struct expiry *expiry = context;
	struct known_relay *relay = value;

	(void)name;
	for (int i = 0; i < KNOWN_KINDS; i++) {
		for (int n = 0; n < EXPIRE_AT_ONCE && !list_is_empty(&relay->lists[i]); n++) {
			struct known_entry *entry = known_entry_of(list_first(&relay->lists[i]));

			if (!knowledge_is_old(expiry->knowledge, (enum known)entry->known, entry->told, expiry->now))
				break;
			known_table_remove(&expiry->knowledge->table, entry);
		}
	}
	return true;
}

void
knowledge_expire(struct knowledge *knowledge, struct timestamp now)
{
	struct expiry expiry = { .knowledge = knowledge, .now = now };

	knowledge_see_time(knowledge, now);
	map_each(&knowledge->relays, expire_relay, &expiry);
}

/* --- looked at --- */

static struct knowledge_counts
counts_of(const struct known_relay *relay)
{
	return (struct knowledge_counts){ .n_good = (int64_t)relay->lists[0].n, .n_bad = (int64_t)relay->lists[1].n,
	    .n_good_gone = relay->n_gone[0], .n_bad_gone = relay->n_gone[1] };
}

bool
knowledge_count(const struct knowledge *knowledge, struct str relay, struct knowledge_counts *counts_out)
{
	const struct known_relay *of = knowledge_relay(knowledge, relay);

	if (of == NULL)
		return false;
	*counts_out = counts_of(of);
	return true;
}

struct counting {
	void	(*visit)(void *context, struct str relay, const struct knowledge_counts *counts);
	void	 *context;
};

static bool
count_relay(void *context, struct str name, void *value)
{
	const struct counting *counting = context;
	struct knowledge_counts counts = counts_of(value);

	counting->visit(counting->context, name, &counts);
	return true;
}

void
knowledge_each_relay(const struct knowledge *knowledge,
    void (*visit)(void *context, struct str relay, const struct knowledge_counts *counts), void *context)
{
	struct counting counting = { .visit = visit, .context = context };

	map_each(&knowledge->relays, count_relay, &counting);
}

struct timestamp
knowledge_until(const struct knowledge *knowledge, enum known known, struct timestamp told)
{
	return timestamp_after(told, known == KNOWN_GOOD ? knowledge->bounds.good_keep : knowledge->bounds.bad_keep);
}

bool
knowledge_each(const struct knowledge *knowledge, size_t *place, void (*visit)(void *context, const struct known_record *entry),
    void *context)
{
	const struct known_table *table = &knowledge->table;

	/* A table that doubles meanwhile moves an entry to its own slot or to a later one, so none is missed. */
	for (int n = 0; n < SLOTS_AT_ONCE && *place < table->n_slots; n++, ++*place) {
		for (const struct known_entry *entry = table->slots[*place]; entry != NULL; entry = entry->next) {
			struct known_record record = known_entry_record(entry);

			visit(context, &record);
		}
	}
	return *place < table->n_slots;
}

/* --- loading --- */

void
knowledge_load(struct knowledge *knowledge, const struct known_record *record, struct timestamp now)
{
	struct address address;

	/* Unknown relays are passed over first: it is cheap. */
	if (knowledge_relay(knowledge, record->relay) != NULL && address_parse(record->address, true, &address))
		(void)knowledge_enter(knowledge, record, &address, now, true);
}

static int
compare_told(const void *a, const void *b)
{
	const struct known_entry *x = *(struct known_entry *const *)a, *y = *(struct known_entry *const *)b;

	return (x->told.us > y->told.us) - (x->told.us < y->told.us);
}

static bool
sort_relay(void *context, struct str name, void *value)
{
	struct known_relay *relay = value;

	(void)context;
	(void)name;
	for (int i = 0; i < KNOWN_KINDS; i++) {
		size_t n = 0, n_all = relay->lists[i].n;
		struct known_entry **entries = mem_new_array(n_all + 1, sizeof(struct known_entry *));

		while (!list_is_empty(&relay->lists[i]))
			entries[n++] = known_entry_of(list_take_first(&relay->lists[i]));
		qsort(entries, n_all, sizeof(entries[0]), compare_told);
		for (n = 0; n < n_all; n++)
			list_append(&relay->lists[i], &entries[n]->link);
		mem_free(entries);
	}
	return true;
}

void
knowledge_loaded(struct knowledge *knowledge)
{
	map_each(&knowledge->relays, sort_relay, NULL);
}
