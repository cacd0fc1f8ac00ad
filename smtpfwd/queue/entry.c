/*
 * entry.c - the life of an index entry: its places on disk, its slots, its age
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

/*
 * A million mails wait in 400 MB: of one recipient each takes an entry and a slot, with what malloc adds, a bucket, and a place in the clock
 * and in its destination's heap, which may be half empty.
 */
enum { MAIL_MEMORY_MAX_BYTES = 400, MALLOC_OWN_BYTES = 16 };
_Static_assert(sizeof(struct entry) + sizeof(struct slot) + 2 * MALLOC_OWN_BYTES + 5 * sizeof(void *) <= MAIL_MEMORY_MAX_BYTES,
    "a queued mail takes too much memory");

struct entry *
entry_new(const struct mail_id *id)
{
	struct entry *entry = mem_new(sizeof(*entry));

	entry->id = *id;
	entry->n_refs = 1;
	return entry;
}

void
entry_ref(struct entry *entry)
{
	entry->n_refs++;
}

void
entry_unref(struct entry *entry)
{
	insist(entry->n_refs > 0);
	if (--entry->n_refs > 0)
		return;
	insist(!entry->is_in_index && entry->slots == NULL && entry->debts == NULL && entry->stored == NULL);
	mem_free(entry);
}

static void
place_count(struct queue *queue, const struct place *place, int sign)
{
	if (place->segment == NULL)
		return;
	place->segment->live_bytes += sign * (int64_t)place->bytes;
	queue->room.live_bytes += sign * (int64_t)place->bytes;
	insist(place->segment->live_bytes >= 0);
	if (place->segment->live_bytes == 0 && list_first(&queue->room.log) == &place->segment->link)
		room_want(queue);
}

void
entry_set_mail(struct queue *queue, struct entry *entry, const struct place *place)
{
	place_count(queue, place, 1);
	place_count(queue, &entry->mail, -1);
	entry->mail = *place;
}

void
entry_set_state(struct queue *queue, struct entry *entry, const struct place *place)
{
	place_count(queue, place, 1);
	place_count(queue, &entry->state, -1);
	entry->state = *place;
}

/* --- slots --- */

struct slot *
entry_find_slot(const struct entry *entry, const struct destination *destination)
{
	struct slot *slot = entry->slots;

	while (slot != NULL && slot->destination != destination)
		slot = slot->next;
	return slot;
}

struct slot *
entry_add_slot(struct queue *queue, struct entry *entry, struct destination *destination)
{
	struct slot *slot = slot_new(&queue->schedule, entry, destination,
	    entry->content_bytes >= QUEUE_LARGE_BYTES);

	slot->next = entry->slots;
	entry->slots = slot;
	return slot;
}

void
entry_drop_slot(struct queue *queue, struct entry *entry, struct slot *slot)
{
	struct slot **at = &entry->slots;

	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
	if (slot->where == SLOT_OUT)
		entry->n_out--;
	slot_free(&queue->schedule, slot);
}

void
entry_drop_slots(struct queue *queue, struct entry *entry, bool with_out)
{
	struct slot *slot = entry->slots, *next;

	for (; slot != NULL; slot = next) {
		next = slot->next;
		if (with_out || slot->where != SLOT_OUT)
			entry_drop_slot(queue, entry, slot);
	}
}

void
entry_drop_debts(struct queue *queue, struct entry *entry)
{
	struct debt *debt = entry->debts, **at = &entry->debts;

	for (; debt != NULL; debt = *at) {
		if (debt->is_out) {			/* whoever writes the report ends it */
			at = &debt->next;
			continue;
		}
		*at = debt->next;
		list_remove(debt->due.ns == 0 ? &queue->debts : &queue->debts_later, &debt->link);
		queue->counts.n_owed--;
		mem_free(debt);
	}
}

/* --- age --- */

struct instant
entry_expires(const struct queue *queue, const struct entry *entry)
{
	return instant_after(entry->arrived, queue->retry.expire);
}

struct timestamp
instant_on_wall(struct instant at)
{
	return timestamp_after(os_wall_clock(), instant_diff(os_now(), at));
}

void
entry_set_clock(struct queue *queue, struct entry *entry)
{
	struct instant at = entry_expires(queue, entry), warn = instant_after(entry->arrived, queue->retry.warn);
	bool is_wanted = (entry->slots != NULL || entry->is_withheld) && !entry->is_held && !entry->is_gone && !entry->is_removed &&
	    entry->is_in_index;

	if (entry->slots == NULL)
		at = entry_withheld_until(queue, entry);
	else if (queue->retry.warn.ns > 0 && !entry->is_warned)
		at = instant_min(at, warn);
	if (!is_wanted) {
		if (heap_has(&entry->clock))
			heap_remove(&queue->clock, &entry->clock);
		return;
	}
	if (!heap_has(&entry->clock))
		heap_add(&queue->clock, &entry->clock, at.ns);
	else if (entry->clock.key != at.ns)
		heap_move(&queue->clock, &entry->clock, at.ns);
	if (instant_is_before(at, queue->clock_next))
		signal_all(&queue->clock_changed);
}

/* --- the end --- */

void
entry_forget(struct queue *queue, struct entry *entry)
{
	const struct place nowhere = { .segment = NULL };

	insist(entry->is_in_index);
	LIST_EACH(link, &queue->cursors) {
		struct cursor *cursor = LIST_ITEM(link, struct cursor, link);
		struct list_link *next = entry->by_age.next;

		if (cursor->next == entry)
			cursor->next = next == &queue->index.by_age.head ? NULL : LIST_ITEM(next, struct entry, by_age);
	}
	index_remove(&queue->index, entry);
	entry->is_gone = true;
	entry_unmark(queue, entry);
	queue->counts.content_bytes -= entry->content_bytes;
	entry_drop_slots(queue, entry, false);
	entry_drop_debts(queue, entry);
	entry_set_mail(queue, entry, &nowhere);
	entry_set_state(queue, entry, &nowhere);
	if (entry->is_large)
		large_remove(queue, &entry->id);
	entry_unref(entry);
}

/* --- walks --- */

void
cursor_open(struct queue *queue, struct cursor *cursor)
{
	struct list_link *first = list_first(&queue->index.by_age);

	*cursor = (struct cursor){ .next = first != NULL ? LIST_ITEM(first, struct entry, by_age) : NULL };
	list_append(&queue->cursors, &cursor->link);
}

struct entry *
cursor_next(struct queue *queue, struct cursor *cursor)
{
	struct entry *entry = cursor->next;

	if (entry != NULL)
		cursor->next = entry->by_age.next == &queue->index.by_age.head ? NULL :
		    LIST_ITEM(entry->by_age.next, struct entry, by_age);
	return entry;
}

void
cursor_close(struct queue *queue, struct cursor *cursor)
{
	list_remove(&queue->cursors, &cursor->link);
}

uint64_t
queue_random(struct queue *queue)
{
	uint64_t x = queue->random;		/* xorshift64* */

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	queue->random = x;
	return x * 0x2545f4914f6cdd1du;
}
